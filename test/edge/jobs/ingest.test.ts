import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Database, isIngestStopped } from "../../../edge/data/database.ts";
import { startJobs } from "../../../edge/data/job-states.ts";
import { createJob, finaliseJob, type NewJob, openIngest } from "../../../edge/data/jobs.ts";
import { planJob } from "../../../edge/data/planning.ts";
import type { Env } from "../../../edge/env.ts";
import { ingest } from "../../../edge/jobs/ingest.ts";
import { JSON_LINES, resumable } from "../../../edge/jobs/source.ts";
import type { Dialect } from "../../../edge/tables/table.ts";
import { type DatabaseBench, filesOf, jobId, openDatabase } from "../../support/edge-parts.ts";

let bench: DatabaseBench;
let tenant: string;

beforeAll(async () => {
  bench = await openDatabase();
  tenant = await bench.tenant();
});
afterAll(() => bench.close());

const CSV: Dialect = {
  kind: "csv",
  gzip: false,
  encoding: "utf-8",
  start: 0,
  delimiter: ",",
  ends: ["\r\n", "\n"],
  quotes: true,
  columns: ["name", "email"],
  column: 1,
  skip: 1,
};

async function newJob(more: Partial<NewJob> = {}): Promise<string> {
  const id = jobId();
  const plain = { name: "", lane: 2, mode: "full", roleIsRisky: false, sourceKey: "list", dialect: CSV } as const;
  const rest = {
    keyId: "k",
    hold: 100,
    traceId: "t",
    dedupe: "case_insensitive",
    uploadId: null,
    tags: [],
    fresh: false,
  } as const;
  await createJob(bench.database, { id, tenantId: tenant, ...plain, ...rest, ...more });
  await startJobs(bench.database, tenant, { free: 1_000 });
  return id;
}

/** Rows of every kind: decided at the edge, to be asked, duplicates in other cases, quoted newlines, broken. */
function listOf(rows: number): { text: Uint8Array; emails: string[] } {
  const emails = Array.from({ length: rows }, (_, i) => {
    if (i % 7 === 0) return `broken ${i}`;
    if (i % 5 === 0) return `Again${i % 3}@Corp-Mail.net`;
    return i % 11 === 0 ? `x${i}@mailinator.com` : `user${i}@host${i % 60}.net`;
  });
  const lines = emails.map((email, i) => `"na\nme ${i}",${email}\r\n`);
  return { text: new TextEncoder().encode(`name,email\r\n${lines.join("")}`), emails };
}

/** A database whose n-th batch fails, before it is done or after: the answer is lost either way. */
function failing(database: Database, at: number, before: boolean): Database {
  let calls = 0;
  return {
    ...database,
    async tenant(id, statements) {
      const fails = ++calls === at;
      if (fails && before) throw new Error("lost");
      const rows = await database.tenant(id, statements);
      if (fails) throw new Error("lost");
      return rows;
    },
  };
}

async function run(
  id: string,
  database: Database,
  files: Env["files"],
  bounds: { rowsPerMessage: number; batchRows: number },
) {
  const job = await openIngest(bench.database, tenant, id);
  if (job === null || job.ingested) return "read";
  const { dialect } = job.options;
  if (dialect === null) throw new Error("the job has no list");
  return ingest(files, database, tenant, id, job, { key: job.source_key, dialect }, bounds);
}

async function itemsOf(id: string) {
  const { rows } = await bench.sql.query(
    `SELECT i.row_no, i.email, i.decided, (SELECT count(*)::int FROM verdicts v WHERE v.job_id = i.job_id AND v.item_no = i.row_no) AS verdicts
       FROM job_items i WHERE job_id = $1 ORDER BY row_no`,
    [id],
  );
  return rows as { row_no: number; email: string; decided: boolean; verdicts: number }[];
}

test("whatever is interrupted and run again, every row is staged once, in its place", async () => {
  const { text, emails } = listOf(230);
  const files = filesOf({ list: text }, 700);
  const crash = fc.record({
    at: fc.integer({ min: 1, max: 12 }),
    before: fc.boolean(),
    batchRows: fc.constantFrom(7, 20, 50),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(crash, { maxLength: 6 }), async (crashes) => {
      const id = await newJob();
      for (const { at, before, batchRows } of crashes) {
        const broken = failing(bench.database, at, before);
        await run(id, broken, files, { rowsPerMessage: 90, batchRows }).catch((error: Error) => {
          if (error.message !== "lost") throw error;
        });
      }
      while ((await run(id, bench.database, files, { rowsPerMessage: 90, batchRows: 20 })) === "more");
      const items = await itemsOf(id);
      expect(items.map((item) => item.email)).toEqual(emails);
      expect(items.map((item) => item.row_no)).toEqual(emails.map((_, i) => i + 1));
      expect(items.every((item) => item.verdicts === (item.decided ? 1 : 0))).toBe(true);
    }),
    { seed: 6, numRuns: 25 },
  );
});

