import { describe, expect, test, vi } from "vitest";
import type { Env } from "../../../edge/env.ts";
import type { RealTimeAnswer, RealTimeTask } from "../../../edge/hub/rpc.ts";
import { NO_PROBE_MEMORY_MS } from "../../../edge/limits.ts";
import { placeOf } from "../../../edge/verify/places.ts";
import { createRegions, type Leave } from "../../../edge/verify/regions.ts";
import type { Verdict } from "../../../shared/verdict/types.ts";
import { verdictFor } from "../../probe/link/fakes.ts";

type Says = "answer" | "unknown" | "blocked" | "no_probe" | "busy" | "late";

const unknown: Verdict = { ...verdictFor("a@corp-mail.net"), status: "unknown", reason: "probe_blocklisted" };

const ANSWERS: Record<Says, RealTimeAnswer> = {
  answer: { kind: "answer", verdict: verdictFor("a@corp-mail.net") },
  unknown: { kind: "answer", verdict: unknown },
  blocked: { kind: "answer", verdict: unknown, elsewhere: true },
  no_probe: { kind: "no_probe" },
  busy: { kind: "busy" },
  late: { kind: "late" },
};

/** Regions whose hubs say what the test sets (busy ones answer whoever does not hurry), and whom they were asked by. */
function regionsOf(says: Record<string, Says>, leave: Leave = async () => true) {
  const asked: string[] = [];
  const hubs = {
    getByName: (name: string) => ({
      verify: async (task: RealTimeTask) => {
        const region = name.split(":")[1] ?? "";
        asked.push(region);
        const said = says[region] ?? "no_probe";
        return ANSWERS[said === "busy" && task.hurried !== true ? "answer" : said];
      },
    }),
  };
  const env = { hubs, hubShards: 1, regions: Object.keys(says) };
  return { regions: createRegions(env as unknown as Env, leave), asked };
}

const task = (cf: object = {}, patienceMs = 60_000) => ({
  id: "01a1f7c7-4a40-7815-a03a-36489797487b",
  email: "a@corp-mail.net",
  domain: "corp-mail.net",
  options: { mode: "full" as const, role_is_risky: false, transcript: false },
  deadlineMs: Date.now() + patienceMs,
  traceId: "t",
  place: placeOf(cf),
});

