import { plainPath } from "../smtp/path.ts";
import { question } from "../smtp/visit.ts";
import type { Asking } from "./ask.ts";
import { conclude, type Subject } from "./subject.ts";
import { classify, evidenceOf } from "./trouble.ts";
import { visitHost } from "./visit-host.ts";

/**
 * Asks once more as a bounce would, where the host has refused our sender and the operator has switched this on: one
 * recipient at a time, and only an acceptance counts, because bounces are refused for reasons of their own.
 */
export async function askWithNullSender(asking: Asking, subjects: readonly Subject[]): Promise<void> {
  const { around, group, target, provider, speaker, urgent } = asking;
  const nobody = plainPath("");
  if (!around.nullSender || nobody === null) return;
  for (const subject of subjects) {
    const refused = subject.findings.at(-1)?.reason === "sender_rejected";
    if (!refused || subject.path === null || group.cancelled) continue;
    const asked = question(subject.path, subject.facts.address?.needsSmtpUtf8 ?? false);
    await visitHost({ ...around, sender: nobody }, group, target, provider, [asked], { urgent, fresh: false });
    if (asked.reply === null || asked.reply.code >= 300) continue;
    const evidence = evidenceOf(asked.reply, "rcpt", target.name);
    const { reason, rule, flags } = classify(evidence, { ...speaker, sender: "" }, subject.path);
    conclude(subject, { reason, rule: `null-sender:${rule}`, reply: evidence, retryAfterMs: null, flags }, null);
  }
}
