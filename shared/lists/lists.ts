import { providerOfDomain } from "./consumer-providers.ts";
import { decodeHashSet, type HashSet, hasDomainOrParent, hasExact } from "./hash-set.ts";
import { DISPOSABLE, FREE, SOURCES } from "./lists.generated.ts";
import { isPrivacyRelay } from "./relays.ts";

export { type ConsumerProvider, consumerDomains, providerOfDomain } from "./consumer-providers.ts";
export { isDisposableMxHost, isParkingHost, isParkingNameServer } from "./mx-hosts.ts";
export { isPrivacyRelay } from "./relays.ts";
export { isNoReplyLocal, isRoleLocal } from "./roles.ts";

/** What the lists were built from: package, version, entries used. For `GET /v1/meta`. */
export const LIST_SOURCES = SOURCES;

let disposable: HashSet | null = null;
let free: HashSet | null = null;

/**
 * Decodes the lists. The first look-up does it otherwise; call it where a start-up is not part of an answer.
 * @returns how many names each list holds
 */
export function loadLists(): { disposable: number; free: number } {
  disposable ??= decodeHashSet(DISPOSABLE);
  free ??= decodeHashSet(FREE);
  return { disposable: DISPOSABLE.size, free: FREE.size };
}

/**
 * Whether a domain (lower-case A-labels) or a parent of it belongs to a disposable mail service.
 * Consumer providers and privacy relays never do, whatever a list says.
 */
export function isDisposableDomain(domain: string): boolean {
  disposable ??= decodeHashSet(DISPOSABLE);
  return hasDomainOrParent(disposable, domain) && providerOfDomain(domain) === null && !isPrivacyRelay(domain);
}

/** Whether anybody can get a mailbox on exactly this domain (lower-case A-labels). */
export function isFreeDomain(domain: string): boolean {
  if (providerOfDomain(domain) !== null) return true;
  free ??= decodeHashSet(FREE);
  return hasExact(free, domain);
}
