import {
  isDisposableDomain,
  isFreeDomain,
  isNoReplyLocal,
  isPrivacyRelay,
  isRoleLocal,
  providerOfDomain,
} from "../lists/lists.ts";
import { bareLocal, tagOf } from "./forms.ts";
import { isPublicLiteral } from "./literal.ts";
import { type Address, type AddressError, type ParseOptions, parseAddress } from "./parse.ts";
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
 */
export function addressFacts(input: string, options?: ParseOptions): AddressFacts {
  const parsed = parseAddress(input, options);
  if (!parsed.ok) return malformed(input.trim(), parsed.error);
  const address = parsed.value;
  if (address.literal) return literalFacts(address);
  const { domain } = address;
  const tag = tagOf(address);
  const bare = bareLocal(address, tag);
  const provider = providerOfDomain(domain);
  const relay = provider === null && isPrivacyRelay(domain);
  const free = provider !== null || isFreeDomain(domain);
  const disposable = !relay && !free && isDisposableDomain(domain);
  const suggestion = relay || provider !== null || address.specialUse !== null ? null : suggestDomain(domain);
  return {
    input: address.input,
    address,
    error: null,
    providerError: providerSyntaxError(address),
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
