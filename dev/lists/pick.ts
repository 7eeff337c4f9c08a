import { domainToASCII } from "node:url";
import psl from "psl";
import { consumerDomains } from "../../shared/lists/consumer-providers.ts";
import { EXACT_MARK } from "../../shared/lists/hash-set.ts";
import { isPrivacyRelay } from "../../shared/lists/relays.ts";

const NAME = /^(?=.{3,253}$)[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_](?:[a-z0-9_-]{0,62}))+$/;

/** A list's entry in the form that look-ups use, or null when it is no name. */
export function cleanName(entry: string): string | null {
  const name = entry
    .trim()
    .toLowerCase()
    .replace(/^(?:\*\.|@)/, "");
  const ascii = /^[ -~]*$/.test(name) ? name : domainToASCII(name);
  return NAME.test(ascii) ? ascii : null;
}

/** Public bodies give no throw-away mailboxes: edu, ac.uk, edu.pl, sch.id, gov.br, mil. Fakes of them are rare. */
const PUBLIC_BODY = /(?:^|\.)(?:edu|gov|mil|(?:edu|ac|sch|gov|gob|gouv|mil|k12\.[a-z]{2})\.[a-z]{2})$/;

/** Second-level names of country registries, where nobody has a mailbox. */
const REGISTRY = /^(?:com|org|net|edu|gov|mil|co|ac|or|ne|go)\.[a-z]{2}$/;

/** What an entry becomes. */
export type Policy = {
  /** Names that are never disposable, nor are names below them. */
  allowed: ReadonlySet<string>;
  /** Curated lists: their word stands even for public bodies. */
  curated: ReadonlySet<string>;
  /** Names on our list of free providers that only one list calls disposable. */
  doubted: ReadonlySet<string>;
};

/**
 * The members of the disposable set: names without the legitimate, the doubted, and those below a listed name.
 * Public suffixes (`usa.cc`, `pp.ua`) stand only for themselves: their children belong to different people.
 */
export function pickDisposable(names: ReadonlySet<string>, policy: Policy): Set<string> {
  const kept = new Set<string>();
  const exact = new Set<string>();
  for (const name of names) {
    if (isAllowed(name, policy.allowed) || isPrivacyRelay(name) || policy.doubted.has(name)) continue;
    if (PUBLIC_BODY.test(name) && !policy.curated.has(name)) continue;
    if (psl.get(name) === null) {
      if (!REGISTRY.test(name)) exact.add(EXACT_MARK + name);
    } else kept.add(name);
  }
  for (const name of kept) if (hasParentIn(kept, name)) kept.delete(name);
  return new Set([...kept, ...exact]);
}

/** Everything that no list may call disposable. */
export function allowedNames(lines: readonly string[]): Set<string> {
  return new Set([...lines, ...consumerDomains()]);
}

function isAllowed(name: string, allowed: ReadonlySet<string>): boolean {
  return allowed.has(name) || hasParentIn(allowed, name);
}

/** Whether a proper parent of a name, itself with a dot, is in the set. */
function hasParentIn(set: ReadonlySet<string>, name: string): boolean {
  for (let rest = afterDot(name); rest.includes("."); rest = afterDot(rest)) if (set.has(rest)) return true;
  return false;
}

const afterDot = (name: string): string => name.slice(name.indexOf(".") + 1);
