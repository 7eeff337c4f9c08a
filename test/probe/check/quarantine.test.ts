import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "../../../dev/world/world.ts";
import type { Checker } from "../../../probe/check/checker.ts";
import { createChecker } from "../../../probe/check/create.ts";
import { configOf } from "../doctor/fakes.ts";

let world: World;
let checker: Checker;
const quarantined = new Set<string>();

beforeAll(async () => {
  world = await startWorld({ smtpPort: 0 });
  const config = configOf({
    PROBE_HELO_NAME: world.probe.helo,
    PROBE_MAIL_FROM: world.probe.mailFrom,
    PROBE_DNS_SERVERS: world.dns,
    PROBE_SMTP_PORT: String(world.smtpPort),
    PROBE_ALLOW_PRIVATE_NETWORKS: "1",
    PROBE_SOURCE_ADDRESSES: "127.0.0.1,127.0.0.2",
  });
  checker = createChecker(config, { mayUse: (source) => !quarantined.has(source) });
});
afterAll(async () => {
  await checker.close();
  await world.close();
});

/** Source addresses that greylisted addresses of several domains are to be asked from again. */
async function sourcesUsed(sticky: string | null): Promise<Set<string>> {
  const used = new Set<string>();
  const domains = Array.from({ length: 12 }, (_, i) => `postfix-${i + 1}.mailworld.net`);
  const items = domains.map((domain, n) => ({ n, email: `grey.${n}@${domain}`, tries: 0, due: 0, first: 0 }));
  const options = {
    mode: "full",
    role_is_risky: false,
    transcript: false,
    signal: new AbortController().signal,
    deadlineMs: null,
    source: sticky,
    realTime: false,
  } as const;
  await checker.checkMany(items, options, (_, outcome) => {
    if (outcome.kind === "deferred") used.add(outcome.source);
  });
  return used;
}

test("an address in quarantine is dialled from no more, even by items that were deferred there", async () => {
  expect(await sourcesUsed(null)).toEqual(new Set(["127.0.0.1", "127.0.0.2"]));
  quarantined.add("127.0.0.1");
  expect(await sourcesUsed(null)).toEqual(new Set(["127.0.0.2"]));
  expect(await sourcesUsed("127.0.0.1")).toEqual(new Set(["127.0.0.2"]));
  quarantined.clear();
  expect(await sourcesUsed("127.0.0.1")).toEqual(new Set(["127.0.0.1"]));
});
