import { CHUNK_OUT_MAX_MS } from "../../shared/limits.ts";
import { Chance, Timeline } from "./clock.ts";
import { HubNode } from "./hub-node.ts";
import { Monitor } from "./monitor.ts";
import { Pipe } from "./network.ts";
import type { Plan } from "./plan.ts";
import { ModelPostgres } from "./postgres.ts";
import { ProbeNode, type Temper } from "./probe-node.ts";

export type Report = {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly items: number;
  readonly steps: number;
  readonly leases: number;
  readonly stale: number;
  readonly virtualMs: number;
};

/** After the storm everything has this long to come to rest: a lease may last half an hour, a lost chunk ten minutes more. */
const CALM_MS = 4 * 3_600_000;

/** Runs one seed: a storm of faults, then calm, then the accounts. `sabotage` breaks the rule it names. */
export function simulate(plan: Plan, sabotage: "tickets" | null = null): Report {
  const world = new World(plan);
  if (sabotage === "tickets") world.ignoreTickets();
  world.populate();
  world.run();
  return world.report();
}

class World {
  readonly #plan: Plan;
  readonly #time = new Timeline();
  readonly #chance: Chance;
  readonly #postgres: ModelPostgres;
  readonly #monitor = new Monitor();
  readonly #hub: HubNode;
  readonly #probes = new Map<string, ProbeNode>();
  readonly #expected = new Set<string>();
  /** Checks whose caller still waits. */
  readonly #asking = new Set<string>();
  readonly #stormEndMs: number;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#chance = new Chance(plan.seed ^ 0x5bd1e995);
    this.#postgres = new ModelPostgres(this.#time, this.#chance);
    this.#postgres.lostReply = plan.lostReply;
    this.#hub = new HubNode(this.#time, this.#postgres, this.#monitor);
    this.#stormEndMs = this.#time.nowMs + plan.stormMs;
  }

  ignoreTickets(): void {
    this.#postgres.ticketsMatter = false;
  }

  #storm(): boolean {
    return this.#time.nowMs < this.#stormEndMs;
  }

  // ---------------------------------------------------------------- the cast

  populate(): void {
    const plan = this.#plan;
    const chance = this.#chance;
    for (let i = 0; i < plan.probes; i++) this.#startProbe(`p${i}`, chance.int(0, 5_000));
    for (let i = 0; i < plan.chunks; i++) {
      this.#time.after(plan.burst ? 0 : chance.int(0, plan.stormMs), () => this.#planChunk(`c${i}`));
    }
    for (let i = 0; i < plan.tasks; i++) this.#time.after(chance.int(0, plan.stormMs), () => this.#ask(`t${i}`));
    this.#sweepEveryMinute();
    this.#plague();
  }

  #startProbe(id: string, delayMs: number): void {
    this.#time.after(delayMs, () => {
      const { liars, sloths } = this.#storm() ? this.#plan : { liars: 0, sloths: 0 };
      const temper: Temper = this.#chance.is(liars) ? "liar" : this.#chance.is(sloths) ? "sloth" : "honest";
      const dial = (node: ProbeNode) => this.#dial(node);
      const { time, chance, plan, postgres } = {
        time: this.#time,
        chance: this.#chance,
        plan: this.#plan,
        postgres: this.#postgres,
      };
      const node = new ProbeNode(id, temper, { time, chance, plan, postgres, dial });
      this.#probes.set(id, node);
      node.start();
    });
  }

  #dial(node: ProbeNode): void {
    this.#time.after(this.#chance.int(1, 2 * this.#plan.latencyMs), () => {
      let session = "";
      const pipe = new Pipe(this.#time, this.#chance, this.#plan, () => this.#storm(), {
        hub: {
          message: (text) => this.#hub.message(session, text),
          closed: () => this.#hub.closed(session),
        },
        probe: {
          message: (text) => node.message(pipe, text),
          closed: (code, why) => node.closed(pipe, code, why),
        },
      });
      session = this.#hub.accept(node.id, pipe);
      node.opened(pipe);
    });
  }

  #planChunk(id: string): void {
    const chance = this.#chance;
    const size = chance.is(0.3) ? chance.int(1, 5) : chance.int(10, 40);
    const items = Array.from({ length: size }, (_, n) => ({ n, dueMs: 0 }));
    for (const item of items) this.#expected.add(`${id}/${item.n}`);
    this.#postgres.plan({
      id,
      tenant: `tenant${Math.floor(chance.next() ** 2 * this.#plan.tenants)}`,
      job: id,
      kind: "job",
      lane: this.#plan.burst ? 2 : chance.int(1, 3),
      domain: chance.is(0.5) ? `d${chance.int(0, 5)}.test` : "",
      items,
    });
    if (chance.is(0.7)) this.#hub.feed({ t: "wake" });
  }

  // ---------------------------------------------------------------- the edge

  /** A real-time call as the edge makes it: in time, or stored as a chunk and handed over. */
  #ask(id: string, retried = false): void {
    const deadlineMs = this.#time.nowMs + 8_000;
    let over = false;
    this.#asking.add(id);
    const options = { mode: "full" as const, role_is_risky: false, transcript: false };
    const task = {
      id,
      email: `x@d${this.#chance.int(0, 5)}.test`,
      options,
      deadlineMs: deadlineMs + this.#hub.clockOffsetMs,
    };
    this.#hub.verify(task, (answer) => {
      if (over) return;
      if (answer === null && !retried) {
        over = true;
        return this.#time.after(10, () => this.#ask(id, true));
      }
      if (answer?.kind === "late") return;
      over = true;
      this.#asking.delete(id);
    });
    this.#time.after(8_000, () => {
      if (over) return;
      over = true;
      this.#asking.delete(id);
      this.#late(id);
    });
  }

  #late(id: string): void {
    const chunk = `check-${id}`;
    this.#expected.add(`${chunk}/0`);
    const items = [{ n: 0, dueMs: 0 }];
    const ticket = this.#postgres.plan(
      { id: chunk, tenant: "caller", job: chunk, kind: "check", lane: 0, domain: "", items },
      true,
    );
    this.#time.after(this.#chance.int(1, 50), () => {
      if (this.#hub.detach(id, chunk, ticket) === "gone") this.#postgres.planAgain(chunk, ticket);
      this.#hub.feed({ t: "wake" });
    });
  }

  #sweepEveryMinute(): void {
    this.#time.after(60_000, () => {
      if (!this.#postgres.away) {
        this.#postgres.sweep(CHUNK_OUT_MAX_MS, (id) => this.#hub.knows(id));
        const due = this.#postgres.nextDue();
        if (due !== null && due <= this.#time.nowMs) this.#hub.feed({ t: "wake" });
      }
      if (!this.#settled()) this.#sweepEveryMinute();
    });
  }

  // ---------------------------------------------------------------- misfortune

  #plague(): void {
    const { plan } = this;
    this.#every(plan.probeCrashMs, () => {
      const id = this.#chance.pick([...this.#probes.keys()]);
      this.#probes.get(id)?.kill();
      this.#startProbe(id, this.#chance.int(100, 60_000));
    });
    this.#every(plan.drainMs, () => {
      const id = this.#chance.pick([...this.#probes.keys()]);
      const node = this.#probes.get(id);
      node?.drain();
      this.#time.after(45_000, () => {
        if (this.#probes.get(id) !== node) return;
        node?.kill();
        this.#startProbe(id, 1_000);
      });
    });
    this.#every(plan.socketCutMs, () => this.#chance.pick([...this.#probes.values()]).pipe?.cut(null));
    this.#every(plan.hubCrashMs, () => this.#hub.crash());
    this.#every(plan.hibernateMs, () => this.#hub.hibernate());
    this.#every(plan.postgresOutageMs, () => {
      this.#postgres.away = true;
      this.#time.after(this.#chance.int(1_000, 60_000), () => {
        this.#postgres.away = false;
      });
    });
    this.#every(plan.clockJumpMs, () => {
      this.#hub.clockOffsetMs += this.#chance.int(-120_000, 120_000);
    });
    this.#time.after(plan.stormMs, () => this.#calm());
  }

  get plan(): Plan {
    return this.#plan;
  }

  #every(meanMs: number, happen: () => void): void {
    if (!Number.isFinite(meanMs)) return;
    this.#time.after(-Math.log(1 - this.#chance.next()) * meanMs, () => {
      if (!this.#storm()) return;
      if (this.#probes.size > 0) happen();
      this.#every(meanMs, happen);
    });
  }

  /** The storm is over: Postgres answers, liars and processes that ended are replaced by honest ones. */
  #calm(): void {
    this.#postgres.lostReply = 0;
    this.#time.after(60_000, () => {
      this.#postgres.away = false;
      for (const [id, node] of this.#probes) {
        if (node.temper === "honest" && node.ended === null) continue;
        node.kill();
        this.#startProbe(id, 1_000);
      }
    });
  }

  // ---------------------------------------------------------------- the accounts

  #settled(): boolean {
    if (this.#storm() || this.#asking.size > 0) return false;
    if (this.#postgres.verdicts.size < this.#expected.size) return false;
    return this.#hub.state.chunks.size === 0 && this.#hub.state.lost.size === 0 && this.#hub.state.tasks.size === 0;
  }

  run(): void {
    const endMs = this.#stormEndMs + CALM_MS;
    while (this.#monitor.violations.length === 0 && !this.#settled() && this.#time.advance(endMs)) {
      // One thing after the other.
    }
  }

  report(): Report {
    const violations = [...this.#monitor.violations, ...this.#postgres.violations];
    const missing = [...this.#expected].filter((key) => !this.#postgres.verdicts.has(key));
    if (missing.length > 0) violations.push(`${missing.length} items without a verdict, such as ${missing[0]}`);
    for (const key of this.#postgres.verdicts.keys()) {
      if (!this.#expected.has(key)) violations.push(`verdict for ${key}, which nobody asked for`);
    }
    if (violations.length === 0) this.#monitor.atRest(this.#hub.state);
    if (violations.length === 0 && this.#hub.rows.size > 0)
      violations.push(`${this.#hub.rows.size} rows are left over`);
    if (this.#plan.faultless) violations.push(...this.#overfull());
    return {
      seed: this.#plan.seed,
      violations: [...new Set([...violations, ...this.#monitor.violations])],
      items: this.#expected.size,
      steps: this.#monitor.steps,
      leases: this.#monitor.leases,
      stale: this.#postgres.stale,
      virtualMs: this.#time.nowMs,
    };
  }

  #overfull(): string[] {
    const over = [...this.#probes.values()].filter((node) => node.peak > Math.max(this.#plan.window, 40));
    return over.map((node) => `${node.id} had ${node.peak} addresses in hand with a window of ${this.#plan.window}`);
  }
}
