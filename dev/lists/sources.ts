import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(import.meta.url);

/** One list, as it came: names may be in any case, with white space, or no names at all. */
export type Source = { name: string; version: string; licence: string; names: string[] };

type Reader = () => unknown;

const json =
  (path: string): Reader =>
  () =>
    JSON.parse(readFileSync(path, "utf8"));

const lines =
  (path: string): Reader =>
  () =>
    readFileSync(path, "utf8").split(/\r?\n/);

/** Packages of disposable domains. Left out for their false alarms: disposable-email-detector, burner-email-providers. */
export const DISPOSABLE_PACKAGES: Readonly<Record<string, Reader[]>> = {
  "disposable-email-domains": [
    json(require.resolve("disposable-email-domains/index.json")),
    json(require.resolve("disposable-email-domains/wildcard.json")),
  ],
  "disposable-email-domains-js": [
    json(require.resolve("disposable-email-domains-js/dist/dict/disposable_email_blocklist.json")),
  ],
  mailchecker: [() => (require("mailchecker") as { blacklist(): Iterable<string> }).blacklist()],
  fakefilter: [lines(require.resolve("fakefilter/txt/data.txt"))],
  "disposable-domains": [json(require.resolve("disposable-domains/index.json"))],
  "@dahoom/disposable-email": [json(require.resolve("@dahoom/disposable-email/domains.json"))],
};

/**
 * Packages of domains with mailboxes for everybody, disposable ones among them. free-email-domains and freemail are left
 * out: they run scripts when installed, the first of them from the network.
 */
export const FREE_PACKAGES: Readonly<Record<string, Reader[]>> = {
  "email-providers": [json(require.resolve("email-providers/all.json"))],
  "company-email-validator": [() => require("company-email-validator/free_email_provider_domains.js") as unknown],
};

/** Reads one package that is installed. Throws when its files have moved: then the reader here needs a look. */
export function readPackage(name: string, readers: readonly Reader[]): Source {
  const manifest = manifestOf(name);
  const names = readers.flatMap((read) => [...namesIn(read())]);
  if (names.length < 1_000) throw new Error(`${name} gives only ${names.length} names; has its layout changed?`);
  const { version, license } = JSON.parse(readFileSync(manifest, "utf8")) as { version: string; license: string };
  return { name, version, licence: license, names };
}

/** Path of an installed package's package.json, which its export map may hide. */
function manifestOf(name: string): string {
  for (const folder of require.resolve.paths(name) ?? []) {
    const path = join(folder, name, "package.json");
    try {
      readFileSync(path);
      return path;
    } catch {
      // not in this node_modules: look in the next one up
    }
  }
  throw new Error(`${name} is not installed; run npm install`);
}

/** Lists come as arrays, sets, or objects keyed by domain. */
function* namesIn(data: unknown): Iterable<string> {
  if (data === null || typeof data !== "object") return;
  const items = Symbol.iterator in data ? (data as Iterable<unknown>) : Object.keys(data);
  for (const item of items) if (typeof item === "string") yield item;
}

/** Reads a file of this folder: one name a line, `#` comments, a reason may follow the name. */
export function readNames(file: string): string[] {
  return readFileSync(join(import.meta.dirname, file), "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s/)[0] ?? "")
    .filter((name) => name !== "" && !name.startsWith("#"));
}
