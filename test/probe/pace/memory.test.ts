import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openPaces, type Paces } from "../../../probe/pace/keeper.ts";
import { providerOfMx } from "../../../shared/providers/index.ts";
import { configOf } from "../doctor/fakes.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Ten in the morning of some day. */
const MORNING = Date.UTC(2026, 10, 20, 10);
const SOURCE = "203.0.113.7";
const TENANT = "somebody.mail.protection.outlook.com";
const OWN_HOST = "mx.somebody.net";

let folder: string;
let clock: { nowMs: number };
let warnings: Record<string, unknown>[];
let quarantined: string[];
const open: Paces[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "paces-"));
  clock = { nowMs: MORNING };
  warnings = [];
  quarantined = [];
});
afterEach(async () => {
  for (const paces of open.splice(0)) await paces.close();
  await rm(folder, { recursive: true, force: true });
});

/** A probe process that starts now. */
async function start(env: Record<string, string> = {}): Promise<Paces> {
  const config = configOf({
    PROBE_STATE_DIR: folder,
    PROBE_TOKEN: "pt_p1_secret",
    PROBE_WARM_SINCE: "2026-11-20",
    PROBE_SOURCE_ADDRESSES: SOURCE,
    ...env,
  });
  const log = { info() {}, warn: (fields: unknown) => void warnings.push({ ...Object(fields) }) };
  const paces = await openPaces(config, {
    log: Object(log),
    onQuarantined: (source) => quarantined.push(source),
    now: () => clock.nowMs,
    intervalMs: DAY,
  });
  open.push(paces);
  return paces;
}

const keyOf = (paces: Paces, host: string) => paces.book.key(providerOfMx(host), host, SOURCE);
const file = () => join(folder, "pace.json");
const written = () => readFile(file(), "utf8");

describe("the paces of a probe that starts again", () => {
  it("leave an operator alone that has told the last process to go away, until its time is over", async () => {
    const first = await start();
    first.book.report(keyOf(first, TENANT), { kind: "blocked" });
    first.book.report(keyOf(first, OWN_HOST), { kind: "throttled" });
    await first.save();
    clock.nowMs += 5 * MINUTE;
    const second = await start();
    expect(second.book.pausedFor(keyOf(second, TENANT))).toBe(DAY - 5 * MINUTE);
    expect(second.book.pausedFor(keyOf(second, OWN_HOST))).toBe(10 * MINUTE);
    expect(second.book.hostPace(keyOf(second, TENANT)).lane?.connections()).toBe(1);
    expect(second.book.paused().map(({ operator }) => operator)).toContain("microsoft365");
    clock.nowMs += DAY;
    expect(second.book.pausedFor(keyOf(second, TENANT))).toBe(0);
  });

  it("know the strangers of the hour, an open breaker, and a complaint that makes the next one worse", async () => {
    const first = await start();
    const tenant = keyOf(first, TENANT);
    first.book.report(tenant, { kind: "answers", replies: 100, unknown: 60 });
    for (let i = 0; i < 10; i += 1) first.book.report(keyOf(first, OWN_HOST), { kind: "connection", good: false });
    first.book.report(keyOf(first, "aspmx.l.google.com"), { kind: "throttled" });
    await first.save();
    clock.nowMs += MINUTE;
    const second = await start();
    expect(second.book.pausedFor(keyOf(second, TENANT))).toBe(59 * MINUTE);
    expect(second.book.pausedFor(keyOf(second, OWN_HOST))).toBe(4 * MINUTE);
    clock.nowMs += 20 * MINUTE;
    second.book.report(keyOf(second, "aspmx.l.google.com"), { kind: "throttled" });
    expect(second.book.pausedFor(keyOf(second, "aspmx.l.google.com"))).toBe(HOUR);
    expect(second.book.pausedFor(keyOf(second, OWN_HOST))).toBe(0);
  });

  it("go on counting the day: warm-up, visits to an address, visits to a domain", async () => {
    const caps = { PROBE_DOMAIN_PER_DAY: "2" };
    const first = await start(caps);
    for (let host = 0; host < 60; host += 1) first.book.grant(keyOf(first, `mx${host}.net`), 5, false);
    for (let i = 0; i < 3; i += 1) first.visits.mayVisit("anna@somebody.net", clock.nowMs);
    for (let i = 0; i < 2; i += 1) first.visits.mayAsk("somebody.net", clock.nowMs);
    await first.save();
    const second = await start(caps);
    expect(second.book.grant(keyOf(second, "mx.fresh.net"), 5, false)).toEqual({ recipients: 0, waitMs: null });
    expect(second.visits.mayVisit("anna@somebody.net", clock.nowMs)).toBe(false);
    expect(second.visits.mayVisit("bert@somebody.net", clock.nowMs)).toBe(true);
    expect(second.visits.mayAsk("somebody.net", clock.nowMs)).toBe(false);
    await second.save();
    clock.nowMs += DAY;
    const third = await start(caps);
    expect(third.book.grant(keyOf(third, "mx.fresh.net"), 5, false).recipients).toBe(5);
    expect(third.visits.mayVisit("anna@somebody.net", clock.nowMs)).toBe(true);
  });

  it("do not get a batch each time", async () => {
    const first = await start();
    expect(first.book.grant(keyOf(first, TENANT), 20, false).recipients).toBe(20);
    await first.save();
    const second = await start();
    expect(second.book.grant(keyOf(second, TENANT), 20, false).recipients).toBe(0);
  });

  it("keep a listed address out of use until it is released, and say so once", async () => {
    const first = await start();
    for (const host of [TENANT, "aspmx.l.google.com", OWN_HOST])
      first.book.report(keyOf(first, host), { kind: "blocked" });
    expect(quarantined).toEqual([SOURCE]);
    await first.save();
    clock.nowMs += 30 * DAY;
    const second = await start();
    expect(second.book.isQuarantined(SOURCE)).toBe(true);
    expect(quarantined).toEqual([SOURCE]);
    second.book.quarantine.release(SOURCE);
    await second.save();
    expect((await start()).book.isQuarantined(SOURCE)).toBe(false);
  });
});

