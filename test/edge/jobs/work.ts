import { Client } from "pg";
import { expect } from "vitest";
import { result, settle } from "../../support/arrange.ts";
import { startEdge, type TestEdge, type TestTenant } from "../../support/edge.ts";

export type Job = {
  id: string;
  parent_id: string | null;
  state: string;
  phase: string;
  tags: string[];
  counts: Record<string, number> & { by_status: Record<string, number> };
  summary: Record<string, unknown> | null;
};
export type Taken = { id: string; ticket: string; items: { n: number; email: string }[] };

/** The Worker with the hub's and the probe's hands on the database, played by the test. */
export class Work {
  readonly edge: TestEdge;
  readonly tenant: TestTenant;
  readonly #dispatcher: Client;
  readonly #probe: Client;

  static async start(): Promise<Work> {
    const edge = await startEdge();
    const dispatcher = new Client({ connectionString: edge.database.roleUrl("dispatcher") });
    const probe = new Client({ connectionString: edge.database.roleUrl("probe") });
    await Promise.all([dispatcher.connect(), probe.connect()]);
    return new Work(edge, await edge.tenant("enterprise"), dispatcher, probe);
  }

  private constructor(edge: TestEdge, tenant: TestTenant, dispatcher: Client, probe: Client) {
    this.edge = edge;
    this.tenant = tenant;
    this.#dispatcher = dispatcher;
    this.#probe = probe;
  }

  async close(): Promise<void> {
    await Promise.all([this.#dispatcher.end(), this.#probe.end()]);
    await this.edge.close();
  }

  get(path: string, who = this.tenant): Promise<Response> {
    return this.edge.fetch(path, { key: who.live });
  }

  async create(emails: readonly string[], who = this.tenant, more: object = {}): Promise<string> {
    const response = await this.edge.post("/v1/jobs", who.live, { emails, ...more });
    expect(response.status).toBe(202);
    return ((await response.json()) as { id: string }).id;
  }

  async read(id: string, who = this.tenant): Promise<Job> {
    return (await (await this.get(`/v1/jobs/${id}`, who)).json()) as Job;
  }

  async until(id: string, state: string, who = this.tenant): Promise<Job> {
    for (;;) {
      const job = await this.read(id, who);
      if (job.state === state) return job;
      if (job.state === "failed") throw new Error(JSON.stringify(job));
    }
  }

  async command(
    id: string,
    verb: string,
    who = this.tenant,
  ): Promise<{ status: number; body: Job & { type: string } }> {
    const response = await this.edge.fetch(`/v1/jobs/${id}/${verb}`, { method: "POST", key: who.live });
    return { status: response.status, body: (await response.json()) as Job & { type: string } };
  }

  /** Takes due chunks as a hub does. */
  async refill(room = 100_000, perTenant = 1_000): Promise<Taken[]> {
    const sql = "SELECT id, ticket, items FROM refill('hub:eu:0', $1, $2)";
    return (await this.#dispatcher.query<Taken>(sql, [room, perTenant])).rows;
  }

  /** Settles a chunk as a probe does; `judge` says what was found of an address. */
  async settle(chunk: Taken, judge: (email: string) => object = () => ({})): Promise<string> {
    const results = chunk.items.map(({ n, email }) => ({
      ...result(n),
      checked_at: new Date().toISOString(),
      ...judge(email),
    }));
    return (await settle(this.#probe, chunk.id, chunk.ticket, { results })).outcome;
  }

  /** Settles some items of a chunk and defers the others. */
  defer(chunk: Taken, from: number): Promise<{ outcome: string }> {
    return settle(this.#probe, chunk.id, chunk.ticket, {
      results: chunk.items.slice(0, from).map(({ n }) => result(n)),
      rest: chunk.items.slice(from).map((item) => ({ ...item, tries: 1 })),
      againAt: new Date().toISOString(),
    });
  }

  /** Takes a list through to its end. */
  async run(
    emails: readonly string[],
    who = this.tenant,
    judge?: (email: string) => object,
    more = {},
  ): Promise<string> {
    const id = await this.create(emails, who, more);
    for (let job = await this.read(id, who); job.state !== "running"; job = await this.read(id, who)) {
      if (job.state === "completed") return id;
    }
    for (const chunk of await this.refill()) await this.settle(chunk, judge);
    await (await this.edge.env()).WORK.send({ kind: "finalise", tenant: who.id, job: id });
    await this.until(id, "completed", who);
    return id;
  }

  async rows(id: string, who = this.tenant): Promise<Record<string, unknown>[]> {
    const text = await (await this.get(`/v1/jobs/${id}/results?format=ndjson`, who)).text();
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  async ledger(id: string): Promise<unknown> {
    const sql = "SELECT kind, amount::int FROM credit_ledger WHERE ref = $1 ORDER BY kind";
    return (await this.edge.sql.query(sql, [id])).rows;
  }

  async ask<T extends object = Record<string, unknown>>(sql: string, values: readonly unknown[] = []): Promise<T[]> {
    return (await this.edge.sql.query(sql, [...values])).rows as T[];
  }
}

export const addresses = (count: number, domain = "corp-mail.net"): string[] =>
  Array.from({ length: count }, (_, i) => `user${i}@${domain}`);
