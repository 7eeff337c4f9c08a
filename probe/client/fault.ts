import { PROBLEM_MAX_CHARS } from "./limits.ts";
import { problemShape } from "./shapes.ts";

/** Why a call has no answer. */
export type Fault =
  /** The service said no, and why. `retryAfterMs` only where it named a time. */
  | { readonly kind: "refused"; readonly status: number; readonly text: string; readonly retryAfterMs: number | null }
  /** No connection, or it broke. */
  | { readonly kind: "unreachable"; readonly text: string }
  /** An answer that is not this API's. */
  | { readonly kind: "foreign"; readonly text: string }
  | { readonly kind: "aborted" };

/** One line for people. */
export function describeFault(fault: Fault): string {
  switch (fault.kind) {
    case "refused":
    case "foreign":
      return fault.text;
    case "unreachable":
      return `the service cannot be reached: ${fault.text}`;
    case "aborted":
      return "stopped";
  }
}

/** Whether the same call may succeed a little later. */
export function isPassing(fault: Fault): boolean {
  switch (fault.kind) {
    case "refused":
      // A conflict with a time to come back is an earlier try of the same call that has not ended yet.
      return fault.status === 429 || fault.status >= 500 || (fault.status === 409 && fault.retryAfterMs !== null);
    case "unreachable":
      return true;
    case "foreign":
    case "aborted":
      return false;
  }
}

/** Reads an answer that is no success: title, detail, and the fields that are wrong, in one line. */
export async function faultOf(response: Response, nowMs: number): Promise<Fault> {
  const retryAfterMs = readRetryAfter(response.headers.get("retry-after"), nowMs);
  const body = await response.text().catch(() => "");
  const problem = problemShape.safeParse(parseJson(body.slice(0, PROBLEM_MAX_CHARS)));
  if (!problem.success) {
    const text = `HTTP ${response.status} ${response.statusText}`.trim();
    return { kind: "refused", status: response.status, text, retryAfterMs };
  }
  const { title, detail, errors, trace_id: trace } = problem.data;
  const fields = errors.map((error) => `${error.pointer ?? error.parameter ?? ""} ${error.detail}`.trim());
  const said = [title, [detail, ...fields].filter((part) => part !== "").join(" ")].filter((part) => part !== "");
  const mark = response.status >= 500 && trace !== undefined ? ` (trace ${trace})` : "";
  return { kind: "refused", status: response.status, text: oneLine(said.join(": ")) + mark, retryAfterMs };
}

/** What a failed fetch was about. */
export function breakOf(error: unknown, signal: AbortSignal): Fault {
  if (signal.aborted) return { kind: "aborted" };
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const said = cause instanceof Error ? cause.message || cause.name : String(cause);
  return { kind: "unreachable", text: oneLine(said || code) };
}

/** Retry-After as milliseconds from now: seconds or a date (RFC 9110 10.2.3). */
function readRetryAfter(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Text of a server on its way to a terminal: without line breaks and control characters. */
const oneLine = (text: string): string => text.replace(/[\p{Cc}\s]+/gu, " ").trim();
