import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEdge, type TestEdge, type TestTenant } from "../../support/edge.ts";
import { jobsOf } from "../../support/jobs.ts";

let edge: TestEdge;
let tenant: TestTenant;
const api = jobsOf({ fetch: (path, init) => edge.fetch(path, init) } as TestEdge, () => tenant.live);

beforeAll(async () => {
  edge = await startEdge();
  tenant = await edge.tenant("enterprise");
});
afterAll(() => edge.close());

type Upload = {
  id: string;
  state: string;
  parts: number;
  part_bytes: number;
  parts_received: number[];
  job_id: string | null;
  rows: string[][];
};

const read = async (response: Response, status: number): Promise<Upload> => {
  expect(response.status).toBe(status);
  return (await response.json()) as Upload;
};
const look = (id: string, key = tenant.live) => edge.fetch(`/v1/uploads/${id}`, { key });
const complete = (id: string, wishes: object = {}, key = tenant.live) =>
  edge.post(`/v1/uploads/${id}/complete`, key, wishes);
const put = (id: string, part: number, bytes: Uint8Array<ArrayBuffer>, key = tenant.live) =>
  edge.fetch(`/v1/uploads/${id}/parts/${part}`, { method: "PUT", body: bytes, key });
const problemOf = async (response: Response) => [response.status, ((await response.json()) as { type: string }).type];

async function objects(): Promise<string[]> {
  return (await (await edge.env()).FILES.list({ prefix: `uploads/${tenant.id}` })).objects.map(({ key }) => key);
}

describe("a list that is looked at first", () => {
  const LIST = "Name;E-Mail;E-Mail 2\nJoe;a@mailinator.com;b@mailinator.com\nAnn;nonsense;c@mailinator.com\n";

  test("is shown as it was understood, and nothing starts", async () => {
    const upload = await read(await api.preview(LIST, { name: "May" }), 201);
    expect(upload).toMatchObject({
      name: "May",
      state: "ready",
      bytes: LIST.length,
      format: "csv",
      gzip: false,
      encoding: "utf-8",
      delimiter: ";",
      header: true,
      columns: ["Name", "E-Mail", "E-Mail 2"],
      email_column_number: expect.any(Number),
      alternatives: [expect.any(String)],
      sheets: [],
      rows: [
        ["Joe", "a@mailinator.com", "b@mailinator.com"],
        ["Ann", "nonsense", "c@mailinator.com"],
      ],
      rows_at_most: 4,
    });
    const { rows } = await edge.sql.query("SELECT count(*)::int AS jobs FROM jobs WHERE tenant_id = $1", [tenant.id]);
    expect(rows).toEqual([{ jobs: 0 }]);
  });

  test("is looked at again with other wishes, then makes one job with them", async () => {
    const { id } = await read(await api.preview(LIST, { name: "June" }), 201);
    expect(await read(await complete(id, { column: "E-Mail 2" }), 200)).toMatchObject({ email_column: "E-Mail 2" });
    expect(await read(await complete(id, { column: 1, header: false }), 200)).toMatchObject({
      email_column_number: 1,
      header: false,
    });
    expect(await problemOf(await complete(id, { column: "phone" }))).toEqual([422, "/problems/no_address_column"]);
    const body = { upload_id: id, column: 2, mode: "edge" };
    const made = await Promise.all([1, 2, 3].map(() => edge.post("/v1/jobs", tenant.live, body)));
    expect(made.map((response) => response.status).sort()).toEqual([202, 409, 409]);
    const job = await api.created(made.find((response) => response.status === 202) as Response);
    expect(await api.follow(job)).toMatchObject({ state: "completed", name: "June", counts: { total: 2 } });
    expect((await api.rows(job)).map((row) => row.reason)).toEqual(["disposable", "syntax_invalid"]);
    expect(await read(await look(id), 200)).toMatchObject({ state: "used", job_id: job });
    const again = await edge.post("/v1/jobs", tenant.live, body);
    expect(await again.json()).toMatchObject({ type: "/problems/upload_used", job_id: job });
    const { rows } = await edge.sql.query(
      "SELECT count(*)::int AS holds FROM credit_ledger WHERE ref = $1 AND kind = 'hold'",
      [job],
    );
    expect(rows).toEqual([{ holds: 1 }]);
  });

  test("is given up by its owner, or by the sweep when its time is over", async () => {
    const [mine, late] = [await read(await api.preview(LIST), 201), await read(await api.preview(LIST), 201)];
    const gone = await edge.fetch(`/v1/uploads/${mine.id}`, { method: "DELETE", key: tenant.live });
    expect(gone.status).toBe(204);
    await edge.sql.query("UPDATE uploads SET expires_at = now() - interval '1 second' WHERE id = $1", [late.id]);
    await edge.cron();
    for (const { id } of [mine, late]) {
      expect((await look(id)).status).toBe(404);
      expect((await edge.post("/v1/jobs", tenant.live, { upload_id: id })).status).toBe(404);
      expect(await objects()).not.toContain(`uploads/${tenant.id}/${id}`);
    }
  });
});

