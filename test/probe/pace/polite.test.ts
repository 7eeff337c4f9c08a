import { afterAll, beforeAll, expect, it } from "vitest";
import type { Checker } from "../../../probe/check/checker.ts";
import { createChecker } from "../../../probe/check/create.ts";
import { configOf, fakeDns, mx } from "../doctor/fakes.ts";
import { type SmallHosts, startSmallHosts } from "../smtp/small-hosts.ts";

/** As many as Microsoft's first batch of questions allows, with two for each: the person, and the control address. */
const TENANTS = 10;
const hostOf = (tenant: number) => `tenant-${tenant}.mail.protection.outlook.com`;

let hosts: SmallHosts;
let checker: Checker;

beforeAll(async () => {
  hosts = await startSmallHosts(TENANTS);
  const zones = Object.fromEntries(
    Array.from({ length: TENANTS }, (_, i) => [
      [`tenant-${i}.mailworld.net`, { MX: mx(hostOf(i)) }] as const,
      [hostOf(i), { A: [hosts.addresses[i] ?? ""] }] as const,
    ]).flat(),
  );
  const config = configOf({
    PROBE_HELO_NAME: "prober.test",
    PROBE_ALLOW_PRIVATE_NETWORKS: "1",
    PROBE_PACE: "polite",
    PROBE_SMTP_PORT: String(hosts.port),
  });
  checker = createChecker(config, { resolver: fakeDns(zones) });
});
afterAll(async () => {
  await checker.close();
  await hosts.close();
});

it("a list of many tenants opens two connections to their operator, and one to each tenant", async () => {
  const items = Array.from({ length: TENANTS }, (_, n) => ({
    ...{ n, email: `anna@tenant-${n}.mailworld.net`, tries: 0, due: 0, first: 0 },
  }));
  const reasons: string[] = [];
  await checker.checkMany(
    items,
    {
      mode: "full",
      role_is_risky: false,
      transcript: false,
      signal: new AbortController().signal,
      deadlineMs: null,
      source: null,
      realTime: false,
    },
    (_, outcome) => reasons.push(outcome.kind === "final" ? outcome.verdict.reason : outcome.provisional.reason),
  );
  // The control address travels on the connection that has just fallen idle, although others wait for it.
  expect(hosts.seen).toMatchObject({ most: 2, made: TENANTS });
  expect(reasons).toEqual(Array.from({ length: TENANTS }, () => "catch_all"));
});
