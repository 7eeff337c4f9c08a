import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEdge, type TestEdge, type TestTenant } from "../../support/edge.ts";

let edge: TestEdge;
let tenant: TestTenant;

beforeAll(async () => {
  edge = await startEdge();
  tenant = await edge.tenant("enterprise");
});
afterAll(() => edge.close());

type Job = {
  id: string;
  state: string;
  percent: number;
  error: string | null;
  counts: Record<string, number> & { by_status: Record<string, number> };
  summary: Record<string, unknown> | null;
};

const upload = (bytes: string | Uint8Array<ArrayBuffer>, fields: Record<string, string> = {}, key = tenant.live) => {
  const form = new FormData();
  form.append("file", new Blob([bytes]), "list.csv");
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  return edge.fetch("/v1/jobs", { method: "POST", body: form, key });
};

async function created(response: Response): Promise<string> {
  expect(response.status).toBe(202);
  const { id } = (await response.json()) as { id: string };
  expect(response.headers.get("location")).toBe(`/v1/jobs/${id}`);
  return id;
}

/** Follows the job's events to the last one; returns all. */
async function follow(id: string, key = tenant.live): Promise<Job[]> {
  const text = await (await edge.fetch(`/v1/jobs/${id}/events`, { key })).text();
  return [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1] ?? "") as Job);
}

const results = async (id: string, format: string, key = tenant.live): Promise<string> =>
  (await edge.fetch(`/v1/jobs/${id}/results?format=${format}`, { key })).text();

