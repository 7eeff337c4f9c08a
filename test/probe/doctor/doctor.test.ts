import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "../../../dev/world/world.ts";
import { startDoctor, summarise } from "../../../probe/doctor/daily.ts";
import { examine } from "../../../probe/doctor/doctor.ts";
import type { CheckResult } from "../../../probe/doctor/types.ts";
import { configOf, fakeDns } from "./fakes.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ smtpPort: 0 });
});
afterAll(() => world.close());

const environment = (changes: Record<string, string> = {}): Record<string, string> => ({
  PROBE_HELO_NAME: world.probe.helo,
  PROBE_MAIL_FROM: world.probe.mailFrom,
  PROBE_DNS_SERVERS: world.dns,
  PROBE_SMTP_PORT: String(world.smtpPort),
  PROBE_ALLOW_PRIVATE_NETWORKS: "1",
  PROBE_SOURCE_ADDRESSES: "127.0.0.1",
  ...changes,
});

const SETTINGS = { mailDomains: ["gmail.com", "yahoo.com"], blockLists: ["list.test"], identityPort: null };

async function doctorCommand(env: Record<string, string>, ...args: string[]) {
  const child = spawn(process.execPath, ["probe/main.ts", "doctor", ...args], {
    env: { PATH: process.env.PATH ?? "", ...env },
  });
  let out = "";
  let complaint = "";
  child.stdout.on("data", (bytes) => {
    out += bytes;
  });
  child.stderr.on("data", (bytes) => {
    complaint += bytes;
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  return { code, out, complaint };
}

test("the local prober is in good health in the mail world, and leaves no command but QUIT behind", async () => {
  const results = await examine(configOf(environment()), SETTINGS);
  expect(results.filter(({ state }) => state === "fail" || state === "warn")).toEqual([]);
  const well = results.filter(({ state }) => state === "ok").map(({ id }) => id);
  expect(well).toEqual(expect.arrayContaining(["port25", "reverse_dns", "spf", "dmarc", "sender_mx"]));
  expect(world.stats().commands.DATA ?? 0).toBe(0);
});

test("the command exits 0 in good health and prints every check as JSON", async () => {
  const { code, out } = await doctorCommand(environment(), "--format", "json");
  const report = JSON.parse(out);
  expect(code).toBe(0);
  expect(report.healthy).toBe(true);
  expect(report.checks.map((check: CheckResult) => check.id)).toContain("reverse_dns");
});

test("the command exits 1 when a check fails, and says how to mend it", async () => {
  const { code, out } = await doctorCommand(environment({ PROBE_HELO_NAME: "other.mailsonar.net" }));
  expect(code).toBe(1);
  expect(out).toMatch(/FAIL +Forward-confirmed reverse DNS .*probe-1\.mailsonar\.net/);
  expect(out).toContain("-> Set the reverse DNS of 127.0.0.1");
});

test("the command exits 2 with one line for a bad argument or environment", async () => {
  expect(await doctorCommand(environment(), "--format", "xml")).toMatchObject({ code: 2, out: "" });
  const bad = await doctorCommand(environment({ PROBE_SOURCE_ADDRESSES: "nonsense" }));
  expect(bad.code).toBe(2);
  expect(bad.complaint).toMatch(/^mailsonar doctor: PROBE_SOURCE_ADDRESSES.*\n$/);
});

test("a running probe is examined at once; stopped, the doctor reports nothing more", async () => {
  const config = configOf(environment());
  const first = await new Promise((resolve) => {
    const doctor = startDoctor({
      config,
      env: { PROBE_DOCTOR_MAIL_DOMAINS: "gmail.com", PROBE_DOCTOR_BLOCK_LISTS: "none" },
      report: (summary) => {
        doctor.stop();
        resolve(summary);
      },
    });
  });
  expect(first).toMatchObject({ state: "ok", trouble: [] });
});

test("a check that rejects is reported as failed, the others as they are", async () => {
  const dns = { ...fakeDns({}), query: () => Promise.reject(new Error("broken resolver")) };
  const results = await examine(configOf(environment()), SETTINGS, { resolver: dns });
  const broken = results.find(({ id }) => id === "reverse_dns");
  expect(broken?.state).toBe("fail");
  expect(broken?.found).toContain("broken resolver");
  expect(results.find(({ id }) => id === "memory")?.state).not.toBe("fail");
});

test("the summary for the hub holds only what is not well, and says the worst", () => {
  const result = (id: string, state: CheckResult["state"]): CheckResult => ({
    id,
    title: id,
    state,
    found: "x".repeat(1_000),
    mend: null,
  });
  const summary = summarise([result("a", "ok"), result("b", "warn"), result("c", "fail"), result("d", "skipped")], 7);
  expect(summary).toMatchObject({ at: 7, state: "fail", trouble: [{ id: "b" }, { id: "c" }] });
  expect(JSON.stringify(summary).length).toBeLessThan(1_000);
  expect(summarise([result("a", "ok")], 7)).toEqual({ at: 7, state: "ok", trouble: [] });
});
