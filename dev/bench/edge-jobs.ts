import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import type { EdgeStack } from "./edge-stack.ts";

type Emit = (name: string, value: number, unit: string) => void;

const DECADES = [1_000, 10_000, 100_000, 1_000_000];
/** Small lists are run often, so that each decade handles at least so many rows, and some of them at once. */
const ROWS_PER_DECADE = 40_000;
const LISTS_AT_ONCE = 4;
/** Before anything is measured: the runtime's heap then has the size that it keeps. */
const WARM_UP_ROWS = 200_000;

/**
 * Lists of which the edge decides every row, disposable, malformed or duplicate, in four decades: uploaded in parts
 * where they are large, taken in, and their results read as CSV with the list's own columns. Prints rows a second, the
 * cost of one row, and the peak of the Worker's process; of a single list also how fast each way is.
 */
export async function benchJobs(stack: EdgeStack, emit: Emit): Promise<void> {
  await through(stack, WARM_UP_ROWS);
  for (const rows of DECADES) {
    const memory = peakMemory();
    const lists = Math.ceil(ROWS_PER_DECADE / rows);
    let left = lists;
    const ways = { inMs: 0, outMs: 0 };
    const begun = performance.now();
    const worker = async (): Promise<void> => {
      while (left-- > 0) {
        const { inMs, outMs } = await through(stack, rows);
        ways.inMs += inMs;
        ways.outMs += outMs;
      }
    };
    await Promise.all(Array.from({ length: Math.min(lists, LISTS_AT_ONCE) }, worker));
    // A single list's time ends with its last row; of many, the time of all.
    const ms = lists === 1 ? ways.inMs + ways.outMs : performance.now() - begun;
    emit(`edge_job_${rows}_in_and_out`, (lists * rows * 1000) / ms, "rows/s");
    emit(`edge_job_${rows}_cost`, (ms * 1000) / (lists * rows), "us/row");
    emit(`edge_job_${rows}_peak_memory`, memory() / 1024, "MB");
    if (lists > 1) continue;
    emit(`edge_job_${rows}_in`, (rows * 1000) / ways.inMs, "rows/s");
    emit(`edge_job_${rows}_out`, (rows * 1000) / ways.outMs, "rows/s");
  }
}

/** Takes a list in and reads its results; how long each took. */
async function through(stack: EdgeStack, rows: number): Promise<{ inMs: number; outMs: number }> {
  const list = listOf(rows);
  const headers = { authorization: `Bearer ${stack.key}` };
  const begun = performance.now();
  const id = await submit(stack, list);
  await ended(stack, id);
  const read = performance.now();
  const lines = await lineFeeds(await fetch(`${stack.url}/v1/jobs/${id}/results?format=csv`, { headers }));
  if (lines !== rows + 1) throw new Error(`bench: ${lines - 1} rows came out of ${rows}`);
  return { inMs: read - begun, outMs: performance.now() - read };
}

const LOOK_EVERY_MS = 10;
/** One connection answers one question at a time. */
let turn: Promise<unknown> = Promise.resolve();

/** Waits in Postgres for the end of a job: the API's events come when nobody has to wait for them any more. */
async function ended(stack: EdgeStack, id: string): Promise<void> {
  for (;;) {
    const looking = turn.then(() => stack.sql.query<{ state: string }>("SELECT state FROM jobs WHERE id = $1", [id]));
    turn = looking.catch(() => undefined);
    const state = (await looking).rows[0]?.state ?? "gone";
    if (state === "completed") return;
    if (state === "failed" || state === "gone") throw new Error(`bench: the job is ${state}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

function listOf(rows: number): Buffer {
  const lines = ["number,email,town"];
  for (let i = 0; i < rows; i++) {
    const kind = i % 3;
    const email =
      kind === 0 ? `user${i}@mailinator.com` : kind === 1 ? `broken ${i}` : `again${i % 100}@mailinator.com`;
    lines.push(`${i},${email},"Sankt, ${i % 50}"`);
  }
  return Buffer.from(`${lines.join("\n")}\n`);
}

const DIRECT_MAX_BYTES = 5_000_000;

async function submit(stack: EdgeStack, list: Buffer): Promise<string> {
  const headers = { authorization: `Bearer ${stack.key}` };
  if (list.length <= DIRECT_MAX_BYTES) {
    const body = new FormData();
    body.append("file", new Blob([new Uint8Array(list)]), "list.csv");
    return idOf(await fetch(`${stack.url}/v1/jobs`, { method: "POST", headers, body }));
  }
  const json = { ...headers, "content-type": "application/json" };
  const post = (path: string, body: object) =>
    fetch(`${stack.url}${path}`, { method: "POST", headers: json, body: JSON.stringify(body) });
  const opened = (await (await post("/v1/uploads", { bytes: list.length })).json()) as {
    id: string;
    part_bytes: number;
  };
  for (let at = 0, part = 1; at < list.length; at += opened.part_bytes, part++) {
    const bytes = new Uint8Array(list.subarray(at, at + opened.part_bytes));
    await fetch(`${stack.url}/v1/uploads/${opened.id}/parts/${part}`, { method: "PUT", headers, body: bytes });
  }
  await post(`/v1/uploads/${opened.id}/complete`, {});
  return idOf(await post("/v1/jobs", { upload_id: opened.id }));
}

async function idOf(response: Response): Promise<string> {
  if (response.status !== 202) throw new Error(`bench: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { id: string }).id;
}

async function lineFeeds(response: Response): Promise<number> {
  let count = 0;
  for await (const chunk of response.body ?? []) {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) count++;
  }
  return count;
}

/** Begins a new peak of the Workers runtimes' resident memory; the function gives the largest since, in KB. */
function peakMemory(): () => number {
  const runtimes = runtimesBelow(process.pid);
  for (const pid of runtimes) {
    try {
      // "Resets the peak resident set size to the current value" (proc_pid_clear_refs(5)).
      writeFileSync(`/proc/${pid}/clear_refs`, "5");
    } catch {
      // Where that is not allowed, the peak is that of the process's life.
    }
  }
  return () => Math.max(0, ...runtimes.map(peakOf));
}

const peakOf = (pid: number): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);

function runtimesBelow(root: number): number[] {
  const parents = new Map<number, number>();
  const names = new Map<number, string>();
  for (const entry of process.platform === "linux" ? readdirSync("/proc") : []) {
    const stat = /^\d+$/.test(entry) ? statOf(entry) : null;
    if (stat === null) continue;
    parents.set(Number(entry), stat.parent);
    names.set(Number(entry), stat.name);
  }
  const below = (pid: number): boolean => pid === root || (parents.has(pid) && below(parents.get(pid) ?? 0));
  return [...names].filter(([pid, name]) => name.startsWith("workerd") && below(pid)).map(([pid]) => pid);
}

function statOf(pid: string): { name: string; parent: number } | null {
  try {
    const match = /^\d+ \((.*)\) \S (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"));
    return match === null ? null : { name: match[1] ?? "", parent: Number(match[2]) };
  } catch {
    return null;
  }
}
