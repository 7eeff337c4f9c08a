import type { Checker, CheckerOptions, CheckOutcome } from "../../../probe/check/checker.ts";
import type { Verdict } from "../../../shared/verdict/types.ts";
import type { ChunkItem } from "../../../shared/wire/frames.ts";

/** A verdict of the right shape about nothing in particular. */
export const verdictFor = (email: string): Verdict => ({
  email,
  status: "deliverable",
  reason: "accepted",
  reasons: ["accepted"],
  score: 95,
  rating: "excellent",
  score_version: "test",
  safe_to_send: true,
  flags: {
    disposable: false,
    role: false,
    free: false,
    privacy_relay: false,
    catch_all: "no",
    catch_all_confidence: 0.97,
    mailbox_full: false,
    disabled: false,
    no_reply: false,
    tagged: false,
    forwarded: false,
    moved: false,
    soft_code: false,
    exists: true,
  },
  did_you_mean: null,
  mx: "mx.example.net",
  provider: null,
  probe_region: "eu",
  checked_at: new Date().toISOString(),
  cached: false,
  retry_after: null,
  evidence: {
    code: 250,
    enhanced_code: null,
    text: null,
    stage: "rcpt",
    host: null,
    rule: null,
    tls: null,
    detail: null,
    factors: [],
    transcript: null,
  },
});

export type Behaviour = (
  item: ChunkItem,
  signal: AbortSignal,
  options: CheckerOptions,
) => Promise<CheckOutcome | null> | CheckOutcome | null;

/** A checker that finds what `behaviour` says; null means that the item has no outcome (aborted). */
export function fakeChecker(
  behaviour: Behaviour = (item) => ({ kind: "final", verdict: verdictFor(item.email) }),
): Checker {
  let running = 0;
  return {
    async checkMany(items, options, on) {
      running += items.length;
      await Promise.all(
        items.map(async (item) => {
          const outcome = await behaviour(item, options.signal, options);
          running -= 1;
          if (outcome !== null) on(item, outcome);
        }),
      );
    },
    stats: () => ({
      running,
      checked: 0,
      deferred: 0,
      connections: { open: 0, opened: 0, failed: 0 },
      dns: { queries: 0, hits: 0 },
      catchAll: { hits: 0, misses: 0 },
      breakers: [],
    }),
    close: async () => {},
  };
}
