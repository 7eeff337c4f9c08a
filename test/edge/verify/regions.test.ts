import { describe, expect, test } from "vitest";
import type { Env } from "../../../edge/env.ts";
import type { RealTimeAnswer } from "../../../edge/hub/rpc.ts";
import { createRegions } from "../../../edge/verify/regions.ts";
import { verdictFor } from "../../probe/link/fakes.ts";

type Says = "answer" | "no_probe" | "late";

/** Regions whose hubs say what the test sets, and the regions that were asked. */
function regionsOf(says: Record<string, Says>) {
  const asked: string[] = [];
  const answers: Record<Says, RealTimeAnswer> = {
    answer: { kind: "answer", verdict: verdictFor("a@corp-mail.net") },
    no_probe: { kind: "no_probe" },
    late: { kind: "late" },
  };
  const hubs = {
    getByName: (name: string) => ({
      verify: async () => {
        const region = name.split(":")[1] ?? "";
        asked.push(region);
        return answers[says[region] ?? "no_probe"];
      },
    }),
  };
  const env = { hubs, hubShards: 1, regions: Object.keys(says) };
  return { regions: createRegions(env as unknown as Env), asked };
}

const task = (continent?: string) => ({
  id: "01a1f7c7-4a40-7815-a03a-36489797487b",
  email: "a@corp-mail.net",
  domain: "corp-mail.net",
  options: { mode: "full" as const, role_is_risky: false, transcript: false },
  deadlineMs: Date.now() + 60_000,
  traceId: "t",
  continent,
});

describe("regions", () => {
  test("the operator's order holds where nothing is known of the caller", async () => {
    const { regions, asked } = regionsOf({ eu: "answer", us: "answer" });
    expect((await regions.verify(task())).kind).toBe("answer");
    expect(asked).toEqual(["eu"]);
  });

  test("the caller's continent comes first", async () => {
    const { regions, asked } = regionsOf({ eu: "answer", "us-west": "answer", ap: "answer" });
    await regions.verify(task("NA"));
    await regions.verify(task("AS"));
    await regions.verify(task("EU"));
    expect(asked).toEqual(["us-west", "ap", "eu"]);
  });

  test("one without a probe is passed over at once, and not asked again for a while", async () => {
    const { regions, asked } = regionsOf({ eu: "no_probe", us: "answer" });
    await regions.verify(task());
    await regions.verify(task());
    expect(asked).toEqual(["eu", "us", "us"]);
  });

  test("a probe that is still at it is waited for in its own region alone", async () => {
    const { regions, asked } = regionsOf({ eu: "late", us: "answer" });
    expect(await regions.verify(task())).toEqual({ kind: "late", hub: "hub:eu:0" });
    expect(asked).toEqual(["eu"]);
  });

  test("when none has a probe, that is the answer", async () => {
    const { regions } = regionsOf({ eu: "no_probe", us: "no_probe" });
    expect(await regions.verify(task())).toEqual({ kind: "no_probe" });
  });
});
