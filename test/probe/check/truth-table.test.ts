import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { catalogue } from "../../../dev/world/list.ts";
import type { World } from "../../../dev/world/world.ts";
import { type Checker, createChecker } from "../../../probe/check/checker.ts";
import { configFor, quickWorld, verdictsOf } from "./support.ts";

/** Every kind of mailbox the world knows, and several of the common ones. */
const STEMS =
  "userabc alice nobody user grey full info disabled unknown gone restricted moved forwarded busy bob nosuch".split(
    " ",
  );
const PERSONALITIES = catalogue().filter((one) => !one.slow);

const addresses = (domain: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${STEMS[i % STEMS.length]}${String(i).padStart(4, "0")}@${domain}`);

describe.each([
  { pipelining: true, starttls: false },
  { pipelining: false, starttls: false },
  { pipelining: true, starttls: true },
  { pipelining: false, starttls: true },
])("the mail world with %o", (settings) => {
  let world: World;
  beforeAll(async () => {
    world = await quickWorld({ ...settings, greylistMs: 3_600_000 });
  });
  afterAll(() => world.close());

  it.each([1, 7, 500])("gives the true verdict for every personality in batches of %i", async (size) => {
    const checker: Checker = createChecker(configFor(world));
    const wrong: string[] = [];
    await Promise.all(
      PERSONALITIES.map(async ({ name, domain }) => {
        for (const verdict of await verdictsOf(checker, addresses(domain, size))) {
          const truth = world.truth(verdict.email);
          const right =
            truth !== null &&
            [truth.now, ...truth.also].some((one) => one.reason === verdict.reason && one.status === verdict.status);
          if (!right)
            wrong.push(
              `${name}: ${verdict.email} is ${verdict.reason}, not ${truth?.now.reason} (${verdict.evidence.text})`,
            );
        }
      }),
    );
    await checker.close();
    expect(wrong.slice(0, 20)).toEqual([]);
    expect(world.stats().data).toBe(0);
    expect(world.stats().violations.injection).toBeUndefined();
  });
});
