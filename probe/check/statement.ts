import { CATCH_ALL_ACT_AT, recipientAnswer } from "../../shared/verdict/reasons.ts";
import type { Subject } from "./subject.ts";

/** What one host says of one recipient, with all that goes with it. */
export type Statement = Pick<
  Subject,
  "findings" | "retry" | "template" | "catchAll" | "acceptsThenBounces" | "mx" | "tls" | "coolDownMs"
>;

export const statementOf = (subject: Subject): Statement => {
  const { findings, retry, template, catchAll, acceptsThenBounces, mx, tls, coolDownMs } = subject;
  return { findings: [...findings], retry, template, catchAll, acceptsThenBounces, mx, tls, coolDownMs };
};

export const restate = (subject: Subject, said: Statement): void => {
  Object.assign(subject, said, { findings: [...said.findings] });
};

/** About the address (X.1.Z, X.2.Z) or about permission (X.7.Z), RFC 3463. */
const ABOUT_SOMEBODY = /^4\.[127]\./;

/**
 * Whether a host has put everybody off alike: "not now" in words about itself, or a demand for TLS that could not be
 * had. A sender would go on to the next host (RFC 5321 5.1).
 */
export function putsEverybodyOff(subjects: readonly Pick<Subject, "findings">[]): boolean {
  return subjects.every(({ findings }) => {
    const finding = findings.at(-1);
    if (finding?.reason === "tls_required") return true;
    const { code, enhanced } = finding?.reply ?? { code: null, enhanced: null };
    if (finding?.reason !== "temporary_error" || finding.flags.length > 0 || finding.rule.startsWith("soft:")) {
      return false;
    }
    return code !== null && code >= 400 && code < 500 && !ABOUT_SOMEBODY.test(enhanced ?? "");
  });
}

function saysMore(subject: Subject): boolean {
  const reason = subject.findings.at(-1)?.reason;
  if (reason === "greylisted" || recipientAnswer(subject.findings) !== null) return true;
  return reason === "temporary_error" && !putsEverybodyOff([subject]);
}

const isUnconfirmed = ({ findings, catchAll }: Subject): boolean =>
  findings.at(-1)?.reason === "accepted" && (catchAll === null || catchAll.confidence < CATCH_ALL_ACT_AT);

/** What hosts said that put everybody off, kept while further hosts are asked: it stands unless one of them says more. */
export class Aside {
  readonly #said = new Map<Subject, Statement>();

  has(subject: Subject): boolean {
    return this.#said.has(subject);
  }

  put(subjects: readonly Subject[]): void {
    for (const subject of subjects) if (!this.#said.has(subject)) this.#said.set(subject, statementOf(subject));
  }

  /** Compares what a further host said with what was put aside: anything about the recipient, or a greylist, is more. */
  compare(subjects: Iterable<Subject>): void {
    if (this.#said.size === 0) return;
    for (const subject of subjects) {
      const said = this.#said.get(subject);
      if (said === undefined) continue;
      if (!saysMore(subject)) {
        restate(subject, said);
        continue;
      }
      this.#said.delete(subject);
      // What only a backup has taken is worth another visit to the host that puts us off for now.
      if (isUnconfirmed(subject)) subject.retry = said.retry;
    }
  }
}
