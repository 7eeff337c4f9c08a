import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FRAME_MAX_BYTES } from "../../../shared/limits.ts";
import {
  type HubFrame,
  type ProbeFrame,
  parseHubFrame,
  parseProbeFrame,
  WIRE_VERSION,
} from "../../../shared/wire/frames.ts";
import { workMessage } from "../../../shared/wire/messages.ts";
import { verdictFor } from "../../probe/link/fakes.ts";

const options = { mode: "full" as const, role_is_risky: false, transcript: false };
const me = {
  probe: "p1",
  build: "1",
  region: "eu",
  sources: [{ address: "192.0.2.1", helo: "a.example" }],
  slots: 1,
  window: 1,
};

const PROBE_FRAMES: ProbeFrame[] = [
  { t: "hello", v: WIRE_VERSION, ...me, capabilities: ["parts"], leases: [{ chunk: "c", lease: 1 }] },
  { t: "pull", window: 2_000, slots: 64 },
  { t: "done", items: [{ chunk: "c", lease: 1, outcome: "settled", drained: true, job: "j", again: 5 }] },
  { t: "nack", items: [{ chunk: "c", lease: 1, why: "draining" }] },
  { t: "answer", task: "t", verdict: verdictFor("a@example.net") },
  { t: "decline", task: "t", why: "full" },
  { t: "beat", sent: 1, held: 0, running: 0, leases: [], report: { breakers: [{ operator: "x" }] } },
  { t: "draining" },
];

const HUB_FRAMES: HubFrame[] = [
  { t: "welcome", v: WIRE_VERSION, session: "s", beat_ms: 10_000, grace_ms: 30_000 },
  {
    t: "lease",
    chunk: "c",
    lease: 1,
    ticket: "t",
    lane: "normal",
    deadline: 1,
    sticky: { probe: "p1", source: "192.0.2.1" },
    options,
    items: [{ n: 0, email: "a@example.net", tries: 0, due: 0, first: 0 }],
  },
  { t: "task", task: "t", email: "a@example.net", deadline: 1, options },
  { t: "detach", task: "t", chunk: "c", lease: 1, ticket: "t" },
  { t: "drain", why: "upgrade" },
  { t: "refuse", code: "bad_version", why: "x" },
  { t: "beat", sent: 1 },
];

describe("frames", () => {
  test.each(PROBE_FRAMES.map((frame) => [frame.t, frame] as const))(
    "%s arrives at the hub as it was sent",
    (_t, frame) => {
      expect(parseProbeFrame(JSON.stringify(frame))).toEqual({ ok: true, value: frame });
    },
  );

  test.each(HUB_FRAMES.map((frame) => [frame.t, frame] as const))(
    "%s arrives at the probe as it was sent",
    (_t, frame) => {
      expect(parseHubFrame(JSON.stringify(frame))).toEqual({ ok: true, value: frame });
    },
  );

  test("items that have never been tried may leave out what they do not know", () => {
    const frame = { ...HUB_FRAMES[1], options: {}, items: [{ n: 3, email: "a@example.net" }] };
    expect(parseHubFrame(JSON.stringify(frame))).toMatchObject({
      value: { options, items: [{ n: 3, tries: 0, due: 0, first: 0 }] },
    });
  });

  test("whatever comes in is a frame or an error, never an exception", () => {
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc.constantFrom(...[...PROBE_FRAMES, ...HUB_FRAMES].map((f) => JSON.stringify(f))),
    );
    fc.assert(
      fc.property(texts, fc.nat(), fc.string({ maxLength: 3 }), (text, at, noise) => {
        const cut = at % (text.length + 1);
        const damaged = text.slice(0, cut) + noise + text.slice(cut + noise.length);
        for (const parse of [parseProbeFrame, parseHubFrame]) expect(typeof parse(damaged).ok).toBe("boolean");
      }),
      { seed: 1, numRuns: 2_000 },
    );
  });

  test("an error names the field and never what was in it", () => {
    const frame = {
      t: "answer",
      task: "t",
      verdict: { ...verdictFor("secret@example.net"), score: "secret@example.net" },
    };
    const parsed = parseProbeFrame(JSON.stringify(frame));
    expect(parsed).toMatchObject({
      ok: false,
      error: { kind: "bad_shape", message: expect.stringContaining("verdict.score") },
    });
    expect(JSON.stringify(parsed)).not.toContain("secret");
  });

  test("a hello of another version is told apart whatever else it holds", () => {
    expect(parseProbeFrame('{"t":"hello","v":2,"novelty":[]}')).toMatchObject({ error: { kind: "bad_version" } });
    expect(parseProbeFrame('{"t":"hello","v":1}')).toMatchObject({ error: { kind: "bad_shape" } });
  });

  test("a frame over the limit is refused without being read", () => {
    expect(parseProbeFrame(`"${"x".repeat(FRAME_MAX_BYTES)}"`)).toMatchObject({ error: { kind: "too_long" } });
  });

  test.each([
    [
      "501 items in a lease",
      { ...HUB_FRAMES[1], items: Array.from({ length: 501 }, (_, n) => ({ n, email: "a@b.c" })) },
    ],
    ["no items in a lease", { ...HUB_FRAMES[1], items: [] }],
    ["an unknown lane", { ...HUB_FRAMES[1], lane: "express" }],
  ])("%s is no frame", (_what, frame) => {
    expect(parseHubFrame(JSON.stringify(frame))).toMatchObject({ ok: false, error: { kind: "bad_shape" } });
  });

  test.each([
    [
      "1,001 dones",
      { t: "done", items: Array.from({ length: 1_001 }, () => ({ chunk: "c", lease: 1, outcome: "settled" })) },
    ],
    ["an unknown outcome", { t: "done", items: [{ chunk: "c", lease: 1, outcome: "maybe" }] }],
    ["a negative window", { t: "pull", window: -1, slots: 0 }],
    ["a window beyond all reason", { t: "pull", window: 1e9, slots: 0 }],
  ])("%s is no frame", (_what, frame) => {
    expect(parseProbeFrame(JSON.stringify(frame))).toMatchObject({ ok: false, error: { kind: "bad_shape" } });
  });
});

test("work messages are of two kinds, and anything else is refused", () => {
  const job = "01a1f7d6-1591-7d00-9d32-54e21f963d71";
  expect(workMessage.safeParse({ kind: "wake", hub: "hub:eu:0" }).success).toBe(true);
  expect(workMessage.safeParse({ kind: "finalise", tenant: job, job }).success).toBe(true);
  expect(workMessage.safeParse({ kind: "finalise", tenant: "x", job }).success).toBe(false);
  expect(workMessage.safeParse({ kind: "sleep" }).success).toBe(false);
});
