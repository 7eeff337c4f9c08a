import type { Verdict } from "../../shared/verdict/types.ts";
import type { ChunkItem } from "../../shared/wire/frames.ts";
import type { Checker, CheckerOptions } from "../check/checker.ts";

/** When deferred items are asked again, as parts of the caller's patience; the last answer is final. */
const ROUNDS = [0.12, 0.4, 0.95] as const;

export type Patience = {
  readonly ms: number;
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
};

/**
 * Checks a batch to the end. With patience, what a host put off is asked again within that time, sooner than the
 * polite delays; without, the first answer stands.
 * @param render makes of a verdict what is kept of it: a line costs less room than the verdict
 * @returns what was rendered, in the order of `emails`; holes after an abort
 */
export async function checkBatch<T>(
  checker: Checker,
  emails: readonly string[],
  options: CheckerOptions,
  patience: Patience,
  render: (verdict: Verdict) => T,
): Promise<readonly (T | undefined)[]> {
  const rendered: (T | undefined)[] = new Array(emails.length);
  const startMs = patience.now();
  let items: ChunkItem[] = emails.map((email, n) => ({ n, email, tries: 0, due: 0, first: 0 }));
  for (let round = 0; items.length > 0 && !options.signal.aborted; round += 1) {
    const part = patience.ms > 0 ? ROUNDS[round] : undefined;
    const deferred: ChunkItem[] = [];
    await checker.checkMany(items, { ...options, finalOnly: part === undefined }, (item, outcome) => {
      if (outcome.kind === "final") rendered[item.n] = render(outcome.verdict);
      else {
        deferred.push(outcome.item);
        rendered[item.n] = render(outcome.provisional);
      }
    });
    items = deferred;
    if (items.length === 0 || part === undefined) break;
    const soonest = Math.min(...items.map((item) => item.due));
    const latest = startMs + patience.ms * part;
    // The last time counts: it comes as late as the caller's patience allows.
    const nextMs = round === ROUNDS.length - 1 ? latest : Math.min(soonest, latest);
    await patience.sleep(Math.max(0, nextMs - patience.now()), options.signal);
  }
  return rendered;
}
