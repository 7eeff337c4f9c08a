import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { worldList } from "../../dev/world/list.ts";
import type { Truth } from "../../dev/world/types.ts";
import { Client, type ResultRow } from "../support/client.ts";
import { type LocalStack, StackHome } from "../support/stack.ts";

const ROWS = 1_000;
const FLOW_TIMEOUT_MS = 240_000;

/**
 * A list with every personality of the mail world, and the truth about each row; with `settled`, only those that get a
 * definite answer: the others are asked again until patience ends, which takes over a minute and proves nothing here.
 */
function truthfulList(rows: number, seed: number, settled = false): { csv: string; truths: RowTruth[] } {
  const truths = [...worldList(rows, seed)].filter(({ truth }) => !settled || truth.later.status !== "unknown");
  const lines = truths.map(({ email }, row) => `${row + 1},"${email.replaceAll('"', '""')}"`);
  return { csv: `number,email\n${lines.join("\n")}\n`, truths };
}

type RowTruth = { readonly email: string; readonly truth: Truth };

/** Rows whose verdict is none of those that the world calls right. */
function wrong(rows: readonly ResultRow[], truths: readonly RowTruth[]): string[] {
  return truths.flatMap(({ email, truth }, i) => {
    const row = rows[i];
    const right = [truth.later, ...truth.also];
    const good = row?.email === email && right.some((one) => one.status === row.status && one.reason === row.reason);
    return good ? [] : [`${email}: ${row?.status}/${row?.reason}, not ${truth.later.status}/${truth.later.reason}`];
  });
}

const ended = (job: { state: string }): boolean => job.state === "completed" || job.state === "failed";

describe("the main job, end to end", () => {
  const home = new StackHome();
  let stack: LocalStack;

  beforeAll(async () => {
    stack = await home.start();
  }, FLOW_TIMEOUT_MS);
  afterAll(() => home.close(), FLOW_TIMEOUT_MS);

  it(
    "turns a list with every personality into one right verdict per row and one signed webhook",
    async () => {
      const client = new Client(stack.ready);
      const { csv, truths } = truthfulList(ROWS, 7);
      const id = await client.upload(csv);
      const job = await client.follow(id, ended);
      expect(job.state).toBe("completed");
      const rows = await client.results(id);
      expect(rows).toHaveLength(ROWS);
      expect(wrong(rows, truths)).toEqual([]);
      const event = await webhookOf(stack, id);
      expect(event).toHaveLength(1);
      expect(event[0]).toMatchObject({ type: "job.completed", verified: true });
    },
    FLOW_TIMEOUT_MS,
  );

  it(
    "gives each row exactly one verdict when the probe is killed in the middle",
    async () => {
      const client = new Client(stack.ready);
      const { csv, truths } = truthfulList(ROWS, 8, true);
      const id = await client.upload(csv);
      await client.follow(id, (job) => job.state === "running" || ended(job));
      const victim = stack.probePid();
      process.kill(victim, "SIGKILL");
      const job = await client.follow(id, ended);
      expect(job.state).toBe("completed");
      const rows = await client.results(id);
      expect(rows.map((row) => row.row)).toEqual(truths.map((_, i) => i + 1));
      expect(wrong(rows, truths)).toEqual([]);
      expect(stack.probePid()).not.toBe(victim);
    },
    FLOW_TIMEOUT_MS,
  );

  it(
    "continues a job after the whole stack was killed and started again",
    async () => {
      const { csv, truths } = truthfulList(ROWS, 9, true);
      const before = new Client(stack.ready);
      const id = await before.upload(csv);
      await before.follow(id, (job) => job.state !== "queued");
      await stack.kill9();
      stack = await home.start();
      const client = new Client(stack.ready);
      const job = await client.follow(id, ended);
      expect(job.state).toBe("completed");
      const rows = await client.results(id);
      expect(rows.map((row) => row.row)).toEqual(truths.map((_, i) => i + 1));
      expect(wrong(rows, truths)).toEqual([]);
    },
    FLOW_TIMEOUT_MS,
  );

  it(
    "stops at Ctrl-C with exit code 0",
    async () => {
      expect(await stack.interrupt()).toBe(0);
    },
    FLOW_TIMEOUT_MS,
  );
});

/** The events about a job that the receiver has; waits until there is one. */
async function webhookOf(stack: LocalStack, jobId: string): Promise<{ type: string; verified: boolean }[]> {
  for (;;) {
    const events = (await (await fetch(stack.ready.webhook_receiver)).json()) as {
      type: string;
      verified: boolean;
      body: { data?: { id?: string } };
    }[];
    const mine = events.filter((event) => event.body.data?.id === jobId);
    if (mine.length > 0) return mine;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
