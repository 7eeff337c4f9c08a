import { startWorld, type World, type WorldOptions } from "../../../dev/world/world.ts";
import type { Checker, CheckerOptions, CheckOutcome } from "../../../probe/check/checker.ts";
import { type Environment, type ProbeConfig, readProbeConfig } from "../../../probe/config.ts";
import type { Verdict } from "../../../shared/verdict/types.ts";
import type { ChunkItem } from "../../../shared/wire/frames.ts";

/** A world on free ports whose pauses are a hundredth of the real ones. */
export const quickWorld = (options: Partial<WorldOptions> = {}): Promise<World> =>
  startWorld({ smtpPort: 0, scale: 0.01, greylistMs: 50, ...options });

/** A probe's configuration for a world, through the same reader as in production. */
export function configFor(world: World, more: Environment = {}): ProbeConfig {
  const config = readProbeConfig({
    PROBE_DNS_SERVERS: world.dns,
    PROBE_SMTP_PORT: String(world.smtpPort),
    PROBE_ALLOW_PRIVATE_NETWORKS: "1",
    PROBE_HELO_NAME: world.probe.helo,
    PROBE_MAIL_FROM: world.probe.mailFrom,
    PROBE_CONTROL_SECRET: "test",
    ...more,
  });
  if (!config.ok) throw new Error(config.error);
  return config.value;
}

export const optionsWith = (more: Partial<CheckerOptions> = {}): CheckerOptions => ({
  mode: "full",
  role_is_risky: false,
  transcript: false,
  signal: new AbortController().signal,
  deadlineMs: null,
  source: null,
  finalOnly: true,
  realTime: false,
  ...more,
});

export const itemOf = (email: string, n = 0): ChunkItem => ({ n, email, tries: 0, due: 0, first: 0 });

/** Outcomes in the order of the items; holes where an item got none. */
export async function outcomesOf(
  checker: Checker,
  items: readonly ChunkItem[],
  options: CheckerOptions = optionsWith(),
): Promise<(CheckOutcome | undefined)[]> {
  const found = new Map<ChunkItem, CheckOutcome>();
  await checker.checkMany(items, options, (item, outcome) => {
    if (found.has(item)) throw new Error(`two outcomes for item ${item.n}`);
    found.set(item, outcome);
  });
  return items.map((item) => found.get(item));
}

export async function verdictsOf(
  checker: Checker,
  emails: readonly string[],
  options: CheckerOptions = optionsWith(),
): Promise<Verdict[]> {
  const outcomes = await outcomesOf(checker, emails.map(itemOf), options);
  return outcomes.map((outcome) => {
    if (outcome === undefined) throw new Error("an item has no outcome");
    return outcome.kind === "final" ? outcome.verdict : outcome.provisional;
  });
}
