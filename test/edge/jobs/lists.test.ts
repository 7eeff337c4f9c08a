import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { memorySource } from "../../../edge/tables/source.ts";
import { startEdge, type TestEdge, type TestTenant } from "../../support/edge.ts";
import { jobsOf } from "../../support/jobs.ts";
import { rowsOf, textRow, utf16, workbook } from "../tables/lists.ts";

let edge: TestEdge;
let tenant: TestTenant;
const api = jobsOf({ fetch: (path, init) => edge.fetch(path, init) } as TestEdge, () => tenant.live);

beforeAll(async () => {
  edge = await startEdge();
  tenant = await edge.tenant("enterprise");
});
afterAll(() => edge.close());

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const gzip = (text: string) => new Uint8Array(gzipSync(text));
const CSV = 'id,E-Mail,town\n7,a@mailinator.com,Köln\n8,nonsense,"a, b"\n';
const BOOK = workbook({
  sheets: {
    Notes: textRow("nothing here"),
    People:
      textRow("id", "E-Mail", "town") + textRow("7", "a@mailinator.com", "Köln") + textRow("8", "nonsense", "a, b"),
  },
});

/** What the rows above become, whatever they were written in. */
const PEOPLE = [
  { id: "7", "E-Mail": "a@mailinator.com", town: "Köln", status: "risky", reason: "disposable", row: 1 },
  { id: "8", "E-Mail": "nonsense", town: "a, b", status: "undeliverable", reason: "syntax_invalid", row: 2 },
];

describe("the same rows come out with their own columns", () => {
  test.each<[string, Uint8Array<ArrayBuffer>]>([
    ["CSV", bytes(CSV)],
    ["semicolons and a title above", bytes(`Export of May\n${CSV.replaceAll(/,(?! )/g, ";")}`)],
    ["UTF-16 without a mark", new Uint8Array(utf16(CSV, false))],
    ["UTF-16, big end first, with a mark", new Uint8Array(utf16(`\ufeff${CSV}`, true))],
    ["Windows-1252", new Uint8Array(Buffer.from(CSV, "latin1"))],
    ["line ends of old Macs", bytes(CSV.replaceAll("\n", "\r"))],
    ["gzip", gzip(CSV)],
    ["a workbook", BOOK],
    ["JSON", bytes(JSON.stringify(PEOPLE.map(({ id, town, "E-Mail": email }) => ({ id, "E-Mail": email, town }))))],
    [
      "NDJSON",
      bytes(PEOPLE.map(({ id, town, "E-Mail": email }) => JSON.stringify({ id, "E-Mail": email, town })).join("\n")),
    ],
  ])("%s", async (_, content) => {
    const id = await api.run(content);
    expect(await api.rows(id)).toMatchObject(PEOPLE);
    const [header, first] = (await api.csv(id)).split("\r\n");
    expect(header).toBe(
      "id,E-Mail,town,email,status,reason,score,rating,safe_to_send,disposable,role,free,catch_all,did_you_mean,mx," +
        "provider,checked_at,row,duplicate_of,provisional",
    );
    expect(first).toMatch(/^7,a@mailinator.com,Köln,a@mailinator.com,risky,disposable,/);
    const { rows } = await edge.sql.query("SELECT kind, amount::int FROM credit_ledger WHERE ref = $1 ORDER BY kind", [
      id,
    ]);
    expect(rows).toEqual([
      { kind: "hold", amount: 2 },
      { kind: "release", amount: 2 },
      { kind: "settle", amount: 2 },
    ]);
  });

  test("plain lines, of which each is an address whatever it looks like", async () => {
    const id = await api.run('"john doe"@mailinator.com\nAnna <a@mailinator.com>\n\nnonsense, "\n', {
      dedupe: "exact",
    });
    expect((await api.rows(id)).map(({ email, reason }) => [email, reason])).toEqual([
      ['"john doe"@mailinator.com', "disposable"],
      ["Anna <a@mailinator.com>", "disposable"],
      ['nonsense, "', "syntax_invalid"],
    ]);
  });

  test("more than one batch and page of them, quoted line ends among them, in their order", async () => {
    const lines = Array.from({ length: 12_000 }, (_, i) => `"${i}\nx",u${i % 700}@mailinator.com`);
    const id = await api.run(`number,email\n${lines.join("\n")}\n`);
    const rows = await api.rows(id);
    expect(rows.map((row) => row.number)).toEqual(lines.map((_, i) => `${i}\nx`));
    expect(rows.map((row) => row.row)).toEqual(lines.map((_, i) => i + 1));
    expect(rows.slice(700, 702).map((row) => row.duplicate_of)).toEqual([1, 2]);
    expect(rows.every((row) => row.reason === "disposable")).toBe(true);
  });
});

