import type { Duplex } from "node:stream";

type Entry = { due: number; text: string; after: (() => void) | null };

/** How an outbox reaches the wire: `rttMs` is asked at each reply, so that it can change meanwhile. */
export type Carriage = {
  readonly rttMs: () => number;
  readonly delivery: "whole" | "bytes" | "lf";
  readonly onBytes: (bytes: number) => void;
};

/**
 * Replies on their way to one client, in order. The server works on one command at a time (`delayMs`), and each
 * reply then travels for one round trip, so that pipelined commands are answered together. Replies of one burst
 * leave in one write.
 */
export class Outbox {
  #stream: Duplex;
  readonly #carriage: Carriage;
  #entries: Entry[] = [];
  #busyUntil = 0;
  #timer: NodeJS.Timeout | null = null;
  #scheduled = false;
  #trickle = "";
  #closed = false;

  constructor(stream: Duplex, carriage: Carriage) {
    this.#stream = stream;
    this.#carriage = carriage;
  }

  /** Whether replies are still on their way: a client that talks now has not seen them. */
  get pending(): boolean {
    return this.#entries.length > 0 || this.#trickle !== "";
  }

  /** Queues a reply that takes the server `delayMs` of work from `nowMs` on; `after` runs once it is written. */
  say(text: string, nowMs: number, delayMs = 0, after: (() => void) | null = null): void {
    if (this.#closed) return;
    const done = Math.max(nowMs, this.#busyUntil) + delayMs;
    this.#busyUntil = done;
    const last = this.#entries.at(-1);
    const due = Math.max(done + this.#carriage.rttMs(), last?.due ?? 0);
    if (last && last.after === null && last.due === due) {
      last.text += text;
      last.after = after;
    } else this.#entries.push({ due, text, after });
    this.#schedule();
  }

  /** Lets every queued reply wait for the last one. */
  hold(): void {
    const due = this.#entries.at(-1)?.due ?? 0;
    for (const entry of this.#entries) entry.due = due;
  }

  /** Moves to another stream (after a TLS handshake). */
  switchTo(stream: Duplex): void {
    this.#stream = stream;
  }

  /** Forgets what is queued; nothing is said any more. */
  close(): void {
    this.#closed = true;
    this.#entries = [];
    this.#trickle = "";
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #schedule(): void {
    if (this.#scheduled || this.#timer || this.#trickle !== "") return;
    const first = this.#entries[0];
    if (!first) return;
    const wait = first.due - performance.now();
    if (wait <= 0) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#flush();
      });
      return;
    }
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#flush();
    }, Math.ceil(wait));
  }

  #flush(): void {
    const now = performance.now();
    let text = "";
    let taken = 0;
    let after: (() => void) | null = null;
    for (const entry of this.#entries) {
      if (entry.due > now) break;
      text += entry.text;
      taken += 1;
      after = entry.after;
      if (after) break;
    }
    if (taken === this.#entries.length) this.#entries = [];
    else this.#entries.splice(0, taken);
    if (taken > 0) this.#write(text, after);
    else this.#schedule();
  }

  #write(text: string, after: (() => void) | null): void {
    const out = this.#carriage.delivery === "lf" ? text.replaceAll("\r\n", "\n") : text;
    this.#carriage.onBytes(out.length);
    if (this.#carriage.delivery === "bytes") {
      this.#trickle = out;
      this.#drip(after);
      return;
    }
    if (out !== "" && this.#stream.writable && !this.#stream.write(out, "latin1")) this.#holdBack(this.#stream);
    after?.();
    this.#schedule();
  }

  /** A client that does not read its replies is not listened to until it does. */
  #holdBack(stream: Duplex): void {
    stream.pause();
    stream.once("drain", () => stream.resume());
  }

  /** Sends the text a byte or two at a time, each in its own packet as far as the system lets it. */
  #drip(after: (() => void) | null): void {
    if (this.#closed || !this.#stream.writable) return;
    const step = 1 + (this.#trickle.length % 2);
    this.#stream.write(this.#trickle.slice(0, step), "latin1");
    this.#trickle = this.#trickle.slice(step);
    if (this.#trickle !== "") {
      setImmediate(() => this.#drip(after));
      return;
    }
    after?.();
    this.#schedule();
  }
}
