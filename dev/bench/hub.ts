import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent, request } from "undici";
import { type HubStand, startHub } from "../hub/stand.ts";
import { startNeonShim } from "../neon-shim.ts";
import { prepareDatabase, startPostgres } from "../postgres.ts";
import { benchFairness } from "./fairness.ts";
import { NullProbes } from "./null-fleet.ts";

const DATABASE = "bench";
/**
 * Where the object's storage goes, if there is such a place. The local runtime commits on its only thread, so that a
 * slow disk stops every Worker in it; Cloudflare's storage does not, and the disk of this machine is not the subject.
 */
const MEMORY_FOLDER = "/dev/shm";
const PROBES = 4;
const LATENCY_CALLS = 400;
const CHUNK_TAKES_MS = 150;

type Emit = (name: string, value: number, unit: string) => void;

/**
 * One hub in the local runtime, refilling itself from a real Postgres, leases persisted, against probes of another
 * process that answer at once: addresses and chunks per second, and real-time calls through it beside calls of an empty
 * route, idle and under full bulk load.
 */
export async function bench(emit: Emit): Promise<void> {
  const before = process.env.TMPDIR;
  if (existsSync(MEMORY_FOLDER)) process.env.TMPDIR = MEMORY_FOLDER;
  try {
    await benchHub(emit);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
}

async function benchHub(emit: Emit): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "mailsonar-bench-hub-"));
  const postgres = await startPostgres({ dataDir: folder, durable: false });
  const shim = await startNeonShim();
  try {
    await prepareDatabase(postgres, DATABASE);
    const stand = await startHub({
      superuserUrl: postgres.superuserUrl(DATABASE),
      shimUrl: shim.url,
      roleUrl: (role) => postgres.roleUrl(role, DATABASE),
    });
    try {
      await benchAll(stand, emit);
    } finally {
      await stand.close();
    }
  } finally {
    await shim.close();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function benchAll(stand: HubStand, emit: Emit): Promise<void> {
  const tokens = [];
  for (let i = 0; i < PROBES; i++) tokens.push(await stand.credential(`n${i}`));
  const probes = new NullProbes(stand.url, tokens);
  try {
    await probes.ready();
    await benchBulk(stand, probes, { chunks: 200, size: 100 });
    for (const [size, chunks] of [
      [1, 4_000],
      [100, 3_000],
      [500, 800],
    ] as const) {
      const seconds = await benchBulk(stand, probes, { chunks, size });
      emit(`hub.bulk.${size}_per_chunk.chunks`, chunks / seconds, "chunks/s");
      emit(`hub.bulk.${size}_per_chunk.addresses`, (chunks * size) / seconds, "addresses/s");
    }
    await benchRealTime(stand, probes, emit);
    await benchFairness(stand, probes, emit);
  } finally {
    probes.stop();
  }
  await benchColdStart(stand, emit);
}

/** A call that finds the object out of memory with 10,000 chunks of 100 stored, beside the same call right after. */
async function benchColdStart(stand: HubStand, emit: Emit): Promise<void> {
  await stand.rows(`WITH RECURSIVE n (i) AS (SELECT 1000000 UNION ALL SELECT i + 1 FROM n WHERE i < 1009999)
    INSERT INTO chunk (seq, id, tenant, job, lane, domain, size, queued_at, body)
    SELECT i, 'c' || i, 't' || i % 50, 'j', 2, 'd' || i % 500, 100, 0, printf('%.*c', 6000, 'x') FROM n`);
  const view = async () => {
    const begun = performance.now();
    await stand.call("view");
    return performance.now() - begun;
  };
  await stand.evict("close");
  emit("hub.cold_start_10000_chunks", await view(), "ms");
  emit("hub.warm_view_10000_chunks", await view(), "ms");
}

/** Plans chunks, wakes the hub, and measures from the first lease to the last address done. Seconds. */
async function benchBulk(stand: HubStand, probes: NullProbes, { chunks, size }: { chunks: number; size: number }) {
  await plan(stand, chunks, size);
  const finished = probes.expect(chunks * size);
  await stand.call("wake");
  return (await finished) / 1_000;
}

async function plan(stand: HubStand, chunks: number, size: number): Promise<void> {
  const tenant = await stand.tenant();
  await stand.sql.query(
    `INSERT INTO chunks (id, tenant_id, job_id, kind, hub, lane, domain, items, open_items)
     SELECT gen_random_uuid(), $1, $2, 'job', 'hub:eu:0', 2, 'd' || c % 50 || '.example',
            (SELECT jsonb_agg(jsonb_build_object('n', i, 'email', 'user' || i || '@d' || c % 50 || '.example')) FROM generate_series(1, $4) i), $4
       FROM generate_series(1, $3) c`,
    [tenant, randomUUID(), chunks, size],
  );
}

async function benchRealTime(stand: HubStand, probes: NullProbes, emit: Emit): Promise<void> {
  const agent = new Agent({ connections: 8 });
  const empty = () => timed(agent, `${stand.url}/empty`, null);
  const verify = () => {
    const options = { mode: "full", role_is_risky: false, transcript: false };
    const task = { id: randomUUID(), email: "someone@example.net", options, deadlineMs: Date.now() + 20_000 };
    return timed(agent, `${stand.url}/rpc?hub=hub:eu:0&method=verify`, JSON.stringify([task]));
  };
  await sample(verify);
  const bare = await sample(empty);
  const idle = await sample(verify);
  report(emit, "hub.realtime.empty_route", bare);
  const idleP99 = report(emit, "hub.realtime.idle", idle);
  // Chunks that take their time: windows are full and the hub is busy, but the machine has not run out of processors.
  const full = { name: "full_windows", holdMs: CHUNK_TAKES_MS, chunks: 2_000 };
  const fullP99 = await underBulk(stand, probes, full, { verify, empty }, emit);
  emit("hub.realtime.p99_under_full_windows_against_idle", fullP99 / idleP99, "x");
  await underBulk(stand, probes, { name: "saturation", holdMs: 0, chunks: 8_000 }, { verify, empty }, emit);
  await agent.close();
}

type Load = { readonly name: string; readonly holdMs: number; readonly chunks: number };
type Calls = { verify(): Promise<number>; empty(): Promise<number> };

/** Real-time calls and calls of an empty route, in turn, while bulk of 100 addresses per chunk goes on. Returns p99. */
async function underBulk(stand: HubStand, probes: NullProbes, load: Load, calls: Calls, emit: Emit): Promise<number> {
  await plan(stand, load.chunks, 100);
  probes.hold(load.holdMs);
  const finished = probes.expect(load.chunks * 100);
  await stand.call("wake");
  let bulkIsDone = false;
  void finished.then(() => {
    bulkIsDone = true;
  });
  const checks: number[] = [];
  const bare: number[] = [];
  while (!bulkIsDone && checks.length < LATENCY_CALLS) {
    checks.push(await calls.verify());
    bare.push(await calls.empty());
  }
  const seconds = (await finished) / 1_000;
  const p99 = report(emit, `hub.realtime.under_${load.name}`, checks);
  report(emit, `hub.realtime.empty_route_under_${load.name}`, bare);
  emit(`hub.realtime.bulk_of_${load.name}`, (load.chunks * 100) / seconds, "addresses/s");
  return p99;
}

async function sample(call: () => Promise<number>): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < LATENCY_CALLS; i++) times.push(await call());
  return times;
}

/** Milliseconds of one call, body read. */
async function timed(agent: Agent, url: string, body: string | null): Promise<number> {
  const begun = performance.now();
  const answer = await request(url, { method: body === null ? "GET" : "POST", body, dispatcher: agent });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`${url}: ${answer.statusCode} ${text.slice(0, 200)}`);
  if (body !== null && !text.startsWith('{"kind":"answer"')) throw new Error(`no answer: ${text.slice(0, 200)}`);
  return performance.now() - begun;
}

/** Emits median and p99 of milliseconds; returns p99. */
function report(emit: Emit, name: string, times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  emit(`${name}.p50`, at(0.5), "ms");
  emit(`${name}.p99`, at(0.99), "ms");
  return at(0.99);
}
