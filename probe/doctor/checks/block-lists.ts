import { isPublicAddress } from "../../../shared/net/public-address.ts";
import { fail, fine, gravest, skip, warn } from "../findings.ts";
import { reversed } from "../names.ts";
import type { DoctorCheck, DoctorContext, Finding } from "../types.ts";

/**
 * RFC 5782 5: a working list has 127.0.0.2 and never 127.0.0.1. Without that proof, "not listed" may only mean that
 * the list does not answer our resolver.
 */
const ALWAYS_LISTED = "2.0.0.127";
const NEVER_LISTED = "1.0.0.127";

const OWN_RESOLVER =
  "Run a recursive resolver on the host and name it in PROBE_DNS_SERVERS: lists refuse public resolvers; some want registration.";

/** An address that peers see, and the one of this host that it stands for ("" where the system chooses). */
type Exposed = { readonly seen: string; readonly local: string };

/** Listed addresses are refused by many hosts at once, whatever the recipient (MAIL.md 7, E6). */
export const blockLists: DoctorCheck = {
  id: "block_lists",
  title: "DNS block lists",
  async run(context) {
    const exposed = context.sources.flatMap(({ seen, local }) =>
      seen !== null && isPublicAddress(seen) ? [{ seen, local: local ?? "" }] : [],
    );
    if (context.blockLists.length === 0) return skip("no list is set");
    if (exposed.length === 0) return skip("no public address to look for");
    return gravest(await Promise.all(context.blockLists.map((list) => examine(context, list, exposed))));
  },
};

async function examine(context: DoctorContext, list: string, exposed: readonly Exposed[]): Promise<Finding> {
  const looks = await Promise.all(
    exposed.map(async (address) => ({ address, look: await lookUp(context, list, reversed(address.seen)) })),
  );
  const listed = looks.filter(({ look }) => look.kind === "listed");
  if (listed.length > 0) {
    const mad = await lookUp(context, list, NEVER_LISTED);
    if (mad.kind !== "clean")
      return warn(`${list} lists every address`, `Take ${list} out of PROBE_DOCTOR_BLOCK_LISTS.`);
    const found = listed.map(
      ({ address, look }) => `${address.seen} is on ${list} (${look.codes.join(", ")}${look.text})`,
    );
    // Spamhaus' policy list says that a network sends no mail, not that this address did wrong: to be mended, not feared.
    const condemned = listed.filter(({ look }) => !look.codes.every(isPolicy)).map(({ address }) => address.local);
    const mend = `Find out why, then ask ${list} for removal; release the address when it is off the list.`;
    return { ...fail(found.join("; "), mend), condemned };
  }
  const refused = looks.find(({ look }) => look.kind === "refused")?.look;
  if (refused !== undefined) return warn(`${list} does not answer us (${refused.codes.join(", ")})`, OWN_RESOLVER);
  const failed = looks.find(({ look }) => look.kind === "failed")?.look;
  if (failed !== undefined) return warn(`${list} cannot be asked (${failed.text})`, "Ask again later.");
  const proof = await lookUp(context, list, ALWAYS_LISTED);
  return proof.kind === "listed"
    ? fine(`not on ${list}`)
    : warn(`${list} does not answer us (no test entry)`, OWN_RESOLVER);
}

const isPolicy = (code: string): boolean => code === "127.0.0.10" || code === "127.0.0.11";

type Look = {
  readonly kind: "listed" | "clean" | "refused" | "failed";
  readonly codes: readonly string[];
  readonly text: string;
};

async function lookUp({ resolver }: DoctorContext, list: string, labels: string): Promise<Look> {
  const name = `${labels}.${list}`;
  const answer = await resolver.query(name, "A");
  if (answer.kind === "nodata" || answer.kind === "nxdomain") return { kind: "clean", codes: [], text: "" };
  if (answer.kind !== "records") return { kind: "failed", codes: [], text: answer.kind };
  const codes = answer.records;
  // 127.255.255.0/24 are Spamhaus' error codes (252 wrong name, 254 public resolver, 255 too many queries). An answer
  // outside 127.0.0.0/8 comes from a wildcard or from a resolver that invents addresses. RFC 5782 2.1: 127.0.0.1 is no
  // value of a listing.
  const strange = codes.some((one) => one.startsWith("127.255.255.") || !one.startsWith("127."));
  if (strange || codes.every((one) => one === "127.0.0.1")) return { kind: "refused", codes, text: "" };
  const reason = await resolver.query(name, "TXT");
  const text = reason.kind === "records" ? `: ${reason.records[0]?.slice(0, 160) ?? ""}` : "";
  return { kind: "listed", codes, text };
}
