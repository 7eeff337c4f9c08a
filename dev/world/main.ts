import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parseArgs } from "node:util";
import { CONTROL_BODY_MAX_BYTES } from "./limits.ts";
import type { DomainSpec } from "./types.ts";
import { startWorld, type World, type WorldOptions } from "./world.ts";

const { values } = parseArgs({
  options: {
    "dns-port": { type: "string", default: "0" },
    "smtp-port": { type: "string", default: "0" },
    "control-port": { type: "string" },
    "rtt-ms": { type: "string", default: "0" },
    "greylist-ms": { type: "string", default: "2000" },
    scale: { type: "string", default: "1" },
    "no-pipelining": { type: "boolean", default: false },
    starttls: { type: "boolean", default: false },
  },
});

const world = await start({
  dnsPort: Number(values["dns-port"]),
  smtpPort: Number(values["smtp-port"]),
  rttMs: Number(values["rtt-ms"]),
  greylistMs: Number(values["greylist-ms"]),
  scale: Number(values.scale),
  pipelining: !values["no-pipelining"],
  starttls: values.starttls,
});
const control = createServer((request, response) => {
  answer(world, request, response).catch((error: unknown) => {
    send(response, 400, { error: error instanceof Error ? error.message : String(error) });
  });
});
const controlPort = values["control-port"] === undefined ? null : await listen(Number(values["control-port"]));
console.log(
  JSON.stringify({ dns: world.dns, smtp_port: world.smtpPort, control_port: controlPort, probe: world.probe }),
);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    control.close();
    control.closeAllConnections();
    void world.close();
  });
}

/** Starts the world, or ends the process with one clear line. */
async function start(options: WorldOptions): Promise<World> {
  try {
    return await startWorld(options);
  } catch (error) {
    console.error(`mail world: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  }
}

function listen(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    control.once("error", reject);
    control.listen(port, "127.0.0.1", () => {
      const bound = control.address();
      resolve(bound !== null && typeof bound === "object" ? bound.port : port);
    });
  });
}

/** GET /stats, POST /reset, GET /truth?email=, PUT /domain with a DomainSpec, PUT /rtt?ms=. */
async function answer(to: World, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  switch (`${request.method} ${url.pathname}`) {
    case "GET /stats":
      return send(response, 200, to.stats());
    case "POST /reset":
      to.resetStats();
      return send(response, 200, {});
    case "GET /truth":
      return send(response, 200, to.truth(url.searchParams.get("email") ?? ""));
    case "PUT /domain":
      await to.addDomain(domainSpec(await body(request)));
      return send(response, 200, {});
    case "PUT /rtt":
      to.setRtt(Number(url.searchParams.get("ms")));
      return send(response, 200, {});
    default:
      return send(response, 404, { error: "no such control" });
  }
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}

async function body(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += String(chunk);
    if (text.length > CONTROL_BODY_MAX_BYTES) throw new Error("the body is too large");
  }
  return text;
}

function domainSpec(text: string): DomainSpec {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || !("domain" in value) || typeof value.domain !== "string") {
    throw new Error("a domain needs at least { domain }");
  }
  return value as DomainSpec;
}
