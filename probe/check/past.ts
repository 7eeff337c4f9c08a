import type { Finding } from "../../shared/verdict/types.ts";
import type { Subject } from "./subject.ts";

/** Trouble at a domain that means more when other networks have met it on other days. */
export type DomainTrouble = "unreachable" | "relay_denied" | "reset";

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
/** A host that is only being restarted is back by then. */
const RESETS_APART_MS = 15 * 60_000;

/** Rules of connections that did not come about; others with that reason are about our own addresses. */
const CONNECT_RULES = ["connect-failed", "connect-timeout"];

/** Rules of connections that were closed before the host had said a word. */
const MUTE_RULES = ["closed-connect", "closed-banner"];

/**
 * What a visit to a domain amounts to: somebody answered, one of the troubles, or nothing that could be said of it.
 * @param implicit the domain has no MX: its own address was asked, which may never have been meant for mail
 */
export function metAt(
  subjects: readonly Pick<Subject, "findings">[],
  implicit = false,
): DomainTrouble | "reached" | null {
  const met = new Set<DomainTrouble | "other">();
  for (const { findings } of subjects) {
    for (const finding of findings) {
      const { reason, rule, reply } = finding;
      if (reason === "relay_denied") met.add("relay_denied");
      else if (reply !== null && reply.code !== null) return "reached";
      else if (implicit && wasReset(finding)) met.add("reset");
      else if (reason === "dns_error" || CONNECT_RULES.includes(rule)) met.add("unreachable");
      else met.add("other");
    }
  }
  const [only] = met;
  return met.size === 1 && only !== undefined && only !== "other" ? only : null;
}

/** Somebody is there and turns every connection away, at once or before the banner. */
function wasReset({ rule, reply }: Finding): boolean {
  if (MUTE_RULES.includes(rule)) return true;
  return rule === "connect-failed" && /\b(?:ECONNREFUSED|ECONNRESET)\b/.test(reply?.text ?? "");
}

/**
 * What a domain's past adds to trouble met now (MAIL.md 2 and 4): nobody reached in four visits over five days from two
 * networks is a dead domain; a second network that is told at least a day later that the host does not serve the domain
 * means that none does; a domain's own address that turns two networks away at least fifteen minutes apart is no mail
 * host. Null when the past says no more than the present.
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
    case "reset":
      if (past.elsewhereMs === null || past.elsewhereMs < RESETS_APART_MS) return null;
      return { ...grown, reason: "no_mail_host", rule: "implicit-mx-resets" };
  }
}
