import { readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { performance } from "node:perf_hooks";

const require = createRequire(import.meta.url);
const SHARED = join(import.meta.dirname, "../../shared");

/** Addresses of one pass, and passes: the first warm up, the best of the others counts. */
const BATCH = 100_000;
const WARM_UP = 2;
const PASSES = 3;

/** What a customer's list looks like: mostly great providers, companies, a few faults. A small fixed generator. */
function customerList(): string[] {
  const names = [
    "anna",
    "j.smith",
    "maria.garcia",
    "peter1987",
    "info",
    "sales+eu",
    "li.wei",
    "o'neil",
    "k_jones",
    "x",
  ];
  const domains = [
    ..."gmail.com gmail.com gmail.com yahoo.com hotmail.com outlook.com icloud.com gmx.de orange.fr web.de".split(" "),
    ..."acme-tools.com uni-koeln.de smith.co.uk tiny.io stadtwerke-bonn.de kanzlei-mueller.at".split(" "),
    ..."mailinator.com gmial.com".split(" "),
  ];
  let state = 42;
  const pick = <T>(from: readonly T[]): T | undefined => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return from[(state >>> 8) % from.length];
  };
  return Array.from({ length: BATCH }, (_, i) => {
    const at = i % 50 === 0 ? " at " : "@";
    return `${pick(names)}${i % 1_000}${at}${i % 500 === 7 ? "bücher-stube.de" : pick(domains)}`;
  });
}

/** Calls per second of one core. */
function perSecond(inputs: readonly string[], call: (input: string) => unknown): number {
  let best = 0;
  let kept = 0;
  for (let pass = 0; pass < WARM_UP + PASSES; pass++) {
    const start = performance.now();
    for (const input of inputs) if (call(input)) kept++;
    const rate = (inputs.length / (performance.now() - start)) * 1_000;
    if (pass >= WARM_UP) best = Math.max(best, rate);
  }
  if (kept < 0) throw new Error("unreachable: keeps the calls from being optimised away");
  return best;
}

/** Inputs that make backtracking parsers suffer, as long as asked. */
const ADVERSARIAL: Readonly<Record<string, (length: number) => string>> = {
  letters: (n) => "a".repeat(n),
  dots: (n) => `${"a.".repeat(n / 2)}@x.org`,
  ats: (n) => "@".repeat(n),
  quotes: (n) => `"${"\\a".repeat(n / 2)}@x.org`,
  comments: (n) => "(".repeat(n),
  labels: (n) => `a@${"a.".repeat(n / 2)}org`,
  combining: (n) => `${"a\u0316\u0300".repeat(n / 3)}@x.org`,
  brackets: (n) => `${"<".repeat(n)}a@x.org>`,
};

/** Milliseconds per megabyte of one adversarial input. Constant over lengths means linear. */
function msPerMegabyte(input: string, parse: (input: string) => unknown): number {
  const times = Math.max(3, Math.ceil(2_000_000 / input.length));
  const start = performance.now();
  for (let i = 0; i < times; i++) parse(input);
  return ((performance.now() - start) / (times * input.length)) * 1_000_000;
}

function sourceBytes(folder: string): number {
  return readdirSync(join(SHARED, folder)).reduce((sum, file) => sum + statSync(join(SHARED, folder, file)).size, 0);
}

/** Measures the address room: speed, growth, weight, and the npm packages that do parts of it in the same run. */
export async function bench(emit: (name: string, value: number, unit: string) => void): Promise<void> {
  const beforeImport = performance.now();
  const { addressFacts, knownDomains } = await import("../../shared/address/facts.ts");
  const { loadLists } = await import("../../shared/lists/lists.ts");
  emit("address.import", performance.now() - beforeImport, "ms");
  const beforeLists = performance.now();
  const sizes = loadLists();
  emit("address.lists_decode", performance.now() - beforeLists, "ms");
  emit("address.lists_disposable", sizes.disposable, "names");
  emit("address.lists_bytes", statSync(join(SHARED, "lists/lists.generated.ts")).size, "bytes");
  emit("address.code_bytes", sourceBytes("address") + sourceBytes("lists"), "bytes with lists and comments");

  const { parseAddress } = await import("../../shared/address/parse.ts");
  const { isDisposableDomain } = await import("../../shared/lists/lists.ts");
  const { decide, emptyEvidence } = await import("../../shared/verdict/decide.ts");
  const list = customerList();
  const domains = list.map((address) => address.slice(address.indexOf("@") + 1));
  emit(
    "address.parse",
    perSecond(list, (a) => parseAddress(a).ok),
    "addresses/s",
  );
  emit("address.disposable_lookup", perSecond(domains, isDisposableDomain), "lookups/s");
  emit(
    "address.facts",
    perSecond(list, (a) => addressFacts(a).address),
    "addresses/s",
  );
  const verdict = (a: string) => decide(emptyEvidence(addressFacts(a), "edge"), { roleIsRisky: false }, 0);
  emit("address.facts_and_verdict", perSecond(list, verdict), "addresses/s");
  // As lists are read: what the lists say of a domain is looked up once per batch.
  const known = knownDomains();
  const ofList = (a: string) =>
    decide(emptyEvidence(addressFacts(a, undefined, known), "edge"), { roleIsRisky: false }, 0);
  emit("address.facts_and_verdict_of_list", perSecond(list, ofList), "addresses/s");

  const validator = require("validator") as { isEmail(a: string): boolean };
  const isemail = require("isemail") as { validate(a: string): boolean };
  const emailValidator = require("email-validator") as { validate(a: string): boolean };
  const mailchecker = require("mailchecker") as { isValid(a: string): boolean };
  const mailcheck = require("mailcheck") as { run(o: { email: string }): unknown };
  const few = list.slice(0, BATCH / 10);
  emit(
    "address.peer.validator",
    perSecond(few, (a) => validator.isEmail(a)),
    "addresses/s",
  );
  emit(
    "address.peer.isemail",
    perSecond(few, (a) => isemail.validate(a)),
    "addresses/s",
  );
  emit(
    "address.peer.email-validator",
    perSecond(few, (a) => emailValidator.validate(a)),
    "addresses/s",
  );
  emit(
    "address.peer.mailchecker",
    perSecond(few, (a) => mailchecker.isValid(a)),
    "addresses/s",
  );
  const mailcheckFew = few.slice(0, BATCH / 100);
  emit(
    "address.peer.mailcheck",
    perSecond(mailcheckFew, (a) => mailcheck.run({ email: a })),
    "addresses/s",
  );

  const options = { displayName: true, mailto: true };
  for (const [kind, make] of Object.entries(ADVERSARIAL)) {
    for (const length of [1_000, 100_000, 10_000_000]) {
      const input = make(length);
      emit(
        `address.adversarial.${kind}.${length}`,
        msPerMegabyte(input, (a) => parseAddress(a)),
        "ms/MB",
      );
    }
  }
  emit(
    "address.adversarial.wrapped.4000",
    msPerMegabyte(`${"<".repeat(2_000)}${"a".repeat(2_000)}>`, (a) => parseAddress(a, options)),
    "ms/MB",
  );
}
