import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { DatabaseError, Pool, type PoolClient, type QueryArrayResult } from "pg";

/** One request: a batch of 5,000 staged rows is about 1 MB; Neon itself stops at 64 MB. */
const BODY_MAX_BYTES = 64 * 1024 * 1024;
/** Connection strings served at once: two roles per stack, and as many per database of a test run. */
const POOLS_MAX = 24;
const CONNECTIONS_PER_POOL = 12;
const IDLE_MS = 10_000;

const ISOLATION: Readonly<Record<string, string>> = {
  ReadUncommitted: "READ UNCOMMITTED",
  ReadCommitted: "READ COMMITTED",
  RepeatableRead: "REPEATABLE READ",
  Serializable: "SERIALIZABLE",
};

/** Everything as Postgres' text, as the driver asks with `Neon-Raw-Text-Output`: it parses by type itself. */
const RAW_TYPES = { getTypeParser: () => (value: string) => value };

type Statement = { readonly query: string; readonly params: readonly unknown[] };
type Answer = { readonly status: number; readonly body: unknown };

export type NeonShim = {
  /** For `neonConfig.fetchEndpoint`, such as `http://127.0.0.1:5433/sql`. */
  readonly url: string;
  /** Ends the connections to one database, so that it can be dropped. */
  forget(database: string): Promise<void>;
  close(): Promise<void>;
};

export type NeonShimOptions = {
  /** Default: any free one. */
  readonly port?: number;
  /** The only Postgres host it connects to: an open relay to any database would be a gift. Default 127.0.0.1. */
  readonly allowedHost?: string;
};

/**
 * Serves the HTTP protocol that `@neondatabase/serverless` speaks, in front of an ordinary Postgres: `POST /sql` with
 * `{query, params}` or, for one transaction, `{queries: [...]}`; the connection string in `Neon-Connection-String`.
 * Listens on 127.0.0.1. Errors of Postgres answer 400 in Neon's shape (message, code, detail, ...), an unreachable
 * Postgres 503.
 */
export async function startNeonShim(options: NeonShimOptions = {}): Promise<NeonShim> {
  const pools = new Pools(options.allowedHost ?? "127.0.0.1");
  const server = createServer((request, response) => {
    answer(request, pools).then(
      ({ status, body }) => send(response, status, body),
      (error) => send(response, 500, { message: error instanceof Error ? error.message : String(error) }),
    );
  });
  server.keepAliveTimeout = 60_000;
  server.listen(options.port ?? 0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("Neon shim: no port");
  return {
    url: `http://127.0.0.1:${address.port}/sql`,
    forget: (database) => pools.close((url) => new URL(url).pathname === `/${encodeURIComponent(database)}`),
    async close() {
      server.close();
      server.closeAllConnections();
      await pools.close(() => true);
    },
  };
}

async function answer(request: IncomingMessage, pools: Pools): Promise<Answer> {
  if (request.method !== "POST" || request.url !== "/sql") return problem(404, "only POST /sql is served here");
  const connection = request.headers["neon-connection-string"];
  if (typeof connection !== "string") return problem(400, "header Neon-Connection-String is missing");
  const body = await read(request);
  if (body === undefined) return problem(413, `request is larger than ${BODY_MAX_BYTES} bytes`);
  const batch = parse(body);
  if (batch === undefined) return problem(400, "body is neither {query, params} nor {queries: [...]}");
  const pool = pools.of(connection);
  if (pool === undefined) return problem(400, "this shim does not connect to that host");
  try {
    if (!batch.transaction) return { status: 200, body: await single(pool, batch.statements) };
    return { status: 200, body: { results: await transaction(pool, batch.statements, begin(request.headers)) } };
  } catch (error) {
    return failure(error);
  }
}

async function single(pool: Pool, statements: readonly Statement[]): Promise<unknown> {
  const client = await pool.connect();
  try {
    const result = await run(client, statements[0] ?? { query: "", params: [] });
    client.release();
    return result;
  } catch (error) {
    client.release(endsConnection(error));
    throw error;
  }
}

async function transaction(pool: Pool, statements: readonly Statement[], begin: string): Promise<unknown[]> {
  const client = await pool.connect();
  try {
    await client.query(begin);
    const results: unknown[] = [];
    for (const statement of statements) results.push(await run(client, statement));
    await client.query("COMMIT");
    client.release();
    return results;
  } catch (error) {
    const rolledBack = await client.query("ROLLBACK").then(
      () => true,
      () => false,
    );
    client.release(!rolledBack);
    throw error;
  }
}

async function run(client: PoolClient, { query, params }: Statement): Promise<unknown> {
  const values = [...params];
  const result: QueryArrayResult = await client.query({ text: query, values, rowMode: "array", types: RAW_TYPES });
  const fields = result.fields.map(({ name, tableID, columnID, dataTypeID, dataTypeSize, dataTypeModifier }) => {
    return { name, tableID, columnID, dataTypeID, dataTypeSize, dataTypeModifier, format: "text" };
  });
  return { fields, command: result.command, rowCount: result.rowCount, rows: result.rows, rowAsArray: true };
}

function begin(headers: IncomingMessage["headers"]): string {
  const isolation = ISOLATION[String(headers["neon-batch-isolation-level"] ?? "")];
  const modes = [
    isolation === undefined ? "" : ` ISOLATION LEVEL ${isolation}`,
    headers["neon-batch-read-only"] === "true" ? " READ ONLY" : "",
    headers["neon-batch-deferrable"] === "true" ? " DEFERRABLE" : "",
  ];
  return `BEGIN${modes.join("")}`;
}

function parse(body: string): { transaction: boolean; statements: Statement[] } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const batch = "queries" in value ? value.queries : undefined;
  const statements = (Array.isArray(batch) ? batch : [value]).map(statementOf);
  const good = statements.filter((statement) => statement !== undefined);
  return good.length === statements.length ? { transaction: Array.isArray(batch), statements: good } : undefined;
}

