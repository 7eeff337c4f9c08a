import { createHmac } from "node:crypto";
import { join } from "node:path";
import { VisitBook } from "../check/citizen.ts";
import type { ProbeConfig } from "../config.ts";
import type { Log } from "../log.ts";
import { PaceBook } from "./book.ts";
import { MEMORY_INTERVAL_MS, NAME_HASH_CHARS } from "./limits.ts";
import { type Books, readMemory, recall, remember } from "./memory.ts";
import { PROFILES } from "./profile.ts";
import { Quarantine } from "./quarantine.ts";
import { prepareFolder, readState, writeState } from "./state-file.ts";

/** The books of a running probe, and the file that keeps them. */
export type Paces = Books & {
  /** Writes down what has changed. Resolves when it is on the disk, or cannot be. */
  save(): Promise<void>;
  /** Saves for the last time. */
  close(): Promise<void>;
};

export type PacesOptions = {
  readonly log: Pick<Log, "info" | "warn">;
  /** Told of each source address that goes out of use. */
  readonly onQuarantined: (source: string) => void;
  readonly now?: () => number;
  readonly intervalMs?: number;
};

const FILE = "pace.json";

/**
 * Opens the books of a probe with what the last process remembered (`PROBE_STATE_DIR`). Without a folder, or where all
 * is allowed anyway, they live and die with the process. A file that cannot be read is told to the log and replaced.
 */
export async function openPaces(config: ProbeConfig, options: PacesOptions): Promise<Paces> {
  const { log, now = Date.now, intervalMs = MEMORY_INTERVAL_MS } = options;
  const profile = PROFILES[config.pace];
  const file = config.stateDir === null || !profile.capped ? null : join(config.stateDir, FILE);
  const nameOf = file === null ? (text: string): string => text : hashWith(config.token ?? config.controlSecret);
  const { warmSinceMs, caps } = config;
  const { hostUnknownPerHour } = caps;
  const quarantine = new Quarantine(options.onQuarantined);
  const books: Books = {
    book: new PaceBook(profile, now, { warmSinceMs, hostUnknownPerHour, nameOf, quarantine }),
    visits: new VisitBook(caps, nameOf),
  };
  if (file === null) return { ...books, save: async () => {}, close: async () => {} };
  await load(file, books, log, now());

  let saved = changesOf(books);
  let writing: Promise<void> = Promise.resolve();
  const write = async (): Promise<void> => {
    const changes = changesOf(books);
    if (changes === saved) return;
    try {
      await writeState(file, `${JSON.stringify(remember(books, now()))}\n`);
      saved = changes;
    } catch (error) {
      log.warn({ file, error: textOf(error) }, "paces: not written down");
    }
  };
  const save = (): Promise<void> => {
    writing = writing.then(write);
    return writing;
  };
  const timer = setInterval(() => void save(), intervalMs);
  timer.unref();
  return {
    ...books,
    save,
    close() {
      clearInterval(timer);
      return save();
    },
  };
}

const changesOf = ({ book, visits }: Books): number => book.changes + visits.changes;

async function load(file: string, books: Books, log: PacesOptions["log"], nowMs: number): Promise<void> {
  try {
    await prepareFolder(file, nowMs);
    const text = await readState(file);
    if (text === null) return;
    const { memory, quarantined, trouble } = readMemory(text);
    if (memory === null) books.book.quarantine.restore(quarantined);
    else recall(memory, books, nowMs);
    if (trouble !== null) log.warn({ file, trouble, quarantined: quarantined.length }, "paces: not understood");
  } catch (error) {
    log.warn({ file, error: textOf(error) }, "paces: not to be read");
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Names are nobody's business: with the key of this probe alone the hash of a guess can be compared. */
function hashWith(secret: string): (text: string) => string {
  const key = createHmac("sha256", secret).update("paces").digest();
  return (text) => createHmac("sha256", key).update(text).digest("base64url").slice(0, NAME_HASH_CHARS);
}
