import { err, ok, type Result } from "../../shared/result.ts";
import { type Access, call, callOnce, pauseMs } from "./call.ts";
import { readEvents, type StreamEvent } from "./events.ts";
import { breakOf, type Fault, isPassing } from "./fault.ts";
import { EMPTY_STREAMS_MAX, OUTAGE_MAX_MS, POLL_EVERY_MS, STREAM_SILENCE_MAX_MS } from "./limits.ts";
import { isOver, type Job, jobShape } from "./shapes.ts";

const foreign: Fault = { kind: "foreign", text: "the answer is not that of this API" };

const jobPath = (id: string): string => `v1/jobs/${encodeURIComponent(id)}`;

/** The job as it is now. */
async function readJob(access: Access, id: string, signal: AbortSignal): Promise<Result<Job, Fault>> {
  const answer = await call(access, { path: jobPath(id) }, signal);
  return answer.ok ? jobOf(await answer.value.json().catch(() => null)) : answer;
}

/**
 * Follows a job to its end, by its event stream; where streams bring nothing, by asking. Connections that break are
 * made again, through outages of up to a quarter of an hour.
 * @returns each view of the job as it comes, the last one over; or one fault, after which nothing comes
 */
export async function* followJob(
  access: Access,
  id: string,
  signal: AbortSignal,
): AsyncGenerator<Result<Job, Fault>, void> {
  let lastId: string | null = null;
  let empty = 0;
  let failures = 0;
  let newsMs = access.now();
  while (!signal.aborted) {
    const polls = empty >= EMPTY_STREAMS_MAX;
    let fault: Fault | null = null;
    let brought = false;
    for await (const view of polls ? pollOnce(access, id, signal) : streamOnce(access, id, lastId, signal)) {
      if (!view.ok) {
        fault = view.error;
        break;
      }
      brought = true;
      newsMs = access.now();
      lastId = view.value.eventId;
      yield ok(view.value.job);
      if (isOver(view.value.job)) return;
    }
    const lasting = fault !== null && !isPassing(fault);
    if (lasting || access.now() - newsMs > OUTAGE_MAX_MS) {
      yield err(fault ?? { kind: "unreachable", text: "no news of the job" });
      return;
    }
    failures = brought ? 0 : failures + 1;
    // A stream that never speaks is a proxy's doing; one that cannot be had at all says nothing about streams.
    if (!polls) empty = brought ? 0 : empty + (fault?.kind === "unreachable" ? 0 : 1);
    await access.sleep(polls && brought ? POLL_EVERY_MS : pauseMs(Math.max(1, failures)), signal);
  }
  yield err({ kind: "aborted" });
}

type View = { readonly job: Job; readonly eventId: string | null };

/** One stream, until it ends, breaks or falls silent. */
async function* streamOnce(
  access: Access,
  id: string,
  lastId: string | null,
  signal: AbortSignal,
): AsyncGenerator<Result<View, Fault>, void> {
  const silence = new AbortController();
  const both = AbortSignal.any([signal, silence.signal]);
  const headers = { accept: "text/event-stream", ...(lastId !== null && { "last-event-id": lastId }) };
  const answer = await callOnce(access, { path: `${jobPath(id)}/events`, headers }, both);
  if (!answer.ok) {
    yield answer;
    return;
  }
  const { body } = answer.value;
  if (body === null || !answer.value.headers.get("content-type")?.startsWith("text/event-stream")) {
    await body?.cancel();
    return;
  }
  let timer = setTimeout(() => silence.abort(), STREAM_SILENCE_MAX_MS);
  try {
    for await (const event of readEvents(body.pipeThrough(new TextDecoderStream()))) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), STREAM_SILENCE_MAX_MS);
      const view = viewOf(event);
      if (view !== null) yield view;
    }
  } catch (error) {
    yield err(breakOf(error, signal));
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

function viewOf(event: StreamEvent): Result<View, Fault> | null {
  if (event.name !== "progress" && event.name !== "done") return null;
  const job = jobOf(parse(event.data));
  return job.ok ? ok({ job: job.value, eventId: event.id }) : job;
}

async function* pollOnce(access: Access, id: string, signal: AbortSignal): AsyncGenerator<Result<View, Fault>, void> {
  const job = await readJob(access, id, signal);
  yield job.ok ? ok({ job: job.value, eventId: null }) : job;
}

function jobOf(value: unknown): Result<Job, Fault> {
  const parsed = jobShape.safeParse(value);
  return parsed.success ? ok(parsed.data) : err(foreign);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
