import type { Verdict } from "../../shared/verdict/types.ts";
import type { CheckOptions, ChunkItem } from "../../shared/wire/frames.ts";

/** What becomes of one item. */
export type CheckOutcome =
  | {
      readonly kind: "final";
      readonly verdict: Verdict;
      /** Another network may be asked before this stands (MAIL.md 4, second opinion). */
      readonly elsewhere?: boolean;
    }
  | {
      readonly kind: "deferred";
      readonly elsewhere?: boolean;
      /** The item with `tries`, `due`, `first` and `last` brought up to date. */
      readonly item: ChunkItem;
      /** What is known so far, for exports and polls. */
      readonly provisional: Verdict;
      /** Source address to ask from again: greylisting counts by it. */
      readonly source: string;
    };

export type CheckerOptions = CheckOptions & {
  readonly signal: AbortSignal;
  /** Epoch ms by which the caller wants an answer; null when there is no hurry. */
  readonly deadlineMs: number | null;
  /** Source address to keep (a deferred item's), or null. */
  readonly source: string | null;
  /** Never defer: what cannot be decided now is `unknown` with `retry_after`. */
  readonly finalOnly?: boolean;
  /** Takes the real-time slots and goes before bulk. */
  readonly realTime: boolean;
};

/** Figures for heartbeat, metrics and the view of breakers. */
export type CheckerStats = {
  /** Items taken and not yet answered. */
  readonly running: number;
  readonly checked: number;
  readonly deferred: number;
  readonly connections: { readonly open: number; readonly opened: number; readonly failed: number };
  readonly dns: { readonly queries: number; readonly hits: number };
  readonly catchAll: { readonly hits: number; readonly misses: number };
  readonly breakers: readonly {
    readonly operator: string;
    readonly source: string;
    readonly state: string;
    readonly untilMs: number;
  }[];
};

export type Checker = {
  /**
   * Calls `on` once per item, as soon as its outcome is known, in any order; resolves when all are known. On abort,
   * items without an outcome get none.
   */
  checkMany(
    items: readonly ChunkItem[],
    options: CheckerOptions,
    on: (item: ChunkItem, outcome: CheckOutcome) => void,
  ): Promise<void>;
  stats(): CheckerStats;
  /** Says QUIT, and leaves no socket, timer or listener behind. */
  close(): Promise<void>;
};

export { createChecker } from "./create.ts";
