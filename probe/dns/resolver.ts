import type { Server } from "../config.ts";
import {
  CNAME_HOPS_MAX,
  DNS_CACHE_MAX_ENTRIES,
  DNS_FAILURE_TTL_MS,
  DNS_QUERIES_MAX,
  DNS_ROUNDS,
  DNS_TEXT_TTL_MAX_MS,
  DNS_TRY_TIMEOUT_MS,
  DNS_TTL_MAX_MS,
} from "../limits.ts";
import { TtlMap } from "../ttl-map.ts";
import type { DnsAnswer, RecordData, RecordType } from "./message.ts";
import { createTransport, type Transport } from "./transport.ts";

/** The prober's one way to ask the DNS. */
export type Resolver = {
  /** Never rejects. `name` is a lower-case A-label name without the final dot. */
  query<K extends RecordType>(name: string, type: K): Promise<DnsAnswer<RecordData[K]>>;
  stats(): { readonly queries: number; readonly hits: number };
  close(): void;
};

export type ResolverOptions = {
  readonly servers: readonly Server[];
  readonly now: () => number;
  readonly transport?: Transport;
  readonly tryTimeoutMs?: number;
  readonly cacheMaxEntries?: number;
};

type Answers = { readonly [K in RecordType]: TtlMap<DnsAnswer<RecordData[K]>> };
type Pending = { readonly [K in RecordType]: Map<string, Promise<DnsAnswer<RecordData[K]>>> };

/** How much a failure tells: the most telling of several servers' failures is kept. */
const TELLING = { timeout: 0, malformed: 1, lame: 2, servfail: 3 } as const;

/**
 * A caching stub resolver over several servers: TTLs honoured within bounds, negative answers cached, equal questions
 * in flight asked once, a bounded number of queries on the wire, the next server after a failure.
 */
export function createResolver(options: ResolverOptions): Resolver {
  const transport = options.transport ?? createTransport();
  const tryTimeoutMs = options.tryTimeoutMs ?? DNS_TRY_TIMEOUT_MS;
  const perType = Math.ceil((options.cacheMaxEntries ?? DNS_CACHE_MAX_ENTRIES) / 4);
  const cache: Answers = {
    MX: new TtlMap(perType),
    A: new TtlMap(perType),
    AAAA: new TtlMap(perType),
    TXT: new TtlMap(perType),
    PTR: new TtlMap(perType),
    NS: new TtlMap(perType),
  };
  const pending: Pending = {
    MX: new Map(),
    A: new Map(),
    AAAA: new Map(),
    TXT: new Map(),
    PTR: new Map(),
    NS: new Map(),
  };
  const gate = createGate(DNS_QUERIES_MAX);
  let preferred = 0;
  let queries = 0;
  let hits = 0;

  /** One name, all servers, until one of them knows. */
  const ask = async <K extends RecordType>(
    name: string,
    type: K,
  ): Promise<DnsAnswer<RecordData[K]> | { kind: "alias"; target: string }> => {
    let worst: "timeout" | "malformed" | "lame" | "servfail" = "timeout";
    const { servers } = options;
    const start = preferred;
    for (let i = 0; i < servers.length * DNS_ROUNDS; i += 1) {
      const index = (start + i) % servers.length;
      const server = servers[index];
      // A second round is for lost datagrams only: a server that said no says it again.
      if (server === undefined || (i >= servers.length && worst !== "timeout")) break;
      await gate.enter();
      queries += 1;
      const answer = await transport.exchange(server, name, type, tryTimeoutMs).finally(gate.leave);
      switch (answer.kind) {
        case "timeout":
          // The next question starts with the next server, so that a dead one costs one timeout and not each.
          if (preferred === index) preferred = (index + 1) % servers.length;
          break;
        case "servfail":
        case "lame":
        case "malformed":
          if (TELLING[answer.kind] > TELLING[worst]) worst = answer.kind;
          break;
        case "truncated":
          worst = "malformed";
          break;
        default:
          return answer;
      }
    }
    return { kind: worst };
  };

  const resolve = async <K extends RecordType>(name: string, type: K): Promise<DnsAnswer<RecordData[K]>> => {
    let current = name;
    for (let hop = 0; hop < CNAME_HOPS_MAX; hop += 1) {
      const answer = await ask(current, type);
      if (answer.kind !== "alias") return answer;
      current = answer.target;
    }
    return { kind: "servfail" };
  };

  const query = <K extends RecordType>(name: string, type: K): Promise<DnsAnswer<RecordData[K]>> => {
    const known = cache[type].get(name, options.now());
    if (known !== undefined) {
      hits += 1;
      return Promise.resolve(known);
    }
    const asked = pending[type].get(name);
    if (asked !== undefined) return asked;
    const asking = resolve(name, type).then((answer) => {
      pending[type].delete(name);
      const mostMs = type === "TXT" ? DNS_TEXT_TTL_MAX_MS : DNS_TTL_MAX_MS;
      const ttlMs = "ttlMs" in answer ? Math.min(answer.ttlMs, mostMs) : DNS_FAILURE_TTL_MS;
      cache[type].set(name, answer, options.now() + ttlMs);
      return answer;
    });
    pending[type].set(name, asking);
    return asking;
  };

  return { query, stats: () => ({ queries, hits }), close: () => transport.close() };
}

type Gate = { enter(): Promise<void>; readonly leave: () => void };

/** Lets a bounded number in at once, the others in order of arrival. */
function createGate(max: number): Gate {
  const queue: (() => void)[] = [];
  let inside = 0;
  return {
    enter: () => {
      if (inside < max) {
        inside += 1;
        return Promise.resolve();
      }
      return new Promise((resolve) => queue.push(resolve));
    },
    leave: () => {
      const next = queue.shift();
      if (next) next();
      else inside -= 1;
    },
  };
}
