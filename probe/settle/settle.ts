import pg from "pg";
import { storedDetail } from "../../shared/verdict/stored.ts";
import type { Verdict } from "../../shared/verdict/types.ts";
import type { ChunkItem, Sticky } from "../../shared/wire/frames.ts";
import { RETRY_MAX_MS, RETRY_MIN_MS, SETTLE_CONNECTIONS, STATEMENT_TIMEOUT_MS } from "./limits.ts";

/** What a probe found for a chunk, as the database's `settle` takes it. */
export type Settlement = {
  readonly chunk: string;
  readonly ticket: string;
  readonly results: readonly { readonly n: number; readonly verdict: Verdict }[];
  /** Open items with news; open items without stay as they are. */
  readonly rest: readonly ChunkItem[];
  /** A part: the chunk stays here under a new ticket. */
  readonly hold: boolean;
  /** Epoch ms at which open items are due again; null for now. */
  readonly againAtMs: number | null;
  readonly sticky: Sticky | null;
  /** Items that another region may be asked about, and what holds of each if none is. Not with `hold`. */
  readonly opinions: readonly Opinion[];
};

/** An item whose trouble may be about this probe's network. */
export type Opinion = {
  /** As it is to be asked there. */
  readonly item: ChunkItem;
  /** A-labels: a second opinion is had once per domain and day. */
  readonly domain: string;
  /** What holds otherwise: its verdict, or the item as it is to be asked again here. */
  readonly otherwise: { readonly verdict: Verdict } | { readonly rest: ChunkItem };
};

export type SettleReply =
  | { readonly outcome: "settled" | "rest"; readonly drained: boolean; readonly job: string | null }
  | { readonly outcome: "held"; readonly ticket: string }
  /** The ticket was no longer ours: the whole batch was dropped. */
  | { readonly outcome: "stale" }
  /** The database refused the batch, and will refuse it again: a bug on one side or the other. */
  | { readonly outcome: "failed"; readonly message: string };

export type Settler = {
  /** Settles in one transaction. While Postgres is away it keeps trying; null once `signal` fires before it could. */
  settle(settlement: Settlement, signal: AbortSignal): Promise<SettleReply | null>;
  close(): Promise<void>;
};

/** Opens the pool as role `probe`, which may settle and nothing else. */
export function createSettler(databaseUrl: string, onTrouble: (message: string) => void): Settler {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: SETTLE_CONNECTIONS,
    application_name: "mailsonar-probe",
    statement_timeout: STATEMENT_TIMEOUT_MS,
    connectionTimeoutMillis: STATEMENT_TIMEOUT_MS,
  });
  // An idle connection that breaks is replaced on the next use; without a listener it would end the process.
  pool.on("error", (error) => onTrouble(error.message));
  return {
    settle: (settlement, signal) => settleWithRetry(pool, settlement, signal, onTrouble),
    close: () => pool.end(),
  };
}

async function settleWithRetry(
  pool: pg.Pool,
  settlement: Settlement,
  signal: AbortSignal,
  onTrouble: (message: string) => void,
): Promise<SettleReply | null> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await settleOnce(pool, settlement);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      onTrouble(message);
      if (!passes(error)) return { outcome: "failed", message };
    }
    const ceiling = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(16, attempt));
    if (!(await pause(ceiling * (0.5 + Math.random() / 2), signal))) return null;
  }
}

type SettleRow = {
  outcome: "settled" | "rest" | "held" | "stale";
  next_ticket: string | null;
  drained: boolean;
  job: string | null;
};

async function settleOnce(pool: pg.Pool, s: Settlement): Promise<SettleReply> {
  if (s.opinions.length > 0) return settleAsking(pool, s);
  const { rows } = await pool.query<SettleRow>({
    name: "settle",
    text: "SELECT outcome, next_ticket, drained, job FROM settle($1, $2, $3::json, $4::jsonb, $5, $6, $7::jsonb)",
    values: [
      s.chunk,
      s.ticket,
      toJson(verdictRows(s.results)),
      toJson(s.rest),
      s.hold,
      s.againAtMs === null ? null : new Date(s.againAtMs).toISOString(),
      s.sticky === null ? null : JSON.stringify(s.sticky),
    ],
  });
  const [row] = rows;
  if (row === undefined || row.outcome === "stale") return { outcome: "stale" };
  if (row.outcome === "held") return { outcome: "held", ticket: row.next_ticket ?? "" };
  return { outcome: row.outcome, drained: row.drained, job: row.job };
}

/** The same for a chunk of which some items may go to another region: at once, or it stays as it is. */
async function settleAsking(pool: pg.Pool, s: Settlement): Promise<SettleReply> {
  const opinions = s.opinions.map(({ item, domain, otherwise }) => ({
    item,
    domain,
    ...("rest" in otherwise
      ? { rest: otherwise.rest }
      : { result: verdictRows([{ n: item.n, verdict: otherwise.verdict }])[0] }),
  }));
  const { rows } = await pool.query<Omit<SettleRow, "next_ticket">>({
    name: "settle_asking",
    text: "SELECT outcome, drained, job FROM settle_asking($1, $2, $3::json, $4::jsonb, $5, $6::jsonb, $7::json)",
    values: [
      s.chunk,
      s.ticket,
      toJson(verdictRows(s.results)),
      toJson(s.rest),
      s.againAtMs === null ? null : new Date(s.againAtMs).toISOString(),
      s.sticky === null ? null : JSON.stringify(s.sticky),
      toJson(opinions),
    ],
  });
  const [row] = rows;
  if (row === undefined || row.outcome === "stale" || row.outcome === "held") return { outcome: "stale" };
  return { outcome: row.outcome, drained: row.drained, job: row.job };
}

/** JSON that jsonb accepts: a server's words may hold NUL or half a surrogate pair, which it refuses. */
function toJson(value: unknown): string {
  const text = JSON.stringify(value);
  if (!/\\u(?:0000|d[89a-f])/i.test(text)) return text;
  return JSON.stringify(value, (_key, part) =>
    typeof part === "string" ? part.replaceAll("\0", "").toWellFormed() : part,
  );
}

/**
 * Verdicts in the columns of `settle`; the addresses are the chunk's. What is not a column of its own is `detail`: of
 * many verdicts what says something, of one all, because it may be a check whose event repeats it.
 */
function verdictRows(results: Settlement["results"]): Record<string, unknown>[] {
  return results.map(({ n, verdict }) => ({
    n,
    status: verdict.status,
    reason: verdict.reason,
    score: verdict.score,
    checked_at: verdict.checked_at,
    detail: results.length === 1 ? wholeDetail(verdict) : storedDetail(verdict),
  }));
}

function wholeDetail(verdict: Verdict): Record<string, unknown> {
  const { email: _chunksOwn, status: _s, reason: _r, score: _n, checked_at: _at, ...detail } = verdict;
  return detail;
}

// Connection exception, insufficient resources, operator intervention (restart), system error, serialisation, deadlock.
const PASSING = /^(?:08|53|57|58|40|55)/;

/** Whether the same statement may succeed later: everything that did not come from the statement itself. */
function passes(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  const sqlState = typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith("E");
  return !sqlState || PASSING.test(String(code));
}

/** Waits; false when the signal fired first. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const stop = () => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve(true);
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
