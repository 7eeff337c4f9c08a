import { randomHex } from "../../ids.ts";

/** Where a call stands in its trace (W3C Trace Context). */
export type Trace = { readonly traceId: string; readonly traceparent: string };

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$/;

/** Continues the caller's trace, or starts one; a malformed header starts one, as the standard says. */
export function traceOf(header: string | undefined): Trace {
  const given = header === undefined ? null : TRACEPARENT.exec(header);
  const caller = given?.[1];
  const fresh = randomHex();
  // All zeros is the standard's invalid id.
  const traceId = caller !== undefined && caller !== "0".repeat(32) ? caller : fresh;
  const spanId = caller === undefined ? fresh.slice(16) : fresh.slice(0, 16);
  return { traceId, traceparent: `00-${traceId}-${spanId}-01` };
}
