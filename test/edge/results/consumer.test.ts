import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Database } from "../../../edge/data/database.ts";
import { consumeResults } from "../../../edge/results/consumer.ts";
import { consumeDead } from "../../../edge/results/dead.ts";
import type { Services } from "../../../edge/services.ts";
import { addressFacts } from "../../../shared/address/facts.ts";
import { decide, emptyEvidence } from "../../../shared/verdict/decide.ts";
import { type DatabaseBench, jobId, openDatabase } from "../../support/edge-parts.ts";

let bench: DatabaseBench;
let tenants: [string, string];
let buried: Map<string, string>;

beforeAll(async () => {
  bench = await openDatabase();
  tenants = [await bench.tenant(), await bench.tenant()];
});
afterAll(() => bench.close());
beforeEach(() => {
  buried = new Map();
});

function servicesWith(database: Database = bench.database): Services {
  const files = { put: async (key: string, text: string) => void buried.set(key, text) };
  return { env: { files }, database } as unknown as Services;
}

type Outcome = "acked" | "retried" | "open";

function batchOf(...bodies: unknown[]) {
  const outcomes: Outcome[] = bodies.map(() => "open");
  const messages = bodies.map((body, i) => ({
    id: `m${i}`,
    timestamp: new Date("2026-11-20T12:00:00Z"),
    body,
    attempts: 1,
    ack: () => {
      outcomes[i] = "acked";
    },
    retry: () => {
      outcomes[i] = "retried";
    },
  }));
  return { batch: { queue: "results", messages } as unknown as MessageBatch<unknown>, outcomes };
}

type MessageBatch<_T> = Parameters<typeof consumeResults>[0];

function record(tenant: string, id = jobId(), email = "x@mailinator.com") {
  const verdict = decide(emptyEvidence(addressFacts(email), "full"), { roleIsRisky: false }, Date.now());
  return { id, tenant, key: "k1", source: "edge", billable: 1, trace: "t", verdict };
}

const message = (...records: unknown[]) => JSON.stringify({ kind: "answers", records });

async function stored(id: string) {
  const { rows } = await bench.sql.query(
    `SELECT (SELECT count(*)::int FROM verdicts WHERE job_id = $1) AS verdicts,
            (SELECT coalesce(sum(billable), 0)::int FROM usage_records WHERE ref = $1) AS billed,
            (SELECT count(*)::int FROM credit_ledger WHERE ref = $1) AS ledger,
            (SELECT count(*)::int FROM audit_log WHERE id = $1) AS audited`,
    [id],
  );
  return rows[0];
}

const ONCE = { verdicts: 1, billed: 1, ledger: 1, audited: 1 };

test("an answer delivered again and again is written and billed once", async () => {
  const one = record(tenants[0]);
  const { batch, outcomes } = batchOf(message(one), message(one, one));
  await consumeResults(batch, servicesWith());
  const again = batchOf(message(one, record(tenants[0])));
  await consumeResults(again.batch, servicesWith());
  expect([...outcomes, ...again.outcomes]).toEqual(["acked", "acked", "acked"]);
  expect(await stored(one.id)).toEqual(ONCE);
});

test("two consumers with the same answers at once write each once", async () => {
  const records = Array.from({ length: 20 }, () => record(tenants[0]));
  await Promise.all([1, 2, 3].map(() => consumeResults(batchOf(message(...records)).batch, servicesWith())));
  for (const { id } of records) expect(await stored(id)).toEqual(ONCE);
});

test("answers of several tenants in one message go to each tenant's own", async () => {
  const [a, b] = [record(tenants[0]), record(tenants[1])];
  await consumeResults(batchOf(message(a, b)).batch, servicesWith());
  const { rows } = await bench.sql.query("SELECT job_id, tenant_id FROM verdicts WHERE job_id = ANY($1)", [
    [a.id, b.id],
  ]);
  expect(new Map(rows.map((row) => [row.job_id, row.tenant_id]))).toEqual(
    new Map([
      [a.id, tenants[0]],
      [b.id, tenants[1]],
    ]),
  );
});

test("what cannot be read, or Postgres refuses, is laid aside alone and the rest is written", async () => {
  const good = record(tenants[0]);
  const noPartition = { ...record(tenants[0]), id: "ffffffff-ffff-7fff-bfff-ffffffffffff" };
  const noTenant = record("00000000-0000-4000-8000-000000000000");
  const { batch, outcomes } = batchOf(message({ nonsense: 1 }, good), "{", message(noPartition), message(noTenant));
  await consumeResults(batch, servicesWith());
  expect(outcomes).toEqual(["acked", "acked", "acked", "acked"]);
  expect(await stored(good.id)).toEqual(ONCE);
  expect(buried.size).toBe(4);
  expect([...buried.keys()].every((key) => key.startsWith("dead/results/2026-11-20/"))).toBe(true);
});

test("while Postgres is away nothing is lost: the messages come again", async () => {
  const { NeonDbError } = await import("@neondatabase/serverless");
  const away = { ...bench.database, tenant: () => Promise.reject(new NeonDbError("connection refused")) };
  const one = record(tenants[0]);
  const { batch, outcomes } = batchOf(message(one));
  await consumeResults(batch, servicesWith(away));
  expect(outcomes).toEqual(["retried"]);
  expect(buried.size).toBe(0);
});

test("an address with characters that Postgres cannot hold is written all the same", async () => {
  const one = record(tenants[0], jobId(), "a\0b\ud800@corp-mail.net");
  await consumeResults(batchOf(message(one)).batch, servicesWith());
  expect(await stored(one.id)).toEqual(ONCE);
  expect(buried.size).toBe(0);
});

test("a dead letter is stored before it is acknowledged", async () => {
  const { batch, outcomes } = batchOf({ any: 1 });
  const seen: unknown[] = [];
  await consumeDead({ ...batch, queue: "work-dead" } as typeof batch, servicesWith().env, async (body) => {
    seen.push(body);
  });
  expect(outcomes).toEqual(["acked"]);
  expect(seen).toEqual([{ any: 1 }]);
  expect([...buried.entries()]).toEqual([["dead/work/2026-11-20/m0.json", expect.stringContaining('"any":1')]]);
});
