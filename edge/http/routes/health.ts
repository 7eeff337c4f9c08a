import { createRoute, z } from "@hono/zod-openapi";
import { sql } from "drizzle-orm";
import { VERSION } from "../../../shared/version.ts";
import { crewsOf } from "../../fleet/hubs.ts";
import { hubName } from "../../hub/rpc.ts";
import { HEALTH_TIMEOUT_MS } from "../../limits.ts";
import type { Services } from "../../services.ts";
import { json } from "../contract.ts";
import type { Call, Endpoint } from "../endpoint.ts";

const part = z.object({ status: z.enum(["ok", "down"]), latency_ms: z.int(), detail: z.string().optional() });

const healthSchema = z
  .object({
    status: z.enum(["ok", "down"]),
    version: z.string(),
    uptime_s: z.int().describe("Age of the isolate that answered"),
    dependencies: z.object({ postgres: part, kv: part, r2: part, hub: part }),
  })
  .openapi("Health");

const contract = createRoute({
  method: "get",
  path: "/health",
  operationId: "health",
  tags: ["Service"],
  summary: "State of the service and of each part it depends on",
  responses: { 200: json("All parts answer", healthSchema), 503: json("A part is down", healthSchema) },
});

/** `GET /health` */
export const healthRoute: Endpoint = { contract, scope: null, handle };

const readyContract = createRoute({
  method: "get",
  path: "/ready",
  operationId: "ready",
  tags: ["Service"],
  summary: "Whether calls that need the database can be served",
  responses: {
    200: json("Ready", z.object({ ready: z.literal(true) })),
    503: json("Real-time answers go on; jobs wait for the database", z.object({ ready: z.literal(false) })),
  },
});

/** `GET /ready` */
export const readyRoute: Endpoint = {
  contract: readyContract,
  scope: null,
  async handle({ services }) {
    const postgres = await probe(() => services.database.app(sql`select 1`));
    const ready = postgres.status === "ok";
    return Response.json({ ready }, { status: ready ? 200 : 503 });
  },
};

async function handle({ services, startedMs }: Call): Promise<Response> {
  const dependencies = await parts(services);
  const status = Object.values(dependencies).every((one) => one.status === "ok") ? "ok" : "down";
  const document = {
    status,
    version: VERSION,
    uptime_s: Math.floor((startedMs - services.bornMs) / 1000),
    dependencies,
  };
  return Response.json(document, { status: status === "ok" ? 200 : 503, headers: { "cache-control": "no-store" } });
}

async function parts({ env, database }: Services) {
  const [postgres, kv, r2, hub] = await Promise.all([
    probe(() => database.app(sql`select 1`)),
    probe(() => env.kv.get("health")),
    probe(() => env.files.head("health")),
    probe(async () => {
      // A probe sits at all hubs of its region: the first one knows them all.
      const crews = await crewsOf(
        env,
        env.regions.map((region) => hubName(region, 0)),
      );
      const heard = crews.filter((crew) => crew !== null);
      if (heard.length === 0) throw new Error("no hub answered");
      return `${heard.reduce((sum, crew) => sum + crew.probes, 0)} probes online`;
    }),
  ]);
  return { postgres, kv, r2, hub };
}

async function probe(ask: () => Promise<unknown>): Promise<z.infer<typeof part>> {
  const from = Date.now();
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${HEALTH_TIMEOUT_MS} ms`)), HEALTH_TIMEOUT_MS);
  });
  try {
    const said = await Promise.race([ask(), late]);
    return { status: "ok", latency_ms: Date.now() - from, ...(typeof said === "string" && { detail: said }) };
  } catch (error) {
    // The message of a driver may name hosts; the caller learns only that the part is away.
    const timedOut = error instanceof Error && error.message.startsWith("no answer");
    return { status: "down", latency_ms: Date.now() - from, detail: timedOut ? "no answer in time" : "failed" };
  } finally {
    clearTimeout(timer);
  }
}
