import type { HubCommand } from "../../../edge/hub/commands.ts";
import { type HubEvent, step } from "../../../edge/hub/machine.ts";
import type { NewChunk } from "../../../edge/hub/refill.ts";
import { createHub, type HubState } from "../../../edge/hub/state.ts";
import type { HeldLease, ProbeFrame } from "../../../shared/wire/frames.ts";

type Of<K extends HubCommand["c"]> = Extract<HubCommand, { c: K }>;

/** A hub machine at a clock of our own; remembers every command. */
export class HubBench {
  now = 1_000_000;
  state: HubState = createHub(1);
  readonly commands: HubCommand[] = [];
  #chunks = 0;

  feed(event: HubEvent): HubCommand[] {
    const commands = step(this.state, event, this.now);
    for (let batch = commands; batch.some((command) => command.c === "soon"); ) {
      batch = step(this.state, { t: "more" }, this.now);
      commands.push(...batch);
    }
    this.commands.push(...commands);
    return commands;
  }

  frame(session: string, frame: ProbeFrame): HubCommand[] {
    return this.feed({ t: "frame", session, frame });
  }

  /** A probe says hello on a session of its own name. */
  join(
    id: string,
    more: { window?: number; slots?: number; leases?: HeldLease[]; session?: string } = {},
  ): HubCommand[] {
    const session = more.session ?? id;
    this.feed({ t: "opened", session, credential: id, region: "eu" });
    const { window = 1_000, slots = 2, leases = [] } = more;
    const offer = { probe: id, build: "t", region: "eu", sources: [], capabilities: [], window, slots, leases };
    return this.frame(session, { t: "hello", v: 1, ...offer });
  }

  beat(id: string): HubCommand[] {
    return this.frame(id, { t: "beat", sent: 0, held: 0, running: 0 });
  }

  /** Waits, with the alarm going off when it is due. */
  wait(ms: number): HubCommand[] {
    const endMs = this.now + ms;
    const all: HubCommand[] = [];
    while (this.state.alarmAtMs <= endMs) {
      this.now = Math.max(this.now, this.state.alarmAtMs);
      all.push(...this.feed({ t: "alarm" }));
    }
    this.now = endMs;
    return all;
  }

  /** Postgres answers the refill in flight, or one is made up. */
  fill(chunks: Partial<NewChunk>[], more: { nextDueMs?: number | null; reclaimed?: string[] } = {}): HubCommand[] {
    return this.feed({
      t: "refilled",
      asked: 1_000,
      reclaimed: more.reclaimed ?? [],
      nextDueMs: more.nextDueMs ?? null,
      chunks: chunks.map((chunk) => {
        this.#chunks += 1;
        const rest = { tenant: "t", job: "j", lane: 2, domain: "", size: 100, sticky: null };
        return { seq: this.state.nextSeq++, id: `c${this.#chunks}`, ...rest, ...chunk };
      }),
    });
  }

  /** The probe that holds a chunk is done with it. */
  done(chunk: string, outcome: "settled" | "rest" | "stale" | "failed" = "settled"): HubCommand[] {
    const held = this.state.chunks.get(chunk);
    if (held === undefined || held.holder === null) throw new Error(`nobody holds ${chunk}`);
    const item = { chunk, lease: held.lease, outcome, drained: false };
    return this.frame(held.holder, { t: "done", items: [item] });
  }

  all<K extends HubCommand["c"]>(c: K, commands: readonly HubCommand[] = this.commands): Of<K>[] {
    return commands.filter((command): command is Of<K> => command.c === c);
  }

  leases(commands: readonly HubCommand[] = this.commands): string[] {
    return this.all("lease", commands).map((lease) => lease.chunk);
  }

  /** Chunk id to probe, as things stand. */
  holders(): Record<string, string> {
    return Object.fromEntries(
      [...this.state.chunks.values()].flatMap((c) => (c.holder === null ? [] : [[c.id, c.holder]])),
    );
  }
}
