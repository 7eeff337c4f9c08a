import { isPublicAddress } from "../../../shared/net/public-address.ts";
import { fail, fine, gravest, skip, warn } from "../findings.ts";
import { reversed } from "../names.ts";
import type { DoctorCheck, DoctorContext, Finding } from "../types.ts";

/**
 * RFC 5782 5: a working list has 127.0.0.2 and never 127.0.0.1. Without that proof, "not listed" may only mean that
 * the list does not answer our resolver.
 */
const ALWAYS_LISTED = "2.0.0.127";

const OWN_RESOLVER =
  "Run a recursive resolver on the host and name it in PROBE_DNS_SERVERS: lists refuse public resolvers; some want registration.";

/** Listed addresses are refused by many hosts at once, whatever the recipient (MAIL.md 7, E6). */
export const blockLists: DoctorCheck = {
  id: "block_lists",
  title: "DNS block lists",
  async run(context) {
    const addresses = context.sources.flatMap(({ seen }) => (seen !== null && isPublicAddress(seen) ? [seen] : []));
    if (context.blockLists.length === 0) return skip("no list is set");
    if (addresses.length === 0) return skip("no public address to look for");
    return gravest(await Promise.all(context.blockLists.map((list) => examine(context, list, addresses))));
  },
};

async function examine(context: DoctorContext, list: string, addresses: readonly string[]): Promise<Finding> {
  const own = await Promise.all(addresses.map((address) => lookUp(context, list, reversed(address))));
  const listed = own.flatMap((look, i) => (look.kind === "listed" ? [{ address: addresses[i] ?? "", look }] : []));
  if (listed.length > 0) {
    const found = listed.map(({ address, look }) => `${address} is on ${list} (${look.code}${look.text})`).join("; ");
    return fail(found, `Quarantine the address, find out why, then ask ${list} for removal.`);
  }
  const refused = own.find((look) => look.kind === "refused");
  if (refused !== undefined) return warn(`${list} does not answer us (${refused.code})`, OWN_RESOLVER);
  const failed = own.find((look) => look.kind === "failed");
  if (failed !== undefined) return warn(`${list} cannot be asked (${failed.code})`, "Ask again later.");
  const proof = await lookUp(context, list, ALWAYS_LISTED);
  return proof.kind === "listed"
    ? fine(`not on ${list}`)
    : warn(`${list} does not answer us (no test entry)`, OWN_RESOLVER);
}

type Look = { readonly kind: "listed" | "clean" | "refused" | "failed"; readonly code: string; readonly text: string };

async function lookUp({ resolver }: DoctorContext, list: string, labels: string): Promise<Look> {
  const name = `${labels}.${list}`;
  const answer = await resolver.query(name, "A");
  if (answer.kind === "nodata" || answer.kind === "nxdomain") return { kind: "clean", code: "", text: "" };
  if (answer.kind !== "records") return { kind: "failed", code: answer.kind, text: "" };
  const codes = answer.records;
  const code = codes.join(", ");
  // 127.255.255.0/24 are Spamhaus' error codes (252 wrong name, 254 public resolver, 255 too many queries). An answer
  // outside 127.0.0.0/8 comes from a wildcard or from a resolver that invents addresses.
  if (codes.some((one) => one.startsWith("127.255.255.") || !one.startsWith("127."))) {
    return { kind: "refused", code, text: "" };
  }
  // RFC 5782 2.1: 127.0.0.1 is no value of a listing.
  if (codes.every((one) => one === "127.0.0.1")) return { kind: "refused", code, text: "" };
  const reason = await resolver.query(name, "TXT");
  const text = reason.kind === "records" ? `: ${reason.records[0]?.slice(0, 160) ?? ""}` : "";
  return { kind: "listed", code, text };
}
