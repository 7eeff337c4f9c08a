import type { Chance, Timeline } from "./clock.ts";

export type ModelItem = { readonly n: number; dueMs: number };

type ModelChunk = {
  readonly id: string;
  readonly tenant: string;
  readonly job: string;
  readonly kind: "job" | "check";
  readonly lane: number;
  readonly domain: string;
  state: "planned" | "out" | "done";
  ticket: number;
  notBeforeMs: number;
  outAtMs: number;
  sticky: string | null;
  items: ModelItem[];
};

export type Taken = {
  readonly id: string;
  readonly ticket: number;
  readonly tenant: string;
  readonly job: string;
  readonly lane: number;
  readonly domain: string;
  readonly sticky: string | null;
  readonly items: readonly ModelItem[];
};

export type ModelReply = { readonly outcome: "settled" | "rest" | "held" | "stale"; readonly ticket: number };

/** The rules of the real functions (migrations/0002, 0004) over plain maps: tickets, refill, settle, reclaim, replan. */
export class ModelPostgres {
  readonly chunks = new Map<string, ModelChunk>();
  /** Verdict rows by job and item: the primary key. */
  readonly verdicts = new Map<string, number>();
  readonly #time: Timeline;
  readonly #chance: Chance;
  #nextTicket = 1;
  away = false;
  /** Sabotage: settle without looking at the ticket, so that one can see the simulation find it. */
  ticketsMatter = true;
  lostReply = 0;
  /** Settlements that were dropped for their ticket. */
  stale = 0;
  readonly violations: string[] = [];

  constructor(time: Timeline, chance: Chance) {
    this.#time = time;
    this.#chance = chance;
  }

  plan(chunk: Pick<ModelChunk, "id" | "tenant" | "job" | "kind" | "lane" | "domain" | "items">, out = false): number {
    const ticket = this.#nextTicket++;
    const now = this.#time.nowMs;
    this.chunks.set(chunk.id, {
      ...chunk,
      state: out ? "out" : "planned",
      ticket,
      notBeforeMs: now,
      outAtMs: now,
      sticky: null,
    });
    return ticket;
  }

  /** A call: takes a while, fails when Postgres is away, and may do its work although the caller never hears of it. */
  call<T>(work: () => T, then: (result: T | null) => void): void {
    this.#time.after(this.#chance.int(1, 30), () => {
      if (this.away) return this.#time.after(this.#chance.int(1, 2_000), () => then(null));
      const result = work();
      const lost = this.#chance.is(this.lostReply);
      this.#time.after(this.#chance.int(1, 30), () => then(lost ? null : result));
    });
  }

  refill(room: number, perTenant: number): Taken[] {
    const now = this.#time.nowMs;
    const taken: Taken[] = [];
    let left = room;
    for (let lane = 0; lane < 4; lane++) {
      const turns = new Map<string, number>();
      const due = [...this.chunks.values()]
        .filter((c) => c.state === "planned" && c.lane === lane && c.notBeforeMs <= now)
        .sort((a, b) => a.notBeforeMs - b.notBeforeMs)
        .map((chunk) => {
          const turn = turns.get(chunk.tenant) ?? 0;
          turns.set(chunk.tenant, turn + 1);
          return { chunk, turn };
        })
        .filter(({ turn }) => turn < perTenant)
        .sort((a, b) => a.turn - b.turn);
      for (const { chunk } of due) {
        if (left <= 0) return taken;
        chunk.state = "out";
        chunk.ticket = this.#nextTicket++;
        chunk.outAtMs = now;
        left -= chunk.items.length;
        taken.push({ ...chunk, items: chunk.items.map((item) => ({ ...item })) });
      }
    }
    return taken;
  }

  nextDue(): number | null {
    let next: number | null = null;
    for (const c of this.chunks.values()) {
      if (c.state === "planned" && (next === null || c.notBeforeMs < next)) next = c.notBeforeMs;
    }
    return next;
  }

  reclaim(lost: readonly { readonly id: string; readonly afterMs: number }[]): void {
    for (const { id, afterMs } of lost) {
      const chunk = this.chunks.get(id);
      if (chunk?.state === "out") this.#replan(chunk, afterMs);
    }
  }

  #replan(chunk: ModelChunk, afterMs: number): void {
    chunk.state = "planned";
    chunk.ticket = this.#nextTicket++;
    chunk.notBeforeMs = this.#time.nowMs + afterMs;
  }

  /** The minute sweep: what has been out for long and its hub does not know is planned again. */
  sweep(olderThanMs: number, known: (id: string) => boolean): void {
    for (const c of this.chunks.values()) {
      if (c.state === "out" && c.outAtMs < this.#time.nowMs - olderThanMs && !known(c.id)) this.#replan(c, 0);
    }
  }

  /** Plans a chunk that nobody has taken over, under the ticket it was stored with. */
  planAgain(id: string, ticket: number): void {
    const chunk = this.chunks.get(id);
    if (chunk?.state === "out" && chunk.ticket === ticket) this.#replan(chunk, 0);
  }

  settle(
    id: string,
    ticket: number,
    results: readonly number[],
    rest: readonly ModelItem[],
    hold: boolean,
    sticky: string | null,
  ): ModelReply {
    const chunk = this.chunks.get(id);
    const held = chunk?.state === "out" && chunk.ticket === ticket;
    if (chunk === undefined || (this.ticketsMatter && !held)) {
      this.stale += 1;
      return { outcome: "stale", ticket: 0 };
    }
    for (const n of results) {
      const key = `${chunk.job}/${n}`;
      const count = (this.verdicts.get(key) ?? 0) + 1;
      this.verdicts.set(key, count);
      if (count > 1) this.violations.push(`item ${key} has ${count} verdicts`);
    }
    const news = new Map(rest.map((item) => [item.n, item]));
    chunk.items = chunk.items.filter((item) => !results.includes(item.n)).map((item) => news.get(item.n) ?? item);
    chunk.ticket = this.#nextTicket++;
    if (chunk.items.length === 0) chunk.state = "done";
    else if (!hold) chunk.state = "planned";
    if (chunk.state === "planned") {
      chunk.notBeforeMs = Math.max(this.#time.nowMs, Math.min(...chunk.items.map((item) => item.dueMs)));
      chunk.sticky = sticky;
    }
    if (chunk.state === "out") {
      chunk.outAtMs = this.#time.nowMs;
      return { outcome: "held", ticket: chunk.ticket };
    }
    return { outcome: chunk.state === "done" ? "settled" : "rest", ticket: 0 };
  }
}
