import { restoreHub, type Survivor } from "../../edge/hub/boot.ts";
import type { HubCommand } from "../../edge/hub/commands.ts";
import { type HubEvent, step } from "../../edge/hub/machine.ts";
import type { RealTimeAnswer, RealTimeTask } from "../../edge/hub/rpc.ts";
import type { HubState } from "../../edge/hub/state.ts";
import type { StoredChunk } from "../../edge/hub/storage.ts";
import { parseProbeFrame } from "../../shared/wire/frames.ts";
import type { Timeline } from "./clock.ts";
import type { Monitor } from "./monitor.ts";
import type { Pipe } from "./network.ts";
import type { ModelPostgres, Taken } from "./postgres.ts";

type Row = { -readonly [K in keyof StoredChunk]: StoredChunk[K] } & { readonly body: Taken | null };
type Socket = { readonly pipe: Pipe; survivor: Survivor };

/** The real machine on a model of a Durable Object: storage, sockets, alarm, hibernation, crash. */
export class HubNode {
  readonly #time: Timeline;
  readonly #postgres: ModelPostgres;
  readonly #monitor: Monitor;
  readonly #rows = new Map<number, Row>();
  readonly #seen = new Map<string, number>();
  readonly #sockets = new Map<string, Socket>();
  #callers = new Map<string, ((answer: RealTimeAnswer | null) => void)[]>();
  #state: HubState;
  /** Counts restarts: what was asked for before one is never heard of again. */
  #life = 0;
  #alarmAtMs = Number.POSITIVE_INFINITY;
  #sessions = 0;
  clockOffsetMs = 0;

  constructor(time: Timeline, postgres: ModelPostgres, monitor: Monitor) {
    this.#time = time;
    this.#postgres = postgres;
    this.#monitor = monitor;
    this.#state = this.#boot([]);
  }

  get state(): HubState {
    return this.#state;
  }

  get rows(): ReadonlyMap<number, Row> {
    return this.#rows;
  }

  get sockets(): number {
    return this.#sockets.size;
  }

