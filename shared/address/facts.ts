import {
  type ConsumerProvider,
  isDisposableDomain,
  isFreeDomain,
  isNoReplyLocal,
  isPrivacyRelay,
  isRoleLocal,
  providerOfDomain,
} from "../lists/lists.ts";
import { bareLocal, tagOf } from "./forms.ts";
import { isPublicLiteral } from "./literal.ts";
import { type Address, type AddressError, type ParseOptions, parseAddress, type ReadDomains } from "./parse.ts";
import { providerSyntaxError } from "./provider-syntax.ts";
import { looksRandom } from "./random.ts";
import { repairAddress } from "./repair.ts";
import { suggestDomain } from "./typo.ts";

/** All that an address tells without touching the network. */
export type AddressFacts = {
  /** The input without surrounding white space. */
  input: string;
  /** Null exactly when `error` is set. */
  address: Address | null;
  error: AddressError | null;
  /** The local part breaks a published rule of its consumer provider. */
  providerError: AddressError | null;
  flags: {
    disposable: boolean;
    role: boolean;
    free: boolean;
    privacy_relay: boolean;
    no_reply: boolean;
    tagged: boolean;
  };
  /** The full suggested address, or null. */
  didYouMean: string | null;
  /** The domain is a known typosquat. */
  typosquat: boolean;
  /** For address literals: public unicast or not. Null otherwise. */
  literalRoutable: boolean | null;
  /** The local part looks random; weighs in the score of catch-all domains only. */
  randomLooking: boolean;
  /** Consumer provider by domain, if known. */
  provider: string | null;
};

/** What the lists say of a domain: the same for all its addresses. */
type DomainFacts = {
  readonly provider: ConsumerProvider | null;
  readonly relay: boolean;
  readonly free: boolean;
  readonly disposable: boolean;
  readonly suggestion: ReturnType<typeof suggestDomain>;
};

/** Domains already read and looked up by a caller who reads many addresses; it lives and ends with the caller. */
export type KnownDomains = { readonly read: ReadDomains; readonly facts: Map<string, DomainFacts> };

/** An empty memory of domains. It grows with the domains it meets: make a new one for each bounded batch. */
export const knownDomains = (): KnownDomains => ({ read: new Map(), facts: new Map() });

const NO_FLAGS = {
  disposable: false,
  role: false,
  free: false,
  privacy_relay: false,
  no_reply: false,
  tagged: false,
} as const;

/**
 * Reads an address and looks it up in every list: the one call that edge and command line make.
 * @param input one address, surrounding white space allowed
 * @param known the caller's memory of domains, where many addresses share a few
 */
export function addressFacts(input: string, options?: ParseOptions, known?: KnownDomains): AddressFacts {
  const parsed = parseAddress(input, options, known?.read);
  if (!parsed.ok) return malformed(input.trim(), parsed.error);
  const address = parsed.value;
  if (address.literal) return literalFacts(address);
  const { provider, relay, free, disposable, suggestion } = domainFacts(address, known);
  const tag = tagOf(address);
  const bare = bareLocal(address, tag);
  return {
    input: address.input,
    address,
    error: null,
    providerError: provider === null ? null : providerSyntaxError(address),
    flags: {
      disposable,
      role: isRoleLocal(bare),
      free,
      privacy_relay: relay,
      no_reply: isNoReplyLocal(bare),
      tagged: tag !== null,
    },
    didYouMean: suggestion === null ? null : `${address.local}@${suggestion.domain}`,
    typosquat: suggestion?.known === true,
    literalRoutable: null,
    randomLooking: looksRandom(bare),
    provider,
  };
}

function domainFacts({ domain, specialUse }: Address, known: KnownDomains | undefined): DomainFacts {
  const remembered = known?.facts.get(domain);
  if (remembered !== undefined) return remembered;
  const provider = providerOfDomain(domain);
  const relay = provider === null && isPrivacyRelay(domain);
  const free = provider !== null || isFreeDomain(domain);
  const disposable = !relay && !free && isDisposableDomain(domain);
  const suggestion = relay || provider !== null || specialUse !== null ? null : suggestDomain(domain);
  const found = { provider, relay, free, disposable, suggestion };
  known?.facts.set(domain, found);
  return found;
}

function malformed(input: string, error: AddressError): AddressFacts {
  return {
    input,
    address: null,
    error,
    providerError: null,
    flags: { ...NO_FLAGS },
    didYouMean: repairAddress(input),
    typosquat: false,
    literalRoutable: null,
    randomLooking: false,
    provider: null,
  };
}

function literalFacts(address: Address): AddressFacts {
  return {
    input: address.input,
    address,
    error: null,
    providerError: null,
    flags: { ...NO_FLAGS, role: isRoleLocal(address.local.toLowerCase()) },
    didYouMean: null,
    typosquat: false,
    literalRoutable: isPublicLiteral(address.domain),
    randomLooking: false,
    provider: null,
  };
}
