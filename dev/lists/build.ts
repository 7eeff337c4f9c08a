/**
 * `npm run lists`: compiles the installed list packages into shared/lists/lists.generated.ts and says what changed.
 * Update the packages first (`npm update`); review the report; commit the result.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeHashSet, hasDomainOrParent, hasExact } from "../../shared/lists/hash-set.ts";
import { DISPOSABLE, FREE, SOURCES } from "../../shared/lists/lists.generated.ts";
import { encodeHashSet } from "./encode.ts";
import { allowedNames, cleanName, pickDisposable } from "./pick.ts";
import { DISPOSABLE_PACKAGES, FREE_PACKAGES, readNames, readPackage, type Source } from "./sources.ts";

/** With 18 bucket bits: 48 in all. One stranger in 1.4 thousand million is taken for a disposable domain. */
const DISPOSABLE_LOW_BITS = 30;

/** 40 bits in all: a wrong `free` flag changes no verdict. */
const FREE_LOW_BITS = 22;

const OUTPUT = join(import.meta.dirname, "../../shared/lists/lists.generated.ts");
const SHOWN_CHANGES = 12;

const say = (line: string): boolean => process.stdout.write(`${line}\n`);

type Cleaned = { source: Source; names: Set<string> };

function readAll(packages: typeof DISPOSABLE_PACKAGES): Cleaned[] {
  return Object.entries(packages).map(([name, readers]) => {
    const source = readPackage(name, readers);
    return { source, names: new Set(source.names.map(cleanName).filter((n) => n !== null)) };
  });
}

/** Free when a person has listed it or two packages agree, and nobody calls it disposable. */
function pickFree(lists: readonly Cleaned[], listed: readonly string[], disposable: ReadonlySet<string>): Set<string> {
  const votes = new Map<string, number>(listed.map((name) => [name, 2]));
  for (const { names } of lists) for (const name of names) votes.set(name, (votes.get(name) ?? 0) + 1);
  const picked = [...votes].filter(([name, count]) => count > 1 && !disposable.has(name));
  return new Set(picked.map(([name]) => name));
}

/** Names in our own list of free providers that one package at most calls disposable, and no curated one does. */
function findDoubted(lists: readonly Cleaned[], curated: ReadonlySet<string>, listed: readonly string[]): Set<string> {
  const votes = (name: string): number => lists.filter(({ names }) => names.has(name)).length;
  return new Set(listed.filter((name) => !curated.has(name) && votes(name) <= 1));
}

function reportSources(all: readonly Source[], used: ReadonlyMap<string, number>): void {
  for (const source of all) {
    const before = SOURCES.find(({ name }) => name === source.name)?.version ?? "new";
    const version = before === source.version ? source.version : `${before} -> ${source.version}`;
    say(
      `  ${source.name} ${version}, ${source.licence}: ${source.names.length} entries, ${used.get(source.name)} used`,
    );
  }
}

function reportChanges(members: ReadonlySet<string>): void {
  const before = decodeHashSet(DISPOSABLE);
  const names = [...members].map((member) => member.replace("=", ""));
  const added = names.filter((name) => !hasDomainOrParent(before, name));
  const removed = DISPOSABLE.size - (names.length - added.length);
  say(`disposable: ${members.size} names (${DISPOSABLE.size} before): ${added.length} new, about ${removed} gone`);
  if (added.length > 0)
    say(`  new: ${added.slice(0, SHOWN_CHANGES).join(" ")}${added.length > SHOWN_CHANGES ? " ..." : ""}`);
}

function main(): void {
  const disposableLists = readAll(DISPOSABLE_PACKAGES);
  const freeLists = readAll(FREE_PACKAGES);
  const supplement = readNames("supplement.txt");
  const curated = new Set(
    disposableLists
      .filter(({ source }) => ["disposable-email-domains-js", "fakefilter"].includes(source.name))
      .flatMap(({ names }) => [...names]),
  );
  const listedFree = readNames("free.txt");
  const doubted = findDoubted(disposableLists, curated, listedFree);
  const all = new Set([...disposableLists.flatMap(({ names }) => [...names]), ...supplement]);
  const members = pickDisposable(all, { allowed: allowedNames(readNames("allow.txt")), curated, doubted });
  const free = pickFree(freeLists, listedFree, members);
  const used = new Map<string, number>();
  for (const { source, names } of disposableLists)
    used.set(source.name, [...names].filter((n) => members.has(n)).length);
  for (const { source, names } of freeLists) used.set(source.name, [...names].filter((n) => free.has(n)).length);
  const sources = [...disposableLists, ...freeLists].map(({ source }) => source);
  say("sources:");
  reportSources(sources, used);
  reportChanges(members);
  const knownFree = decodeHashSet(FREE);
  say(`free: ${free.size} names (${FREE.size} before), ${[...free].filter((n) => !hasExact(knownFree, n)).length} new`);
  const text = render(
    members,
    free,
    sources.map((s) => ({ ...s, used: used.get(s.name) ?? 0 })),
    { supplement: supplement.length, free: listedFree.length },
  );
  writeFileSync(OUTPUT, text);
  say(`${OUTPUT}: ${text.length} bytes`);
}

function render(
  members: ReadonlySet<string>,
  free: ReadonlySet<string>,
  sources: readonly (Source & { used: number })[],
  own: { supplement: number; free: number },
): string {
  const rows = sources.map(({ name, version, licence, used }) => ({ name, version, licence, used }));
  rows.push({ name: "dev/lists/supplement.txt", version: "1", licence: "MIT", used: own.supplement });
  rows.push({ name: "dev/lists/free.txt", version: "1", licence: "ISC", used: own.free });
  const coded = "{ size: number; lowBits: number; data: string }";
  return `// Written by npm run lists from the packages named in SOURCES. Do not edit.
export const SOURCES: readonly { name: string; version: string; licence: string; used: number }[] = ${JSON.stringify(rows, null, 2)};
export const DISPOSABLE: ${coded} = ${JSON.stringify(encodeHashSet(members, DISPOSABLE_LOW_BITS))};
export const FREE: ${coded} = ${JSON.stringify(encodeHashSet(free, FREE_LOW_BITS))};
`;
}

main();
