import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createClient } from "../../../probe/client/client.ts";
import { OUTAGE_MAX_MS, POLL_EVERY_MS, TRIES } from "../../../probe/client/limits.ts";
import { eventOf, jobView, problem, SmallApi, stream } from "./small-api.ts";

const EVENTS = "GET /v1/jobs/job-1/events";
const JOB = "GET /v1/jobs/job-1";
const signal = new AbortController().signal;

let api: SmallApi;
let nowMs: number;
let slept: number[];

beforeEach(async () => {
  api = new SmallApi();
  await api.start();
  nowMs = Date.UTC(2026, 10, 20);
  slept = [];
});
afterEach(() => api.stop());

/** Sleeping moves the clock and takes no time. */
const client = () =>
  createClient({
    url: new URL(`${api.url}/`),
    key: "ev_live_x",
    now: () => nowMs,
    sleep: async (ms) => {
      slept.push(ms);
      nowMs += ms;
    },
  });

const create = (stop: AbortSignal = signal) =>
  client().createJob(
    { file: new Blob(["email\na@b.org\n"]), fileName: "l.csv", name: "spring", mode: "dns", column: "2" },
    () => undefined,
    stop,
  );

async function follow(stop: AbortSignal = signal) {
  const seen: string[] = [];
  for await (const view of client().follow("job-1", stop)) {
    seen.push(view.ok ? `${view.value.state} ${view.value.counts.done}` : view.error.kind);
  }
  return seen;
}

describe("uploading", () => {
  test("sends the list with its settings under the key", async () => {
    api.routes.set("POST /v1/jobs", (response) => response.writeHead(202).end('{"id":"job-1"}'));
    expect(await create()).toEqual({ ok: true, value: "job-1" });
    const [asked] = api.asked;
    expect(asked?.headers.authorization).toBe("Bearer ev_live_x");
    for (const part of [
      'name="name"\r\n\r\nspring',
      'name="mode"\r\n\r\ndns',
      'name="column"\r\n\r\n2',
      'filename="l.csv"',
    ]) {
      expect(asked?.body).toContain(part);
    }
    expect(asked?.body).toContain("email\na@b.org\n");
  });

  test("waits as long as Retry-After says, in seconds or until a date, and repeats under one idempotency key", async () => {
    api.routes.set("POST /v1/jobs", (response, _, nth) => {
      if (nth === 1) problem(response, 429, { title: "Too many" }, { "retry-after": "7" });
      else if (nth === 2) {
        const date = new Date(nowMs + 11_000).toUTCString();
        problem(response, 503, { title: "Away" }, { "retry-after": date });
      } else response.writeHead(202).end('{"id":"job-1"}');
    });
    expect(await create()).toEqual({ ok: true, value: "job-1" });
    expect(slept).toEqual([7_000, 11_000]);
    expect(new Set(api.asked.map((asked) => asked.headers["idempotency-key"])).size).toBe(1);
  });

  test("does not wait for a Retry-After of hours", async () => {
    api.routes.set("POST /v1/jobs", (response) =>
      problem(response, 429, { title: "Quota used up", detail: "Come back tomorrow." }, { "retry-after": "40000" }),
    );
    expect(await create()).toMatchObject({ error: { text: "Quota used up: Come back tomorrow.", retryAfterMs: 4e7 } });
    expect(slept).toEqual([]);
  });

  test("repeats an upload whose answer was lost, and one whose earlier try has not ended", async () => {
    api.routes.set("POST /v1/jobs", (response, _, nth) => {
      if (nth === 1) response.destroy();
      else if (nth === 2) problem(response, 409, { title: "In progress" }, { "retry-after": "2" });
      else response.writeHead(202).end('{"id":"job-1"}');
    });
    expect(await create()).toEqual({ ok: true, value: "job-1" });
    expect(new Set(api.asked.map((asked) => asked.headers["idempotency-key"])).size).toBe(1);
  });

  test("gives up after a few tries and names the trace of a fault on the other side", async () => {
    api.routes.set("POST /v1/jobs", (response) => problem(response, 500, { title: "Internal error", detail: "" }));
    expect(await create()).toMatchObject({ error: { text: "Internal error (trace t1)" } });
    expect(api.asked).toHaveLength(TRIES);
  });

  test("sends a list that is too large for a form in parts, each again when it fails, and makes the job of them", async () => {
    const part = 4_000_000;
    const file = new Blob(["email\n", "a@b.org\n".repeat(1_300_000)]);
    const parts = new Map<string, number>();
    api.routes.set("POST /v1/uploads", (response) => response.end(JSON.stringify({ id: "u1", part_bytes: part })));
    for (const n of [1, 2, 3]) {
      api.routes.set(`PUT /v1/uploads/u1/parts/${n}`, (response, asked, nth) => {
        if (n === 2 && nth === 1) {
          problem(response, 503, { title: "Away" });
          return;
        }
        parts.set(String(n), asked.body.length);
        response.end("{}");
      });
    }
    api.routes.set("POST /v1/uploads/u1/complete", (response) => response.end("{}"));
    api.routes.set("POST /v1/jobs", (response) => response.writeHead(202).end('{"id":"job-1"}'));
    const sent: number[] = [];
    const job = { file, fileName: "l.csv", name: "", mode: "full", column: null } as const;
    expect(await client().createJob(job, (bytes) => sent.push(bytes), signal)).toEqual({ ok: true, value: "job-1" });
    expect([parts.get("1"), parts.get("2"), parts.get("3")]).toEqual([part, part, file.size - 2 * part]);
    expect(sent.at(-1)).toBe(file.size);
    expect(JSON.parse(api.calls("POST /v1/jobs")[0]?.body ?? "")).toEqual({ upload_id: "u1", mode: "full" });
    expect(api.calls("POST /v1/uploads")[0]?.body).toBe(`{"bytes":${file.size}}`);
  });

  test("stops sending parts at the first that is refused", async () => {
    const file = new Blob(["a@b.org\n".repeat(1_300_000)]);
    api.routes.set("POST /v1/uploads", (response) => response.end('{"id":"u1","part_bytes":500000}'));
    const job = { file, fileName: "l.csv", name: "", mode: "full", column: null } as const;
    expect(await client().createJob(job, () => undefined, signal)).toMatchObject({ error: { status: 404 } });
    expect(api.asked.length).toBeLessThan(6);
  });

  test("names the fields that are wrong in one line without control characters", async () => {
    api.routes.set("POST /v1/jobs", (response) =>
      problem(response, 422, {
        title: "Invalid request",
        detail: "Look:\n\u001b[2J",
        errors: [{ pointer: "/mode", detail: "is none" }],
      }),
    );
    expect(await create()).toMatchObject({ error: { text: "Invalid request: Look: [2J /mode is none" } });
  });

  test("a refusal that is no problem document is told by its status", async () => {
    api.routes.set("POST /v1/jobs", (response) => response.writeHead(404).end("<html>"));
    expect(await create()).toMatchObject({ error: { kind: "refused", text: "HTTP 404 Not Found" } });
  });
});

