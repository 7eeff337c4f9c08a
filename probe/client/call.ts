import { err, ok, type Result } from "../../shared/result.ts";
import { breakOf, type Fault, faultOf, isPassing } from "./fault.ts";
import { ANSWER_MAX_MS, PAUSE_FIRST_MS, PAUSE_MAX_MS, RETRY_AFTER_MAX_MS, TRIES } from "./limits.ts";

/** Where the service is, and the seams to time. */
export type Access = {
  /** Origin, with a path when the API lies below one. */
  readonly url: URL;
  readonly key: string;
  readonly now: () => number;
  /** Resolves early when the signal fires. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
};

export type Request = {
  readonly method?: "GET" | "POST" | "PUT";
  /** Below the service's URL, without a leading slash. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: FormData | Blob | string;
  /** Time for the answer to begin; null: as long as it takes. */
  readonly answerMaxMs?: number | null;
};

/** One call, made once. The response's body is still to be read, under the same signal. */
export async function callOnce(
  access: Access,
  request: Request,
  signal: AbortSignal,
): Promise<Result<Response, Fault>> {
  const { method = "GET", path, headers = {}, body, answerMaxMs = ANSWER_MAX_MS } = request;
  const late = new AbortController();
  const timer = answerMaxMs === null ? undefined : setTimeout(() => late.abort(), answerMaxMs);
  try {
    const response = await fetch(new URL(path, access.url), {
      method,
      headers: { authorization: `Bearer ${access.key}`, "user-agent": "mailsonar-cli", ...headers },
      signal: AbortSignal.any([signal, late.signal]),
      ...(body !== undefined && { body }),
    });
    return response.ok ? ok(response) : err(await faultOf(response, access.now()));
  } catch (error) {
    if (late.signal.aborted && !signal.aborted) {
      return err({ kind: "unreachable", text: "no answer in time" });
    }
    return err(breakOf(error, signal));
  } finally {
    clearTimeout(timer);
  }
}

/**
 * One call, made again while the service is away or asks to wait. Every call of this client may be repeated: it reads,
 * or puts the same bytes in the same place, or carries an Idempotency-Key.
 */
export async function call(access: Access, request: Request, signal: AbortSignal): Promise<Result<Response, Fault>> {
  for (let tried = 1; ; tried += 1) {
    const answer = await callOnce(access, request, signal);
    if (answer.ok || tried >= TRIES || !isPassing(answer.error)) return answer;
    const asked = answer.error.kind === "refused" ? answer.error.retryAfterMs : null;
    if (asked !== null && asked > RETRY_AFTER_MAX_MS) return answer;
    await access.sleep(asked ?? pauseMs(tried), signal);
    if (signal.aborted) return err({ kind: "aborted" });
  }
}

/** Pause after the n-th failure in a row, from 1. */
export const pauseMs = (failures: number): number => Math.min(PAUSE_MAX_MS, PAUSE_FIRST_MS * 2 ** (failures - 1));
