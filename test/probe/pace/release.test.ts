import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { afterEach, beforeEach, expect, it } from "vitest";
import { Quarantine } from "../../../probe/pace/quarantine.ts";
import { reconcileQuarantine } from "../../../probe/pace/release.ts";
import { configOf } from "../doctor/fakes.ts";

const SOURCE = "203.0.113.7";
const log = { info() {}, warn() {}, error() {} };

/** What the edge knows, and what it has been asked. */
const edge = { sources: [] as string[], quarantined: false, down: false, asked: [] as unknown[] };
let server: Server;
let url: string;

beforeEach(async () => {
  Object.assign(edge, { sources: [], quarantined: false, down: false, asked: [] });
  server = createServer(async (request, response) => {
    const body = (await request.toArray()).join("");
    if (edge.down) response.statusCode = 503;
    else if (request.method === "POST") {
      const wish = JSON.parse(body);
      edge.asked.push(wish);
      if (wish.source === undefined) edge.quarantined = true;
      else edge.sources.push(wish.source);
    }
    const { sources, quarantined } = edge;
    response.end(JSON.stringify({ id: "p1", quarantined, quarantined_sources: sources }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  url = `http://127.0.0.1:${bound !== null && typeof bound === "object" ? bound.port : 0}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function listed(source: string): { quarantine: Quarantine; reconcile: () => Promise<void> } {
  const quarantine = new Quarantine();
  for (const operator of ["google", "gmx", "yahoo"]) quarantine.listed(source, operator, 0);
  const config = configOf({ EDGE_URL: url, PROBE_TOKEN: "pt_p1_secret" });
  return { quarantine, reconcile: () => reconcileQuarantine(config, quarantine, Object(log)) };
}

it("the edge is told of a listed address once, and its release there puts it back into use", async () => {
  const { quarantine, reconcile } = listed(SOURCE);
  await reconcile();
  await reconcile();
  expect(edge.asked).toMatchObject([{ source: SOURCE, reason: expect.stringContaining("google, gmx, yahoo") }]);
  expect(quarantine.has(SOURCE)).toBe(true);
  edge.sources = [];
  await reconcile();
  expect(quarantine.has(SOURCE)).toBe(false);
});

it("an edge that is away changes nothing, and is told when it is back", async () => {
  const { quarantine, reconcile } = listed(SOURCE);
  edge.down = true;
  await reconcile();
  expect(quarantine.out()).toMatchObject([{ source: SOURCE, told: false }]);
  edge.down = false;
  await reconcile();
  expect(quarantine.out()).toMatchObject([{ source: SOURCE, told: true }]);
  edge.sources = [];
  edge.down = true;
  await reconcile();
  expect(quarantine.has(SOURCE)).toBe(true);
});

it("where the system chooses the address, the whole probe is meant", async () => {
  const { quarantine, reconcile } = listed("any");
  await reconcile();
  expect(edge).toMatchObject({ quarantined: true, sources: [] });
  await reconcile();
  expect(quarantine.has("any")).toBe(true);
  edge.quarantined = false;
  await reconcile();
  expect(quarantine.has("any")).toBe(false);
});

it("what one operator says is no quarantine, nor what three said over months", () => {
  const quarantine = new Quarantine();
  const month = 30 * 86_400_000;
  for (const [i, operator] of ["google", "gmx", "yahoo"].entries()) quarantine.listed(SOURCE, operator, i * month);
  for (let i = 0; i < 5; i += 1) quarantine.listed(SOURCE, "yahoo", 2 * month);
  expect(quarantine.has(SOURCE)).toBe(false);
});
