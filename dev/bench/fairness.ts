import { randomUUID } from "node:crypto";
import type { HubStand } from "../hub/stand.ts";
import type { NullProbes } from "./null-fleet.ts";

const LARGE_ADDRESSES = 200_000;
const LARGE_CHUNK = 100;
/** What a chunk takes at its mail hosts: short, but long enough for windows to fill. */
const CHUNK_TAKES_MS = 150;
const TURNS = 7;

type Emit = (name: string, value: number, unit: string) => void;

/**
 * Ten addresses of one tenant, alone and behind 200,000 of another that were there before: milliseconds from their
 * being planned to their being done, and how many addresses of the other were leased in that time.
 */
export async function benchFairness(stand: HubStand, probes: NullProbes, emit: Emit): Promise<void> {
  probes.hold(CHUNK_TAKES_MS);
  const alone: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) alone.push((await ten(stand, probes)).ms);

  await planLarge(stand, await stand.tenant());
  const large = probes.expect(LARGE_ADDRESSES);
  await stand.call("wake");
  const behind: number[] = [];
  const overtaking: number[] = [];
  for (let turn = 0, before = 0; turn < TURNS; turn++) {
    const { ms, done } = await ten(stand, probes);
    behind.push(ms);
    // The first one comes while the windows still fill.
    if (turn > 0) overtaking.push(done - before);
    before = done;
  }
  const seconds = (await large) / 1_000;
  emit("hub.fairness.ten_alone.p50", median(alone), "ms");
  emit("hub.fairness.ten_behind_200000.p50", median(behind), "ms");
  emit("hub.fairness.ten_behind_200000.max", Math.max(...behind), "ms");
  emit("hub.fairness.ten_behind_200000_against_alone", median(behind) / median(alone), "x");
  emit("hub.fairness.leased_meanwhile_of_200000", median(overtaking), "addresses");
  emit("hub.fairness.the_200000", seconds, "s");
}

async function ten(stand: HubStand, probes: NullProbes): Promise<{ ms: number; done: number }> {
  const tenant = await stand.tenant();
  const emails = Array.from({ length: 10 }, (_, i) => `user${i}@example.net`);
  const begun = performance.now();
  const { chunk } = await stand.plan(tenant, emails);
  const done = probes.watch(chunk);
  await stand.call("wake");
  return { done: await done, ms: performance.now() - begun };
}

async function planLarge(stand: HubStand, tenant: string): Promise<void> {
  await stand.sql.query(
    `INSERT INTO chunks (id, tenant_id, job_id, kind, hub, lane, domain, items, open_items)
     SELECT gen_random_uuid(), $1, $2, 'job', 'hub:eu:0', 2, 'd' || c % 50 || '.example',
            (SELECT jsonb_agg(jsonb_build_object('n', i, 'email', 'user' || i || '@d' || c % 50 || '.example')) FROM generate_series(1, $4) i), $4
       FROM generate_series(1, $3) c`,
    [tenant, randomUUID(), LARGE_ADDRESSES / LARGE_CHUNK, LARGE_CHUNK],
  );
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
