import type { ProbeConfig } from "../config.ts";
import { createResolver, type Resolver } from "../dns/resolver.ts";
import { findSources } from "./ask-edge.ts";
import { blockLists } from "./checks/block-lists.ts";
import { clock } from "./checks/clock.ts";
import { database } from "./checks/database.ts";
import { dmarc } from "./checks/dmarc.ts";
import { edge } from "./checks/edge.ts";
import { files } from "./checks/files.ts";
import { identity } from "./checks/identity.ts";
import { memory } from "./checks/memory.ts";
import { port25 } from "./checks/port25.ts";
import { reverseDns } from "./checks/reverse-dns.ts";
import { senderMx } from "./checks/sender-mx.ts";
import { spf } from "./checks/spf.ts";
import { fail } from "./findings.ts";
import { CHECK_TIMEOUT_MS } from "./limits.ts";
import type { CheckResult, DoctorCheck, DoctorContext, DoctorSettings, Finding } from "./types.ts";

/** Every examination, in the order of the report: what stops a probe altogether comes first. */
const CHECKS: readonly DoctorCheck[] = [
  port25,
  edge,
  database,
  clock,
  reverseDns,
  spf,
  dmarc,
  senderMx,
  blockLists,
  identity,
  files,
  memory,
];

export type DoctorDeps = { readonly resolver?: Resolver; readonly signal?: AbortSignal };

/**
 * Examines this host as a probe: all checks at once, each within `CHECK_TIMEOUT_MS`. Never rejects.
 * @returns one result per check, in the order of the report
 */
export async function examine(
  config: ProbeConfig,
  settings: DoctorSettings,
  deps: DoctorDeps = {},
): Promise<readonly CheckResult[]> {
  const resolver = deps.resolver ?? createResolver({ servers: config.dnsServers, now: Date.now });
  const signal = deps.signal ?? new AbortController().signal;
  try {
    const { sources, edge: answer } = await findSources(config, signal);
    const context = { config, ...settings, resolver, sources, edge: answer };
    return await Promise.all(CHECKS.map((check) => perform(check, context, signal)));
  } finally {
    if (deps.resolver === undefined) resolver.close();
  }
}

async function perform(
  check: DoctorCheck,
  context: Omit<DoctorContext, "signal">,
  signal: AbortSignal,
): Promise<CheckResult> {
  const { id, title } = check;
  const late = new AbortController();
  const timeUp = Promise.withResolvers<Finding>();
  const timer = setTimeout(() => {
    timeUp.resolve(fail(`no result within ${CHECK_TIMEOUT_MS / 1000} s`, "Look for a network that swallows packets."));
    late.abort();
  }, CHECK_TIMEOUT_MS);
  try {
    const running = check.run({ ...context, signal: AbortSignal.any([signal, late.signal]) });
    return { id, title, ...(await Promise.race([running, timeUp.promise])) };
  } catch (error) {
    return { id, title, ...fail(`the check itself failed: ${String(error)}`, "Report this as a fault of Mailsonar.") };
  } finally {
    clearTimeout(timer);
  }
}
