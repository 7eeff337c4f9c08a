import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startWorld, type World } from "../../../dev/world/world.ts";
import { LEARNT_TTL_MS } from "../../../probe/limits.ts";
import { PROFILES, type Profile } from "../../../probe/pace/profile.ts";
import { type HostPace, Pool } from "../../../probe/smtp/pool.ts";
import { timesOfTry } from "../../../probe/smtp/recovery.ts";
import type { Question } from "../../../probe/smtp/visit.ts";
import { visitAbout } from "./small-hosts.ts";

/** Like the lab, but nobody is waited for. */
const HASTY: Profile = {
  ...PROFILES.lab,
  times: { connectMs: 2_000, bannerMs: 500, rcptMs: 500, replyMs: 500 },
};

let world: World;
let pool: Pool;
let ahead = 0;

beforeAll(async () => {
  world = await startWorld({ smtpPort: 0, scale: 0.01, greylistMs: 0 });
});
afterAll(() => world.close());
beforeEach(() => {
  ahead = 0;
  world.resetStats();
  pool = new Pool({
    profile: HASTY,
    port: world.smtpPort,
    idleMax: 10,
    idleMs: 60_000,
    now: () => Date.now() + ahead,
    record: null,
  });
});
afterEach(() => pool.close());

const pace: HostPace = {
  limits: { connections: 1, rcptPerConnection: 1_000, refusalsPerConnection: 1_000, maxRsets: null },
  grant: (wanted) => ({ recipients: wanted, waitMs: null }),
  connected() {},
  answered() {},
  lane: null,
};

/** Asks a host of the world about local parts, and gives the codes of the answers: 0 where there is none. */
async function ask(name: string, locals: readonly string[]): Promise<number[]> {
  const host = `mx.${name}.mailworld.net`;
  const { visit, over } = visitAbout(locals.map((local) => `${local}@${name}.mailworld.net`));
  const address = world.stats().hosts[host]?.address ?? "";
  pool.submit({ name: host, addresses: [address], source: "any", helo: "prober.test" }, visit, () => pace);
  return (await over).map((asked: Question) => asked.reply?.code ?? 0);
}

const STRANGERS = 60;
/** One user after every eleven strangers. */
const list = (count = STRANGERS): string[] =>
  Array.from({ length: count }, (_, i) => `${i % 12 === 11 ? "user" : "nobody"}${i}`);
const truth = (locals: readonly string[]): number[] => locals.map((local) => (local.startsWith("user") ? 250 : 550));
const refusals = (locals: readonly string[]): number => truth(locals).filter((code) => code === 550).length;

describe("hosts that count refusals", () => {
  it.each([
    ["drop-after-3", 3],
    ["drop-after-3-own-words", 3],
    ["drop-after-3-mute", 3],
    ["errors-3", 3],
    // The third stranger is the second one's goodbye.
    ["bad-recipients-2", 1],
  ])("%s: is left after as many refusals as it bears, and nobody is asked in vain", async (name, bears) => {
    const locals = list();
    expect(await ask(name, locals)).toEqual(truth(locals));
    const { connections, recipients } = world.stats();
    // Two connections to find out, and from then on nothing is lost and nothing repeated.
    expect(connections).toBeLessThanOrEqual(Math.ceil(refusals(locals) / bears) + 3);
    expect(recipients).toBeLessThanOrEqual(locals.length + 2 * (bears + 2));
  });

  it("are believed again after an hour", async () => {
    const locals = list(24);
    await ask("errors-3", locals);
    world.resetStats();
    await ask("errors-3", locals);
    expect(world.stats().commands.MAIL).toBeGreaterThan(7);
    world.resetStats();
    ahead = LEARNT_TTL_MS + 1;
    expect(await ask("errors-3", locals)).toEqual(truth(locals));
  });
});

describe("hosts that count recipients", () => {
  it("are taken at their word although they accepted nobody", async () => {
    const locals = Array.from({ length: STRANGERS }, (_, i) => `nobody${i}`);
    expect(await ask("recipients-asked", locals)).toEqual(truth(locals));
    expect(world.stats().connections).toBe(1);
    expect(world.stats().recipients).toBeLessThan(2 * STRANGERS);
  });

  it("are asked on new connections where the whole session counts", async () => {
    const locals = list();
    expect(await ask("recipients-session", locals)).toEqual(truth(locals));
  });

  it("that have no room for anybody are not asked for ever", async () => {
    await world.addDomain({ domain: "full.mailworld.net", script: { recipientsMax: 0 } });
    const [first, ...others] = await ask("full", list(10));
    expect(first).toBe(452);
    for (const code of others) expect([0, 452]).toContain(code);
    // Some answers were on their way when the first one was understood.
    expect(world.stats().connections).toBeLessThanOrEqual(3);
    expect(world.stats().recipients).toBeLessThanOrEqual(30);
  });
});

describe("hosts that stumble over pipelining", () => {
  it.each(["sendmail-throttle", "pipelining-lost", "pipelining-garbled", "pipelining-doubled"])(
    "%s: is asked step by step",
    async (name) => {
      const locals = list(120);
      expect(await ask(name, locals)).toEqual(truth(locals));
      expect(world.stats().connections).toBeLessThanOrEqual(3);
    },
  );

  it("keep what they said when they fall silent in a dialogue step by step", async () => {
    await world.addDomain({
      domain: "mute.mailworld.net",
      script: { pipelining: false, faults: [{ at: "rcpt", from: 3, do: "silence" }] },
    });
    expect(await ask("mute", ["user1", "nobody2", "user3"])).toEqual([250, 550, 0]);
  });
});

describe("the time for one address of a host", () => {
  const { times } = PROFILES.polite;

  it("is short while others are untried, and whole for the last", () => {
    expect(timesOfTry(times, 1).connectMs).toBe(5_000);
    expect(timesOfTry(times, 0)).toEqual(times);
  });
});
