import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { World } from "../../../dev/world/world.ts";
import { quickWorld } from "../check/support.ts";

const MAIN = new URL("../../../probe/main.ts", import.meta.url).pathname;
let world: World;
let folder: string;
beforeAll(async () => {
  world = await quickWorld({ greylistMs: 300 });
  folder = mkdtempSync(join(tmpdir(), "mailsonar-check-"));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await world.close();
});

type Ran = { readonly code: number | null; readonly out: string; readonly err: string };

function run(args: readonly string[], input = "", close = false): Promise<Ran> {
  const env = {
    ...process.env,
    PROBE_DNS_SERVERS: world.dns,
    PROBE_SMTP_PORT: String(world.smtpPort),
    PROBE_ALLOW_PRIVATE_NETWORKS: "1",
    PROBE_HELO_NAME: world.probe.helo,
    PROBE_MAIL_FROM: world.probe.mailFrom,
  };
  const child = spawn(process.execPath, [MAIN, "check", ...args], { env });
  return new Promise((resolve) => {
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk: Buffer) => {
      out += chunk.toString();
      if (close) child.stdout.destroy();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      err += chunk.toString();
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    child.on("close", (code) => resolve({ code, out, err }));
  });
}

const file = (name: string, text: string | Buffer): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const objects = (out: string): Record<string, unknown>[] =>
  out
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));

describe("check", () => {
  it("answers one address fully, by default", async () => {
    const { code, out } = await run(["alice@postfix.mailworld.net"]);
    expect(code).toBe(0);
    expect(objects(out)).toMatchObject([
      {
        email: "alice@postfix.mailworld.net",
        status: "deliverable",
        reason: "accepted",
        flags: { catch_all: "no" },
        did_you_mean: null,
      },
    ]);
  });

  it("answers each line in input order, blank and odd ones too", async () => {
    const lines = [
      "nobody@postfix.mailworld.net",
      "",
      '"quoted x"@postfix.mailworld.net',
      "#tag@catchall.mailworld.net",
      "x@nxdomain.mailworld.net",
      "no",
    ];
    const { code, out } = await run(["-"], `\uFEFF${lines.join("\r\n")}`);
    expect(code).toBe(0);
    expect(objects(out).map((one) => [one.email, one.reason])).toEqual([
      [lines[0], "mailbox_not_found"],
      ["", "syntax_invalid"],
      [lines[2], "accepted"],
      [lines[3], "catch_all"],
      [lines[4], "domain_not_found"],
      [lines[5], "syntax_invalid"],
    ]);
  });

  it.each([
    ["by its header", "name,E-Mail,site\nAnn,ann@example-shop.com,a@b\nBob,bob@example-shop.com,c@d\n"],
    ["by its content", "Ann;x@;ann@example-shop.com\nBob;y;bob@example-shop.com\n"],
  ])("finds the column of a CSV %s", async (_name, text) => {
    const { code, out } = await run([file("list.csv", text), "--mode=edge"]);
    expect(code).toBe(0);
    expect(objects(out).map((one) => one.email)).toEqual(["ann@example-shop.com", "bob@example-shop.com"]);
  });

  it("reads NDJSON and writes CSV and tables", async () => {
    const path = file("list.ndjson", '{"email":"a@gmial.com"}\n{"email":"=cmd(\\"x\\")@b.de"}\n');
    const csv = await run([path, "--mode", "edge", "--format", "csv"]);
    const rows = csv.out.trim().split("\n");
    expect(rows[0]).toMatch(/^email,status,reason,/);
    expect(rows).toHaveLength(3);
    const table = await run([path, "--mode", "edge", "--format", "table"]);
    expect(table.out).toContain("did you mean a@gmail.com?");
  });

  it("asks again within the caller's patience", async () => {
    const at = "alice@greylist.mailworld.net";
    expect(objects((await run([at])).out)).toMatchObject([{ reason: "greylisted", status: "unknown" }]);
    expect(objects((await run(["bob@greylist.mailworld.net", "--patience", "5s"])).out)).toMatchObject([
      { reason: "accepted" },
    ]);
  });

  it.each<[string, () => string[], string, number]>([
    ["no target", () => [], "", 2],
    ["an unknown mode", () => ["a@b.de", "--mode", "deep"], "", 2],
    ["an unknown flag", () => ["a@b.de", "--fast"], "", 2],
    ["a bad time", () => ["a@b.de", "--patience", "soon"], "", 2],
    ["a missing file", () => ["./missing.csv"], "", 1],
    ["a folder", () => [folder], "", 1],
    ["a CSV without addresses", () => [file("none.csv", "a,b\n1,2\n")], "", 1],
    ["a picture named .csv", () => [file("picture.csv", Buffer.from([137, 80, 78, 71, 0, 0, 13, 10]))], "", 1],
    ["a line that is no JSON", () => ["-", "--input", "ndjson", "--mode", "edge"], "nope\n", 1],
  ])("names %s in one line and fails", async (_name, args, input, code) => {
    const ran = await run(args(), input);
    expect(ran.code).toBe(code);
    expect(ran.err).toMatch(/^mailsonar check: .+\n/);
    expect(ran.err).not.toContain("    at ");
  });

  it("streams: stops quietly when its reader has had enough", async () => {
    const many = "user@example-shop.com\n".repeat(200_000);
    const { out, err } = await run(["-", "--mode", "edge"], many, true);
    expect(err).toBe("");
    expect(out.length).toBeLessThan(many.length);
  });
});
