import { fail, fine, gravest, skip, warn } from "../findings.ts";
import { senderDomain } from "../sender.ts";
import { evaluateSpf } from "../spf.ts";
import type { DoctorCheck, DoctorContext, Finding, Source } from "../types.ts";

/** The sender domain's SPF policy must permit every source address, else its dialogues are refused as forgeries. */
export const spf: DoctorCheck = {
  id: "spf",
  title: "SPF of the sender domain",
  run: async (context) => gravest(await Promise.all(context.sources.map((source) => examine(context, source)))),
};

async function examine({ config, resolver }: DoctorContext, { seen }: Source): Promise<Finding> {
  if (seen === null) return skip("the public address is not known");
  const domain = senderDomain(config);
  const { result, why } = await evaluateSpf(resolver, seen, domain);
  const permit = `Add ${seen.includes(":") ? "ip6" : "ip4"}:${seen} to the SPF record of ${domain}.`;
  switch (result) {
    case "pass":
      return fine(`${seen} is permitted by ${why}`);
    case "none":
      return fail(why, `Publish TXT ${domain} "v=spf1 ${seen.includes(":") ? "ip6" : "ip4"}:${seen} -all".`);
    case "fail":
      return fail(`${seen} is forbidden by ${why}`, permit);
    case "softfail":
      return fail(`${seen} is doubted by ${why}`, permit);
    case "neutral":
      return warn(`${seen} is neither permitted nor forbidden: ${why}`, permit);
    case "permerror":
      return fail(`the policy is broken: ${why}`, `Mend the SPF record of ${domain} (RFC 7208).`);
    case "temperror":
      return warn(`the policy could not be read: ${why}`, "Ask again later; mend the name servers if it stays so.");
  }
}
