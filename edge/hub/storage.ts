import { LANES } from "../../shared/wire/frames.ts";
import type { TakenChunk } from "../data/dispatch.ts";

/** Version of the tables below. Rows are copies of what Postgres has, so another version is planned again, not converted. */
const SCHEMA_VERSION = 1;

/** A stored chunk without its body. `holder` is null while it is queued. */
export type StoredChunk = {
  readonly seq: number;
  readonly id: string;
  readonly tenant: string;
  readonly job: string;
  readonly lane: number;
  readonly domain: string;
  readonly size: number;
  readonly bare: boolean;
  readonly sticky: string | null;
  readonly queuedAtMs: number;
  readonly holder: string | null;
  readonly lease: number;
  readonly leasedAtMs: number;
  /** To be planned again by Postgres. */
  readonly lost: boolean;
};

/**
 * The hub's tables: one row per chunk keyed by a number of our own (no secondary index), and when each probe was last
 * seen. A body is the tail of the lease frame, ready to be sent; only `lease` reads it.
 */
export function createStorage(sql: SqlStorage) {
  const leftOver = open(sql);
  return {
    /** Ids of chunks that a table of another version held. */
    leftOver,

    /** All chunks, without their bodies, in the order in which they came. */
    chunks(): StoredChunk[] {
      return sql.exec<ChunkRow>(`SELECT ${META} FROM chunk ORDER BY seq`).toArray().map(stored);
    },

    seen(): Map<string, number> {
      const rows = sql.exec<{ id: string; at: number }>("SELECT id, at FROM probe").toArray();
      return new Map(rows.map((row) => [row.id, row.at]));
    },

    keep(seq: number, chunk: TakenChunk, nowMs: number): void {
      sql.exec(
        "INSERT INTO chunk (seq, id, tenant, job, lane, domain, size, sticky, queued_at, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        seq,
        chunk.id,
        chunk.tenant,
        chunk.job,
        chunk.lane,
        chunk.domain,
        chunk.size,
        chunk.sticky,
        nowMs,
        bodyOf(chunk),
      );
    },

    hold(seq: number, chunk: string, probe: string, lease: number, nowMs: number): void {
      sql.exec(
        "INSERT INTO chunk (seq, id, tenant, job, lane, domain, size, bare, queued_at, holder, lease, leased_at, body) VALUES (?, ?, '', ?, 0, '', 1, 1, ?, ?, ?, ?, '')",
        seq,
        chunk,
        chunk,
        nowMs,
        probe,
        lease,
        nowMs,
      );
    },

    /** Stores the lease and hands out the body; null when there is no such row. */
    lease(seq: number, probe: string, lease: number, nowMs: number): string | null {
      const [row] = sql
        .exec<{ body: string }>(
          "UPDATE chunk SET holder = ?, lease = ?, leased_at = ? WHERE seq = ? RETURNING body",
          probe,
          lease,
          nowMs,
          seq,
        )
        .toArray();
      return row?.body ?? null;
    },

    unlease(seq: number): void {
      sql.exec("UPDATE chunk SET holder = NULL WHERE seq = ?", seq);
    },

    lose(seq: number): void {
      sql.exec("UPDATE chunk SET holder = NULL, lost = 1, body = '' WHERE seq = ?", seq);
    },

    drop(seqs: readonly number[]): void {
      if (seqs.length === 1) sql.exec("DELETE FROM chunk WHERE seq = ?", seqs[0]);
      else sql.exec("DELETE FROM chunk WHERE seq IN (SELECT value FROM json_each(?))", JSON.stringify(seqs));
    },

    see(probe: string, atMs: number): void {
      sql.exec("INSERT INTO probe (id, at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET at = excluded.at", probe, atMs);
    },

    forget(probe: string): void {
      sql.exec("DELETE FROM probe WHERE id = ?", probe);
    },

    /** The hub's own name, which the object cannot ask the runtime for after a restart by an alarm. */
    name(given?: string): string | null {
      if (given !== undefined) sql.exec("INSERT OR IGNORE INTO meta (key, value) VALUES ('hub', ?)", given);
      const [row] = sql.exec<{ value: string }>("SELECT value FROM meta WHERE key = 'hub'").toArray();
      return row?.value ?? null;
    },
  };
}

export type HubStorage = ReturnType<typeof createStorage>;

const META = "seq, id, tenant, job, lane, domain, size, bare, sticky, queued_at, holder, lease, leased_at, lost";

type ChunkRow = {
  seq: number;
  id: string;
  tenant: string;
  job: string;
  lane: number;
  domain: string;
  size: number;
  bare: number;
  sticky: string | null;
  queued_at: number;
  holder: string | null;
  lease: number;
  leased_at: number;
  lost: number;
};

function stored(row: ChunkRow): StoredChunk {
  return {
    seq: row.seq,
    id: row.id,
    tenant: row.tenant,
    job: row.job,
    lane: row.lane,
    domain: row.domain,
    size: row.size,
    bare: row.bare === 1,
    sticky: row.sticky,
    queuedAtMs: row.queued_at,
    holder: row.holder,
    lease: row.lease,
    leasedAtMs: row.leased_at,
    lost: row.lost === 1,
  };
}

/** The tail of the chunk's lease frame, as text: the JSON from Postgres is passed through without being parsed. */
function bodyOf(chunk: TakenChunk): string {
  const head = `"ticket":${JSON.stringify(chunk.ticket)},"lane":${JSON.stringify(LANES[chunk.lane] ?? "low")}`;
  const trace = chunk.trace === null ? "" : `,"trace":${JSON.stringify(chunk.trace)}`;
  return `${head}${trace},"sticky":${chunk.stickyText},"options":${chunk.optionsText},"items":${chunk.itemsText}}`;
}

function open(sql: SqlStorage): string[] {
  sql.exec("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID");
  const [version] = sql.exec<{ value: string }>("SELECT value FROM meta WHERE key = 'version'").toArray();
  let leftOver: string[] = [];
  if (version !== undefined && version.value !== String(SCHEMA_VERSION)) {
    leftOver = sql
      .exec<{ id: string }>("SELECT id FROM chunk")
      .toArray()
      .map((row) => row.id);
    sql.exec("DROP TABLE IF EXISTS chunk");
    sql.exec("DROP TABLE IF EXISTS probe");
  }
  sql.exec(`CREATE TABLE IF NOT EXISTS chunk (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, tenant TEXT NOT NULL, job TEXT NOT NULL, lane INTEGER NOT NULL,
    domain TEXT NOT NULL, size INTEGER NOT NULL, bare INTEGER NOT NULL DEFAULT 0, sticky TEXT, queued_at INTEGER NOT NULL,
    holder TEXT, lease INTEGER NOT NULL DEFAULT 0, leased_at INTEGER NOT NULL DEFAULT 0, lost INTEGER NOT NULL DEFAULT 0,
    body TEXT NOT NULL)`);
  sql.exec("CREATE TABLE IF NOT EXISTS probe (id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID");
  sql.exec("INSERT OR REPLACE INTO meta (key, value) VALUES ('version', ?)", String(SCHEMA_VERSION));
  return leftOver;
}
