import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAddress } from "../../../shared/address/parse.ts";

const DATA = join(import.meta.dirname, "../../../../shared/data");
const ISEMAIL = join(DATA, "isemail-tests.xml");
const JSON_SCHEMA = join(DATA, "json-schema-email.json");

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** isemail writes control characters as their symbols: U+2407 for BEL. */
function decode(xml: string): string {
  return xml
    .replace(/&#x([0-9a-f]+);/gi, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)))
    .replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => ENTITIES[name] ?? "")
    .replace(/[\u2400-\u241f]/g, (symbol) => String.fromCharCode(symbol.charCodeAt(0) - 0x2400));
}

type Case = { id: number; address: string; category: string; diagnosis: string };

function isemailCases(): Case[] {
  const xml = readFileSync(ISEMAIL, "utf8");
  return [...xml.matchAll(/<test id="(\d+)">(.*?)<\/test>/gs)].map(([, id, body = ""]) => {
    const field = (name: string): string => new RegExp(`<${name}>(.*?)</${name}>`, "s").exec(body)?.[1] ?? "";
    return {
      id: Number(id),
      address: decode(field("address")),
      category: field("category").replace("ISEMAIL_", ""),
      diagnosis: field("diagnosis").replace("ISEMAIL_", ""),
    };
  });
}

/** Categories of isemail that an SMTP server must be able to carry. */
const FOR_SMTP = new Set(["VALID_CATEGORY", "DNSWARN", "RFC5321"]);

/** What the policy in docs/ADDRESSES.md decides otherwise. */
function expected({ address, category, diagnosis }: Case): boolean {
  if (address.trim() !== address) {
    // Surrounding white space is dropped, line ends too; what remains must be a mailbox.
    return /^test@iana\.org$/.test(address.trim());
  }
  if (diagnosis === "RFC5321_TLD" || (category === "VALID_CATEGORY" && !/\./.test(address))) return false; // no dot
  return FOR_SMTP.has(category);
}

describe("public sets", () => {
  test.skipIf(!existsSync(ISEMAIL))("isemail agrees, but for the dot and surrounding white space", () => {
    const cases = isemailCases();
    expect(cases.length).toBeGreaterThan(150);
    const different = cases.filter((c) => parseAddress(c.address).ok !== expected(c));
    expect(different).toEqual([]);
  });

  test.skipIf(!existsSync(JSON_SCHEMA))("json-schema format email agrees", () => {
    const suites = JSON.parse(readFileSync(JSON_SCHEMA, "utf8")) as { tests: { data: unknown; valid: boolean }[] }[];
    const cases = suites.flatMap((suite) => suite.tests);
    const different = cases.filter(({ data, valid }) => typeof data === "string" && parseAddress(data).ok !== valid);
    expect(different).toEqual([]);
  });

  test.runIf(!existsSync(ISEMAIL))("the public sets are absent here: nothing was compared", () => {
    process.stderr.write("test/shared/address: no ../shared/data, public sets not compared\n");
  });
});
