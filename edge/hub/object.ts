import { DurableObject } from "cloudflare:workers";
import { FRAME_MAX_BYTES } from "../../shared/limits.ts";
import { parseProbeFrame } from "../../shared/wire/frames.ts";
import type { WorkMessage } from "../../shared/wire/messages.ts";
import { createDatabase } from "../data/database.ts";
import { createDispatch, type Dispatch } from "../data/dispatch.ts";
import { type Env, readEnv } from "../env.ts";
import { log } from "../log.ts";
import { restoreHub, type Survivor } from "./boot.ts";
import type { HubCommand } from "./commands.ts";
import { type HubEvent, step } from "./machine.ts";
import type { HubCrew, HubRpc, HubView, RealTimeAnswer, RealTimeTask } from "./rpc.ts";
import type { HubState } from "./state.ts";
import { createStorage, type HubStorage } from "./storage.ts";
import { viewHub } from "./view.ts";

/**
 * The hub of one region and shard: hands chunks to probes and keeps their leases. Decisions are machine.ts's; this
 * carries them out on sockets, storage and the alarm. It holds no timer, so it may hibernate between frames.
 */
export class ProbeHub extends DurableObject<Cloudflare.Env> implements HubRpc {
  readonly #env: Env;
  readonly #storage: HubStorage;
  readonly #dispatch: Dispatch;
  readonly #state: HubState;
  readonly #sockets = new Map<string, WebSocket>();
  readonly #survivors = new WeakMap<WebSocket, Survivor>();
  /** Callers waiting for a real-time answer; a repeated call waits beside the first. */
  readonly #callers = new Map<string, ((answer: RealTimeAnswer) => void)[]>();
  #name: string;

  constructor(ctx: DurableObjectState, raw: Cloudflare.Env) {
    super(ctx, raw);
    this.#env = readEnv(raw);
    this.#storage = createStorage(ctx.storage.sql);
    this.#dispatch = createDispatch(createDatabase(this.#env));
    this.#name = this.#storage.name(ctx.id.name) ?? "";
    const survivors: Survivor[] = [];
    for (const socket of ctx.getWebSockets()) {
      const survivor: Survivor = socket.deserializeAttachment();
      this.#survivors.set(socket, survivor);
      this.#sockets.set(survivor.session, socket);
      survivors.push(survivor);
    }
    const booted = restoreHub(this.#storage.chunks(), this.#storage.seen(), survivors, Date.now());
    this.#state = booted.state;
    for (const id of this.#storage.leftOver) this.#state.lost.set(id, { seq: 0, afterMs: 0 });
    this.#carryOut(booted.commands, Date.now());
  }

  // ---------------------------------------------------------------- sockets

  /** Takes over a WebSocket that the door has admitted; only the door can reach this. */
  override fetch(request: Request): Response {
    const credential = request.headers.get("x-probe-credential") ?? "";
    const region = request.headers.get("x-probe-region") ?? "";
    this.#name = this.#storage.name(request.headers.get("x-hub") ?? this.#name) ?? "";
    const { 0: client, 1: server } = new WebSocketPair();
    const quarantined = (request.headers.get("x-probe-quarantined") ?? "").split(" ").filter((text) => text !== "");
    const session = crypto.randomUUID();
    const shards = this.#env.hubShards;
    const survivor: Survivor = { session, credential, region, quarantined, shards, hello: null, draining: false };
    this.ctx.acceptWebSocket(server);
    this.#remember(server, survivor);
    this.#sockets.set(survivor.session, server);
    this.#step({ t: "opened", session, credential, region, quarantined, shards });
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const survivor = this.#survivors.get(socket);
    if (survivor === undefined) return;
    const text = typeof message === "string" ? message : "";
    const parsed = text.length > FRAME_MAX_BYTES ? parseProbeFrame("") : parseProbeFrame(text);
    if (!parsed.ok) {
      this.#step({ t: "bad_frame", session: survivor.session, error: parsed.error });
      return;
    }
    const frame = parsed.value;
    if (frame.t === "hello") this.#remember(socket, { ...survivor, hello: { ...frame, leases: [] }, draining: false });
    if (frame.t === "draining") this.#remember(socket, { ...survivor, draining: true });
    if (frame.t === "pull" && survivor.hello !== null) {
      this.#remember(socket, { ...survivor, hello: { ...survivor.hello, window: frame.window, slots: frame.slots } });
    }
    this.#step({ t: "frame", session: survivor.session, frame });
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    this.#leave(socket);
    try {
      // A peer that is not answered waits half a minute for it. The codes below 3000 are not all ours to send.
      socket.close(code >= 3000 ? code : 1000, "");
    } catch {
      // Closed on both sides already.
    }
  }

  override webSocketError(socket: WebSocket): void {
    this.#leave(socket);
  }

  override alarm(): void {
    this.#step({ t: "alarm" });
  }

  #remember(socket: WebSocket, survivor: Survivor): void {
    this.#survivors.set(socket, survivor);
    socket.serializeAttachment(survivor);
  }

  #leave(socket: WebSocket): void {
    const survivor = this.#survivors.get(socket);
    if (survivor === undefined) return;
    this.#survivors.delete(socket);
    this.#sockets.delete(survivor.session);
    this.#step({ t: "closed", session: survivor.session });
  }

  // ---------------------------------------------------------------- calls from the edge

  verify(task: RealTimeTask): Promise<RealTimeAnswer> {
    return new Promise((resolve) => {
      const callers = this.#callers.get(task.id) ?? [];
      this.#callers.set(task.id, [...callers, resolve]);
      this.#step({ t: "verify", task });
    });
  }

  async detach(task: string, chunk: string, ticket: string): Promise<"detached" | "gone"> {
    const commands = this.#step({ t: "detach", task, chunk, ticket });
    for (const command of commands) if (command.c === "detached") return command.outcome;
    return "gone";
  }

