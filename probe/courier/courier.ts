import { randomBytes } from "node:crypto";
import { Agent } from "undici";
import { redactAddresses } from "../../shared/reply/redact.ts";
import { ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER } from "../../shared/webhook/event.ts";
import { vetWebhookUrl } from "../../shared/webhook/url.ts";
import { createHostResolver, guardedConnector } from "../guard/address-guard.ts";
import type { CourierConfig, CourierDeps } from "./config.ts";
import { Exchange, type Post } from "./exchange.ts";
import {
  type CourierTiming,
  ENDPOINT_CAP,
  IN_FLIGHT_MAX,
  RESPONSE_HEADER_MAX_BYTES,
  TIMING,
  UNRECORDED_MAX,
} from "./limits.ts";
import { isSlow, nextStep, type Outcome } from "./machine.ts";
import { Recorder } from "./recorder.ts";
import { Rooms } from "./rooms.ts";
import { createKeyring, type Keyring } from "./secrets.ts";
import { signatures } from "./sign.ts";
import { type CourierStore, type Delivery, openStore } from "./store.ts";
import { Waker } from "./waker.ts";

/** Since the start, but for `inFlight` and `unrecorded`, which are now. */
type CourierStats = {
  readonly inFlight: number;
  readonly unrecorded: number;
  readonly claimed: number;
  readonly delivered: number;
  readonly failed: number;
  readonly dead: number;
};

export type Courier = {
  stats(): CourierStats;
  /** Claims nothing more, lets what is in flight finish for a while, writes its outcomes, closes everything. */
  stop(): Promise<void>;
};

/**
 * Starts the claim loop. Delivery is at least once: a delivery is claimed by pushing its `next_at` forward, so one that
 * was sent by a courier that died before it wrote the outcome is sent again, under the same webhook-id.
 * Trouble with Postgres is logged and waited out, never thrown.
 */
export function startCourier(config: CourierConfig, deps: CourierDeps): Courier {
  const loop = new ClaimLoop(config, deps);
  const running = loop.run();
  let stopped: Promise<void> | null = null;
  return {
    stats: () => loop.stats(),
    stop() {
      stopped ??= loop.stop(running);
      return stopped;
    },
  };
}

class ClaimLoop {
  #timing: CourierTiming;
  #deps: CourierDeps;
  #allowPrivate: boolean;
  #store: CourierStore;
  #recorder: Recorder;
  #keyring: Keyring;
  #agent: Agent;
  #rooms = new Rooms(ENDPOINT_CAP);
  #waker = new Waker();
  #sending = new Set<Promise<void>>();
  #exchanges = new Set<Exchange>();
  #refillAfter = 0;
  #stopping = false;
  #counts = { claimed: 0, delivered: 0, failed: 0, dead: 0 };

