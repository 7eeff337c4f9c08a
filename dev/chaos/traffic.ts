import { type Client, createClient } from "../../probe/client/client.ts";
import { describeFault } from "../../probe/client/fault.ts";
import type { Job } from "../../probe/client/shapes.ts";
import { Chance } from "../sim/clock.ts";
import { worldList } from "../world/list.ts";
import type { Truth } from "../world/types.ts";
import type { Stand } from "./stand.ts";

export type Row = { readonly email: string; readonly truth: Truth };

/** A list that went in, and its job as the customer saw it end. */
export type RunList = {
  readonly id: string;
  readonly rows: readonly Row[];
  readonly job: Job;
  readonly seconds: number;
};

/** A real-time call that was answered: at once, or with 202 and an id. */
export type RunCall = {
  readonly id: string;
  readonly late: boolean;
  readonly row: Row;
  readonly reason: string | null;
};

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export const clientOf = (stand: Stand): Client =>
  createClient({ url: new URL(stand.url), key: stand.key, now: Date.now, sleep });

/** Rows of the mail world; `settled` leaves out what has no definite answer even later, which takes a minute each. */
export function rowsOf(count: number, seed: number, settled: boolean): Row[] {
  const rows: Row[] = [];
  for (const row of worldList(count * 2, seed)) {
    if (settled && row.truth.later.status === "unknown") continue;
    rows.push(row);
    if (rows.length === count) break;
  }
  return rows;
}

/**
 * Uploads a list as a customer would and follows its job to its end, through all outages.
 * @throws Error with the reason when the job cannot be followed to an end before the signal fires
 */
export async function runList(
  stand: Stand,
  rows: readonly Row[],
  signal: AbortSignal,
  onStart: (id: string) => void = () => {},
): Promise<RunList> {
  const client = clientOf(stand);
  const csv = `number,email\n${rows.map(({ email }, i) => `${i + 1},"${email.replaceAll('"', '""')}"`).join("\n")}\n`;
  const begun = Date.now();
  const id = await upload(client, csv, signal);
  onStart(id);
  let last: Job | null = null;
  for await (const view of client.follow(id, signal)) {
    if (!view.ok) throw new Error(`job ${id} was not followed to its end: ${describeFault(view.error)}`);
    last = view.value;
  }
  if (last === null) throw new Error(`job ${id} showed nothing of itself`);
  return { id, rows, job: last, seconds: (Date.now() - begun) / 1_000 };
}

/** A list whose upload broke may still have made a job; that one is followed by nobody, and has to end all the same. */
async function upload(client: Client, csv: string, signal: AbortSignal): Promise<string> {
  for (;;) {
    const file = new Blob([csv], { type: "text/csv" });
    const list = { file, fileName: "list.csv", name: "chaos", mode: "full", column: null } as const;
    const made = await client.createJob(list, () => {}, signal);
    if (made.ok) return made.value;
    if (signal.aborted) throw new Error(`no list could be uploaded: ${describeFault(made.error)}`);
    await sleep(500);
  }
}

/** Calls `/v1/verify` in turn until stopped, with more or less patience, so that some become 202s. */
export function startCalls(stand: Stand, seed: number): { stop(): Promise<readonly RunCall[]> } {
  const chance = new Chance(seed);
  const rows = rowsOf(2_000, seed + 1, true);
  const calls: RunCall[] = [];
  let going = true;
  const loop = (async () => {
    while (going) {
      const row = chance.pick(rows);
      const call = await verify(stand, row, chance.pick([100, 300, 8_000])).catch(() => null);
      if (call !== null) calls.push(call);
      await sleep(chance.int(50, 400));
    }
  })();
  return {
    async stop() {
      going = false;
      await loop;
      return calls;
    },
  };
}

async function verify(stand: Stand, row: Row, timeoutMs: number): Promise<RunCall | null> {
  const response = await fetch(`${stand.url}/v1/verify`, {
    method: "POST",
    headers: { authorization: `Bearer ${stand.key}`, "content-type": "application/json" },
    body: JSON.stringify({ email: row.email, timeout_ms: timeoutMs, fresh: true }),
    signal: AbortSignal.timeout(60_000),
  });
  const body = (await response.json()) as { id: string; reason?: string };
  if (response.status !== 200 && response.status !== 202) return null;
  return { id: body.id, late: response.status === 202, row, reason: body.reason ?? null };
}
