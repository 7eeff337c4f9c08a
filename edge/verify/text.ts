import { type AddressFacts, addressFacts, type KnownDomains } from "../../shared/address/facts.ts";
import { ADDRESS_INPUT_MAX_CHARS } from "../../shared/limits.ts";
import { type CompiledRules, matchRule } from "../../shared/rules/rules.ts";
import { decide, emptyEvidence } from "../../shared/verdict/decide.ts";
import { decidableAtEdge } from "../../shared/verdict/reasons.ts";
import type { Evidence, Verdict } from "../../shared/verdict/types.ts";
import type { Mode } from "../../shared/verdict/vocabulary.ts";

/** What of a tenant changes the verdict on a text. */
export type Policy = { readonly rules: CompiledRules; readonly roleIsRisky: boolean };

/** An address as read at the edge, with the verdict when its text settles it. */
export type ReadAddress = {
  readonly facts: AddressFacts;
  readonly tenantRule: Evidence["tenantRule"];
  readonly verdict: Verdict | null;
};

/**
 * Reads one address and decides it if text, lists, the tenant's rules or the mode allow: no hop, no wait.
 * @param email as given; longer than any address can be, it is cut
 * @param known the caller's memory of domains, where many addresses share a few
 */
export function readAddress(
  email: string,
  mode: Mode,
  policy: Policy,
  nowMs: number,
  known?: KnownDomains,
): ReadAddress {
  const text = email.length > ADDRESS_INPUT_MAX_CHARS ? email.slice(0, ADDRESS_INPUT_MAX_CHARS) : email;
  const facts = addressFacts(text, undefined, known);
  const rule = facts.address === null ? null : matchRule(policy.rules, facts.address);
  const tenantRule = rule === null ? null : { id: rule.id, kind: rule.kind };
  if (mode !== "edge" && !decidableAtEdge(facts, tenantRule, false)) return { facts, tenantRule, verdict: null };
  const evidence = tenantRule === null ? emptyEvidence(facts, mode) : { ...emptyEvidence(facts, mode), tenantRule };
  return { facts, tenantRule, verdict: decide(evidence, policy, nowMs) };
}
