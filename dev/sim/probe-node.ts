import {
  createLinkState,
  type LinkCommand,
  type LinkEnd,
  type LinkEvent,
  type LinkState,
  step,
} from "../../probe/link/machine.ts";
import type { DetachFrame, LeaseFrame, TaskFrame } from "../../shared/wire/frames.ts";
import { parseHubFrame } from "../../shared/wire/frames.ts";
import type { Chance, Timeline } from "./clock.ts";
import type { Pipe } from "./network.ts";
import type { Plan } from "./plan.ts";
import type { ModelItem, ModelPostgres } from "./postgres.ts";
import { sandboxVerdict } from "./verdict.ts";

export type Temper = "honest" | "liar" | "sloth";
/** Opens a pipe to the hub; the node hears of it by `opened`. */
export type Dial = (node: ProbeNode) => void;

type Run = { readonly lease: LeaseFrame; ticket: number; open: ModelItem[]; touched: boolean; over: boolean };
type Check = { detached: DetachFrame | null };

/** The real link machine on a model of a probe's work: chunks take time, settle in parts, defer; processes die. */
export class ProbeNode {
  readonly id: string;
  temper: Temper;
  /** Most addresses in hand at once, over the node's life. */
  peak = 0;
  ended: LinkEnd | null = null;
  readonly #time: Timeline;
  readonly #chance: Chance;
  readonly #plan: Plan;
  readonly #postgres: ModelPostgres;
  readonly #dial: Dial;
  #link: LinkState;
  #pipe: Pipe | null = null;
  #alive = true;
  #runs = new Map<number, Run>();
  #checks = new Map<string, Check>();
  #kept = new Set<string>();
  #flushing = false;