describe("following", () => {
  test("opens a broken stream again from the last event and ends with the job", async () => {
    api.routes.set(EVENTS, (response, _, nth) => {
      if (nth === 1) {
        stream(response).write(eventOf("progress", 41, jobView("running", 1, 9)), () => response.destroy());
      } else {
        stream(response).write(": waiting\n\n");
        response.end(
          eventOf("progress", 42, jobView("running", 5, 9)) + eventOf("done", 43, jobView("completed", 9, 9)),
        );
      }
    });
    expect(await follow()).toEqual(["running 1", "running 5", "completed 9"]);
    expect(api.calls(EVENTS).map((asked) => asked.headers["last-event-id"])).toEqual([undefined, "41"]);
  });

  test("asks for the job where streams bring nothing", async () => {
    api.routes.set(EVENTS, (response, _, nth) => {
      if (nth === 1) stream(response).end();
      else response.writeHead(200, { "content-type": "text/html" }).end("<p>");
    });
    api.routes.set(JOB, (response, _, nth) =>
      response.end(JSON.stringify(jobView(nth < 3 ? "running" : "completed", nth * 3, 9))),
    );
    expect(await follow()).toEqual(["running 3", "running 6", "completed 9"]);
    expect(slept.slice(2)).toEqual([POLL_EVERY_MS, POLL_EVERY_MS]);
  });

  test("lives through an outage, and gives up after a quarter of an hour without news", async () => {
    api.routes.set(EVENTS, (response, _, nth) => {
      if (nth <= 8) response.destroy();
      else if (nth === 9) stream(response).end(eventOf("progress", 1, jobView("running", 1, 9)));
      else response.destroy();
    });
    expect(await follow()).toEqual(["running 1", "unreachable"]);
    expect(slept.reduce((a, b) => a + b)).toBeGreaterThan(OUTAGE_MAX_MS);
  });

  test("ends at once when the key is refused or the job is not there", async () => {
    api.routes.set(EVENTS, (response) => problem(response, 401, { title: "Revoked API key", detail: "It was." }));
    expect(await follow()).toEqual(["refused"]);
    api.routes.delete(EVENTS);
    expect(await follow()).toEqual(["refused"]);
    expect(api.asked).toHaveLength(2);
  });

  test("ends when told to stop in the middle of a stream", async () => {
    const stop = new AbortController();
    api.routes.set(EVENTS, (response) => {
      stream(response).write(eventOf("progress", 1, jobView("running", 1, 9)));
    });
    const seen: string[] = [];
    for await (const view of client().follow("job-1", stop.signal)) {
      seen.push(view.ok ? view.value.state : view.error.kind);
      stop.abort();
    }
    expect(seen).toEqual(["running", "aborted"]);
  });

  test("a view that is not this API's is a fault, states and statuses it does not know are none", async () => {
    api.routes.set(EVENTS, (response) => stream(response).end(eventOf("progress", 1, { id: "job-1" })));
    expect(await follow()).toEqual(["foreign"]);
    const odd = { ...jobView("completed", 9, 9), state: "resting", novel: true };
    api.routes.set(EVENTS, (response) =>
      stream(response).end(eventOf("progress", 1, odd) + eventOf("done", 2, jobView("completed", 9, 9))),
    );
    expect(await follow()).toEqual(["resting 9", "completed 9"]);
  });
});
