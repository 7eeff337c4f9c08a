import type { Answer } from "dns-packet";
import { RECORD_TTL_S } from "../limits.ts";
import type { Zone } from "../types.ts";

/** How a query is answered: records, a response code, or nothing at all. */
export type ZoneAnswer = {
  readonly rcode: 0 | 2 | 3 | 5;
  readonly answers: readonly Answer[];
  /** A referral elsewhere, as lame servers give. */
  readonly lame: boolean;
  readonly silent: boolean;
  readonly truncate: boolean;
};

/** Longest CNAME chain that is followed; loops end here as they do at real resolvers. */
const CNAME_MAX = 8;

const plain = { rcode: 0, answers: [], lame: false, silent: false, truncate: false } as const;

/**
 * Answers one question from zones found by name, the way a recursive resolver would: CNAMEs are followed, a name
 * without records of the type is "no data", a missing name NXDOMAIN, a CNAME loop SERVFAIL.
 */
export function resolve(find: (name: string) => Zone | null, question: string, type: string): ZoneAnswer {
  const answers: Answer[] = [];
  let name = question;
  for (let hops = 0; hops < CNAME_MAX; hops += 1) {
    const zone = find(name);
    if (!zone || zone.fail === "nxdomain") return { ...plain, rcode: 3, answers };
    if (zone.fail === "servfail") return { ...plain, rcode: 2 };
    if (zone.fail === "refused") return { ...plain, rcode: 5 };
    if (zone.fail === "lame") return { ...plain, lame: true };
    if (zone.fail === "timeout") return { ...plain, silent: true };
    if (zone.cname === undefined || type === "CNAME") {
      answers.push(...records(zone, name, type));
      return { ...plain, answers, truncate: zone.truncate ?? false };
    }
    answers.push({ type: "CNAME", name, ttl: RECORD_TTL_S, data: zone.cname });
    name = zone.cname;
  }
  return { ...plain, rcode: 2 };
}

function records(zone: Zone, name: string, type: string): Answer[] {
  const base = { name, ttl: RECORD_TTL_S };
  switch (type) {
    case "A":
      return (zone.a ?? []).map((data) => ({ ...base, type: "A", data }));
    case "AAAA":
      return (zone.aaaa ?? []).map((data) => ({ ...base, type: "AAAA", data }));
    case "MX":
      return (zone.mx ?? []).map((data) => ({ ...base, type: "MX", data }));
    case "TXT":
      return (zone.txt ?? []).map((data) => ({ ...base, type: "TXT", data: [data] }));
    case "PTR":
      return zone.ptr === undefined ? [] : [{ ...base, type: "PTR", data: zone.ptr }];
    case "NS":
      return (zone.ns ?? []).map((data) => ({ ...base, type: "NS", data }));
    case "CNAME":
      return zone.cname === undefined ? [] : [{ ...base, type: "CNAME", data: zone.cname }];
    default:
      return [];
  }
}