describe("ugly files", () => {
  test.each<[string, Uint8Array<ArrayBuffer>, Record<string, string>, string]>([
    ["a workbook under a CSV name that is cut off", BOOK.slice(0, 400), {}, "list_unreadable"],
    ["gzip that is cut off before its first row", gzip(CSV).slice(0, 20), {}, "list_unreadable"],
    ["a PDF", bytes("%PDF-1.7\n"), {}, "list_unreadable"],
    ["an old workbook", new Uint8Array([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]), {}, "list_unreadable"],
    ["a zip inside gzip", new Uint8Array(gzipSync(BOOK)), {}, "list_unreadable"],
    ["blank lines only", bytes("\n\n ,\n"), {}, "empty_list"],
    ["a sheet that is not there", BOOK, { sheet: "Persons" }, "list_unreadable"],
    ["a column that is not there", BOOK, { column: "mail2" }, "no_address_column"],
    ["two thousand columns", bytes(`${"x,".repeat(2_000)}a@b.co\n`), {}, "list_too_large"],
  ])("%s is refused in one sentence", async (_, content, fields, slug) => {
    for (const response of [await api.send(content, fields), await api.preview(content, fields)]) {
      expect(response.status).toBe(422);
      const problem = (await response.json()) as { type: string; detail: string };
      expect(problem.type).toBe(`/problems/${slug}`);
      expect(problem.detail).toMatch(/^[A-Z].+\.$/);
    }
  });

  test("5 GB that a header claims are refused before they come", async () => {
    const head = "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n";
    const request = `${head}Authorization: Bearer ${tenant.live}\r\nContent-Length: 5000000000\r\nConnection: close\r\n\r\n--b`;
    const { hostname, port } = new URL(edge.url);
    const { connect } = await import("node:net");
    const socket = connect(Number(port), hostname);
    socket.write(request);
    const answer = await new Promise<string>((resolve, reject) => {
      socket.once("data", (data) => resolve(String(data)));
      socket.once("error", reject);
    });
    socket.destroy();
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("two columns of addresses: the better is taken, the other on demand", async () => {
    const list = "email,backup_email\na@mailinator.com,nonsense1\nb@mailinator.com,c@mailinator.com\n";
    expect((await api.rows(await api.run(list))).map((row) => row.reason)).toEqual(["disposable", "disposable"]);
    const other = await api.rows(await api.run(list, { column: "backup_email" }));
    expect(other.map((row) => [row.email, row.email_2, row.reason])).toEqual([
      ["a@mailinator.com", "nonsense1", "syntax_invalid"],
      ["b@mailinator.com", "c@mailinator.com", "disposable"],
    ]);
  });

  test("the same address a hundred thousand times, packed, is one check", async () => {
    const id = await api.run(gzip(`email\n${"a@mailinator.com\n".repeat(100_000)}`));
    const summary = (await (await edge.fetch(`/v1/jobs/${id}/summary`, { key: tenant.live })).json()) as object;
    expect(summary).toMatchObject({
      total: 100_000,
      duplicates: 99_999,
      billed: 1,
      by_status: { risky: 100_000 },
      by_reason: { disposable: 100_000 },
      domains: 1,
      top_domains: [{ domain: "mailinator.com", rows: 100_000, duplicates: 99_999, by_status: { risky: 100_000 } }],
      seconds: expect.any(Number),
    });
  });

  test("gzip that breaks in its middle fails the job, gives the hold back and leaves no object behind", async () => {
    const lines = Array.from({ length: 30_000 }, (_, i) => `user${i}.${(i * 7919) % 1_000_003}@mailinator.com\n`);
    const packed = gzip(lines.join(""));
    const id = await api.created(await api.send(packed.slice(0, packed.length - 20_000)));
    expect(await api.follow(id)).toMatchObject({
      state: "failed",
      error: "The gzip file is cut off or damaged; pack and upload it again.",
    });
    const { rows } = await edge.sql.query("SELECT kind FROM credit_ledger WHERE ref = $1 ORDER BY kind", [id]);
    expect(rows.map((row) => row.kind)).toEqual(["hold", "release"]);
    const { objects } = await (await edge.env()).FILES.list({ prefix: `lists/${tenant.id}/${id}.` });
    expect(objects).toEqual([]);
  });

  test("empty rows and empty addresses: the first are none, the second are answered", async () => {
    const id = await api.run("name,email\nJoe,\n,\n\nAnn,nonsense\n");
    expect((await api.rows(id)).map(({ name, email, reason }) => [name, email, reason])).toEqual([
      ["Joe", "", "syntax_invalid"],
      ["Ann", "nonsense", "syntax_invalid"],
    ]);
  });
});

describe("duplicates", () => {
  const emails = [
    "A@gmail.com",
    "a@gmail.com",
    "a.+x@googlemail.com",
    "b@gmail.com",
    "a@gmail.com",
    "nonsense",
    "Nonsense",
  ];
  const list = `email\n${emails.join("\n")}\n`;

  test.each<[string, (number | null)[]]>([
    ["exact", [null, null, null, null, 2, null, null]],
    ["case_insensitive", [null, 1, null, null, 1, null, 6]],
    ["case-insensitive", [null, 1, null, null, 1, null, 6]],
    ["canonical", [null, 1, 1, null, 1, null, 6]],
    ["one_per_domain", [null, 1, null, 1, 1, null, 6]],
    ["none", [null, null, null, null, null, null, null]],
  ])("by the option %s", async (dedupe, repeated) => {
    const id = await api.run(list, { dedupe });
    const rows = await api.rows(id);
    expect(rows.map((row) => row.duplicate_of)).toEqual(repeated);
    const only = await api.rows(id, "", "duplicates");
    expect(only.map((row) => row.row)).toEqual(rows.filter((row) => row.duplicate_of !== null).map((row) => row.row));
    expect((await api.rows(id, "duplicates=skip")).length).toBe(rows.length - only.length);
  });
});

describe("output", () => {
  let id: string;
  beforeAll(async () => {
    const rows = ["=1+1,a@mailinator.com", "x,admin@mailinator.com", "y,nonsense", "z,nonsense", "w,b@site.test"];
    id = await api.run(`note,email\n${rows.join("\n")}\n`);
  });

  test("filtered by status, reason, flag", async () => {
    const numbers = async (query: string) => (await api.rows(id, query)).map((row) => row.row);
    expect(await numbers("status=risky")).toEqual([1, 2]);
    expect(await numbers("status=risky,undeliverable")).toEqual([1, 2, 3, 4, 5]);
    expect(await numbers("reason=syntax_invalid")).toEqual([3, 4]);
    expect(await numbers("flag=role")).toEqual([2]);
    expect(await numbers("flag=role,disposable&status=undeliverable")).toEqual([]);
    expect((await api.results(id, "status=great")).status).toBe(422);
  });

  test("with chosen columns in the chosen order, those of the list and of the verdict", async () => {
    const csv = await api.csv(id, "columns=reason,note,evidence_code,email");
    expect(csv.split("\r\n").slice(0, 3)).toEqual([
      "reason,note,evidence_code,email",
      "disposable,'=1+1,,a@mailinator.com",
      "disposable,x,,admin@mailinator.com",
    ]);
    const refused = await api.results(id, "columns=reason,shoe_size");
    expect(refused.status).toBe(422);
    expect(await refused.json()).toMatchObject({
      errors: [{ parameter: "columns", detail: expect.stringContaining("shoe_size") }],
    });
  });

  test("as JSON, as NDJSON with nested fields, and as a workbook that reads back", async () => {
    const json = await api.results(id, "format=json");
    expect(json.headers.get("content-type")).toBe("application/json");
    expect(await json.json()).toEqual(await api.rows(id));
    const [first] = await api.rows(id);
    expect(first).toMatchObject({
      note: "=1+1",
      flags: { disposable: true },
      reasons: ["disposable"],
      evidence: { code: null },
    });
    const book = await api.results(id, "format=xlsx");
    expect(book.headers.get("content-disposition")).toBe(`attachment; filename="${id}.xlsx"`);
    const read = await rowsOf(memorySource(new Uint8Array(await book.arrayBuffer())));
    expect(read.map(([, email, note, , status]) => [note, email, status])).toEqual(
      (await api.rows(id)).map(({ note, email, status }) => [note, email, status]),
    );
  });

  test("in the legacy shape", async () => {
    const rows = await api.rows(id, "shape=legacy");
    expect(rows[2]).toEqual({
      note: "y",
      email: "nonsense",
      valid: false,
      checks: expect.objectContaining({ syntax: { valid: false, message: expect.any(String) } }),
      deliverability_score: 0,
      deliverability_rating: "bad",
      validation_time_ms: 0,
      mx_records: [],
      mailbox_exists: false,
      smtp_response: null,
    });
    expect((await api.csv(id, "shape=legacy")).split("\r\n")[0]).toBe(
      "note,email,valid,checks_syntax,checks_domain,checks_type,checks_catchall,checks_smtp,deliverability_score," +
        "deliverability_rating,validation_time_ms,mx_records,mailbox_exists,smtp_response,row,duplicate_of,provisional",
    );
  });

  test("with the address under `email` for programs, whatever the list calls it", async () => {
    const other = await api.run("Email,Status\nnonsense,old\n");
    expect((await api.rows(other))[0]).toMatchObject({
      Email: "nonsense",
      email: "nonsense",
      Status: "old",
      status: "undeliverable",
    });
    expect((await api.csv(other)).split("\r\n")[0]).toMatch(/^Email,Status,status_2,reason,/);
  });

  test("with the addresses alone when the list is no longer in storage", async () => {
    const other = await api.run("note,E-Mail\nx,nonsense\ny,a@mailinator.com\n");
    const { FILES } = await edge.env();
    await FILES.delete(`lists/${tenant.id}/${other}`);
    const csv = (await api.csv(other, "columns=row,email,reason")).split("\r\n");
    expect(csv.slice(0, 3)).toEqual(["row,email,reason", "1,nonsense,syntax_invalid", "2,a@mailinator.com,disposable"]);
  });

  test("with a byte order mark on request", async () => {
    const book = new Uint8Array(await (await api.results(id, "bom=true")).arrayBuffer());
    expect([...book.slice(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
  });

  test("while the job runs, open rows included or left out", async () => {
    const running = await api.created(await api.send("email\na@corp-mail.net\nnonsense\n"));
    await expect.poll(async () => (await api.rows(running, "pending=skip")).length, { timeout: 20_000 }).toBe(1);
    const rows = await api.rows(running);
    expect(
      rows.map(({ email, status, reason, provisional, row }) => [row, email, status, reason, provisional]),
    ).toEqual([
      [1, "a@corp-mail.net", "unknown", "not_checked", true],
      [2, "nonsense", "undeliverable", "syntax_invalid", false],
    ]);
    expect(await api.rows(running, "status=unknown")).toEqual([]);
  });
});

test("two tenants with the same file at the same time see their own job only", async () => {
  const other = await edge.tenant("enterprise");
  const theirs = jobsOf(edge, () => other.live);
  const packed = gzip(CSV);
  const [mine, foreign] = await Promise.all([api.run(packed), theirs.run(packed)]);
  expect(await theirs.rows(foreign)).toMatchObject(PEOPLE);
  for (const path of ["results", "duplicates", "summary"]) {
    expect((await theirs.results(mine, "", path)).status).toBe(404);
    expect((await api.results(foreign, "", path)).status).toBe(404);
  }
  const { rows } = await edge.sql.query("SELECT DISTINCT tenant_id FROM job_items WHERE job_id = $1", [mine]);
  expect(rows).toEqual([{ tenant_id: tenant.id }]);
});