  constructor(config: CourierConfig, deps: CourierDeps) {
    const timing = { ...TIMING, ...deps.timing };
    this.#timing = timing;
    this.#deps = deps;
    this.#allowPrivate = config.allowPrivate;
    this.#store = openStore(config.databaseUrl, (detail) => deps.log.warn({ error: detail }, "lost Postgres"));
    this.#recorder = new Recorder(this.#store, timing, deps.log);
    this.#keyring = createKeyring(config.sealingKeys);
    const resolve = deps.resolve ?? createHostResolver(Math.ceil(timing.connectMs / 2));
    this.#agent = new Agent({
      // No bound per origin: many endpoints can share one, and IN_FLIGHT_MAX bounds them all together.
      connect: guardedConnector({ timeout: timing.connectMs, allowH2: false }, config.allowPrivate, resolve),
      headersTimeout: 0, // one timer per exchange covers everything
      bodyTimeout: 0,
      maxHeaderSize: RESPONSE_HEADER_MAX_BYTES,
    });
  }

  stats(): CourierStats {
    return { inFlight: this.#sending.size, unrecorded: this.#recorder.unrecorded, ...this.#counts };
  }

  async run(): Promise<void> {
    let pauseMs = this.#timing.pollMs;
    while (!this.#stopping) {
      const most = Math.min(IN_FLIGHT_MAX - this.#sending.size, UNRECORDED_MAX - this.#recorder.unrecorded);
      if (most <= 0) {
        this.#refillAfter = Math.ceil(IN_FLIGHT_MAX / 8);
        await this.#waker.wait(this.#timing.pollMs);
        continue;
      }
      const taken = this.#rooms.taken(Date.now());
      const claimed = await this.#store.claim(ENDPOINT_CAP, most, this.#timing.leaseMs, taken);
      if (!claimed.ok) {
        this.#deps.log.warn({ error: claimed.error.detail }, "nothing claimed, will retry");
        pauseMs = Math.min(pauseMs * 2, this.#timing.databaseRetryMaxMs);
      } else if (claimed.value.length === 0) {
        pauseMs = Math.min(pauseMs * 2, this.#timing.pollMaxMs);
        // Perhaps all rooms were full: look again when some of what is out has come back.
        this.#refillAfter = Math.ceil(this.#sending.size / 4);
      } else {
        pauseMs = this.#timing.pollMs;
        for (const delivery of claimed.value) this.#launch(delivery);
        // The next claim comes when half of these are through: waiting for all would starve quick endpoints.
        this.#refillAfter = Math.ceil(claimed.value.length / 2);
      }
      if (!this.#stopping) await this.#waker.wait(pauseMs);
    }
  }

  async stop(running: Promise<void>): Promise<void> {
    this.#stopping = true;
    this.#waker.wake();
    await running;
    const untilMs = Date.now() + this.#timing.stopMs;
    const patience = setTimeout(() => {
      for (const exchange of this.#exchanges) exchange.interrupt();
    }, this.#timing.stopMs);
    while (this.#sending.size > 0) await Promise.all(this.#sending);
    clearTimeout(patience);
    await this.#recorder.drain(untilMs + this.#timing.databaseRetryMaxMs);
    await this.#agent.destroy();
    await this.#store.close();
  }

  #launch(delivery: Delivery): void {
    this.#counts.claimed += 1;
    this.#rooms.enter(delivery.endpoint_id);
    const sending = this.#deliver(delivery).then(() => {
      this.#sending.delete(sending);
      this.#refillAfter -= 1;
      if (this.#refillAfter === 0) this.#waker.wake();
    });
    this.#sending.add(sending);
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const startedMs = Date.now();
    const outcome = await this.#send(delivery, startedMs);
    const endedMs = Date.now();
    this.#rooms.leave(delivery.endpoint_id, isSlow(outcome), endedMs);
    const random = (this.#deps.random ?? Math.random)();
    const next = nextStep(outcome, delivery.attempts, endedMs, random, this.#timing.retryDelaysMs);
    this.#count(next.state, delivery, next.error);
    const response = outcome.kind === "response" ? outcome : null;
    this.#recorder.add({
      id: delivery.id,
      attempt_no: delivery.attempts,
      at: new Date(startedMs).toISOString(),
      duration_ms: endedMs - startedMs,
      status_code: response?.status ?? null,
      error: next.error,
      response: response === null ? null : storable(response.body),
      state: next.state,
      next_at: next.nextAtMs === null ? null : new Date(next.nextAtMs).toISOString(),
    });
  }

  async #send(delivery: Delivery, nowMs: number): Promise<Outcome> {
    const opened = this.#keyring(delivery.secrets);
    const keys = opened instanceof Promise ? await opened : opened;
    if (!keys.ok) {
      this.#deps.log.error({ endpoint: delivery.endpoint_id, error: keys.error }, "signing secret does not open");
      return { kind: "secret-unreadable" };
    }
    const url = URL.parse(delivery.url);
    if (url === null) return { kind: "url-refused", detail: "The webhook URL cannot be read." };
    const vetted = vetWebhookUrl(url, this.#allowPrivate);
    if (!vetted.ok) return { kind: "url-refused", detail: vetted.error.detail };
    const exchange = new Exchange(this.#agent, compose(delivery, url, keys.value, nowMs), this.#timing);
    this.#exchanges.add(exchange);
    const outcome = await exchange.outcome;
    this.#exchanges.delete(exchange);
    return outcome;
  }

  #count(state: "delivered" | "pending" | "dead", delivery: Delivery, error: string | null): void {
    if (state === "delivered") {
      this.#counts.delivered += 1;
      return;
    }
    this.#counts.failed += 1;
    if (state === "pending") return;
    this.#counts.dead += 1;
    this.#deps.log.warn({ delivery: delivery.id, endpoint: delivery.endpoint_id, error }, "delivery is dead");
  }
}

function compose(delivery: Delivery, url: URL, keys: readonly Buffer[], nowMs: number): Post {
  const timestamp = new Date(delivery.event_ms).toISOString();
  const type = JSON.stringify(delivery.type);
  // The payload is JSON text from Postgres already; reading and writing it again could only change it.
  const body = `{"type":${type},"timestamp":"${timestamp}","data":${delivery.payload}}`;
  const seconds = Math.floor(nowMs / 1_000);
  const headers: Record<string, string> = {
    "content-type": "application/json",
    "user-agent": "Mailsonar-Webhooks/1",
    [ID_HEADER]: delivery.event_id,
    [TIMESTAMP_HEADER]: String(seconds),
    [SIGNATURE_HEADER]: signatures(keys, delivery.event_id, seconds, body),
  };
  // W3C Trace Context 3.2: the event's trace goes on, this attempt is a span of its own.
  if (delivery.trace_id !== null && /^(?!0{32})[0-9a-f]{32}$/.test(delivery.trace_id)) {
    headers.traceparent = `00-${delivery.trace_id}-${randomBytes(8).toString("hex")}-01`;
  }
  return { url, headers, body };
}

/** A receiver's words as Postgres can store and anyone may read them: no control characters, addresses, secrets. */
function storable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: jsonb refuses NUL, and the rest spoils a terminal
  const plain = text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, " ");
  return redactAddresses(plain).replace(/whsec_[A-Za-z0-9+/=_-]+/g, "[secret]");
}