const ndjson = async (id: string): Promise<Record<string, unknown>[]> =>
  (await results(id, "ndjson"))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("a list that the edge decides", () => {
  test("goes in as CSV, is followed to its end, and comes out in order with a verdict for each row", async () => {
    const emails = [
      "nonsense",
      "a@mailinator.com",
      "b@site.test",
      "NONSENSE",
      "a@b.net",
      `${"x".repeat(10_000)}@y.net`,
    ];
    const csv = `id,e-mail\n${emails.map((email, i) => `${i},${email}`).join("\n")}\n`;
    const id = await created(await upload(csv, { name: "May", lane: "high", mode: "edge" }));
    const events = await follow(id);
    expect(events.at(-1)).toMatchObject({
      state: "completed",
      percent: 100,
      name: "May",
      lane: "high",
      counts: { total: 6, done: 6, open: 0, duplicates: 1 },
      summary: { total: 6, duplicates: 1 },
    });
    const rows = await ndjson(id);
    expect(rows.map((row) => row.row)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(rows.map((row) => row.reason)).toEqual([
      "syntax_invalid",
      "disposable",
      "domain_not_found",
      "syntax_invalid",
      "not_checked",
      "syntax_invalid",
    ]);
    expect(rows[3]).toMatchObject({ duplicate_of: 1, provisional: false });
    const lines = (await results(id, "csv")).trimEnd().split("\r\n");
    expect(lines).toHaveLength(7);
    expect(lines[0]?.startsWith("id,e-mail,email,status,reason,score")).toBe(true);
    expect(lines[1]?.startsWith("0,nonsense,nonsense,undeliverable,syntax_invalid,0")).toBe(true);
  });

  test("goes in as a JSON list", async () => {
    const list = ["nonsense", "a\0b@corp-mail.net", "a@b\r\nRCPT TO:<x@y>", "b@mailinator.com"];
    const id = await created(await edge.post("/v1/jobs", tenant.live, { emails: list, mode: "edge" }));
    expect((await follow(id)).at(-1)?.state).toBe("completed");
    const rows = await ndjson(id);
    expect(rows.map((row) => row.reason)).toEqual(["syntax_invalid", "syntax_invalid", "syntax_invalid", "disposable"]);
  });

  test("costs each kind of address once and gives the hold back", async () => {
    const id = await created(await edge.post("/v1/jobs", tenant.live, { list: ["x", "X", "y@mailinator.com"] }));
    await follow(id);
    const { rows } = await edge.sql.query("SELECT kind, amount::int FROM credit_ledger WHERE ref = $1 ORDER BY kind", [
      id,
    ]);
    expect(rows).toEqual([
      { kind: "hold", amount: 3 },
      { kind: "release", amount: 3 },
      { kind: "settle", amount: 2 },
    ]);
  });

  test("starts formulas with an apostrophe, quotes what must be quoted, and keeps row order over pages", async () => {
    const cells = ["=1+1", "+x", "-y", "@z", 'a"b', "a,b", "a\nb", "\tc"];
    const id = await created(await edge.post("/v1/jobs", tenant.live, { emails: cells, mode: "edge" }));
    await follow(id);
    const csv = await results(id, "csv");
    for (const cell of ["'=1+1", "'+x", "'-y", "'@z", '"a""b"', '"a,b"', '"a\nb"']) expect(csv).toContain(`\n${cell},`);
  });
});

describe("a list with addresses to be asked", () => {
  test("can be fetched while it runs: open rows are provisional", async () => {
    const emails = ["nonsense", "someone@corp-mail.net", "SOMEONE@corp-mail.net"];
    const id = await created(await edge.post("/v1/jobs", tenant.live, { emails }));
    const running = await untilState(id, "running");
    expect(running.counts).toMatchObject({ total: 3, done: 1, open: 1, duplicates: 1 });
    expect((await ndjson(id)).map(({ row, reason, provisional }) => [row, reason, provisional])).toEqual([
      [1, "syntax_invalid", false],
      [2, "not_checked", true],
      [3, "not_checked", true],
    ]);
    const csv = (await results(id, "csv")).trimEnd().split("\r\n");
    expect(new Set(csv.map((line) => line.split(",").length)).size).toBe(1);
  });

  test("can be watched until the key is revoked, and watching costs no calls", async () => {
    const own = await edge.tenant("pro");
    const watcher = await edge.key(own.id);
    const id = await created(await edge.post("/v1/jobs", own.live, { emails: ["someone@corp-mail.net"] }));
    const stream = await edge.fetch(`/v1/jobs/${id}/events`, { key: watcher });
    const text = stream.text();
    await edge.sql.query("UPDATE api_keys SET revoked_at = now() WHERE id = $1", [watcher.split("_")[2]]);
    // Any change of the tenant's access is announced to every isolate; a new rule is one.
    const rule = { kind: "block", match: "domain", value: "x.net" };
    expect((await edge.post("/v1/rules", own.live, rule)).status).toBe(201);
    expect(await text).toContain('"state":"');
    const { rows } = await edge.sql.query("SELECT state FROM jobs WHERE id = $1", [id]);
    expect(rows[0].state).not.toBe("completed");
    const next = await edge.post("/v1/verify", own.live, { email: "x" });
    const left = Number(/r=(\d+)/.exec(next.headers.get("ratelimit") ?? "")?.[1]);
    // Four calls: job, events, rule, check. A minute that ends in between leaves more.
    expect(left).toBeGreaterThanOrEqual(56);
  });

  async function untilState(id: string, state: string): Promise<Job> {
    for (;;) {
      const job = (await (await edge.fetch(`/v1/jobs/${id}`, { key: tenant.live })).json()) as Job;
      if (job.state === state) return job;
    }
  }
});

describe("a list is refused at once", () => {
  test.each<[string, string | Uint8Array<ArrayBuffer>, Record<string, string>, number, string]>([
    ["without an address column", "name,city\nJoe,Rome\n", {}, 422, "no_address_column"],
    ["binary under a CSV name", new Uint8Array(3_000).map((_, i) => (i * 31) % 256), {}, 422, "list_unreadable"],
    ["empty", "", {}, 422, "empty_list"],
    ["with a header only", "email\n", {}, 422, "empty_list"],
    ["with an unknown mode", "a@b.co\n", { mode: "fast" }, 422, "invalid_request"],
    ["with a column that is not there", "email\na@b.co\n", { column: "address" }, 422, "no_address_column"],
    ["above 10 MB", "a@b.co\n".repeat(1_500_000), {}, 413, "body_too_large"],
  ])("%s", async (_, bytes, fields, status, slug) => {
    const before = await counts();
    const response = await upload(bytes, fields);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ type: `/problems/${slug}`, detail: expect.any(String) });
    expect(await counts()).toEqual(before);
  });

  async function counts(): Promise<unknown> {
    const { rows } = await edge.sql.query(
      "SELECT (SELECT count(*) FROM jobs) AS jobs, (SELECT count(*) FROM credit_ledger) AS ledger",
    );
    const { objects } = await (await edge.env()).FILES.list({ prefix: `lists/${tenant.id}` });
    return { ...rows[0], files: objects.length };
  }

  test("with no list in the JSON body, or under a test key", async () => {
    const none = await edge.post("/v1/jobs", tenant.live, { name: "x" });
    expect([none.status, ((await none.json()) as { type: string }).type]).toEqual([422, "/problems/invalid_request"]);
    const sandbox = await edge.post("/v1/jobs", tenant.test, { emails: ["a@b.co"] });
    expect([sandbox.status, ((await sandbox.json()) as { type: string }).type]).toEqual([
      422,
      "/problems/sandbox_only",
    ]);
    const form = await edge.fetch("/v1/jobs", { method: "POST", body: "a@b.co", key: tenant.live });
    expect(form.status).toBe(415);
  });
});

