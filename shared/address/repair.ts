import { providerOfDomain } from "../lists/lists.ts";
import { ADDRESS_LIMITS } from "./limits.ts";
import { parseAddress } from "./parse.ts";
import { suggestDomain } from "./typo.ts";
import { BRANDS, TARGETS } from "./typo-targets.ts";

const WITHOUT_DOTS: ReadonlyMap<string, string> = new Map(
  TARGETS.flatMap((target) => {
    const name = target.slice(0, target.indexOf("."));
    const run = target.replaceAll(".", "");
    return BRANDS.has(name) && target.endsWith(".com")
      ? [[run, target] as const, [name, target] as const]
      : [[run, target] as const];
  }).reverse(),
);

/**
 * The address that a malformed one was probably meant to be, when its domain is a popular provider's with a slip in
 * dots, commas, spaces or a second `@`: `anna@gmailcom`, `anna@gmail,com`, `anna@@gmail.com`. Null otherwise.
 */
export function repairAddress(text: string): string | null {
  if (text.length > ADDRESS_LIMITS.ADDRESS_OCTETS) return null;
  const at = text.indexOf("@");
  if (at <= 0) return null;
  const domain = text
    .slice(at + 1)
    .toLowerCase()
    .replace(/^@+/, "")
    .replace(/[\s,;.]+/g, ".")
    .replace(/^\.|\.$/g, "");
  const meant = domain.includes(".") ? knownOrNear(domain) : (WITHOUT_DOTS.get(domain) ?? null);
  if (meant === null) return null;
  const repaired = parseAddress(`${text.slice(0, at)}@${meant}`);
  return repaired.ok ? repaired.value.normalised : null;
}

function knownOrNear(domain: string): string | null {
  if (providerOfDomain(domain) !== null) return domain;
  const near = suggestDomain(domain)?.domain ?? null;
  return near !== null && providerOfDomain(near) !== null ? near : null;
}
