import type { CourierLog } from "./config.ts";
import { type CourierTiming, RECORD_BATCH } from "./limits.ts";
import type { AttemptRecord, CourierStore, StoreError } from "./store.ts";

/** Writes outcomes in batches, one statement at a time, and holds on to them while Postgres is away. */
export class Recorder {
  #store: CourierStore;
  #timing: CourierTiming;
  #log: CourierLog;
  #waiting: AttemptRecord[] = [];
  #writing: AttemptRecord[] = [];
  #timer: NodeJS.Timeout | null = null;
  #retryMs = 0;
  #closed = false;

  constructor(store: CourierStore, timing: CourierTiming, log: CourierLog) {
    this.#store = store;
    this.#timing = timing;
    this.#log = log;
  }

  /** Outcomes not yet safe in Postgres. */
  get unrecorded(): number {
    return this.#waiting.length + this.#writing.length;
  }

  add(record: AttemptRecord): void {
    this.#waiting.push(record);
    this.#arm(this.#retryMs || this.#timing.gatherMs);
  }

  /** Writes what is left, until it is written or `untilMs` (epoch) has come. What stays unwritten is sent again. */
  async drain(untilMs: number): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    while (this.unrecorded > 0 && Date.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, Math.max(this.#retryMs, this.#timing.gatherMs)));
      await this.#write();
    }
  }

  #arm(delayMs: number): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.#write();
    }, delayMs);
  }

  async #write(): Promise<void> {
    if (this.#writing.length > 0 || this.#waiting.length === 0) return;
    this.#writing = this.#waiting.splice(0, RECORD_BATCH);
    const written = await this.#store.record(this.#writing);
    if (written.ok) {
      this.#retryMs = 0;
    } else {
      this.#log.warn({ error: written.error.detail, unrecorded: this.unrecorded }, "outcomes not written, will retry");
      this.#retryMs = Math.min(Math.max(this.#retryMs * 2, this.#timing.pollMs), this.#timing.databaseRetryMaxMs);
      this.#waiting = [...retriable(this.#writing, written.error), ...this.#waiting];
    }
    this.#writing = [];
    if (this.#waiting.length > 0) this.#arm(this.#retryMs || 0);
  }
}

/**
 * What to write again. Words of a receiver that Postgres cannot store must not hold up the outcomes beside them, so
 * they are left out then; a batch that is refused without them is given up, and its deliveries are sent again.
 */
function retriable(batch: readonly AttemptRecord[], error: StoreError): AttemptRecord[] {
  if (error.kind === "unavailable") return [...batch];
  return batch.some((r) => r.response !== null) ? batch.map((r) => ({ ...r, response: null })) : [];
}
