import { request } from "undici";
import { err, ok, type Result } from "../../shared/result.ts";
import type { ProbeConfig } from "../config.ts";
import { EDGE_TIMEOUT_MS } from "./limits.ts";
import type { CheckResult } from "./types.ts";

/** The source addresses that an examination condemns; "" is whatever the system chooses, which is the whole probe. */
export const condemnedBy = (results: readonly CheckResult[]): readonly { source: string; reason: string }[] =>
  results.flatMap(({ condemned = [], found }) => condemned.map((source) => ({ source, reason: found.slice(0, 300) })));

/**
 * Asks the edge to put one of our source addresses, or all of us, into quarantine: a listed address stays out of
 * service until a person releases it (MAIL.md 7, E6). The hub then tells us, as it would after an operator's order.
 */
export async function askForQuarantine(
  config: ProbeConfig,
  source: string,
  reason: string,
): Promise<Result<void, string>> {
  try {
    const response = await request(new URL("/v1/probes/self/quarantine", config.edgeUrl ?? ""), {
      method: "POST",
      headers: { authorization: `Bearer ${config.token ?? ""}`, "content-type": "application/json" },
      body: JSON.stringify(source === "" ? { reason } : { reason, source }),
      headersTimeout: EDGE_TIMEOUT_MS,
      bodyTimeout: EDGE_TIMEOUT_MS,
    });
    await response.body.dump();
    return response.statusCode === 200 ? ok(undefined) : err(`the edge answers ${response.statusCode}`);
  } catch (error) {
    return err(error instanceof Error ? error.message || error.name : String(error));
  }
}