function statementOf(value: unknown): Statement | undefined {
  if (typeof value !== "object" || value === null || !("query" in value) || typeof value.query !== "string")
    return undefined;
  const params = "params" in value && Array.isArray(value.params) ? value.params : [];
  return { query: value.query, params };
}

/** The fields that the driver copies onto its NeonDbError. */
function failure(error: unknown): Answer {
  if (!(error instanceof Error)) return problem(500, String(error));
  if (!(error instanceof DatabaseError)) return problem(503, `no connection to Postgres: ${error.message}`);
  const { severity, code, detail, hint, position, internalPosition, internalQuery, where } = error;
  const { schema, table, column, dataType, constraint, file, line, routine } = error;
  const place = { severity, code, detail, hint, position, internalPosition, internalQuery, where };
  const object = { schema, table, column, dataType, constraint, file, line, routine };
  return { status: 400, body: { message: error.message, ...place, ...object } };
}

const problem = (status: number, message: string): Answer => ({ status, body: { message } });

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

async function read(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes: Buffer = chunk;
    size += bytes.length;
    if (size > BODY_MAX_BYTES) return undefined;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Whether the connection is gone with this error: anything but an answer of the server, or its last words (57P01). */
const endsConnection = (error: unknown): boolean => !(error instanceof DatabaseError) || error.severity === "FATAL";

/** One pool per connection string, the longest unused one closed when there are too many. */
class Pools {
  private readonly open = new Map<string, Pool>();
  private readonly allowedHost: string;

  constructor(allowedHost: string) {
    this.allowedHost = allowedHost;
  }

  of(url: string): Pool | undefined {
    const known = this.open.get(url);
    if (known !== undefined) {
      this.open.delete(url);
      this.open.set(url, known);
      return known;
    }
    if (!URL.canParse(url) || new URL(url).hostname !== this.allowedHost) return undefined;
    const pool = new Pool({
      connectionString: url,
      max: CONNECTIONS_PER_POOL,
      idleTimeoutMillis: IDLE_MS,
      application_name: "neon-shim",
    });
    // An idle connection that Postgres ends (a restart, a dropped database) is replaced by the next query.
    pool.on("error", () => {});
    // One that breaks between two statements fails the next of them, and must not end the process.
    pool.on("connect", (client) => client.on("error", () => {}));
    this.open.set(url, pool);
    const [oldest] = this.open.keys();
    if (this.open.size > POOLS_MAX && oldest !== undefined) void this.close((key) => key === oldest);
    return pool;
  }

  async close(which: (url: string) => boolean): Promise<void> {
    const closing = [...this.open].filter(([url]) => which(url));
    for (const [url] of closing) this.open.delete(url);
    await Promise.all(closing.map(([, pool]) => pool.end()));
  }
}

if (import.meta.main) {
  const shim = await startNeonShim({ port: Number(process.env.NEON_SHIM_PORT ?? 5433) });
  console.log(`Neon shim at ${shim.url}`);
  process.once("SIGINT", () => void shim.close());
  process.once("SIGTERM", () => void shim.close());
}
