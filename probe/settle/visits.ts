import pg from "pg";
import type { DomainMemory, DomainPast, DomainTrouble } from "../check/past.ts";
import { REACHED_FLUSH_MS, REACHED_MAX, VISIT_BATCH_MS, VISIT_WAIT_MS } from "./limits.ts";

type Waiting = {
  readonly domain: string;
  readonly trouble: DomainTrouble;
  readonly resolve: (past: DomainPast | null) => void;
};

type Row = {
  readonly domain: string;
  readonly fact: string;
  readonly visits: number;
  readonly regions: number;
  readonly age_ms: string;
  readonly elsewhere_ms: string | null;
};

export type VisitLog = DomainMemory & { close(): Promise<void> };

/**
 * The fleet's memory of domains in Postgres, as role `probe`. Visits of a few milliseconds share one statement; domains
 * that answered are noted every few seconds. While Postgres is away the past is unknown and nothing else changes.
 */
export function createVisitLog(databaseUrl: string, region: string, onTrouble: (message: string) => void): VisitLog {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 1,
    application_name: "mailsonar-probe-visits",
    statement_timeout: VISIT_WAIT_MS,
    connectionTimeoutMillis: VISIT_WAIT_MS,
  });
  pool.on("error", (error) => onTrouble(error.message));
  const reached = new Set<string>();
  let waiting: Waiting[] = [];
  let timer: NodeJS.Timeout | null = null;

  async function note(): Promise<void> {
    timer = null;
    const asked = waiting;
    const answered = [...reached];
    waiting = [];
    reached.clear();
    try {
      const { rows } = await pool.query<Row>({
        name: "note_visits",
        text: "SELECT domain, fact, visits, regions, age_ms, elsewhere_ms FROM note_visits($1, $2, $3)",
        values: [answered, JSON.stringify(asked.map(({ domain, trouble }) => ({ domain, fact: trouble }))), region],
      });
      const pasts = new Map(rows.map((row) => [`${row.domain} ${row.fact}`, pastOf(row)]));
      for (const { domain, trouble, resolve } of asked) resolve(pasts.get(`${domain} ${trouble}`) ?? null);
    } catch (error) {
      onTrouble(error instanceof Error ? error.message : String(error));
      for (const { resolve } of asked) resolve(null);
      for (const domain of answered) if (reached.size < REACHED_MAX) reached.add(domain);
    }
  }

  function noteWithin(ms: number): void {
    if (timer !== null) {
      if (ms > VISIT_BATCH_MS) return;
      clearTimeout(timer);
    }
    timer = setTimeout(() => void note(), ms);
    // What was reached is worth a statement, not a process that lingers.
    if (waiting.length === 0) timer.unref();
  }

  return {
    reached(domain) {
      if (reached.size >= REACHED_MAX) return;
      reached.add(domain);
      noteWithin(REACHED_FLUSH_MS);
    },
    troubled(domain, trouble) {
      return new Promise((resolve) => {
        const late = setTimeout(resolve, VISIT_WAIT_MS, null);
        waiting.push({
          domain,
          trouble,
          resolve(past) {
            clearTimeout(late);
            resolve(past);
          },
        });
        reached.delete(domain);
        if (waiting.length === 1) noteWithin(VISIT_BATCH_MS);
      });
    },
    async close() {
      if (timer !== null) {
        clearTimeout(timer);
        await note();
      }
      await pool.end();
    },
  };
}

const pastOf = (row: Row): DomainPast => ({
  visits: row.visits,
  regions: row.regions,
  ageMs: Number(row.age_ms),
  elsewhereMs: row.elsewhere_ms === null ? null : Number(row.elsewhere_ms),
});
