import { type Checker, type CheckerOptions, createChecker } from "../../probe/check/checker.ts";
import { readProbeConfig } from "../../probe/config.ts";
import { steadyMemory } from "../../probe/memory.ts";
import { BULK_WINDOW_ADDRESSES, CHUNK_TARGET_ITEMS } from "../../shared/limits.ts";
import type { ChunkItem } from "../../shared/wire/frames.ts";
import { type BareTask, bareProbe } from "./bare-prober.ts";
import type { ProbeRun, RunnerArguments } from "./probe-runs.ts";

const DOMAINS = 50;

/**
 * A process of its own for one prober, ours or the bare one: neither inherits the other's heap, nor the compiler's
 * opinion of it. Takes `RunnerArguments` as JSON; each message from its parent is a run, answered by a `ProbeRun`.
 */
steadyMemory();
const args = JSON.parse(process.argv[2] ?? "") as RunnerArguments;
const tasks = tasksOf(args.addresses);
process.on("message", async () => {
  process.send?.(await run());
});

async function run(): Promise<ProbeRun> {
  await fetch(`${args.control}/reset`, { method: "POST" });
  const cpu = process.cpuUsage();
  const rss = process.memoryUsage().rss;
  const start = performance.now();
  if (args.prober === "bare") await bareProbe(tasks, args.dns, args.smtpPort);
  else await withChecker((checker) => checkAll(checker, tasks));
  const seconds = (performance.now() - start) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  const grownBytes = process.memoryUsage().rss - rss;
  const stats: unknown = await (await fetch(`${args.control}/stats`)).json();
  return {
    seconds,
    cpuUs: user + system,
    connections: numberIn(stats, "connections"),
    flights: numberIn(stats, "flights"),
    grownBytes,
  };
}

/** Addresses spread over the domains, of which three in ten are unknown. */
function tasksOf(count: number): readonly BareTask[] {
  const found = Array.from({ length: DOMAINS }, (_, i) => ({
    domain: `accept-${i}.mailworld.net`,
    addresses: [] as string[],
  }));
  for (let i = 0; i < count; i += 1) {
    const task = found[i % DOMAINS];
    task?.addresses.push(`${i % 10 < 3 ? "nobody" : "user"}${i}@${task.domain}`);
  }
  return found;
}

async function withChecker(run: (checker: Checker) => Promise<void>): Promise<void> {
  const config = readProbeConfig({
    PROBE_DNS_SERVERS: args.dns,
    PROBE_SMTP_PORT: String(args.smtpPort),
    PROBE_ALLOW_PRIVATE_NETWORKS: "1",
    PROBE_HELO_NAME: "probe-1.mailsonar.net",
    PROBE_MAIL_FROM: "check@mailsonar.net",
  });
  if (!config.ok) throw new Error(config.error);
  const checker = createChecker(config.value);
  await run(checker);
  await checker.close();
}

/** Chunks in a window of the standard width, as a probe holds them. */
async function checkAll(checker: Checker, all: readonly BareTask[]): Promise<void> {
  const options: CheckerOptions = {
    mode: "full",
    role_is_risky: false,
    transcript: false,
    signal: new AbortController().signal,
    deadlineMs: null,
    source: null,
    finalOnly: true,
    realTime: false,
  };
  const chunks = chunksOf(all);
  const size = Math.min(CHUNK_TARGET_ITEMS, all[0]?.addresses.length ?? 1);
  let wrong = 0;
  const worker = async (): Promise<void> => {
    for (const chunk of chunks) {
      await checker.checkMany(chunk, options, (item, outcome) => {
        const reason = outcome.kind === "final" ? outcome.verdict.reason : "deferred";
        if (reason !== (item.email.startsWith("user") ? "accepted" : "mailbox_not_found")) wrong += 1;
      });
    }
  };
  await Promise.all(Array.from({ length: BULK_WINDOW_ADDRESSES / size }, worker));
  if (wrong > 0) throw new Error(`${wrong} verdicts are wrong: the figures would mean nothing`);
}

/** Chunks as the hub leases them: of the target size, domain by domain. */
function* chunksOf(all: readonly BareTask[]): Generator<ChunkItem[]> {
  for (const { addresses } of all) {
    for (let from = 0; from < addresses.length; from += CHUNK_TARGET_ITEMS) {
      const some = addresses.slice(from, from + CHUNK_TARGET_ITEMS);
      yield some.map((email, n) => ({ n, email, tries: 0, due: 0, first: 0 }));
    }
  }
}

function numberIn(value: unknown, name: string): number {
  const found =
    typeof value === "object" && value !== null ? Object.entries(value).find(([key]) => key === name) : null;
  return typeof found?.[1] === "number" ? found[1] : Number.NaN;
}
