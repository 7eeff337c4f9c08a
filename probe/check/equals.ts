import type { Finding } from "../../shared/verdict/types.ts";
import type { Reason } from "../../shared/verdict/vocabulary.ts";
import { restate, type Statement, statementOf } from "./statement.ts";
import { bareFinding, conclude, type Subject } from "./subject.ts";

/** A refusal put aside until an equal host has spoken, and the first word against it. */
export type Doubt = { readonly said: Statement; against: Statement | null };

/** Refusals by which one host of several would condemn a mailbox that the others serve. */
const CONDEMNING: ReadonlySet<Reason> = new Set<Reason>([
  "mailbox_not_found",
  "mailbox_disabled",
  "smtputf8_unsupported",
]);
const EXISTING: ReadonlySet<Reason> = new Set<Reason>(["accepted", "mailbox_full", "restricted"]);

/** Pause before hosts that contradict each other are asked again (MAIL.md 3). */
const DISAGREEMENT_MS = 3_600_000;
/** Stands in for the words of a refusal: a second disagreement is final. */
const DISAGREEMENT = "equal-hosts-disagree";

const lastOf = (subject: Subject): Finding | undefined => subject.findings.at(-1);

/** A doubt about a subject that was just refused; null when it was not. */
export function doubtOf(subject: Subject): Doubt | null {
  const finding = lastOf(subject);
  return finding !== undefined && CONDEMNING.has(finding.reason) ? { said: statementOf(subject), against: null } : null;
}

/**
 * Weighs what an equal host said about a recipient that another has refused. The refusal stands when it is repeated;
 * a contradiction is kept for a third host to decide; a greylist puts the question off; what says nothing about the
 * recipient (trouble, a host that takes anybody) leaves the doubt as it was.
 * @returns true when the doubt is settled
 */
export function weigh(subject: Subject, doubt: Doubt): boolean {
  const finding = lastOf(subject);
  const spoke = finding !== undefined && finding !== doubt.said.findings.at(-1);
  if (spoke && finding.reason === "greylisted") return true;
  if (spoke && CONDEMNING.has(finding.reason)) {
    restate(subject, doubt.said);
    return true;
  }
  if (spoke && EXISTING.has(finding.reason) && subject.catchAll?.answer !== "yes") {
    if (doubt.against !== null) return true;
    doubt.against = statementOf(subject);
  }
  restate(subject, doubt.said);
  return false;
}

/** No further equal host is there to ask: contradicted refusals are no refusals; once more in an hour. */
export function closeDoubts(doubts: Map<Subject, Doubt>): void {
  for (const [subject, { against }] of doubts) {
    if (against === null) continue;
    const again = subject.item.last === DISAGREEMENT;
    const reply = against.findings.at(-1)?.reply ?? null;
    conclude(subject, { ...bareFinding("inconsistent", DISAGREEMENT), reply }, again ? null : "temporary");
    subject.template = DISAGREEMENT;
    subject.waitMinMs = DISAGREEMENT_MS;
    subject.catchAll = null;
  }
  doubts.clear();
}
