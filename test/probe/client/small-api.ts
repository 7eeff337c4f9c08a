import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/** A job view with everything that the client reads. */
export function jobView(state: string, done: number, total: number): Record<string, unknown> {
  return {
    id: "job-1",
    state,
    phase: state === "running" ? "checking" : "ended",
    addresses_per_second: null,
    eta_seconds: null,
    percent: state === "completed" ? 100 : Math.floor((99 * done) / total),
    counts: {
      total,
      staged: total,
      done,
      open: total - done,
      deferred: 0,
      duplicates: 0,
      by_status: { deliverable: done, undeliverable: 0 },
    },
    next_attempt_at: null,
    error: null,
    started_at: "2026-11-20T08:00:00.000Z",
    finished_at: state === "completed" ? "2026-11-20T08:00:05.000Z" : null,
  };
}

export const eventOf = (name: string, id: number, job: object): string =>
  `event: ${name}\nid: ${id}\ndata: ${JSON.stringify(job)}\n\n`;

export const problem = (response: ServerResponse, status: number, body: object, headers = {}): void => {
  response.writeHead(status, { "content-type": "application/problem+json", ...headers });
  response.end(JSON.stringify({ type: "/problems/x", status, trace_id: "t1", ...body }));
};

export const stream = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, { "content-type": "text/event-stream" });

export type Asked = {
  readonly line: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
};

type Answer = (response: ServerResponse, asked: Asked, nth: number) => void;

/**
 * A small HTTP server in place of the lists' part of the API, to behave as the real one hardly can be made to: each
 * route (`GET /v1/jobs/job-1`) has its answer, which is told the how-manieth call of that route it is, from 1.
 */
export class SmallApi {
  readonly routes = new Map<string, Answer>();
  readonly asked: Asked[] = [];
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  url = "";

  async start(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const address = this.#server.address();
    this.url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }

  calls(line: string): Asked[] {
    return this.asked.filter((one) => one.line === line);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    try {
      for await (const chunk of request) body += chunk;
    } catch {
      // The client has hung up in the middle of its request: nobody waits for an answer.
      return;
    }
    const line = `${request.method} ${request.url}`;
    const asked = { line, headers: request.headers, body };
    this.asked.push(asked);
    const answer = this.routes.get(line);
    if (answer === undefined) problem(response, 404, { title: "Not found", detail: "There is nothing here." });
    else answer(response, asked, this.calls(line).length);
  }
}