  #now(): number {
    return this.#time.nowMs + this.clockOffsetMs;
  }

  // ---------------------------------------------------------------- sockets

  accept(credential: string, pipe: Pipe): string {
    const session = `s${++this.#sessions}`;
    this.#sockets.set(session, { pipe, survivor: { session, credential, region: "eu", hello: null, draining: false } });
    this.feed({ t: "opened", session, credential, region: "eu" });
    return session;
  }

  message(session: string, text: string): void {
    const socket = this.#sockets.get(session);
    if (socket === undefined) return;
    const parsed = parseProbeFrame(text);
    if (!parsed.ok) {
      this.feed({ t: "bad_frame", session, error: parsed.error });
      return;
    }
    const frame = parsed.value;
    const { survivor } = socket;
    if (frame.t === "hello") socket.survivor = { ...survivor, hello: { ...frame, leases: [] }, draining: false };
    if (frame.t === "draining") socket.survivor = { ...survivor, draining: true };
    this.feed({ t: "frame", session, frame });
  }

  closed(session: string): void {
    if (this.#sockets.delete(session)) this.feed({ t: "closed", session });
  }

  // ---------------------------------------------------------------- calls

  verify(task: RealTimeTask, then: (answer: RealTimeAnswer | null) => void): void {
    this.#callers.set(task.id, [...(this.#callers.get(task.id) ?? []), then]);
    this.feed({ t: "verify", task });
  }

  detach(task: string, chunk: string, ticket: number): "detached" | "gone" {
    const commands = this.feed({ t: "detach", task, chunk, ticket: String(ticket) });
    for (const command of commands) if (command.c === "detached") return command.outcome;
    return "gone";
  }

  knows(chunk: string): boolean {
    return this.#state.chunks.has(chunk) || this.#state.lost.has(chunk);
  }

  // ---------------------------------------------------------------- lives

  hibernate(): void {
    if (this.#callers.size > 0) return;
    this.#life += 1;
    this.#state = this.#boot([...this.#sockets.values()].map((socket) => socket.survivor));
  }

  crash(): void {
    this.#life += 1;
    for (const socket of this.#sockets.values()) socket.pipe.cut("hub");
    this.#sockets.clear();
    const callers = [...this.#callers.values()].flat();
    this.#callers = new Map();
    this.#state = this.#boot([]);
    for (const then of callers) then(null);
  }

  #boot(survivors: readonly Survivor[]): HubState {
    const rows = [...this.#rows.values()].sort((a, b) => a.seq - b.seq);
    const booted = restoreHub(rows, this.#seen, survivors, this.#now());
    this.#monitor.rebooted(booted.state);
    this.#state = booted.state;
    for (const command of booted.commands) this.#carry(command);
    return booted.state;
  }

  feed(event: HubEvent): HubCommand[] {
    const commands = step(this.#state, event, this.#now());
    this.#monitor.stepped(this.#state, commands);
    for (const command of commands) this.#carry(command);
    return commands;
  }

  // ---------------------------------------------------------------- carrying out

  #carry(command: HubCommand): void {
    switch (command.c) {
      case "lease":
        this.#lease(command);
        return;
      case "hold":
        this.#rows.set(command.seq, held(command, this.#now()));
        return;
      case "unlease":
        this.#change(command.seq, { holder: null });
        return;
      case "lose":
        this.#change(command.seq, { holder: null, lost: true });
        return;
      case "drop":
        for (const seq of command.seqs) this.#rows.delete(seq);
        return;
      case "seen":
        this.#seen.set(command.probe, command.atMs);
        return;
      case "forget":
        this.#seen.delete(command.probe);
        return;
      case "send":
        this.#sockets.get(command.session)?.pipe.send("probe", JSON.stringify(command.frame));
        return;
      case "close":
        this.#sockets.get(command.session)?.pipe.close("hub", command.code, command.why);
        return;
      case "alarm":
        this.#alarm(command.atMs);
        return;
      case "soon": {
        const life = this.#life;
        this.#time.after(1, () => {
          if (life === this.#life) this.feed({ t: "more" });
        });
        return;
      }
      case "refill":
        this.#refill(command);
        return;
      case "answer": {
        const callers = this.#callers.get(command.task) ?? [];
        this.#callers.delete(command.task);
        for (const then of callers) then(command.answer);
        return;
      }
      case "detached":
      case "finalise":
        return;
    }
  }

  #lease(command: Extract<HubCommand, { c: "lease" }>): void {
    const row = this.#rows.get(command.seq);
    if (row === undefined || row.body === null) {
      this.#monitor.fail(`lease of chunk ${command.chunk} without a row`);
      return;
    }
    Object.assign(row, { holder: command.probe, lease: command.lease, leasedAtMs: this.#now() });
    const frame = {
      t: "lease",
      chunk: command.chunk,
      lease: command.lease,
      ticket: String(row.body.ticket),
      lane: "normal",
      deadline: command.deadlineMs,
      sticky: null,
      options: {},
      items: row.body.items.map((item) => ({
        n: item.n,
        email: `u${item.n}@${row.domain || "many.test"}`,
        due: item.dueMs,
      })),
    };
    this.#sockets.get(command.session)?.pipe.send("probe", JSON.stringify(frame));
  }

  #change(seq: number, change: Partial<Row>): void {
    const row = this.#rows.get(seq);
    if (row !== undefined) Object.assign(row, change);
  }

  #alarm(atMs: number): void {
    const realMs = atMs - this.clockOffsetMs;
    this.#alarmAtMs = realMs;
    this.#time.after(realMs - this.#time.nowMs, () => {
      if (this.#alarmAtMs !== realMs) return;
      this.#alarmAtMs = Number.POSITIVE_INFINITY;
      this.feed({ t: "alarm" });
    });
  }

  #refill(command: Extract<HubCommand, { c: "refill" }>): void {
    const life = this.#life;
    const work = (): { taken: Taken[]; nextDueMs: number | null } => {
      this.#postgres.reclaim(command.lost);
      const taken = command.room > 0 ? this.#postgres.refill(command.room, command.perTenant) : [];
      const next = this.#postgres.nextDue();
      return { taken, nextDueMs: next === null ? null : next + this.clockOffsetMs };
    };
    this.#postgres.call(work, (result) => {
      if (life !== this.#life) return;
      if (result === null) return void this.feed({ t: "refill_failed" });
      const chunks = result.taken.map((chunk) => this.#keep(chunk));
      this.feed({
        t: "refilled",
        asked: command.room,
        reclaimed: command.lost.map((chunk) => chunk.id),
        chunks,
        nextDueMs: result.nextDueMs,
      });
    });
  }

  #keep(taken: Taken): Row & { readonly size: number } {
    const row: Row = {
      seq: this.#state.nextSeq++,
      id: taken.id,
      tenant: taken.tenant,
      job: taken.job,
      lane: taken.lane,
      domain: taken.domain,
      size: taken.items.length,
      bare: false,
      sticky: taken.sticky,
      queuedAtMs: this.#now(),
      holder: null,
      lease: 0,
      leasedAtMs: 0,
      lost: false,
      body: taken,
    };
    this.#rows.set(row.seq, row);
    // The machine gets a copy: what it remembers must not follow what storage says.
    return { ...row };
  }
}

function held(command: Extract<HubCommand, { c: "hold" }>, now: number): Row {
  return {
    seq: command.seq,
    id: command.chunk,
    tenant: "",
    job: command.chunk,
    lane: 0,
    domain: "",
    size: 1,
    bare: true,
    sticky: null,
    queuedAtMs: now,
    holder: command.probe,
    lease: command.lease,
    leasedAtMs: now,
    lost: false,
    body: null,
  };
}