test("two ingesters of one job at once stage each row once", async () => {
  const { text, emails } = listOf(300);
  const files = filesOf({ list: text }, 500);
  const id = await newJob();
  const both = [13, 20].map(async (batchRows) => {
    while ((await run(id, bench.database, files, { rowsPerMessage: 100, batchRows })) === "more");
  });
  // The slower one may find the job taken in by the other: it is told to stop, as the queue's consumer is.
  const ends = await Promise.allSettled(both);
  const failures = ends.flatMap((end) => (end.status === "rejected" ? [end.reason] : []));
  expect(failures.filter((reason) => !isIngestStopped(reason))).toEqual([]);
  expect(failures.length).toBeLessThan(2);
  expect((await itemsOf(id)).map((item) => item.email)).toEqual(emails);
});

test("a packed list is converted once, whatever dies on the way, and its rows are those of the plain one", async () => {
  const { text, emails } = listOf(120);
  const gzip: Dialect = { ...CSV, gzip: true };
  for (const at of [1, 2]) {
    for (const before of [true, false]) {
      const id = await newJob({ dialect: gzip });
      const objects: Record<string, Uint8Array> = { list: new Uint8Array(gzipSync(text)) };
      const files = filesOf(objects, 300);
      const take = async (database: Database) => {
        const job = await openIngest(bench.database, tenant, id);
        if (job === null || job.ingested) return;
        const source = await resumable({ files } as Env, database, tenant, id, job);
        if (source !== null)
          await ingest(files, database, tenant, id, job, source, { rowsPerMessage: 1e6, batchRows: 50 });
      };
      await take(failing(bench.database, at, before)).catch((error: Error) => {
        if (error.message !== "lost") throw error;
      });
      await take(bench.database);
      expect((await itemsOf(id)).map((item) => item.email)).toEqual(emails);
      // The packed file may stay when its converter died between the two; nothing reads it any more.
      expect(Object.keys(objects)).toContain(`lists/${tenant}/${id}.rows`);
    }
  }
});

describe("planning", () => {
  const plan = (id: string) =>
    planJob(bench.database, { tenantId: tenant, jobId: id, region: "eu", shards: 1, kept: {} });

  async function staged(emails: readonly string[]): Promise<string> {
    const id = await newJob({ dialect: JSON_LINES });
    const text = new TextEncoder().encode(emails.map((email) => `${JSON.stringify(email)}\n`).join(""));
    expect(await run(id, bench.database, filesOf({ list: text }), { rowsPerMessage: 1e6, batchRows: 500 })).toBe(
      "read",
    );
    return id;
  }

  type Chunk = { domain: string; open_items: number; items: { n: number; email: string }[] };

  async function chunksOf(id: string): Promise<Chunk[]> {
    const { rows } = await bench.sql.query("SELECT domain, open_items, items FROM chunks WHERE job_id = $1", [id]);
    return rows;
  }

  test("groups large domains, packs small ones whole, leaves duplicates and decided rows out", async () => {
    const large = Array.from({ length: 450 }, (_, i) => `u${i}@large-corp.net`);
    const small = Array.from({ length: 300 }, (_, i) => `u${i}@small${i % 100}.net`);
    const id = await staged([...large, ...small, "U1@LARGE-corp.net", "nonsense"]);
    expect(await plan(id)).toEqual({ hubs: ["hub:eu:0"] });
    const chunks = await chunksOf(id);
    const own = chunks.filter((chunk) => chunk.domain === "large-corp.net").map((chunk) => chunk.open_items);
    expect(own.sort((a, b) => b - a)).toEqual([200, 200, 50]);
    const packed = chunks.filter((chunk) => chunk.domain === "");
    expect(packed.map((chunk) => chunk.open_items).every((n) => n >= 10 && n <= 240)).toBe(true);
    const placed = new Map<string, Set<number>>();
    for (const [index, chunk] of packed.entries()) {
      for (const { email } of chunk.items) {
        const domain = email.slice(email.indexOf("@"));
        placed.set(domain, (placed.get(domain) ?? new Set()).add(index));
      }
    }
    expect([...placed.values()].every((where) => where.size === 1)).toBe(true);
    const rows = chunks.flatMap((chunk) => chunk.items.map((item) => item.n)).sort((a, b) => a - b);
    expect(rows).toEqual(Array.from({ length: 750 }, (_, i) => i + 1));
  });

  test("happens once, also when two do it at the same time", async () => {
    const id = await staged(["a@one-corp.net", "b@one-corp.net"]);
    const results = await Promise.all([plan(id), plan(id), plan(id)]);
    expect(results.filter((result) => result !== null)).toHaveLength(1);
    expect((await chunksOf(id)).map((chunk) => chunk.open_items)).toEqual([2]);
  });

  test("of a list that the edge decides makes no chunk, and the job ends with each row counted and billed once", async () => {
    const id = await staged(["nonsense", "NONSENSE", "x@mailinator.com", "", "x@mailinator.com"]);
    expect(await plan(id)).toEqual({ hubs: [] });
    const ended = await Promise.all([1, 2, 3].map(() => finaliseJob(bench.database, tenant, id)));
    expect(ended.filter(Boolean)).toHaveLength(1);
    const { rows } = await bench.sql.query(
      `SELECT state, summary, (SELECT jsonb_object_agg(kind, amount) FROM credit_ledger WHERE ref = j.id) AS ledger FROM jobs j WHERE id = $1`,
      [id],
    );
    expect(rows[0]).toMatchObject({
      state: "completed",
      summary: { total: 5, duplicates: 2, billed: 3 },
      ledger: { hold: 5, settle: 3, release: 5 },
    });
  });
});
