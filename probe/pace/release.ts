import { request } from "undici";
import { z } from "zod";
import { ANY_SOURCE, type ProbeConfig } from "../config.ts";
import { askForQuarantine } from "../doctor/report-listed.ts";
import type { Log } from "../log.ts";
import { EDGE_TIMEOUT_MS } from "./limits.ts";
import type { Quarantine } from "./quarantine.ts";

const selfSchema = z.object({ quarantined: z.boolean(), quarantined_sources: z.array(z.string()) });

/**
 * Brings quarantine and edge together: what operators have put out of use is made known to the edge, where people see
 * it, and what a person has released there comes back into use. Without the edge everything stays as it is.
 * @param log gets what changes, and what stands in the way
 */
export async function reconcileQuarantine(
  config: ProbeConfig,
  quarantine: Quarantine,
  log: Pick<Log, "info" | "warn" | "error">,
): Promise<void> {
  const known = quarantine.out().filter(({ told }) => told);
  for (const { source, operators } of quarantine.out().filter(({ told }) => !told)) {
    const reason = `listed by mail operators: ${operators.join(", ")}`.slice(0, 300);
    const asked = await askForQuarantine(config, source === ANY_SOURCE ? "" : source, reason);
    if (asked.ok) {
      quarantine.tell(source);
      log.warn({ source, reason }, "quarantined");
    } else log.error({ source, reason, error: asked.error }, "listed, and the edge does not know");
  }
  if (known.length === 0) return;
  const self = await askSelf(config);
  if (typeof self === "string") {
    log.warn({ error: self }, "cannot ask the edge who is in quarantine");
    return;
  }
  for (const { source } of known) {
    if (self.quarantined || self.quarantined_sources.includes(source)) continue;
    quarantine.release(source);
    log.info({ source }, "released from quarantine");
  }
}

/** What the edge knows of us, or why it does not say. */
async function askSelf(config: ProbeConfig): Promise<z.infer<typeof selfSchema> | string> {
  try {
    const response = await request(new URL("/v1/probes/self", config.edgeUrl ?? ""), {
      headers: { authorization: `Bearer ${config.token ?? ""}` },
      headersTimeout: EDGE_TIMEOUT_MS,
      bodyTimeout: EDGE_TIMEOUT_MS,
    });
    if (response.statusCode !== 200) {
      await response.body.dump();
      return `the edge answers ${response.statusCode}`;
    }
    const said = selfSchema.safeParse(await response.body.json());
    return said.success ? said.data : "the edge says something else";
  } catch (error) {
    return error instanceof Error ? error.message || error.name : String(error);
  }
}
