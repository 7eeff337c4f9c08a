import { fail, fine, gravest, skip } from "../findings.ts";
import { reverseName, sameAddress } from "../names.ts";
import type { DoctorCheck, DoctorContext, Finding, Source } from "../types.ts";

/** PTR = HELO = A (MAIL.md 7, E1): servers that check any of the three refuse us at RCPT, whoever the recipient is. */
export const reverseDns: DoctorCheck = {
  id: "reverse_dns",
  title: "Forward-confirmed reverse DNS",
  run: async (context) => gravest(await Promise.all(context.sources.map((source) => examine(context, source)))),
};

async function examine({ resolver }: DoctorContext, source: Source): Promise<Finding> {
  const { seen } = source;
  const helo = source.helo.toLowerCase();
  if (seen === null) return skip("the public address is not known");
  if (helo.startsWith("[") || !helo.includes(".")) {
    return fail(`the HELO name "${source.helo}" is no public host name`, "Set PROBE_HELO_NAME to a full host name.");
  }
  const pointer = await resolver.query(reverseName(seen), "PTR");
  if (pointer.kind === "nodata" || pointer.kind === "nxdomain") {
    return fail(`${seen} has no PTR record`, `Set the reverse DNS of ${seen} to ${helo} at the host's provider.`);
  }
  if (pointer.kind !== "records") {
    return fail(`reverse DNS of ${seen}: ${pointer.kind}`, "Ask again later; mend the reverse zone if it stays so.");
  }
  if (!pointer.records.includes(helo)) {
    return fail(
      `${seen} points to ${pointer.records.join(", ")}, HELO says ${helo}`,
      `Set the reverse DNS of ${seen} to ${helo}, or PROBE_HELO_NAME to ${pointer.records[0] ?? "its name"}.`,
    );
  }
  const forward = await resolver.query(helo, seen.includes(":") ? "AAAA" : "A");
  if (forward.kind !== "records" || !forward.records.some((one) => sameAddress(one, seen))) {
    const there = forward.kind === "records" ? forward.records.join(", ") : "no address";
    return fail(
      `${helo} has ${there}, not ${seen}`,
      `Add ${helo} ${seen.includes(":") ? "AAAA" : "A"} ${seen} to the zone.`,
    );
  }
  return fine(`${seen} is ${helo} both ways`);
}
