import { fail, fine, warn } from "../findings.ts";
import { senderDomain } from "../sender.ts";
import type { DoctorCheck } from "../types.ts";

/** Receivers take a sender domain without DMARC for one that nobody looks after. */
export const dmarc: DoctorCheck = {
  id: "dmarc",
  title: "DMARC of the sender domain",
  async run({ config, resolver }) {
    const domain = senderDomain(config);
    const labels = domain.split(".");
    // The record may stand at the domain or above it, up to the last two labels.
    for (let i = 0; i <= Math.max(0, labels.length - 2); i += 1) {
      const name = `_dmarc.${labels.slice(i).join(".")}`;
      const answer = await resolver.query(name, "TXT");
      if (answer.kind === "nodata" || answer.kind === "nxdomain") continue;
      if (answer.kind !== "records") return warn(`TXT of ${name}: ${answer.kind}`, "Ask again later.");
      const policies = answer.records.filter((text) => /^v\s*=\s*DMARC1\s*(?:;|$)/i.test(text));
      if (policies.length > 1) return fail(`${name} has ${policies.length} DMARC records`, "Keep one of them.");
      const [policy] = policies;
      if (policy === undefined) continue;
      const wish = /;\s*p\s*=\s*([a-z]+)/i.exec(policy)?.[1]?.toLowerCase();
      return wish === undefined
        ? fail(`${name} names no policy`, `Add p=reject to the record: nothing is ever sent from ${domain}.`)
        : fine(`${name}: p=${wish}`);
    }
    return fail(`${domain} has no DMARC record`, `Publish TXT _dmarc.${domain} "v=DMARC1; p=reject".`);
  },
};