  constructor(
    id: string,
    temper: Temper,
    world: { time: Timeline; chance: Chance; plan: Plan; postgres: ModelPostgres; dial: Dial },
  ) {
    this.id = id;
    this.temper = temper;
    this.#time = world.time;
    this.#chance = world.chance;
    this.#plan = world.plan;
    this.#postgres = world.postgres;
    this.#dial = world.dial;
    const { window, slots } = world.plan;
    this.#link = createLinkState({
      probe: id,
      build: "sim",
      region: "eu",
      sources: [],
      slots,
      window,
      capabilities: [],
    });
  }

  start(): void {
    this.#feed({ t: "start" });
  }

  /** kill -9: nothing is said, nothing is remembered. What Postgres has been asked for may still happen. */
  kill(): void {
    this.#alive = false;
    this.#pipe?.cut("probe");
  }

  drain(): void {
    if (this.#alive) this.#feed({ t: "drain", why: "sim" });
  }

  get connected(): boolean {
    return this.#alive && this.#link.phase === "online";
  }

  get pipe(): Pipe | null {
    return this.#pipe;
  }

  // ---------------------------------------------------------------- socket

  opened(pipe: Pipe): void {
    this.#pipe = pipe;
    this.#feed({ t: "opened" });
  }

  message(pipe: Pipe, text: string): void {
    if (pipe !== this.#pipe) return;
    const parsed = parseHubFrame(text);
    if (parsed.ok) this.#feed({ t: "frame", frame: parsed.value });
    else throw new Error(`the hub sent an unreadable frame: ${parsed.error.message}`);
  }

  closed(pipe: Pipe | null, code: number, why: string): void {
    if (pipe !== this.#pipe) return;
    this.#pipe = null;
    this.#feed({ t: "closed", code, status: 0, why, chance: this.#chance.next() });
  }

  #feed(event: LinkEvent): void {
    if (!this.#alive) return;
    const commands = step(this.#link, event, this.#time.nowMs);
    for (const command of commands) this.#carry(command);
    const nextMs = this.#link.nextMs;
    if (!Number.isFinite(nextMs)) return;
    this.#time.after(nextMs - this.#time.nowMs, () => {
      if (this.#link.nextMs === nextMs) this.#feed({ t: "tick", held: this.#inHand(), report: null });
    });
  }

  #carry(command: LinkCommand): void {
    switch (command.c) {
      case "open":
        this.#dial(this);
        return;
      case "send":
        this.#pipe?.send("hub", JSON.stringify(command.frame));
        return;
      case "close":
        this.#pipe?.close("probe", command.code, command.why);
        return;
      case "work":
        this.#work(command.lease);
        return;
      case "task":
        this.#check(command.task);
        return;
      case "detach":
        this.#detach(command.detach);
        return;
      case "wind_up":
        this.#time.after(5_000, () => {
          for (const run of [...this.#runs.values()]) this.#giveBack(run);
        });
        return;
      case "flush_soon":
        if (this.#flushing) return;
        this.#flushing = true;
        this.#time.after(0, () => {
          this.#flushing = false;
          this.#feed({ t: "flush" });
        });
        return;
      case "welcomed":
        return;
      case "ended":
        this.ended = command.end;
        return;
    }
  }

  // ---------------------------------------------------------------- chunks

  #inHand(): number {
    let sum = 0;
    for (const run of this.#runs.values()) sum += run.open.length;
    return sum;
  }

  #work(lease: LeaseFrame): void {
    const open = lease.items.map((item) => ({ n: item.n, dueMs: item.due }));
    const run: Run = { lease, ticket: Number(lease.ticket), open, touched: false, over: false };
    this.#runs.set(lease.lease, run);
    this.peak = Math.max(this.peak, this.#inHand());
    if (this.temper === "liar") {
      this.#lie(run);
      return;
    }
    const slow = this.temper === "sloth" ? 20 : 1;
    this.#time.after(slow * this.#chance.int(50, 4_000), () => this.#progress(run));
  }

  /** Settles a part now and then, all of it in the end. */
  #progress(run: Run): void {
    if (!this.#alive || run.over) return;
    const part = run.open.length > 1 && this.#chance.is(0.2);
    const now = this.#time.nowMs;
    const answered: number[] = [];
    const rest: ModelItem[] = [];
    for (const item of part ? run.open.slice(0, Math.ceil(run.open.length / 2)) : run.open) {
      if (item.dueMs > now) continue;
      if (this.#chance.is(this.#plan.defer)) rest.push({ n: item.n, dueMs: now + this.#chance.int(3_000, 400_000) });
      else answered.push(item.n);
    }
    this.#settle(run, answered, rest, part);
  }

  #giveBack(run: Run): void {
    if (!this.#alive || run.over) return;
    if (run.touched) {
      this.#settle(run, [], [], false);
      return;
    }
    run.over = true;
    this.#runs.delete(run.lease.lease);
    this.#feed({ t: "untouched", chunk: run.lease.chunk, lease: run.lease.lease, why: "drain" });
  }

  #settle(run: Run, answered: readonly number[], rest: readonly ModelItem[], hold: boolean): void {
    if (!hold) run.over = true;
    const { chunk } = run.lease;
    const attempt = () => {
      if (!this.#alive) return;
      this.#postgres.call(
        () => this.#postgres.settle(chunk, run.ticket, answered, rest, hold, rest.length > 0 ? this.id : null),
        (reply) => {
          if (!this.#alive) return;
          if (reply === null) return this.#time.after(this.#chance.int(200, 5_000), attempt);
          if (reply.outcome === "held") return this.#goOn(run, reply.ticket, answered, rest);
          run.over = true;
          this.#end(run, reply.outcome);
        },
      );
    };
    attempt();
  }

  #goOn(run: Run, ticket: number, answered: readonly number[], rest: readonly ModelItem[]): void {
    run.ticket = ticket;
    run.touched = true;
    const news = new Map(rest.map((item) => [item.n, item]));
    run.open = run.open.filter((item) => !answered.includes(item.n)).map((item) => news.get(item.n) ?? item);
    this.#time.after(this.#chance.int(50, 20_000), () => this.#progress(run));
  }

  #end(run: Run, outcome: "settled" | "rest" | "stale"): void {
    this.#runs.delete(run.lease.lease);
    const { chunk, lease } = run.lease;
    this.#feed({ t: "done", item: { chunk, lease, outcome, drained: false } });
  }

  /** Beats and says things that are not so: done without settling, settled under a made-up ticket, nothing at all. */
  #lie(run: Run): void {
    const kind = this.#chance.int(0, 3);
    const { chunk, lease } = run.lease;
    this.#time.after(this.#chance.int(10, 5_000), () => {
      if (!this.#alive) return;
      if (kind === 0) this.#end(run, "settled");
      else if (kind === 1) this.#settle({ ...run, ticket: run.ticket - 1 }, [0], [], false);
      else if (kind === 2) {
        const items = [{ chunk, lease: lease + this.#chance.int(1, 5), outcome: "settled" as const, drained: true }];
        this.#pipe?.send("hub", JSON.stringify({ t: "done", items }));
        this.#pipe?.send("hub", JSON.stringify({ t: "nack", items: [{ chunk: "nobody", lease, why: "" }] }));
        this.#pipe?.send("hub", JSON.stringify({ t: "pull", window: this.#chance.int(0, 100_000), slots: 9 }));
      }
    });
  }

  // ---------------------------------------------------------------- real-time checks

  #check(task: TaskFrame): void {
    if (this.#checks.size >= this.#plan.slots) {
      this.#feed({ t: "answered", frame: { t: "decline", task: task.task, why: "full" } });
      return;
    }
    const check: Check = { detached: null };
    this.#checks.set(task.task, check);
    this.#time.after(this.#chance.int(50, 12_000), () => {
      if (!this.#alive || this.#checks.get(task.task) !== check) return;
      this.#checks.delete(task.task);
      if (check.detached !== null) return this.#settleCheck(check.detached);
      this.#kept.add(task.task);
      const verdict = sandboxVerdict(task.email);
      this.#feed({ t: "answered", frame: { t: "answer", task: task.task, verdict } });
    });
    this.#time.after(task.deadline - this.#time.nowMs + 10_000, () => {
      if (!this.#alive || this.#checks.get(task.task) !== check || check.detached !== null) return;
      this.#checks.delete(task.task);
      this.#feed({ t: "answered", frame: { t: "decline", task: task.task, why: "abandoned" } });
    });
  }

  #detach(frame: DetachFrame): void {
    this.#feed({ t: "detached", task: frame.task });
    const check = this.#checks.get(frame.task);
    if (check !== undefined) check.detached = frame;
    else if (this.#kept.has(frame.task)) this.#settleCheck(frame);
    else this.#feed({ t: "untouched", chunk: frame.chunk, lease: frame.lease, why: "unknown" });
  }

  #settleCheck(frame: DetachFrame): void {
    const lease: LeaseFrame = {
      t: "lease",
      chunk: frame.chunk,
      lease: frame.lease,
      ticket: frame.ticket,
      lane: "realtime",
      deadline: 0,
      sticky: null,
      options: { mode: "full", role_is_risky: false, transcript: false },
      items: [{ n: 0, email: "x@check.test", tries: 0, due: 0, first: 0 }],
    };
    this.#settle({ lease, ticket: Number(frame.ticket), open: [], touched: true, over: true }, [0], [], false);
  }
}
