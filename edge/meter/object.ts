import { DurableObject } from "cloudflare:workers";
import { changed, EMPTY_METER, type Lease, type LeaseRequest, lease, type MeterState } from "./machine.ts";

const STATE = "state";

/** One per tenant: counts calls and leases tokens. The counters are stored before a lease leaves. */
export class Meter extends DurableObject {
  #state: MeterState = EMPTY_METER;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    ctx.blockConcurrencyWhile(async () => {
      this.#state = (await ctx.storage.get<MeterState>(STATE)) ?? EMPTY_METER;
    });
  }

  /** Leases tokens to an isolate. The output gate holds the answer back until the counters are on disk. */
  async lease(request: LeaseRequest): Promise<Lease> {
    const step = lease(this.#state, request, Date.now());
    this.#state = step.state;
    this.ctx.storage.put(STATE, this.#state);
    return step.lease;
  }

  /** When keys, rules or plan of the tenant last changed, epoch ms. */
  async changedAt(): Promise<number> {
    return this.#state.changedAt;
  }

  /** Tells every isolate, with its next lease, that keys, rules or plan of the tenant changed. */
  async change(): Promise<void> {
    this.#state = changed(this.#state, Date.now());
    this.ctx.storage.put(STATE, this.#state);
  }
}
