import { QUIT_TIMEOUT_MS, TARPIT_MS } from "../limits.ts";
import type { SmtpTimes } from "../pace/profile.ts";
import { Channel, type ChannelOptions } from "./channel.ts";
import type { Capabilities, DialogueCommand, DialogueEvent, Ending, Flight } from "./dialogue-types.ts";
import { createDialogue, type Dialogue, isWaiting, stageOf, step } from "./machine.ts";

export type SessionOptions = ChannelOptions & {
  readonly helo: string;
  readonly startTls: boolean;
  /** False to send one command at a time whatever the server offers. */
  readonly pipeline: boolean;
  readonly times: SmtpTimes;
  /** Time without work after which the session says QUIT. */
  readonly idleMs: number;
  readonly now: () => number;
  /** Told all that is sent and received. */
  readonly record: (direction: ">" | "<", text: string) => void;
};

export type SessionHandlers = {
  ready(capabilities: Capabilities): void;
  answered(flight: Flight): void;
  /** A recipient's reply was held back, and more recipients wait behind it. */
  tarpitted(): void;
  /** The last call, always made once: the socket is gone. */
  ended(ending: Ending): void;
};

/** Drives one dialogue over one channel, with one timer. */
export class Session {
  readonly #options: SessionOptions;
  readonly #handlers: SessionHandlers;
  readonly #dialogue: Dialogue;
  readonly #channel: Channel;
  #connected = false;
  #over = false;
  #securing = false;
  #deadlineMs: number;
  /** When the timer fires. */
  #dueMs = 0;
  /** When anything was last sent or received. */
  #heardMs = 0;
  /** The banner has begun; a reply other than one to RCPT has been late: this host is slow with everything. */
  #greeted = false;
  #sluggish = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: SessionOptions, handlers: SessionHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#dialogue = createDialogue(options);
    this.#deadlineMs = options.now() + options.times.connectMs;
    this.#channel = new Channel(options, {
      connected: () => this.#onConnected(),
      received: (text) => this.#onReceived(text),
      secured: (protocol) => {
        this.#securing = false;
        this.#step({ kind: "secured", protocol });
      },
      tlsFailed: (detail) => this.#step({ kind: "tls_failed", detail }),
      closed: (detail) => this.#onClosed(detail),
    });
    this.#channel.dial();
    this.#arm();
  }

  /** Sends a transaction. The session must be ready and not quitting. */
  submit(flight: Flight): void {
    this.#step({ kind: "flight", flight });
  }

  /** Says goodbye; `ended` follows. Only when nothing is under way. */
  quit(): void {
    if (this.#over) return;
    this.#step({ kind: "quit" });
    this.#deadlineMs = this.#options.now() + QUIT_TIMEOUT_MS;
    this.#rearm();
  }

  /** Drops the connection at once; `ended` follows before this returns. */
  destroy(detail: string): void {
    this.#finish({ cause: "closed", stage: stageOf(this.#dialogue), reply: null, detail, ask: null });
  }

  #onConnected(): void {
    this.#connected = true;
    this.#deadlineMs = this.#options.now() + this.#options.times.bannerMs;
    this.#rearm();
  }

  #onReceived(text: string): void {
    this.#options.record("<", text);
    const nowMs = this.#options.now();
    const late = nowMs - this.#heardMs > TARPIT_MS;
    const slow = late && !this.#sluggish && stageOf(this.#dialogue) === "rcpt";
    if (late && !slow && this.#greeted) this.#sluggish = true;
    this.#greeted = true;
    this.#heardMs = nowMs;
    this.#step({ kind: "data", text });
    if (slow && !this.#over && stageOf(this.#dialogue) === "rcpt") this.#handlers.tarpitted();
  }

  #onClosed(detail: string): void {
    if (this.#connected) {
      this.#step(this.#securing ? { kind: "tls_failed", detail } : { kind: "closed", detail });
    } else {
      this.#finish({ cause: "connect", stage: "connect", reply: null, detail, ask: null });
    }
  }

  #step(event: DialogueEvent): void {
    if (this.#over) return;
    for (const command of step(this.#dialogue, event)) this.#carryOut(command);
    const nowMs = this.#options.now();
    this.#deadlineMs = nowMs + this.#patienceMs();
    // An idle connection's timer is far away; a question that finds no answer is not to wait for it.
    if (this.#deadlineMs < this.#dueMs) this.#rearm();
  }

  #patienceMs(): number {
    const { times, idleMs } = this.#options;
    if (!isWaiting(this.#dialogue)) return idleMs;
    const stage = stageOf(this.#dialogue);
    if (stage === "banner") return times.bannerMs;
    return stage === "rcpt" ? times.rcptMs : times.replyMs;
  }

  #carryOut(command: DialogueCommand): void {
    if (this.#over) return;
    switch (command.kind) {
      case "write":
        this.#options.record(">", command.text);
        this.#channel.send(command.text, command.utf8);
        this.#heardMs = this.#options.now();
        break;
      case "secure":
        this.#securing = true;
        this.#channel.upgrade();
        break;
      case "ready":
        this.#handlers.ready(command.capabilities);
        break;
      case "answered":
        this.#handlers.answered(command.flight);
        break;
      case "end":
        this.#finish(command.ending);
        break;
    }
  }

  #finish(ending: Ending): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#channel.drop();
    this.#handlers.ended(ending);
  }

  /** One timer per connection, moved lazily: replies only move the deadline, the timer looks at it when it fires. */
  #arm(): void {
    const nowMs = this.#options.now();
    const waitMs = Math.max(1, this.#deadlineMs - nowMs);
    this.#dueMs = nowMs + waitMs;
    this.#timer = setTimeout(() => this.#onTimer(), waitMs);
  }

  #rearm(): void {
    if (this.#over) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#arm();
  }

  #onTimer(): void {
    if (this.#over) return;
    if (this.#options.now() < this.#deadlineMs) this.#arm();
    else if (!this.#connected) {
      this.#finish({ cause: "timeout", stage: "connect", reply: null, detail: "no connection in time", ask: null });
    } else if (isWaiting(this.#dialogue)) this.#step({ kind: "timeout" });
    else this.quit();
  }
}
