import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { AddressRefused } from "../guard/address-guard.ts";
import { type CourierTiming, RESPONSE_KEPT_BYTES } from "./limits.ts";
import type { Outcome } from "./machine.ts";

/** What is posted, ready to go. */
export type Post = { readonly url: URL; readonly headers: Readonly<Record<string, string>>; readonly body: string };

/**
 * One POST and its answer, on undici's handler interface: it never follows redirects, keeps the first bytes of the
 * body, and ends in exactly one Outcome, whatever the other side does.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly outcome: Promise<Outcome>;
  #settle: (outcome: Outcome) => void;
  #settled = false;
  #controller: Dispatcher.DispatchController | null = null;
  #timer: NodeJS.Timeout;
  #bodyMs: number;
  #status = 0;
  #retryAfter: string | null = null;
  #kept: Buffer[] = [];
  #room = RESPONSE_KEPT_BYTES;

  constructor(dispatcher: Dispatcher, post: Post, timing: CourierTiming) {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.outcome = promise;
    this.#settle = resolve;
    this.#bodyMs = timing.bodyMs;
    this.#timer = setTimeout(() => this.#expire(), timing.totalMs);
    const { url, headers, body } = post;
    dispatcher.dispatch({ origin: url.origin, path: url.pathname + url.search, method: "POST", headers, body }, this);
  }

  /** Ends the exchange from our side. */
  interrupt(): void {
    this.#end({ kind: "interrupted" }, true);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // It may have run out of time while it waited for its connection: then it must not be sent any more.
    if (this.#settled) controller.abort(new Error("ended before it was sent"));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return; // informational, RFC 9110 15.2
    this.#status = status;
    this.#retryAfter = headers["retry-after"] ?? null;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#expire(), this.#bodyMs);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    const part = chunk.subarray(0, this.#room);
    this.#kept.push(Buffer.from(part));
    this.#room -= part.length;
    if (part.length < chunk.length) this.#end(this.#response(), true);
  }

  onResponseEnd(): void {
    this.#end(this.#response(), false);
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#end(this.#status > 0 ? this.#response() : networkOutcome(error), false);
  }

  #expire(): void {
    if (this.#status > 0) this.#end(this.#response(), true);
    else this.#end({ kind: "timeout", stage: this.#controller === null ? "connect" : "response" }, true);
  }

  #response(): Outcome {
    const body = Buffer.concat(this.#kept).toString("utf8");
    return { kind: "response", status: this.#status, retryAfter: this.#retryAfter, body };
  }

  #end(outcome: Outcome, abort: boolean): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    if (abort) this.#controller?.abort(new Error("ended by the courier"));
    this.#settle(outcome);
  }
}

function networkOutcome(error: Error): Outcome {
  if (error instanceof AddressRefused) return { kind: "address-refused" };
  const code = "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN";
  if (code === "UND_ERR_CONNECT_TIMEOUT" || code === "ETIMEDOUT") return { kind: "timeout", stage: "connect" };
  return { kind: "network", code };
}
