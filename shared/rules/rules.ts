import type { Address } from "../address/parse.ts";
import { parseAddress } from "../address/parse.ts";
import { err, ok, type Result } from "../result.ts";
import { RULE_LIMITS } from "./limits.ts";
import { compilePattern, matchesPattern, type Pattern } from "./pattern.ts";

/** A tenant's rule. */
export type Rule = {
  id: string;
  kind: "allow" | "block";
  /** `address`: that mailbox; `domain`: it and all names below it; `pattern`: see pattern-syntax.ts. */
  match: "address" | "domain" | "pattern";
  value: string;
};

/** Rules ready for matchRule. */
export type CompiledRules = {
  readonly byAddress: ReadonlyMap<string, Rule>;
  readonly byDomain: ReadonlyMap<string, Rule>;
  readonly patterns: readonly { readonly rule: Rule; readonly pattern: Pattern }[];
};

/**
 * Checks a rule and spells its value the one way it is kept: addresses normalised in lower case, domains as A-labels.
 * @returns a sentence for people when the value is wrong.
 */
export function validateRule(rule: Rule): Result<Rule, string> {
  const value = rule.value.trim();
  switch (rule.match) {
    case "address": {
      const parsed = parseAddress(value);
      return parsed.ok ? ok({ ...rule, value: parsed.value.normalised.toLowerCase() }) : err(parsed.error.message);
    }
    case "domain": {
      const parsed = parseAddress(`rule@${value.replace(/^(?:@|\*\.)/, "")}`);
      return parsed.ok ? ok({ ...rule, value: parsed.value.domain }) : err(parsed.error.message);
    }
    case "pattern": {
      const compiled = compilePattern(value);
      return compiled.ok ? ok({ ...rule, value }) : compiled;
    }
  }
}

/**
 * Prepares a tenant's rules. Those that validateRule refuses are left out, and patterns beyond
 * RULE_LIMITS.TENANT_INSTRUCTIONS: what is stored was validated, so that neither should occur.
 */
export function compileRules(rules: readonly Rule[]): CompiledRules {
  const byAddress = new Map<string, Rule>();
  const byDomain = new Map<string, Rule>();
  const patterns: { rule: Rule; pattern: Pattern }[] = [];
  let instructions = 0;
  for (const given of rules) {
    const checked = validateRule(given);
    if (!checked.ok) continue;
    const { match, value } = checked.value;
    if (match === "address") keep(byAddress, value, given);
    else if (match === "domain") keep(byDomain, value, given);
    else {
      const compiled = compilePattern(value);
      if (!compiled.ok) continue;
      instructions += compiled.value.program.length;
      if (instructions > RULE_LIMITS.TENANT_INSTRUCTIONS) continue;
      patterns.push({ rule: given, pattern: compiled.value });
    }
  }
  // Blocks first: among patterns a block wins, and the first match ends the search.
  patterns.sort((a, b) => rank(a.rule) - rank(b.rule));
  return { byAddress, byDomain, patterns };
}

const rank = (rule: Rule): number => (rule.kind === "block" ? 0 : 1);

/** Two rules for the same thing: the block wins, else the first. */
function keep(map: Map<string, Rule>, key: string, rule: Rule): void {
  const there = map.get(key);
  if (there === undefined || rank(rule) < rank(there)) map.set(key, rule);
}

/**
 * The rule that decides an address, or null. The most specific wins: an address over a domain, a longer domain over
 * its parent, a domain over a pattern; between equals a block wins.
 */
export function matchRule(compiled: CompiledRules, address: Address): Rule | null {
  const text = address.normalised.toLowerCase();
  const exact = compiled.byAddress.get(text);
  if (exact !== undefined) return exact;
  const byDomain = matchDomain(compiled.byDomain, address.domain);
  if (byDomain !== null || compiled.patterns.length === 0) return byDomain;
  const inUnicode =
    address.unicodeDomain === address.domain ? null : `${address.local}@${address.unicodeDomain}`.toLowerCase();
  for (const { rule, pattern } of compiled.patterns) {
    if (matchesPattern(pattern, text) || (inUnicode !== null && matchesPattern(pattern, inUnicode))) return rule;
  }
  return null;
}

function matchDomain(rules: ReadonlyMap<string, Rule>, domain: string): Rule | null {
  if (rules.size === 0) return null;
  for (let name = domain; ; ) {
    const rule = rules.get(name);
    if (rule !== undefined) return rule;
    const dot = name.indexOf(".");
    if (dot < 0) return null;
    name = name.slice(dot + 1);
  }
}
