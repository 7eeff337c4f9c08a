import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Fault, HostScript } from "../../../dev/world/types.ts";
import { startWorld, type World } from "../../../dev/world/world.ts";
import { PROFILES, type Profile } from "../../../probe/pace/profile.ts";
import { type HostPace, Pool } from "../../../probe/smtp/pool.ts";
import { visitAbout } from "./small-hosts.ts";

/** Hosts tried, and recipients asked about at each. */
const RUNS = Number(process.env.PROBE_HOSTS_RUNS ?? 40);
const RECIPIENTS = 30;

const HASTY: Profile = {
  ...PROFILES.lab,
  secondConnectionAbove: 10,
  times: { connectMs: 2_000, bannerMs: 1_000, rcptMs: 1_000, replyMs: 1_000 },
};

let world: World;
beforeAll(async () => {
  world = await startWorld({ smtpPort: 0, scale: 0, greylistMs: 0 });
});
afterAll(() => world.close());

const flaky = (fault: Fault): Fault => ({ ...fault, flaky: true });
const small = fc.integer({ min: 1, max: 8 });
const fault: fc.Arbitrary<Fault> = fc.oneof(
  fc
    .constantFrom("connect" as const, "banner" as const, "ehlo" as const, "mail" as const, "rset" as const)
    .map((at) => flaky({ at, do: "drop" })),
  small.map((from) => flaky({ at: "rcpt", do: "drop", from })),
  small.map((from): Fault => ({ at: "mail", from: from + 1, do: "reply", text: "503 5.5.1 nested MAIL command" })),
  small.map((from): Fault => ({ at: "mail", from: from + 1, do: "close", text: "421 4.7.0 enough messages" })),
  small.map((from): Fault => ({ at: "unknown", from, do: "close", text: "550 5.1.1 <{addr}>: unknown, and goodbye" })),
  small.map((from): Fault => ({ at: "unknown", from, do: "close", text: "421 4.7.1 too many unknown users" })),
  fc
    .constantFrom("502 5.5.1 no such command", "421 4.3.0 not now")
    .map((text): Fault => ({ at: "rset", do: "reply", text })),
);
const script: fc.Arbitrary<HostScript> = fc.record(
  {
    pipelining: fc.boolean(),
    pipelined: fc.constantFrom("garbled" as const, "held" as const),
    recipientsMax: small,
    recipientsCount: fc.constantFrom("asked" as const, "session" as const),
    patience: fc.record({
      failures: small,
      goodbye: fc.constantFrom("550 Too many bad recipients", "554 5.7.1 Go away", "421 4.7.0 bye", null),
    }),
    errorsMax: small,
    resetsMax: small,
    connectionsMax: fc.constantFrom(1, 2),
    delivery: fc.constantFrom("bytes" as const, "lf" as const),
    faults: fc.array(fault, { maxLength: 2 }),
  },
  { requiredKeys: [] },
);

const pace: HostPace = {
  limits: { connections: 2, rcptPerConnection: 1_000, refusalsPerConnection: 1_000, maxRsets: null },
  grant: (wanted) => ({ recipients: wanted, waitMs: null }),
  connected() {},
  answered() {},
  lane: null,
};

let hosts = 0;

/** Asks a host that follows this script; each mailbox answers by its own name. */
async function ask(host: HostScript) {
  hosts += 1;
  const domain = `random${hosts}.test`;
  await world.addDomain({
    domain,
    script: host,
    box: {
      exists: { reply: "250 2.1.5 <{addr}> ok", now: "accepted" },
      unknown: { reply: "550 5.1.1 <{addr}>: unknown", now: "mailbox_not_found" },
    },
  });
  const before = world.stats().connections;
  const pool = new Pool({
    profile: HASTY,
    port: world.smtpPort,
    idleMax: 10,
    idleMs: 60_000,
    now: Date.now,
    record: null,
  });
  const { visit, over } = visitAbout(
    Array.from({ length: RECIPIENTS }, (_, i) => `${i % 3 === 0 ? "user" : "nobody"}${i}@${domain}`),
  );
  const address = world.stats().hosts[`mx.${domain}`]?.address ?? "";
  pool.submit({ name: `mx.${domain}`, addresses: [address], source: "any", helo: "prober.test" }, visit, () => pace);
  const questions = await over;
  await pool.close();
  return { questions, connections: world.stats().connections - before };
}

it("gives each recipient its own answer or a reason why there is none, however narrow and moody the host", async () => {
  await fc.assert(
    fc.asyncProperty(script, async (host) => {
      const { questions, connections } = await ask(host);
      for (const { path, reply, trouble } of questions) {
        expect(reply !== null || trouble !== null).toBe(true);
        if (reply === null) continue;
        if (reply.text.includes("@")) expect(reply.text).toContain(`<${path}>`);
        // Nobody who exists is called unknown.
        if (path.startsWith("user")) expect(reply.text).not.toContain("unknown");
      }
      // Two breaks and a judgement each, and a few to get to know each other.
      expect(connections).toBeLessThanOrEqual(3 * RECIPIENTS + 10);
    }),
    { numRuns: RUNS, seed: 20_261_120 },
  );
}, 60_000);