describe("the file", () => {
  it("names neither addresses nor domains, and is readable by its owner alone", async () => {
    const paces = await start();
    paces.book.report(keyOf(paces, OWN_HOST), { kind: "blocked" });
    paces.book.report(keyOf(paces, TENANT), { kind: "answers", replies: 10, unknown: 3 });
    paces.visits.mayVisit("anna@somebody.net", clock.nowMs);
    paces.visits.mayAsk("somebody.net", clock.nowMs);
    await paces.save();
    expect(await written()).not.toMatch(/anna|somebody/);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
  });

  it("is written only when something has changed", async () => {
    const paces = await start();
    await paces.save();
    expect(await readdir(folder)).toEqual([]);
    paces.visits.mayAsk("somebody.net", clock.nowMs);
    await paces.save();
    const before = await stat(file());
    await paces.save();
    expect((await stat(file())).ino).toBe(before.ino);
  });

  it("stays small however much is remembered", async () => {
    const paces = await start();
    for (let i = 0; i < 25_000; i += 1) paces.visits.mayVisit(`user.${i}@somebody.net`, clock.nowMs);
    await paces.save();
    const memory = JSON.parse(await written());
    expect(Object.keys(memory.visits.addresses)).toHaveLength(20_000);
    expect((await stat(file())).size).toBeLessThan(1_000_000);
    const second = await start();
    expect(warnings).toEqual([]);
    for (let i = 0; i < 3; i += 1) second.visits.mayVisit("user.24999@somebody.net", clock.nowMs);
    expect(second.visits.mayVisit("user.24999@somebody.net", clock.nowMs)).toBe(false);
  });

  it.each([
    ["rubbish", "\u0000\u0001"],
    ["half a file", '{"version":1,"quarantined":[{"sou'],
    ["nothing", ""],
    ["a number", "7"],
  ])("of %s is told to the log, and the probe starts all the same", async (_name, text) => {
    await writeFile(file(), text);
    const paces = await start();
    expect(warnings).toMatchObject([{ file: file() }]);
    paces.visits.mayAsk("somebody.net", clock.nowMs);
    await paces.save();
    warnings = [];
    await start();
    expect(warnings).toEqual([]);
  });

  it("of another version is not understood, but for its quarantines", async () => {
    const listing = { source: SOURCE, operators: ["google", "gmx", "yahoo"], atMs: MORNING, told: true };
    await writeFile(file(), JSON.stringify({ version: 99, quarantined: [listing], operators: "elsewhere" }));
    const paces = await start();
    expect(warnings).toMatchObject([{ quarantined: 1 }]);
    expect(paces.book.isQuarantined(SOURCE)).toBe(true);
    paces.visits.mayAsk("somebody.net", clock.nowMs);
    await paces.save();
    expect((await start()).book.isQuarantined(SOURCE)).toBe(true);
  });

  it("from a clock that was wrong pauses nobody for longer than any pause", async () => {
    clock.nowMs = MORNING + 1_000 * DAY;
    const first = await start();
    first.book.report(keyOf(first, TENANT), { kind: "blocked" });
    await first.save();
    clock.nowMs = MORNING;
    const second = await start();
    expect(second.book.pausedFor(keyOf(second, TENANT))).toBe(DAY);
  });

  it("is not there without a folder, nor where all is allowed", async () => {
    for (const env of [{ PROBE_STATE_DIR: "" }, { PROBE_ALLOW_PRIVATE_NETWORKS: "1" }]) {
      const paces = await start(env);
      paces.visits.mayAsk("somebody.net", clock.nowMs);
      await paces.close();
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it("does without drafts of writers that died, and leaves those of others at work", async () => {
    const old = join(folder, "pace.json.1.abc.draft");
    const young = join(folder, "pace.json.2.abc.draft");
    for (const draft of [old, young]) await writeFile(draft, "{");
    await utimes(young, MORNING / 1_000, MORNING / 1_000);
    await utimes(old, (MORNING - HOUR) / 1_000, (MORNING - HOUR) / 1_000);
    await start();
    expect(await readdir(folder)).toEqual(["pace.json.2.abc.draft"]);
  });

  it("that cannot be written stops nothing", async () => {
    await writeFile(join(folder, "file"), "");
    const paces = await start({ PROBE_STATE_DIR: join(folder, "file", "below") });
    paces.visits.mayAsk("somebody.net", clock.nowMs);
    await paces.close();
    expect(warnings.length).toBeGreaterThan(0);
  });
});