describe("regions", () => {
  test("the operator's order holds where nothing is known of the caller", async () => {
    const { regions, asked } = regionsOf({ eu: "answer", us: "answer" });
    expect((await regions.verify(task())).kind).toBe("answer");
    expect(asked).toEqual(["eu"]);
  });

  test("the caller's continent comes first", async () => {
    const { regions, asked } = regionsOf({ eu: "answer", "us-west": "answer", ap: "answer" });
    await regions.verify(task({ continent: "NA" }));
    await regions.verify(task({ continent: "AS" }));
    await regions.verify(task({ continent: "EU" }));
    expect(asked).toEqual(["us-west", "ap", "eu"]);
  });

  test("a caller whose place is known gets the nearest region of the continent; unknown names come last", async () => {
    const { regions, asked } = regionsOf({ lab: "answer", "us-east": "answer", "us-west-2": "answer" });
    await regions.verify(task({ continent: "NA", latitude: "37.8", longitude: "-122.3" }));
    await regions.verify(task({ continent: "NA", latitude: "40.7", longitude: "-74.0" }));
    await regions.verify(task({ latitude: "north", longitude: "" }));
    expect(asked).toEqual(["us-west-2", "us-east", "lab"]);
  });

  test("one without a probe is passed over at once, and not asked again for a while", async () => {
    const { regions, asked } = regionsOf({ eu: "no_probe", us: "answer" });
    await regions.verify(task());
    await regions.verify(task());
    expect(asked).toEqual(["eu", "us", "us"]);
  });

  test("one that was passed over is asked again later", async () => {
    vi.useFakeTimers();
    const says: Record<string, Says> = { eu: "no_probe", us: "answer" };
    const { regions, asked } = regionsOf(says);
    await regions.verify(task());
    says.eu = "answer";
    vi.advanceTimersByTime(NO_PROBE_MEMORY_MS);
    await regions.verify(task());
    expect(asked).toEqual(["eu", "us", "eu"]);
    vi.useRealTimers();
  });

  test("one with a queue gives way to another, and is waited for when all are full", async () => {
    const { regions, asked } = regionsOf({ eu: "busy", us: "answer" });
    expect((await regions.verify(task())).kind).toBe("answer");
    expect(asked).toEqual(["eu", "us"]);
    const full = regionsOf({ ap: "no_probe", eu: "busy", us: "busy" });
    expect((await full.regions.verify(task())).kind).toBe("answer");
    expect(full.asked).toEqual(["ap", "eu", "us", "eu"]);
  });

  test("a lone region is never told to hurry", async () => {
    const { regions, asked } = regionsOf({ eu: "busy" });
    expect((await regions.verify(task())).kind).toBe("answer");
    expect(asked).toEqual(["eu"]);
  });

  test("a probe that is still at it is waited for in its own region alone", async () => {
    const { regions, asked } = regionsOf({ eu: "late", us: "answer" });
    expect(await regions.verify(task())).toEqual({ kind: "late", hub: "hub:eu:0" });
    expect(asked).toEqual(["eu"]);
  });

  test("when none has a probe, that is the answer; the nearest is looked at again all the same", async () => {
    const { regions, asked } = regionsOf({ eu: "no_probe", us: "no_probe" });
    expect(await regions.verify(task())).toEqual({ kind: "no_probe" });
    asked.length = 0;
    expect(await regions.verify(task())).toEqual({ kind: "no_probe" });
    expect(asked).toEqual(["eu"]);
  });
});

describe("a second opinion", () => {
  test("is had from the next region when the trouble may be about where we asked from", async () => {
    const { regions, asked } = regionsOf({ eu: "blocked", us: "answer" });
    expect(await regions.verify(task())).toMatchObject({ kind: "answer", verdict: { status: "deliverable" } });
    expect(asked).toEqual(["eu", "us"]);
  });

  test("is not had about any other unknown, nor without leave, nor without time, nor without another region", async () => {
    const cases = [
      { of: regionsOf({ eu: "unknown", us: "answer" }), patienceMs: 60_000 },
      { of: regionsOf({ eu: "blocked", us: "answer" }, async () => false), patienceMs: 60_000 },
      { of: regionsOf({ eu: "blocked", us: "answer" }), patienceMs: 500 },
      { of: regionsOf({ eu: "blocked" }), patienceMs: 60_000 },
    ];
    for (const { of, patienceMs } of cases) {
      expect(await of.regions.verify(task({}, patienceMs))).toMatchObject({ verdict: { reason: "probe_blocklisted" } });
      expect(of.asked).toEqual(["eu"]);
    }
  });

  test("that knows no more, is late or cannot be had leaves the first verdict", async () => {
    for (const second of ["unknown", "blocked", "late", "no_probe", "busy"] as const) {
      const { regions } = regionsOf({ eu: "blocked", us: second });
      expect(await regions.verify(task())).toEqual(ANSWERS.blocked);
    }
  });

  test("goes on to the region after the next when that one has no probe, and no further than one answer", async () => {
    const { regions, asked } = regionsOf({ eu: "blocked", us: "no_probe", ap: "blocked", sa: "answer" });
    expect(await regions.verify(task())).toEqual(ANSWERS.blocked);
    expect(asked).toEqual(["eu", "us", "ap"]);
  });

  test("asks leave for the domain once, and no leave for a region that is passed over", async () => {
    const leaves: string[] = [];
    const leave: Leave = async (domain, region) => leaves.push(`${domain} ${region}`) > 0;
    const { regions } = regionsOf({ eu: "blocked", us: "no_probe" }, leave);
    await regions.verify(task());
    await regions.verify(task());
    expect(leaves).toEqual(["corp-mail.net eu"]);
  });
});
