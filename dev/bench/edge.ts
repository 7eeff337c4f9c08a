import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { benchJobs } from "./edge-jobs.ts";
import { type EdgeStack, startEdgeStack } from "./edge-stack.ts";

type Emit = (name: string, value: number, unit: string) => void;

const LOAD = fileURLToPath(new URL("http-load.ts", import.meta.url));
const CONNECTIONS = 16;
const SECONDS = 4;

/**
 * The Worker in the local runtime: answers a second for an address that its text decides, beside an empty Worker in the
 * same runtime and run; and a list that the edge decides, in and out.
 */
export async function bench(emit: Emit): Promise<void> {
  const stack = await startEdgeStack();
  try {
    await benchAnswers(stack, emit);
    await benchJobs(stack, emit);
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
