import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readEnvFile, writeEnvFile } from "../../../probe/enroll/env-file.ts";
import { joinEdge } from "../../../probe/enroll/join.ts";

const JOIN = `pj_probe-1a2b3c4d_${"s".repeat(43)}`;

let folder: string;
let file: string;
let server: Server;
let url: string;
let asked: { authorization: string; body: string }[];
/** What the edge answers, in order; the last goes on. */
let answers: (readonly [status: number, body: object] | "drop")[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "mailsonar-enroll-"));
  file = join(folder, "probe.env");
  asked = [];
  answers = [[201, { id: "probe-1a2b3c4d", region: "eu" }]];
  server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    asked.push({ authorization: request.headers.authorization ?? "", body });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer === "drop" || answer === undefined) {
      request.socket.destroy();
      return;
    }
    response.writeHead(answer[0], { "content-type": "application/json", connection: "close" });
    response.end(JSON.stringify(answer[1]));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
});

afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await once(server, "close");
  rmSync(folder, { recursive: true, force: true });
});

async function enroll(env: Record<string, string> = {}, ...args: string[]) {
  const child = spawn(
    process.execPath,
    ["probe/main.ts", "enroll", "--edge", url, "--token", JOIN, "--file", file, ...args],
    { env: { PATH: process.env.PATH ?? "", ...env } },
  );
  let out = "";
  let complaint = "";
  child.stdout.on("data", (bytes) => {
    out += bytes;
  });
  child.stderr.on("data", (bytes) => {
    complaint += bytes;
  });
  const [code] = await once(child, "close");
  return { code, out, complaint };
}

const values = () => Object.fromEntries(readEnvFile(file));

describe("the command", () => {
  test("writes a file for the probe that only its owner reads, and prints no secret", async () => {
    const { code, out } = await enroll({ PROBE_HELO_NAME: "probe-1.example.net", DATABASE_URL: "postgres://h/d" });
    expect(code).toBe(0);
    const { PROBE_TOKEN: token = "", ...rest } = values();
    expect(rest).toEqual({
      EDGE_URL: url,
      PROBE_REGION: "eu",
      PROBE_HELO_NAME: "probe-1.example.net",
      DATABASE_URL: "postgres://h/d",
    });
    expect(token).toMatch(/^pt_probe-1a2b3c4d_[A-Za-z0-9_-]{43}$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(out).not.toContain(token);
    expect(readdirSync(folder)).toEqual(["probe.env"]);
  });

  test("sends the hash of the credential, and never the credential", async () => {
    await enroll();
    const token = values().PROBE_TOKEN ?? "";
    const [request] = asked;
    expect(request?.authorization).toBe(`Bearer ${JOIN}`);
    expect(JSON.parse(request?.body ?? "")).toEqual({
      credential_sha256: createHash("sha256").update(token).digest("hex"),
    });
  });

  test("a second enrolment replaces the credential and keeps what the operator wrote", async () => {
    writeFileSync(file, "# ours\nPROBE_CAPACITY=500\nPROBE_TOKEN=old\n", { mode: 0o644 });
    chmodSync(file, 0o644);
    expect((await enroll()).code).toBe(0);
    expect(values()).toMatchObject({ PROBE_CAPACITY: "500", PROBE_REGION: "eu" });
    expect(values().PROBE_TOKEN).not.toBe("old");
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("a refusal is one line, and leaves an old credential as it was", async () => {
    writeFileSync(file, "PROBE_TOKEN=old\n");
    answers = [[401, { detail: "The join token was used already." }]];
    const { code, complaint } = await enroll();
    expect(code).toBe(1);
    expect(complaint).toBe("mailsonar enroll: The join token was used already.\n");
    expect(values().PROBE_TOKEN).toBe("old");
  });

  test("a setting at fault or a file that cannot be written is known before the token is spent", async () => {
    expect((await enroll({ PROBE_CAPACITY: "many" })).code).toBe(2);
    expect((await enroll({}, "--file", join(folder, "missing", "probe.env"))).code).toBe(1);
    expect(asked).toEqual([]);
    expect(existsSync(file)).toBe(false);
  });
});

describe("joining", () => {
  test("an edge that breaks off is asked again with the same hash", async () => {
    answers = ["drop", [503, {}], [201, { region: "eu" }]];
    const joined = await joinEdge(url, JOIN, 1);
    expect(joined.ok).toBe(true);
    expect(new Set(asked.map(({ body }) => body)).size).toBe(1);
    expect(asked).toHaveLength(3);
  });

  test("an edge that stays away ends in one sentence", async () => {
    answers = ["drop"];
    const joined = await joinEdge(url, JOIN, 1);
    expect(joined).toMatchObject({ ok: false, error: expect.stringContaining("cannot be reached") });
  });

  test("what is no join token is not sent anywhere", async () => {
    for (const token of ["", "pt_probe-1_aaaaaaaaaaaaaaaaaaaaaaaa", "pj_x"]) {
      expect((await joinEdge(url, token)).ok).toBe(false);
    }
    expect(asked).toEqual([]);
  });
});

describe("env files", () => {
  test("values come back as they were written", () => {
    const some = new Map([
      ["PLAIN", "postgres://u:p%40w@[::1]:5432/db?sslmode=require&x=1"],
      ["SPACED", "Example Ltd #1"],
      ["EMPTY", ""],
    ]);
    expect(writeEnvFile(file, some).ok).toBe(true);
    expect(readEnvFile(file)).toEqual(some);
  });

  test.each(["a\nB=c", 'a"b', "a$b", "a\\b", "a`b"])(
    "a value that readers would take differently is refused: %j",
    (value) => {
      expect(writeEnvFile(file, new Map([["NAME", value]]))).toMatchObject({ ok: false });
      expect(existsSync(file)).toBe(false);
    },
  );
});
