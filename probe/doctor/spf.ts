import ipaddr from "ipaddr.js";
import type { Resolver } from "../dns/resolver.ts";
import { SPF_LOOKUPS_MAX, SPF_MX_NAMES_MAX, SPF_VOID_LOOKUPS_MAX } from "./limits.ts";
import { parseSpf, type SpfRecord, type SpfTerm } from "./spf-record.ts";

/** RFC 7208 2.6. */
type SpfResult = "pass" | "fail" | "softfail" | "neutral" | "none" | "permerror" | "temperror";
export type SpfOutcome = { readonly result: SpfResult; readonly why: string };

/** What one evaluation shares over all its records: the limits count across includes and redirects. */
type Evaluation = {
  readonly resolver: Resolver;
  readonly ip: ipaddr.IPv4 | ipaddr.IPv6;
  lookups: number;
  voids: number;
};

type Match = "match" | "no" | SpfOutcome;

const QUALIFIED = { "+": "pass", "-": "fail", "~": "softfail", "?": "neutral" } as const;

/**
 * Whether the SPF policy of a domain permits an address (RFC 7208 4), with its look-up limits. `ptr` and `exists` with
 * macros count as look-ups and match nothing: no policy of a probe's sender needs them.
 */
export function evaluateSpf(resolver: Resolver, ip: string, domain: string): Promise<SpfOutcome> {
  return checkHost({ resolver, ip: ipaddr.parse(ip), lookups: 0, voids: 0 }, domain);
}

async function checkHost(evaluation: Evaluation, domain: string): Promise<SpfOutcome> {
  const found = await policyOf(evaluation, domain);
  if ("result" in found) return found;
  for (const term of found.terms) {
    const match = await matches(evaluation, term, domain);
    if (typeof match === "object") return match;
    if (match === "match") return { result: QUALIFIED[term.qualifier], why: `${term.text} of ${domain}` };
  }
  if (found.redirect === null) return { result: "neutral", why: `no term of ${domain} matches` };
  const over = countLookup(evaluation);
  if (over !== null) return over;
  const onward = await checkHost(evaluation, found.redirect);
  return onward.result === "none" ? permanent(`redirect to ${found.redirect}, which has no policy`) : onward;
}

async function policyOf({ resolver }: Evaluation, domain: string): Promise<SpfRecord | SpfOutcome> {
  const answer = await resolver.query(domain, "TXT");
  switch (answer.kind) {
    case "records": {
      const policies = answer.records.filter((text) => /^v=spf1(?: |$)/i.test(text));
      const [only] = policies;
      if (only === undefined) return { result: "none", why: `${domain} has no SPF record` };
      if (policies.length > 1) return permanent(`${domain} has ${policies.length} SPF records`);
      const parsed = parseSpf(only);
      return parsed.ok ? parsed.value : permanent(`${domain}: ${parsed.error}`);
    }
    case "nodata":
    case "nxdomain":
      return { result: "none", why: `${domain} has no SPF record` };
    case "servfail":
    case "lame":
    case "timeout":
    case "malformed":
      return passing(`TXT of ${domain}: ${answer.kind}`);
  }
}

async function matches(evaluation: Evaluation, term: SpfTerm, domain: string): Promise<Match> {
  const { ip } = evaluation;
  if (term.name === "all") return "match";
  if (term.name === "ip4" || term.name === "ip6") return isIn(ip, term.value, term.bits4, term.bits6) ? "match" : "no";
  const over = countLookup(evaluation);
  if (over !== null) return over;
  const target = term.value || domain;
  switch (term.name) {
    case "include":
      return included(await checkHost(evaluation, target), target);
    case "a":
      return hostMatches(evaluation, target, term);
    case "mx":
      return mxMatches(evaluation, target, term);
    case "exists":
      return target.includes("%") ? "no" : existsMatches(evaluation, target);
    case "ptr":
      return "no";
  }
}

/** RFC 7208 5.2: only a pass matches, and what is no policy at all is an error. */
function included(inner: SpfOutcome, target: string): Match {
  switch (inner.result) {
    case "pass":
      return "match";
    case "fail":
    case "softfail":
    case "neutral":
      return "no";
    case "temperror":
    case "permerror":
      return inner;
    case "none":
      return permanent(`include of ${target}, which has no policy`);
  }
}

async function hostMatches(evaluation: Evaluation, host: string, term: SpfTerm): Promise<Match> {
  const { resolver, ip } = evaluation;
  const answer = await resolver.query(host, ip.kind() === "ipv4" ? "A" : "AAAA");
  switch (answer.kind) {
    case "records":
      return answer.records.some((one) => isIn(ip, one, term.bits4, term.bits6)) ? "match" : "no";
    case "nodata":
    case "nxdomain":
      return countVoid(evaluation) ?? "no";
    case "servfail":
    case "lame":
    case "timeout":
    case "malformed":
      return passing(`address of ${host}: ${answer.kind}`);
  }
}

async function mxMatches(evaluation: Evaluation, domain: string, term: SpfTerm): Promise<Match> {
  const answer = await evaluation.resolver.query(domain, "MX");
  if (answer.kind === "nodata" || answer.kind === "nxdomain") return countVoid(evaluation) ?? "no";
  if (answer.kind !== "records") return passing(`MX of ${domain}: ${answer.kind}`);
  if (answer.records.length > SPF_MX_NAMES_MAX) return permanent(`${domain} has over ${SPF_MX_NAMES_MAX} MX records`);
  for (const { exchange } of answer.records) {
    if (exchange === "") continue;
    const match = await hostMatches(evaluation, exchange, term);
    if (match !== "no") return match;
  }
  return "no";
}

/** RFC 7208 5.7: always an A look-up, also for IPv6 clients. */
async function existsMatches(evaluation: Evaluation, name: string): Promise<Match> {
  const answer = await evaluation.resolver.query(name, "A");
  if (answer.kind === "records") return "match";
  if (answer.kind === "nodata" || answer.kind === "nxdomain") return countVoid(evaluation) ?? "no";
  return passing(`address of ${name}: ${answer.kind}`);
}

function isIn(ip: ipaddr.IPv4 | ipaddr.IPv6, network: string, bits4: number, bits6: number): boolean {
  if (!ipaddr.isValid(network)) return false;
  const base = ipaddr.parse(network);
  if (base.kind() !== ip.kind()) return false;
  return ip.match(base, ip.kind() === "ipv4" ? bits4 : bits6);
}

function countLookup(evaluation: Evaluation): SpfOutcome | null {
  evaluation.lookups += 1;
  return evaluation.lookups > SPF_LOOKUPS_MAX ? permanent(`more than ${SPF_LOOKUPS_MAX} look-ups`) : null;
}

function countVoid(evaluation: Evaluation): SpfOutcome | null {
  evaluation.voids += 1;
  return evaluation.voids > SPF_VOID_LOOKUPS_MAX
    ? permanent(`more than ${SPF_VOID_LOOKUPS_MAX} look-ups without an answer`)
    : null;
}

const permanent = (why: string): SpfOutcome => ({ result: "permerror", why });
const passing = (why: string): SpfOutcome => ({ result: "temperror", why });
