import type { HubCommand } from "../../edge/hub/commands.ts";
import { TASKS_WAITING_MAX, TENANT_QUANTUM } from "../../edge/hub/limits.ts";
import type { HubState } from "../../edge/hub/state.ts";
import { HUB_HELD_MAX_ADDRESSES } from "../../shared/limits.ts";

/**
 * The starvation bound: while a tenant waits in a lane, every other tenant of that lane is served at most this many
 * addresses. A turn is one quantum and may run over by one chunk; paying that back costs a second turn.
 */
const STARVATION_BOUND_ADDRESSES = 4 * TENANT_QUANTUM;

/** Watches every step of a hub for what must never happen. */
export class Monitor {
  readonly violations: string[] = [];
  steps = 0;
  leases = 0;
  /** By lane and waiting tenant: addresses served to each other tenant since this one was last served. */
  readonly #waits = new Map<string, Map<string, number>>();
  #window = new Map<string, number>();

  fail(what: string): void {
    if (this.violations.length < 20) this.violations.push(what);
  }

  rebooted(state: HubState): void {
    this.#waits.clear();
    this.#noteWaiting(state);
  }

  stepped(state: HubState, commands: readonly HubCommand[]): void {
    this.steps += 1;
    for (const command of commands) if (command.c === "lease") this.#leased(state, command);
    this.#noteWaiting(state);
    // Counting all leases of a thousand probes on each step would be all that a run does.
    if (state.probes.size < 20 || this.steps % 50 === 0) this.#checkRoom(state);
    this.#checkBounds(state);
  }

  /** After all work is done and all sockets rest: whatever is still remembered has leaked. */
  atRest(state: HubState): void {
    const left = {
      chunks: state.chunks.size,
      lost: state.lost.size,
      tasks: state.tasks.size,
      waiting: state.waiting.size,
      sticky: state.sticky.size,
      domains: state.domains.size,
      leased: state.leased,
      lanes: state.lanes.reduce((sum, lane) => sum + lane.chunks + lane.addresses + lane.ring.size, 0),
      leases: [...state.probes.values()].reduce(
        (sum, probe) => sum + probe.leases.size + probe.leased + probe.running,
        0,
      ),
    };
    for (const [what, count] of Object.entries(left)) if (count !== 0) this.fail(`at rest ${what} is ${count}`);
  }

  #leased(state: HubState, command: Extract<HubCommand, { c: "lease" }>): void {
    this.leases += 1;
    const chunk = state.chunks.get(command.chunk);
    const probe = state.probes.get(command.probe);
    if (chunk === undefined || probe === undefined) {
      this.fail(`lease of an unknown chunk ${command.chunk}`);
      return;
    }
    if (chunk.holder !== command.probe || chunk.lease !== command.lease)
      this.fail(`lease of ${chunk.id} is not remembered`);
    if (probe.draining) this.fail(`lease to ${probe.id}, which is draining`);
    // What returns to its own probe is outside the common queue.
    if (chunk.sticky === command.probe) return;
    this.#waits.delete(`${chunk.lane}/${chunk.tenant}`);
    for (const [key, served] of this.#waits) {
      if (!key.startsWith(`${chunk.lane}/`)) continue;
      const sum = (served.get(chunk.tenant) ?? 0) + chunk.size;
      served.set(chunk.tenant, sum);
      if (sum > STARVATION_BOUND_ADDRESSES) this.fail(`${key} waits while ${chunk.tenant} got ${sum} addresses`);
    }
  }

  /** Tenants that wait now are counted from now; those that wait no more are forgotten. */
  #noteWaiting(state: HubState): void {
    for (const key of this.#waits.keys()) {
      const [lane = "", tenant = ""] = key.split("/");
      if (!state.lanes[Number(lane)]?.ring.has(tenant)) this.#waits.delete(key);
    }
    state.lanes.forEach((lane, i) => {
      for (const tenant of lane.ring.keys()) {
        const key = `${i}/${tenant}`;
        if (!this.#waits.has(key)) this.#waits.set(key, new Map());
      }
    });
  }

  /** No probe is given more than it asked for, save one chunk larger than its window. */
  #checkRoom(state: HubState): void {
    for (const probe of state.probes.values()) {
      const bulk = [...probe.leases.values()].filter((chunk) => !chunk.bare);
      const sum = bulk.reduce((total, chunk) => total + chunk.size, 0);
      if (sum !== probe.leased) this.fail(`${probe.id} is charged ${probe.leased} for ${sum} addresses`);
      const before = this.#window.get(probe.id) ?? 0;
      const most = Math.max(probe.window, before);
      if (probe.session !== null && sum > most && bulk.length > 1)
        this.fail(`${probe.id} holds ${sum} of ${probe.window}`);
      // A window that shrank is overdrawn until what was leased before is done.
      this.#window.set(probe.id, Math.max(probe.window, Math.min(before, sum)));
      if (probe.running < 0 || probe.leased < 0) this.fail(`${probe.id} has negative counts`);
    }
  }

  #checkBounds(state: HubState): void {
    const waiting = state.lanes.reduce((sum, lane) => sum + lane.addresses, 0);
    if (waiting > HUB_HELD_MAX_ADDRESSES + 10_000) this.fail(`${waiting} addresses wait`);
    if (state.waiting.size > TASKS_WAITING_MAX) this.fail(`${state.waiting.size} tasks wait`);
    if (state.domains.size > state.chunks.size) this.fail("more domains than chunks are remembered");
  }
}
