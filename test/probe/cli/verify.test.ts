import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startEdge, type TestEdge } from "../../support/edge.ts";
import { eventOf, jobView, problem, SmallApi, stream } from "../client/small-api.ts";

let folder: string;
let list: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mailsonar-verify-"));
  list = join(folder, "list.csv");
  writeFileSync(list, "name,email\nAda,ada@mailinator.com\nBob,bob@@nowhere\n");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function start(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(process.cwd(), "probe/main.ts"), "verify", ...args], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? "", ...env },
  });
  const said = { out: "", err: "", code: -1 };
  child.stdout.on("data", (bytes) => {
    said.out += bytes;
  });
  child.stderr.on("data", (bytes) => {
    said.err += bytes;
  });
  const ended = once(child, "close").then(([code]) => ({ ...said, code: Number(code) }));
  return { child, ended };
}

const verify = (args: string[], env: Record<string, string> = {}, stdin = "") => {
  const { child, ended } = start(args, env);
  child.stdin.end(stdin);
  return ended;
};

describe("against a small server that misbehaves on purpose", () => {
  let api: SmallApi;
  let env: Record<string, string>;

  beforeEach(async () => {
    api = new SmallApi();
    await api.start();
    env = { MAILSONAR_URL: api.url, MAILSONAR_KEY: "ev_live_x" };
    api.routes.set("POST /v1/jobs", (response) => response.writeHead(202).end('{"id":"job-1"}'));
    api.routes.set("GET /v1/jobs/job-1/events", (response) =>
      stream(response).end(eventOf("done", 1, jobView("completed", 2, 2))),
    );
    api.routes.set("GET /v1/jobs/job-1/results?format=csv", (response) => response.end("row,email\r\n1,a@b.org\r\n"));
  });
  afterEach(() => api.stop());

  test("results that break off in the middle are fetched again, and no half file is left", async () => {
    api.routes.set("GET /v1/jobs/job-1/results?format=csv", (response, _, nth) => {
      if (nth === 1) response.write("row,email\r\n1,a@", () => response.destroy());
      else response.end("row,email\r\n1,a@b.org\r\n");
    });
    expect(await verify([list], env)).toMatchObject({ code: 0 });
    expect(readdirSync(folder).sort()).toEqual(["list.csv", "list.csv.verified.csv"]);
    expect(readFileSync(`${list}.verified.csv`, "utf8")).toBe("row,email\r\n1,a@b.org\r\n");
  });

  test("an earlier result file stays when the results cannot be had", async () => {
    writeFileSync(`${list}.verified.csv`, "earlier");
    api.routes.set("GET /v1/jobs/job-1/results?format=csv", (response) =>
      problem(response, 404, { title: "Not found", detail: "Gone." }),
    );
    const { code, err } = await verify([list], env);
    expect(code).toBe(1);
    expect(err).toContain("mailsonar verify: Not found: Gone.\n");
    expect(err).toContain("verify --job job-1");
    expect(readFileSync(`${list}.verified.csv`, "utf8")).toBe("earlier");
    expect(readdirSync(folder)).toHaveLength(2);
  });

  test("Ctrl-C leaves the job running and says how to come back to it; coming back uploads nothing", async () => {
    let opened = (): void => {};
    const watching = new Promise<void>((resolve) => {
      opened = resolve;
    });
    api.routes.set("GET /v1/jobs/job-1/events", (response, _, nth) => {
      stream(response).write(eventOf("progress", nth, jobView(nth === 1 ? "running" : "completed", 2, 2)), opened);
    });
    const { child, ended } = start([list], env);
    child.stderr.on("data", (bytes) => {
      if (String(bytes).includes("checking")) child.kill("SIGINT");
    });
    await watching;
    const { code, err } = await ended;
    expect(code).toBe(130);
    expect(err).toContain("the job goes on; to come back to it: mailsonar verify --job job-1\n");
    expect(await verify(["--job", "job-1"], env)).toMatchObject({ code: 0 });
    expect(readdirSync(folder).sort()).toEqual(["job-1.verified.csv", "list.csv"]);
    expect(api.calls("POST /v1/jobs")).toHaveLength(1);
    expect(api.asked.filter(({ line }) => !line.startsWith("GET") && !line.startsWith("POST"))).toEqual([]);
  });

  test("a job that failed or was cancelled gives what it has and a failure", async () => {
    const failed = { ...jobView("failed", 1, 2), error: "A quoted field is never closed." };
    api.routes.set("GET /v1/jobs/job-1/events", (response) => stream(response).end(eventOf("done", 1, failed)));
    const { code, err } = await verify([list], env);
    expect(code).toBe(1);
    expect(err).toContain("mailsonar verify: job job-1 failed: A quoted field is never closed.\n");
    expect(readdirSync(folder)).toContain("list.csv.verified.csv");
  });

  test("a list from standard input answers on standard output and leaves no copy behind", async () => {
    const temporary = join(folder, "tmp");
    mkdirSync(temporary);
    const { code, out } = await verify(["-"], { ...env, TMPDIR: temporary }, "a@b.org\n");
    expect({ code, out }).toEqual({ code: 0, out: "row,email\r\n1,a@b.org\r\n" });
    expect(api.asked[0]?.body).toContain("a@b.org\n");
    expect(readdirSync(temporary)).toEqual([]);
  });
});