  /** Sets the alarm at once: the message that woke us is acknowledged before any work is done. */
  async wake(): Promise<void> {
    this.#state.refill.again = true;
    if (this.#state.refill.failures === 0) this.#state.refill.dueAtMs = 0;
    this.#state.alarmAtMs = 0;
    await this.ctx.storage.setAlarm(Date.now());
  }

  async known(chunkIds: readonly string[]): Promise<string[]> {
    return chunkIds.filter((id) => this.#state.chunks.has(id) || this.#state.lost.has(id));
  }

  async view(): Promise<HubView> {
    return viewHub(this.#state, this.#name, Date.now());
  }

  async crew(): Promise<HubCrew> {
    return { probes: this.#state.online, room: this.#state.capacity };
  }

  async drain(probe: string, why: string): Promise<boolean> {
    return this.#step({ t: "drain", probe, why }).some((command) => command.c === "send");
  }

  async quarantine(probe: string, sources: readonly string[]): Promise<boolean> {
    const commands = this.#step({ t: "quarantine", probe, sources });
    return commands.some((command) => command.c === "send" && command.frame.t === "quarantine");
  }

  async expel(probe: string): Promise<boolean> {
    return this.#step({ t: "expel", probe }).some((command) => command.c === "forget");
  }

  // ---------------------------------------------------------------- carrying out

  #step(event: HubEvent): HubCommand[] {
    const now = Date.now();
    const commands = step(this.#state, event, now);
    this.#carryOut(commands, now);
    return commands;
  }

  /** Storage writes are not awaited: the output gate holds every frame back until what was written before it is durable. */
  #carryOut(commands: readonly HubCommand[], now: number): void {
    for (const command of commands) this.#carry(command, now);
  }

  #carry(command: HubCommand, now: number): void {
    switch (command.c) {
      case "lease": {
        const body = this.#storage.lease(command.seq, command.probe, command.lease, now);
        if (body === null) return;
        const head = `{"t":"lease","chunk":"${command.chunk}","lease":${command.lease},"deadline":${command.deadlineMs},`;
        this.#send(command.session, head + body);
        return;
      }
      case "hold":
        this.#storage.hold(command.seq, command.chunk, command.probe, command.lease, now);
        return;
      case "unlease":
        this.#storage.unlease(command.seq);
        return;
      case "lose":
        this.#storage.lose(command.seq);
        return;
      case "drop":
        this.#storage.drop(command.seqs);
        return;
      case "seen":
        this.#storage.see(command.probe, command.atMs);
        return;
      case "forget":
        this.#storage.forget(command.probe);
        return;
      case "send":
        this.#send(command.session, JSON.stringify(command.frame));
        return;
      case "close":
        this.#close(command.session, command.code, command.why);
        return;
      case "alarm":
        this.ctx.waitUntil(this.ctx.storage.setAlarm(command.atMs));
        return;
      case "soon":
        // A task of its own in the event loop: frames and calls that have arrived meanwhile come first.
        this.ctx.waitUntil(scheduler.wait(0).then(() => this.#step({ t: "more" })));
        return;
      case "refill":
        this.ctx.waitUntil(this.#refill(command));
        return;
      case "answer":
        for (const resolve of this.#callers.get(command.task) ?? []) resolve(command.answer);
        this.#callers.delete(command.task);
        return;
      case "detached":
        return;
      case "finalise":
        this.ctx.waitUntil(this.#announce({ kind: "finalise", tenant: command.tenant, job: command.job }));
        return;
    }
  }

  #send(session: string, text: string): void {
    try {
      this.#sockets.get(session)?.send(text);
    } catch {
      // The socket is closing; its close event takes care of what it held.
    }
  }

  #close(session: string, code: number, why: string): void {
    try {
      this.#sockets.get(session)?.close(code, why.slice(0, 120));
    } catch {
      // Closed already.
    }
  }

  async #refill(command: Extract<HubCommand, { c: "refill" }>): Promise<void> {
    try {
      for (const afterMs of new Set(command.lost.map((chunk) => chunk.afterMs))) {
        const ids = command.lost.filter((chunk) => chunk.afterMs === afterMs).map((chunk) => chunk.id);
        await this.#dispatch.reclaim(this.#name, ids, afterMs);
      }
      const taken = command.room > 0 ? await this.#dispatch.refill(this.#name, command.room, command.perTenant) : [];
      // Stored before anything else is awaited: Postgres has handed these out.
      const now = Date.now();
      const chunks = taken.map((chunk) => ({ ...chunk, seq: this.#state.nextSeq++ }));
      for (const chunk of chunks) this.#storage.keep(chunk.seq, chunk, now);
      const came = chunks.reduce((sum, chunk) => sum + chunk.size, 0);
      const short = command.room > 0 && came < command.room;
      this.#step({
        t: "refilled",
        asked: command.room,
        reclaimed: command.lost.map((chunk) => chunk.id),
        chunks,
        nextDueMs: short ? await this.#nextDue() : now,
      });
    } catch (error) {
      log.warn({ hub: this.#name, error: String(error) }, "refill failed");
      this.#step({ t: "refill_failed" });
    }
  }

  /** Look again soon if this look fails: the chunks that came must be worked on whatever happens here. */
  async #nextDue(): Promise<number | null> {
    try {
      return await this.#dispatch.nextDue(this.#name);
    } catch {
      return Date.now();
    }
  }

  async #announce(message: WorkMessage): Promise<void> {
    try {
      await this.#env.workQueue.send(message);
    } catch (error) {
      // The sweep finds the job within a minute.
      log.warn({ hub: this.#name, error: String(error) }, "finalise message not sent");
    }
  }
}
