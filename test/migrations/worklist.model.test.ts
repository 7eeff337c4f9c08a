import fc from "fast-check";
import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect, makeChunk, makeJob, makeTenant, only, result, settle } from "../support/arrange.ts";
import { freshDatabase, type TestDatabase } from "../support/database.ts";

/** What may happen to the work list, in any order; numbers choose among what is there, modulo. */
type Step =
  | { readonly do: "refill"; readonly by: number }
  | {
      readonly do: "settle";
      readonly by: number;
      readonly lease: number;
      readonly upTo: number;
      readonly hold: boolean;
    }
  | { readonly do: "again"; readonly by: number; readonly lease: number }
  | { readonly do: "forget"; readonly by: number; readonly lease: number }
  | { readonly do: "replan" };

type Lease = { readonly chunk: string; readonly ticket: string; readonly open: readonly number[] };

const PROBES = 3;
const CHUNKS = 4;
const ITEMS_PER_CHUNK = 3;

const index = fc.nat({ max: 11 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("refill" as const), by: index }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("settle" as const),
      by: index,
      lease: index,
      upTo: index,
      hold: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("again" as const), by: index, lease: index }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("forget" as const), by: index, lease: index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("replan" as const) }) },
);

let db: TestDatabase;
let admin: Client;
let hub: Client;
let probe: Client;
let app: Client;
beforeAll(async () => {
  db = await freshDatabase();
  admin = await connect(db.superuserUrl);
  hub = await connect(db.roleUrl("dispatcher"));
  probe = await connect(db.roleUrl("probe"));
  app = await connect(db.roleUrl("app"));
});
afterAll(async () => {
  await Promise.all([admin, hub, probe, app].map((client) => client.end()));
  await db.drop();
});

async function refill(): Promise<Lease[]> {
  const { rows } = await hub.query<{ id: string; ticket: string; items: { n: number }[] }>(
    "SELECT id, ticket, items FROM refill('hub:eu:0', 6, 2)",
  );
  return rows.map(({ id, ticket, items }) => ({ chunk: id, ticket, open: items.map(({ n }) => n) }));
}

/** The sweep after a hub has forgotten everything: whatever is out is planned again. */
async function replan(): Promise<void> {
  const { rows } = await hub.query("SELECT id, ticket FROM stale_chunks(-1, 100)");
  await hub.query("SELECT replan($1)", [JSON.stringify(rows)]);
}

/** A probe settles some of its lease; what comes of it is its next lease, if any. */
async function act(held: Lease[], lease: Lease, upTo: number, hold: boolean): Promise<void> {
  const now = lease.open.slice(0, upTo % (lease.open.length + 1));
  const reply = await settle(probe, lease.chunk, lease.ticket, { results: now.map((n) => result(n)), hold });
  held.splice(held.indexOf(lease), 1);
  if (reply.outcome !== "held") return;
  held.push({ ...lease, ticket: reply.next_ticket ?? "", open: lease.open.filter((n) => !now.includes(n)) });
}

async function play(steps: readonly Step[]): Promise<void> {
  const leases: Lease[][] = Array.from({ length: PROBES }, () => []);
  const said: Lease[] = [];
  for (const next of steps) {
    if (next.do === "replan") {
      await replan();
      continue;
    }
    const held = leases[next.by % PROBES] ?? [];
    if (next.do === "refill") {
      held.push(...(await refill()));
      continue;
    }
    if (next.do === "again") {
      // A zombie repeats what it said before, with the ticket it had then.
      const old = said[next.lease % (said.length || 1)];
      if (old === undefined) continue;
      const reply = await settle(probe, old.chunk, old.ticket, { results: old.open.map((n) => result(n, "risky")) });
      expect(reply.outcome).toBe("stale");
      continue;
    }
    const lease = held[next.lease % (held.length || 1)];
    if (lease === undefined) continue;
    if (next.do === "forget") {
      held.splice(held.indexOf(lease), 1);
      continue;
    }
    await act(held, lease, next.upTo, next.hold);
    said.push(lease);
  }
}

describe("the work list", () => {
  it("gives each item exactly one verdict, however refill, settle, replan and dead probes interleave", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        await admin.query("TRUNCATE chunks, verdicts, job_items, jobs CASCADE");
        const tenant = await makeTenant(admin);
        const total = CHUNKS * ITEMS_PER_CHUNK;
        const job = await makeJob(admin, tenant, total);
        for (let c = 0; c < CHUNKS; c++) {
          const items = Array.from({ length: ITEMS_PER_CHUNK }, (_, i) => c * ITEMS_PER_CHUNK + i);
          await makeChunk(admin, { tenant, job, state: "planned", items });
        }
        await admin.query(
          `INSERT INTO job_items (job_id, row_no, tenant_id, email, dedupe)
           SELECT $1, n, $2, 'u' || n || '@example.com', 'x' FROM generate_series(0, $3 - 1) n`,
          [job, tenant, total],
        );
        await play(steps);
        // In the end somebody is left who works: the list empties, whatever came before.
        for (let rounds = 0; rounds < CHUNKS * 2; rounds++) {
          await replan();
          for (const lease of await refill()) await act([lease], lease, lease.open.length, false);
        }
        const { rows } = await admin.query("SELECT item_no FROM verdicts ORDER BY 1");
        expect(rows.map((row) => row.item_no)).toEqual(Array.from({ length: total }, (_, n) => n));
        expect(
          only(
            (await admin.query("SELECT sum(settled)::int AS settled, sum(open_items)::int AS open FROM chunks")).rows,
          ),
        ).toEqual({ settled: total, open: 0 });
        await app.query("SELECT set_config('app.tenant_id', $1, false)", [tenant]);
        expect((await app.query("SELECT finalise_job($1) AS ended", [job])).rows).toEqual([{ ended: true }]);
      }),
      { numRuns: 60, seed: 20261120 },
    );
  });
});