describe("a list in parts", () => {
  const PART = 8_388_608;
  const line = (i: number) => `${String(i).padStart(7, "0")},u${i % 5_000}@mailinator.com,${"x".repeat(100)}\n`;
  const list = Buffer.from(`number,email,note\n${Array.from({ length: 70_000 }, (_, i) => line(i)).join("")}`);
  const part = (n: number) => new Uint8Array(list.subarray((n - 1) * PART, n * PART));

  test("comes in any order, with repeats, and is put together once", async () => {
    const upload = await read(await edge.post("/v1/uploads", tenant.live, { bytes: list.length, name: "Large" }), 201);
    const { id } = upload;
    expect(upload).toMatchObject({ state: "open", part_bytes: PART, parts: 2, parts_received: [] });
    expect((await put(id, 2, part(2))).status).toBe(200);
    expect(await read(await look(id), 200)).toMatchObject({ state: "open", parts_received: [2] });
    const early = await complete(id);
    expect(early.status).toBe(409);
    expect(await early.json()).toMatchObject({ type: "/problems/upload_incomplete", missing: [1] });
    expect(await problemOf(await edge.post("/v1/jobs", tenant.live, { upload_id: id }))).toEqual([
      409,
      "/problems/upload_incomplete",
    ]);
    expect((await put(id, 1, new Uint8Array(PART))).status).toBe(200);
    expect((await put(id, 1, part(1))).status).toBe(200);
    const both = await Promise.all([complete(id), complete(id)]);
    for (const response of both) {
      const done = await read(response, 200);
      expect(done).toMatchObject({ state: "ready", bytes: list.length, format: "csv", email_column: "email" });
      expect(done.rows).toHaveLength(20);
    }
    expect(await problemOf(await put(id, 1, part(1)))).toEqual([409, "/problems/upload_used"]);
    const job = await api.created(await edge.post("/v1/jobs", tenant.live, { upload_id: id, mode: "edge" }));
    expect(await api.follow(job)).toMatchObject({ state: "completed", counts: { total: 70_000, duplicates: 65_000 } });
    const csv = await api.csv(job, "columns=number,row");
    const rows = csv.trimEnd().split("\r\n").slice(1);
    expect(rows).toHaveLength(70_000);
    expect(rows.every((row, i) => row === `${String(i).padStart(7, "0")},${i + 1}`)).toBe(true);
  });

  test("refuses what does not fit: sizes, numbers, totals", async () => {
    const { id } = await read(await edge.post("/v1/uploads", tenant.live, { bytes: PART + 10 }), 201);
    expect((await put(id, 1, new Uint8Array(10))).status).toBe(422);
    expect((await put(id, 2, new Uint8Array(11))).status).toBe(413);
    expect((await put(id, 3, new Uint8Array(1))).status).toBe(404);
    expect((await put(id, 0, new Uint8Array(1))).status).toBe(404);
    expect((await edge.post("/v1/uploads", tenant.live, { bytes: 3_000_000_000 })).status).toBe(422);
    expect((await edge.post("/v1/uploads", tenant.live, { bytes: 0 })).status).toBe(422);
  });

  test("that is never completed is forgotten", async () => {
    const { id } = await read(await edge.post("/v1/uploads", tenant.live, { bytes: 10 }), 201);
    expect((await put(id, 1, new Uint8Array(10))).status).toBe(200);
    await edge.sql.query("UPDATE uploads SET expires_at = now() - interval '1 second' WHERE id = $1", [id]);
    await edge.cron();
    expect((await look(id)).status).toBe(404);
    expect((await put(id, 1, new Uint8Array(10))).status).toBe(404);
    expect((await complete(id)).status).toBe(404);
  });
});

test("an upload of one tenant does not exist for another, nor for a test key", async () => {
  const other = await edge.tenant();
  const { id } = await read(await edge.post("/v1/uploads", tenant.live, { bytes: 5 }), 201);
  const bytes = new Uint8Array(5);
  const tries = [look(id, other.live), put(id, 1, bytes, other.live), complete(id, {}, other.live)];
  const deleted = edge.fetch(`/v1/uploads/${id}`, { method: "DELETE", key: other.live });
  for (const response of await Promise.all([...tries, deleted])) expect(response.status).toBe(404);
  expect((await edge.post("/v1/jobs", other.live, { upload_id: id })).status).toBe(404);
  expect(await read(await look(id), 200)).toMatchObject({ state: "open", parts_received: [] });
  expect((await edge.post("/v1/uploads", tenant.test, { bytes: 5 })).status).toBe(422);
});
