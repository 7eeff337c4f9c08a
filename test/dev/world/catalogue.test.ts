import { afterAll, beforeAll, expect, test } from "vitest";
import { personalities } from "../../../dev/world/personalities/registry.ts";
import { startWorld, type World } from "../../../dev/world/world.ts";
import { REASON_TABLE } from "../../../shared/verdict/vocabulary.ts";
import { recipients } from "./client.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld({ smtpPort: 0, scale: 0 });
});
afterAll(() => world.close());

/** Personalities whose best host talks to anybody who waits for each reply. */
const talkative = personalities().filter((one) => {
  const scripts = one.hosts.map((host) => host.script);
  const struck = scripts.some((script) => script?.faults || script?.tlsRequired || script?.newcomer);
  return !struck && !one.outcome && !one.zone && !one.hosts[0]?.dead && !one.greylist && one.hosts[0]?.name !== "*";
});

test("names are unique and do not look like numbered domains", () => {
  const names = personalities().map((one) => one.name);
  expect(new Set(names).size).toBe(names.length);
});

test("no two hosts share a name or an address", () => {
  const hosts = Object.entries(world.stats().hosts);
  const alive = personalities().flatMap((one) => one.hosts.filter((host) => !host.dead && !host.ipv6));
  expect(hosts.filter(([, host]) => host.address !== "::1")).toHaveLength(alive.length);
  expect(new Set(hosts.map(([, host]) => host.address)).size).toBe(hosts.length);
});

test.each(talkative.map((one) => [one.name, one] as const))("%s: the reply's class fits its truth", async (_, one) => {
  const domain = one.domains[0] ?? `${one.name}.mailworld.net`;
  const [known, unknown] = await recipients(world, domain, ["user1234", "nobody1234"]);
  expect(known).toBe(said(known, one.box.exists.now));
  expect(unknown).toBe(said(unknown, one.box.unknown.now));
});

/** The reply itself when its class can support the reason, a complaint otherwise. */
function said(reply: string | undefined, reason: keyof typeof REASON_TABLE): string {
  const accepted = reply?.startsWith("2") ?? false;
  const { status } = REASON_TABLE[reason];
  const fits = status === "undeliverable" ? !accepted : status === "unknown" ? true : accepted;
  return fits ? (reply ?? "") : `${reply} does not lead to ${reason}`;
}
