import type { AddressFacts } from "../../../shared/address/facts.ts";
import { emptyEvidence } from "../../../shared/verdict/decide.ts";
import type { Evidence, Finding, ReplyEvidence } from "../../../shared/verdict/types.ts";
import type { Reason } from "../../../shared/verdict/vocabulary.ts";

/** 2026-11-20T06:30:00Z */
export const NOW_MS = 1_795_156_200_000;

type Flags = AddressFacts["flags"];
type FactsChange = Partial<Omit<AddressFacts, "flags">> & { readonly flags?: Partial<Flags> };

const NO_FLAGS: Flags = {
  disposable: false,
  role: false,
  free: false,
  privacy_relay: false,
  no_reply: false,
  tagged: false,
};

const ADDRESS = {
  input: "ann@example.net",
  local: "ann",
  domain: "example.net",
  unicodeDomain: "example.net",
  normalised: "ann@example.net",
  quoted: false,
  literal: false,
  needsSmtpUtf8: false,
  specialUse: null,
};

/** Facts of an ordinary address, changed as told. */
export const factsOf = (change: FactsChange = {}): AddressFacts => ({
  input: "ann@example.net",
  address: ADDRESS,
  error: null,
  providerError: null,
  didYouMean: null,
  typosquat: false,
  literalRoutable: null,
  randomLooking: false,
  provider: null,
  ...change,
  flags: { ...NO_FLAGS, ...change.flags },
});

/** Facts of an address whose domain has a special use. */
export const specialUseFacts = (): AddressFacts => factsOf({ address: { ...ADDRESS, specialUse: "invalid" } });

/** Facts of a text that is no address. */
export const brokenFacts = (): AddressFacts =>
  factsOf({ address: null, error: { rule: "no-at", position: 3, message: "There is no @." } });

export const replyOf = (code: number, enhanced: string | null, text: string): ReplyEvidence => ({
  code,
  enhanced,
  text,
  stage: "rcpt",
  host: "mx.example.net",
});

/** A finding with this reason. */
export const found = (reason: Reason, change: Partial<Finding> = {}): Finding => ({
  reason,
  rule: `test-${reason}`,
  reply: null,
  retryAfterMs: null,
  flags: [],
  ...change,
});

/** Full evidence about an ordinary address, changed as told. */
export const evidenceOf = (change: Partial<Evidence> = {}): Evidence => ({
  ...emptyEvidence(factsOf(), "full"),
  ...change,
});