describe("complaints are one line each and come before anything is sent", () => {
  test.each([
    [["list.csv"], {}, 2, "the service's address is needed: --url or MAILSONAR_URL"],
    [["list.csv", "--url", "ftp://x"], {}, 2, "ftp://x is not an http or https URL"],
    [["list.csv", "--url", "http://127.0.0.1:1"], {}, 2, "an API key is needed: --key or MAILSONAR_KEY"],
    [[], {}, 2, "exactly one file, - or --job is needed"],
    [["a", "--job", "b"], {}, 2, "exactly one file, - or --job is needed"],
    [["a", "--format", "pdf"], {}, 2, "--format must be one of csv, ndjson, json, xlsx"],
    [["none.csv", "--url", "http://127.0.0.1:1", "--key", "k"], {}, 1, "there is no file none.csv"],
    [["list.csv", "--url", "http://127.0.0.1:1", "--key", "k", "--out", "no/x"], {}, 1, "there is no folder no"],
  ] as const)("%j", async (args, env, code, line) => {
    const said = await verify([...args], env);
    expect(said.code).toBe(code);
    expect(said.err.split("\n")[0]).toBe(`mailsonar verify: ${line}`);
    expect(said.out).toBe("");
  });
});

describe("against the Worker", () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await startEdge();
  });
  afterAll(() => edge.close());

  test("a list becomes a result file with one row per row of the list", async () => {
    const { live } = await edge.tenant();
    const out = join(folder, "answers.ndjson");
    const args = [list, "--url", edge.url, "--key", live, "--mode", "edge", "--format", "ndjson", "--out", out];
    const { code, err } = await verify([...args, "--name", "spring"]);
    expect({ code, err }).toMatchObject({ code: 0 });
    const rows = readFileSync(out, "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { row: number; email: string; reason: string });
    expect(rows.map(({ row, email, reason }) => [row, email, reason])).toEqual([
      [1, "ada@mailinator.com", "disposable"],
      [2, "bob@@nowhere", "syntax_invalid"],
    ]);
    expect(err).toMatch(/^completed.*: 2 rows, .*duplicates 0$/m);
    const job = /^job (\S+)$/m.exec(err)?.[1];
    const view = (await (await edge.fetch(`/v1/jobs/${job}`, { key: live })).json()) as { name: string; mode: string };
    expect(view).toMatchObject({ name: "spring", mode: "edge" });
  });

  test("a list too large for one form comes in parts and is answered like any other", async () => {
    const { live } = await edge.tenant();
    const note = "x".repeat(11_000);
    const rows = Array.from({ length: 1_000 }, (_, row) => `${note},user${row}@mailinator.com`);
    writeFileSync(list, `note,address\n${rows.join("\n")}\n`);
    const args = ["--url", edge.url, "--key", live, "--mode", "edge", "--column", "address", "--format", "ndjson"];
    const { code, err } = await verify([list, ...args]);
    expect({ code, err }).toMatchObject({ code: 0 });
    expect(err).toMatch(/^sending /m);
    const lines = readFileSync(`${list}.verified.ndjson`, "utf8").trimEnd().split("\n");
    expect(lines).toHaveLength(1_000);
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({ row: 1_000, email: "user999@mailinator.com" });
  });

  test("a test key, a wrong key and a file that is no list are refused in one line", async () => {
    const { live, test: testKey } = await edge.tenant();
    const run = (key: string, file = list) => verify([file, "--url", edge.url, "--key", key]);
    expect((await run(testKey)).err).toBe(
      "mailsonar verify: Test keys check sandbox addresses only: Lists need a live key.\n",
    );
    expect((await run("ev_live_wrong")).err).toMatch(/^mailsonar verify: Malformed API key: .*\n$/);
    const empty = join(folder, "empty.csv");
    writeFileSync(empty, "");
    const { code, err } = await run(live, empty);
    expect(code).toBe(1);
    expect(err).toMatch(/^mailsonar verify: Empty list: .*\n$/);
  });
});
