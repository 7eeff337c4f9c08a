import { type Answer, decode, encode, RECURSION_DESIRED } from "dns-packet";
import {
  CNAME_HOPS_MAX,
  DNS_NEGATIVE_TTL_MAX_MS,
  DNS_TTL_MAX_MS,
  DNS_TTL_MIN_MS,
  DNS_UDP_PAYLOAD_BYTES,
} from "../limits.ts";

export type RecordType = "MX" | "A" | "AAAA" | "TXT" | "PTR" | "NS";
export type MxRecord = { readonly preference: number; readonly exchange: string };
export type RecordData = {
  readonly MX: MxRecord;
  readonly A: string;
  readonly AAAA: string;
  readonly TXT: string;
  readonly PTR: string;
  readonly NS: string;
};

/**
 * What asking one name for one type gives. "No such name", "no such record", "the servers failed", "nobody answered"
 * and "the server is not responsible" are different facts about a domain and stay apart.
 */
export type DnsAnswer<T> =
  | { readonly kind: "records"; readonly records: readonly T[]; readonly ttlMs: number }
  | { readonly kind: "nodata" | "nxdomain"; readonly ttlMs: number }
  | { readonly kind: "servfail" | "lame" | "timeout" | "malformed" };

/** As `DnsAnswer`, with the two cases that only the resolver sees: ask again by TCP, ask for the alias's target. */
export type RawAnswer<T> =
  | DnsAnswer<T>
  | { readonly kind: "truncated" }
  | { readonly kind: "alias"; readonly target: string };

/** Encodes a recursive query with EDNS (RFC 6891). */
export function encodeQuery(id: number, name: string, type: RecordType): Buffer {
  return encode({
    type: "query",
    id,
    flags: RECURSION_DESIRED,
    questions: [{ type, name, class: "IN" }],
    additionals: [
      {
        type: "OPT",
        name: ".",
        udpPayloadSize: DNS_UDP_PAYLOAD_BYTES,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  });
}

const RCODE_MASK = 0x0f;
const FLAG_RESPONSE = 0x8000;
const FLAG_TRUNCATED = 0x0200;

/** Identifier of a message, or null when it is too short to be an answer at all. */
export const messageId = (message: Buffer): number | null => (message.length < 12 ? null : message.readUInt16BE(0));

/** Names compare without case and without the final dot (RFC 4343). */
const sameName = (a: string, b: string): boolean => plainName(a) === plainName(b);
const plainName = (name: string): string => name.toLowerCase().replace(/\.$/, "");

/**
 * Reads the answer to a question.
 * @returns null when the message does not answer this question: it is then ignored, as a forged or stray one
 */
export function readAnswer<K extends RecordType>(
  message: Buffer,
  name: string,
  type: K,
): RawAnswer<RecordData[K]> | null {
  const flags = message.readUInt16BE(2);
  if ((flags & FLAG_RESPONSE) === 0) return null;
  let packet: ReturnType<typeof decode>;
  try {
    packet = decode(message);
  } catch {
    return (flags & FLAG_TRUNCATED) === 0 ? { kind: "malformed" } : { kind: "truncated" };
  }
  const question = packet.questions?.[0];
  if (question !== undefined && (question.type !== type || !sameName(question.name, name))) return null;
  if ((flags & FLAG_TRUNCATED) !== 0) return { kind: "truncated" };
  const rcode = flags & RCODE_MASK;
  if (rcode === 2) return { kind: "servfail" };
  if (rcode !== 0 && rcode !== 3) return { kind: "lame" };
  const found = collect(packet.answers ?? [], name, type);
  if (found.records.length > 0) return { kind: "records", records: found.records, ttlMs: bounded(found.ttlS * 1000) };
  if (found.loop) return { kind: "servfail" };
  const ttlMs = negativeTtl(packet.authorities ?? []);
  if (rcode === 3) return { kind: "nxdomain", ttlMs };
  if (!sameName(found.name, name)) return { kind: "alias", target: found.name };
  // A referral without authority is a server that is not responsible for the name (lame delegation).
  const referred = (packet.authorities ?? []).some((record) => record.type === "NS");
  const hasSoa = (packet.authorities ?? []).some((record) => record.type === "SOA");
  return referred && !hasSoa ? { kind: "lame" } : { kind: "nodata", ttlMs };
}

type Collected<T> = { readonly records: T[]; readonly ttlS: number; readonly name: string; readonly loop: boolean };

/** Follows the aliases inside one answer and takes the records at their end. */
function collect<K extends RecordType>(answers: readonly Answer[], name: string, type: K): Collected<RecordData[K]> {
  let current = name;
  let ttlS = DNS_TTL_MAX_MS / 1000;
  for (let hop = 0; hop <= CNAME_HOPS_MAX; hop += 1) {
    const records: RecordData[K][] = [];
    for (const answer of answers) {
      if (answer.type !== type || !sameName(answer.name, current)) continue;
      const data = dataOf(answer, type);
      if (data === null) continue;
      records.push(data);
      ttlS = Math.min(ttlS, ttlOf(answer));
    }
    const here = current;
    const alias = answers.find((answer) => answer.type === "CNAME" && sameName(answer.name, here));
    if (records.length > 0 || alias?.type !== "CNAME") return { records, ttlS, name: current, loop: false };
    ttlS = Math.min(ttlS, ttlOf(alias));
    current = plainName(alias.data);
  }
  return { records: [], ttlS, name: current, loop: true };
}

const ttlOf = (answer: Answer): number => ("ttl" in answer && typeof answer.ttl === "number" ? answer.ttl : 0);

function dataOf<K extends RecordType>(answer: Answer, type: K): RecordData[K] | null {
  const read: { readonly [T in RecordType]: () => RecordData[T] | null } = {
    MX: () =>
      answer.type === "MX"
        ? { preference: answer.data.preference ?? 0, exchange: plainName(answer.data.exchange) }
        : null,
    A: () => (answer.type === "A" ? answer.data : null),
    AAAA: () => (answer.type === "AAAA" ? answer.data : null),
    TXT: () => (answer.type === "TXT" ? textOf(answer.data) : null),
    PTR: () => (answer.type === "PTR" ? plainName(answer.data) : null),
    NS: () => (answer.type === "NS" ? plainName(answer.data) : null),
  };
  return read[type]();
}

const textOf = (data: string | Buffer | readonly (string | Buffer)[]): string =>
  typeof data === "string" || Buffer.isBuffer(data) ? data.toString() : data.map((part) => part.toString()).join("");

const bounded = (ttlMs: number): number => Math.min(Math.max(ttlMs, DNS_TTL_MIN_MS), DNS_TTL_MAX_MS);

/** RFC 2308 5: a negative answer lives as long as the smaller of the SOA's own TTL and its minimum field. */
function negativeTtl(authorities: readonly Answer[]): number {
  const soa = authorities.find((record) => record.type === "SOA");
  if (soa?.type !== "SOA") return DNS_TTL_MIN_MS;
  const seconds = Math.min(soa.ttl ?? 0, soa.data.minimum ?? 0);
  return Math.min(Math.max(seconds * 1000, DNS_TTL_MIN_MS), DNS_NEGATIVE_TTL_MAX_MS);
}