test("a list that breaks in its middle fails the job with a sentence and gives the hold back", async () => {
  const good = Array.from({ length: 20_000 }, (_, i) => `"${i}",user${i}@corp-mail.net\n`).join("");
  const id = await created(await upload(`id,email\n${good}"never closed\n${good.replaceAll('"', "")}`));
  const last = (await follow(id)).at(-1);
  const error = "The record near line 20002 is longer than 262144 bytes, or a quote in it is never closed.";
  expect(last).toMatchObject({ state: "failed", error });
  const { rows } = await edge.sql.query("SELECT kind FROM credit_ledger WHERE ref = $1 ORDER BY kind", [id]);
  expect(rows.map((row) => row.kind)).toEqual(["hold", "release"]);
});

test("nothing of one tenant's job is visible to another", async () => {
  const other = await edge.tenant();
  const id = await created(await edge.post("/v1/jobs", tenant.live, { emails: ["nonsense"], mode: "edge" }));
  await follow(id);
  for (const path of ["", "/results?format=ndjson", "/events"]) {
    expect((await edge.fetch(`/v1/jobs/${id}${path}`, { key: other.live })).status).toBe(404);
  }
  const list = (await (await edge.fetch("/v1/jobs", { key: other.live })).json()) as { data: unknown[] };
  expect(list.data).toEqual([]);
  expect((await edge.fetch(`/v1/verifications/${id}`, { key: tenant.live })).status).toBe(404);
});

test("a message that comes twice, and one for a job that is over, change nothing", async () => {
  const id = await created(await edge.post("/v1/jobs", tenant.live, { emails: ["nonsense"], mode: "edge" }));
  await follow(id);
  const bindings = await edge.env();
  const snapshot = async () =>
    (await edge.sql.query("SELECT to_jsonb(j) AS j FROM jobs j WHERE id = $1", [id])).rows[0].j;
  const before = await snapshot();
  await bindings.INGEST.send({ kind: "ingest", tenant: tenant.id, job: id });
  await bindings.WORK.send({ kind: "finalise", tenant: tenant.id, job: id });
  const marker = await created(await edge.post("/v1/jobs", tenant.live, { emails: ["y"], mode: "edge" }));
  await follow(marker);
  expect(await snapshot()).toEqual(before);
});

test("a job whose message was lost is taken up by the sweep", async () => {
  const id = await created(await edge.post("/v1/jobs", tenant.live, { emails: ["nonsense"], mode: "edge" }));
  await follow(id);
  // As if the message had never come, two minutes ago.
  await edge.sql.query("DELETE FROM verdicts WHERE job_id = $1", [id]);
  await edge.sql.query("DELETE FROM job_items WHERE job_id = $1", [id]);
  await edge.sql.query("DELETE FROM credit_ledger WHERE ref = $1 AND kind <> 'hold'", [id]);
  await edge.sql.query("DELETE FROM usage_records WHERE ref = $1", [id]);
  await edge.sql.query(
    `UPDATE jobs SET state = 'queued', ingested = false, staged_rows = 0, checkpoint = '{}', summary = NULL,
            finished_at = NULL, created_at = now() - interval '2 minutes' WHERE id = $1`,
    [id],
  );
  await edge.cron();
  expect((await follow(id)).at(-1)).toMatchObject({ state: "completed", counts: { done: 1 } });
});
