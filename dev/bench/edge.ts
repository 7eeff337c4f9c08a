import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { type EdgeStack, startEdgeStack } from "./edge-stack.ts";

type Emit = (name: string, value: number, unit: string) => void;

const LOAD = fileURLToPath(new URL("http-load.ts", import.meta.url));
const CONNECTIONS = 16;
const SECONDS = 4;
const JOB_ROWS = 100_000;

/**
 * The Worker in the local runtime: answers a second for an address that its text decides, beside an empty Worker in the
 * same runtime and run; and a list that the edge decides, in and out.
 */
export async function bench(emit: Emit): Promise<void> {
  const stack = await startEdgeStack();
  try {
    await benchAnswers(stack, emit);
    await benchJob(stack, emit);
  } finally {
    await stack.close();
  }
}

async function benchAnswers(stack: EdgeStack, emit: Emit): Promise<void> {
  const headers = { "content-type": "application/json", authorization: `Bearer ${stack.key}` };
  const body = JSON.stringify({ email: "someone@mailinator.com" });
  const run = (url: string, seconds: number) => load({ url, connections: CONNECTIONS, seconds, headers, body });
  const edge = `${stack.url}/v1/verify`;
  const empty = `${stack.emptyUrl}/`;
  await run(edge, 1);
  await run(empty, 1);
  // In turn, so that a busy moment of the machine meets both.
  const rates = { edge: 0, empty: 0 };
  for (let round = 0; round < 2; round++) {
    rates.empty += (await run(empty, SECONDS / 2)) / 2;
    rates.edge += (await run(edge, SECONDS / 2)) / 2;
  }
  emit("edge_empty_route", Math.round(rates.empty), "answers/s");
  emit("edge_decided", Math.round(rates.edge), "answers/s");
  emit("edge_cost_against_empty", Math.round((100 * rates.empty) / rates.edge) / 100, "times");
}

type Order = { url: string; connections: number; seconds: number; headers: Record<string, string>; body: string };

/** Answers a second of a load generator in a process of its own. */
async function load(order: Order): Promise<number> {
  const child = spawn(process.execPath, [LOAD], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(order));
  const done = JSON.parse(await text(child.stdout)) as { answers: number; seconds: number; other: number };
  if (done.other > 0) throw new Error(`bench: ${done.other} answers of ${order.url} were not 200`);
  return done.answers / done.seconds;
}

/** A list of which the edge decides every row: disposable, malformed, duplicate. */
async function benchJob(stack: EdgeStack, emit: Emit): Promise<void> {
  const rows = Array.from({ length: JOB_ROWS }, (_, i) => {
    const kind = i % 3;
    return kind === 0 ? `user${i}@mailinator.com` : kind === 1 ? `broken ${i}` : `again${i % 100}@mailinator.com`;
  });
  const form = new FormData();
  form.append("file", new Blob([`email\n${rows.join("\n")}\n`]), "list.csv");
  const headers = { authorization: `Bearer ${stack.key}` };
  const begun = performance.now();
  const made = await fetch(`${stack.url}/v1/jobs`, { method: "POST", headers, body: form });
  const { id } = (await made.json()) as { id: string };
  const uploaded = performance.now();
  const events = await fetch(`${stack.url}/v1/jobs/${id}/events`, { headers });
  if (!(await events.text()).includes("event: done")) throw new Error("bench: the job did not end");
  const finished = await stack.sql.query<{ seconds: number }>(
    "SELECT extract(epoch FROM finished_at - created_at)::float8 AS seconds FROM jobs WHERE id = $1",
    [id],
  );
  const read = performance.now();
  const csv = await (await fetch(`${stack.url}/v1/jobs/${id}/results?format=csv`, { headers })).text();
  const exported = performance.now();
  const lines = csv.split("\r\n").length - 2;
  if (lines !== JOB_ROWS) throw new Error(`bench: ${lines} rows came out of ${JOB_ROWS}`);
  const inSeconds = (uploaded - begun) / 1000 + (finished.rows[0]?.seconds ?? 0);
  emit("edge_job_in", Math.round(JOB_ROWS / inSeconds), "rows/s");
  emit("edge_job_export", Math.round((JOB_ROWS * 1000) / (exported - read)), "rows/s");
  emit("edge_job_in_and_out", Math.round(JOB_ROWS / (inSeconds + (exported - read) / 1000)), "rows/s");
}
