import { describe, expect, it } from "vitest";
import { RECORD_BATCH, TIMING } from "../../../probe/courier/limits.ts";
import { Recorder } from "../../../probe/courier/recorder.ts";
import type { AttemptRecord, CourierStore, StoreError } from "../../../probe/courier/store.ts";
import { err, ok } from "../../../shared/result.ts";

const quick = { ...TIMING, gatherMs: 1, pollMs: 1, databaseRetryMaxMs: 5 };
const record = (id: string): AttemptRecord => ({
  id,
  attempt_no: 1,
  at: "2026-11-20T12:00:00.000Z",
  duration_ms: 1,
  status_code: 200,
  error: null,
  response: "ok",
  state: "delivered",
  next_at: null,
});

/** A store that fails as told, one entry per statement, and keeps what it was given. */
function scripted(...failures: (StoreError["kind"] | null)[]) {
  const batches: AttemptRecord[][] = [];
  const store: CourierStore = {
    claim: async () => ok([]),
    async record(attempts) {
      const kind = failures.shift() ?? null;
      if (kind !== null) return err({ kind, detail: "scripted" });
      batches.push([...attempts]);
      return ok(attempts.length);
    },
    close: async () => {},
  };
  const warnings: object[] = [];
  const log = { info: () => {}, error: () => {}, warn: (fields: object) => void warnings.push(fields) };
  return { recorder: new Recorder(store, quick, log), batches, warnings };
}

const soon = () => Date.now() + 5_000;

describe("recording outcomes", () => {
  it("gathers them into one statement, and splits what is too much for one", async () => {
    const { recorder, batches } = scripted();
    for (let n = 0; n < RECORD_BATCH + 3; n += 1) recorder.add(record(String(n)));
    await recorder.drain(soon());
    expect(batches.map((b) => b.length)).toEqual([RECORD_BATCH, 3]);
    expect(recorder.unrecorded).toBe(0);
  });

  it("keeps them while Postgres is away, and writes them in order once it is back", async () => {
    const { recorder, batches, warnings } = scripted("unavailable", "unavailable");
    recorder.add(record("a"));
    recorder.add(record("b"));
    expect(recorder.unrecorded).toBe(2);
    await recorder.drain(soon());
    expect(batches.flat().map((r) => r.id)).toEqual(["a", "b"]);
    expect(warnings).toHaveLength(2);
  });

  it("leaves out a receiver's words that Postgres refuses, and gives up on what it refuses without them", async () => {
    const refused = scripted("data");
    refused.recorder.add(record("a"));
    await refused.recorder.drain(soon());
    expect(refused.batches).toEqual([[{ ...record("a"), response: null }]]);
    const hopeless = scripted("data", "data");
    hopeless.recorder.add(record("a"));
    await hopeless.recorder.drain(soon());
    expect(hopeless.batches).toEqual([]);
    expect(hopeless.recorder.unrecorded).toBe(0);
  });

  it("stops waiting for Postgres when its time is up", async () => {
    const { recorder } = scripted(...new Array(10_000).fill("unavailable"));
    recorder.add(record("a"));
    await recorder.drain(Date.now() + 20);
    expect(recorder.unrecorded).toBe(1);
  });
});
