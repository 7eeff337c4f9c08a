#!/usr/bin/env node
/**
 * A webhook receiver on loopback: verifies every event with the public `standardwebhooks` library, prints one line for
 * each, keeps the last ones for GET /, and can be told to misbehave. `node dev/receiver.ts` runs it on its own.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pathToFileURL } from "node:url";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

/** One request that came in. `id` is the webhook-id header, empty when it had none. */
type Received = {
  readonly at: string;
  readonly path: string;
  readonly id: string;
  readonly type: string;
  readonly verified: boolean;
  readonly problem: string | null;
  readonly traceparent: string | null;
  readonly body: unknown;
};

/** How the receiver answers: a status, after a delay, with headers; `hang` never answers. */
type Behaviour = {
  readonly status?: number;
  readonly delayMs?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly hang?: boolean;
};

export type ReceiverOptions = {
  readonly host?: string;
  readonly port?: number;
  /** The secret of a path for which none was registered; null when it has none. */
  readonly secretOf?: (path: string) => string | null;
  /** Called for each event with one readable line. */
  readonly log?: (line: string) => void;
  /** Decides the answer to each request; `nth` counts requests from 1. */
  readonly behave?: (received: Received, nth: number) => Behaviour;
};

export type Receiver = {
  readonly url: string;
  readonly port: number;
  /** The last KEPT_EVENTS requests, oldest first. */
  readonly events: readonly Received[];
  /** All requests since the start. */
  readonly count: number;
  setSecret(path: string, secret: string): void;
  behave(behave: NonNullable<ReceiverOptions["behave"]>): void;
  /** Resolves as soon as `count` has reached `total`. */
  received(total: number): Promise<void>;
  close(): Promise<void>;
};

const KEPT_EVENTS = 1_000;
const BODY_MAX_BYTES = 1_000_000;
const SECRETS_MAX = 10_000;

/** Starts a receiver; events go to any path, `PUT /secrets` with {"path", "secret"} registers a secret. */
export async function startReceiver(options: ReceiverOptions = {}): Promise<Receiver> {
  const state = new ReceiverState(options);
  const server = createServer((request, response) => {
    state.handle(request, response).catch(() => response.destroy());
  });
  const host = options.host ?? "127.0.0.1";
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    port,
    get events() {
      return state.events;
    },
    get count() {
      return state.count;
    },
    setSecret: (path, secret) => state.setSecret(path, secret),
    behave: (behave) => state.setBehaviour(behave),
    received: (total) => state.received(total),
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      state.close();
      await closed;
    },
  };
}

class ReceiverState {
  events: Received[] = [];
  count = 0;
  #options: ReceiverOptions;
  #behave: NonNullable<ReceiverOptions["behave"]>;
  #secrets = new Map<string, Webhook>();
  #waiting: { total: number; resolve: () => void }[] = [];
  #timers = new Set<NodeJS.Timeout>();

  constructor(options: ReceiverOptions) {
    this.#options = options;
    this.#behave = options.behave ?? (() => ({}));
  }

  setSecret(path: string, secret: string): void {
    if (this.#secrets.size >= SECRETS_MAX) this.#secrets.clear();
    this.#secrets.set(path, new Webhook(secret));
  }

  setBehaviour(behave: NonNullable<ReceiverOptions["behave"]>): void {
    this.#behave = behave;
  }

  received(total: number): Promise<void> {
    if (this.count >= total) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ total, resolve }));
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "/";
    if (request.method === "GET") return answer(response, { status: 200, body: JSON.stringify(this.events, null, 2) });
    const text = await readBody(request);
    if (text === null) return answer(response, { status: 413 });
    if (request.method === "PUT" && path === "/secrets") return this.#register(text, response);
    const received = this.#verify(request, path, text);
    this.count += 1;
    this.events.push(received);
    if (this.events.length > KEPT_EVENTS) this.events.shift();
    this.#options.log?.(lineOf(received));
    const behaviour = this.#behave(received, this.count);
    const respond = () => answer(response, { status: received.verified ? 204 : 401, ...behaviour });
    if (behaviour.delayMs !== undefined) {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        respond();
      }, behaviour.delayMs);
      this.#timers.add(timer);
    } else if (!behaviour.hang) respond();
    for (const waiter of this.#waiting.filter((w) => w.total <= this.count)) waiter.resolve();
    this.#waiting = this.#waiting.filter((w) => w.total > this.count);
  }

  #register(text: string, response: ServerResponse): void {
    try {
      const { path, secret } = JSON.parse(text) as { path?: unknown; secret?: unknown };
      this.setSecret(String(path), String(secret));
      answer(response, { status: 204 });
    } catch {
      answer(response, {
        status: 400,
        body: '{"error":"send {\\"path\\": \\"/hook\\", \\"secret\\": \\"whsec_...\\"}"}',
      });
    }
  }

  #verify(request: IncomingMessage, path: string, text: string): Received {
    const header = (name: string) => [request.headers[name] ?? ""].flat().join(",");
    const fallback = this.#options.secretOf?.(path);
    const webhook = this.#secrets.get(path) ?? (fallback ? new Webhook(fallback) : undefined);
    let problem: string | null = webhook ? null : "no secret is registered for this path";
    let body: unknown = text;
    try {
      body = JSON.parse(text);
      webhook?.verify(text, {
        "webhook-id": header("webhook-id"),
        "webhook-timestamp": header("webhook-timestamp"),
        "webhook-signature": header("webhook-signature"),
      });
    } catch (error) {
      problem = error instanceof WebhookVerificationError ? error.message : "the body is not JSON";
    }
    const type = typeof body === "object" && body !== null && "type" in body ? String(body.type) : "unknown";
    return {
      at: new Date().toISOString(),
      path,
      id: header("webhook-id"),
      type,
      verified: problem === null,
      problem,
      traceparent: header("traceparent") || null,
      body,
    };
  }
}

async function readBody(request: IncomingMessage): Promise<string | null> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > BODY_MAX_BYTES) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function answer(response: ServerResponse, { status = 204, headers = {}, body = "" }: Behaviour): void {
  response.writeHead(status, { ...(body === "" ? {} : { "content-type": "application/json" }), ...headers }).end(body);
}

function lineOf({ at, type, id, verified, problem, body }: Received): string {
  const data = typeof body === "object" && body !== null && "data" in body ? JSON.stringify(body.data) : "";
  const mark = verified ? "signature ok" : `NOT VERIFIED: ${problem}`;
  return `${at} webhook ${type} (${mark}) id=${id} ${data.length > 300 ? `${data.slice(0, 300)}…` : data}`;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const port = Number(process.env.RECEIVER_PORT ?? 8790);
  const receiver = await startReceiver({ port, log: (line) => process.stdout.write(`${line}\n`) });
  process.stdout.write(`webhook receiver on ${receiver.url} (GET / shows events, PUT /secrets registers a secret)\n`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void receiver.close());
}
