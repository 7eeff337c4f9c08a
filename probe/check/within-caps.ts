import { askDomain, type DomainQuestion } from "./ask-domain.ts";
import { restOfDay, type VisitBook } from "./citizen.ts";
import type { Group } from "./group.ts";
import { isMostlyStrangers, looksHarvested, PORTION } from "./harvest.ts";
import { bareFinding, note, type Subject } from "./subject.ts";

/** Caps and guards of a good citizen (MAIL.md 7): what they hold back is answered, what is left may be asked. */
export function withinCaps(group: Group, visits: VisitBook, nowMs: number): readonly Subject[] {
  const locals = group.subjects.map((subject) => subject.facts.address?.local ?? "");
  const harvested = looksHarvested(locals, group.subjects[0]?.facts.flags.free);
  return group.subjects.filter((subject) => {
    const address = subject.facts.address?.normalised ?? "";
    const fresh = subject.item.tries === 0;
    if (harvested) refuse(subject);
    else if (fresh && !visits.mayVisit(address, nowMs)) hold(subject, "cap-address-day", restOfDay(nowMs));
    else if (!visits.mayAsk(group.domain, nowMs)) hold(subject, "cap-domain-day", restOfDay(nowMs));
    else return true;
    return false;
  });
}

/** Asks a domain a few recipients at a time, and stops once its answers show that the list was guessed. */
export async function askInPortions(question: DomainQuestion, subjects: readonly Subject[]): Promise<void> {
  let asked = 0;
  while (asked < subjects.length && !question.group.cancelled) {
    if (isMostlyStrangers(subjects.slice(0, asked))) {
      for (const subject of subjects.slice(asked)) refuse(subject);
      return;
    }
    const last = subjects.slice(Math.max(0, asked - PORTION), asked);
    // Where nobody answers, portions would only wait for the same silence again and again.
    const size = asked > 0 && last.every(isUnanswered) ? subjects.length : PORTION;
    const next = subjects.slice(asked, asked + size);
    await askDomain(question, next);
    asked += next.length;
  }
}

const isUnanswered = ({ findings }: Subject): boolean => findings.every(({ reply }) => reply?.stage !== "rcpt");

const refuse = (subject: Subject): void => note(subject, bareFinding("policy_rejected", "harvest-guard"), null);

function hold(subject: Subject, rule: string, coolDownMs: number): void {
  note(subject, bareFinding("rate_limited", rule), "rate");
  subject.coolDownMs = coolDownMs;
}
