import type { Finding } from "../../shared/verdict/types.ts";
import type { Subject } from "./subject.ts";

/** Trouble at a domain that means more when other networks have met it on other days. */
export type DomainTrouble = "unreachable" | "relay_denied";

/** What the fleet remembers of such trouble at a domain, this visit included, since the last time anybody was answered. */
export type DomainPast = {
  readonly visits: number;
  /** Networks (regions) that met it. */
  readonly regions: number;
  /** Since the first visit, ms. */
  readonly ageMs: number;
  /** Since the first visit from another region than this one, ms; null when there was none. */
  readonly elsewhereMs: number | null;
};

/** The fleet's memory of domains. */
export type DomainMemory = {
  /** Somebody there answered: whatever was remembered against the domain is void. */
  reached(domain: string): void;
  /** Adds a visit and tells the past; null when it cannot be known now. Never rejects. */
  troubled(domain: string, trouble: DomainTrouble): Promise<DomainPast | null>;
};

const DAY_MS = 86_400_000;
/** Mail senders try for about five days before they give a message back (RFC 5321 4.5.4.1). */
const DEAD_AFTER_MS = 5 * DAY_MS;
const DEAD_VISITS_MIN = 4;

/** Rules of connections that did not come about; others with that reason are about our own addresses. */
const CONNECT_RULES = ["connect-failed", "connect-timeout"];

/** What a visit to a domain amounts to: somebody answered, one of the troubles, or nothing that could be said of it. */
export function metAt(subjects: readonly Pick<Subject, "findings">[]): DomainTrouble | "reached" | null {
  const met = new Set<DomainTrouble | "other">();
  for (const { findings } of subjects) {
    for (const { reason, rule, reply } of findings) {
      if (reason === "relay_denied") met.add("relay_denied");
      else if (reply !== null && reply.code !== null) return "reached";
      else if (reason === "dns_error" || CONNECT_RULES.includes(rule)) met.add("unreachable");
      else met.add("other");
    }
  }
  const [only] = met;
  return met.size === 1 && only !== undefined && only !== "other" ? only : null;
}

/**
 * What a domain's past adds to trouble met now (MAIL.md 2 and 4): nobody reached in four visits over five days from two
 * networks is a dead domain; a second network that is told at least a day later that the host does not serve the domain
 * means that none does. Null when the past says no more than the present.
 */
export function findingOfPast(trouble: DomainTrouble, past: DomainPast, now: Finding): Finding | null {
  const grown = { ...now, retryAfterMs: null, flags: [] };
  switch (trouble) {
    case "unreachable":
      if (past.visits < DEAD_VISITS_MIN || past.regions < 2 || past.ageMs < DEAD_AFTER_MS) return null;
      return { ...grown, reason: "domain_dead", rule: "unreachable-for-days" };
    case "relay_denied":
      if (past.elsewhereMs === null || past.elsewhereMs < DAY_MS) return null;
      return { ...grown, reason: "no_mail_host", rule: "relay-denied-everywhere" };
  }
}
