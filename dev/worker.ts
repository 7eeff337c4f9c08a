/**
 * Runs the Worker in the local Workers runtime: `node dev/worker.ts --port 8787 --persist FOLDER`, configured by
 * APP_DATABASE_URL, DISPATCHER_DATABASE_URL, DATABASE_ENDPOINT, SEALING_KEY and REGIONS. Prints one JSON line when
 * ready and passes the Worker's own log lines on. Cron, which the local runtime does not fire, is fired here. With
 * `--control`, a port of its own (in the JSON line) takes `POST /evict?class=ProbeHub&name=NAME&sockets=close|hibernate`,
 * which drops an object from memory as a crash or hibernation does.
 */
import { once } from "node:events";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { unstable_startWorker } from "wrangler";

/** Cron runs each minute in production; locally a deferred address comes due in seconds. */
const CRON_EVERY_MS = 3_000;

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "8787" },
    persist: { type: "string", default: ".data/worker" },
    control: { type: "boolean", default: false },
  },
});

const BINDINGS = ["APP_DATABASE_URL", "DISPATCHER_DATABASE_URL", "DATABASE_ENDPOINT", "SEALING_KEY", "REGIONS"];
const bindings = Object.fromEntries(
  BINDINGS.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, { type: "plain_text" as const, value }]];
  }),
);

const worker = await unstable_startWorker({
  config: "wrangler.toml",
  bindings,
  dev: {
    server: { hostname: "127.0.0.1", port: Number(values.port) },
    inspector: false,
    watch: false,
    liveReload: false,
    persist: values.persist,
    logLevel: "warn",
    structuredLogsHandler: (log: { readonly message: string }) => process.stdout.write(`${log.message}\n`),
  },
});
await worker.ready;
const url = await worker.url;

const control = values.control ? await startControl() : null;

const cron = setInterval(() => {
  fetch(new URL("/cdn-cgi/handler/scheduled?cron=*+*+*+*+*", url)).catch((error: unknown) => {
    process.stdout.write(`cron: ${error instanceof Error ? error.message : String(error)}\n`);
  });
}, CRON_EVERY_MS);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    clearInterval(cron);
    control?.close();
    await worker.dispose();
    process.exit(0);
  });
}
process.stdout.write(`${JSON.stringify({ ready: url.origin, ...(control && { control: control.url }) })}\n`);

type Evict = (script: string, className: string, what: { name: string; webSockets: string }) => Promise<void>;

async function startControl(): Promise<{ url: string; close(): void }> {
  const server = createServer(async (request, response) => {
    const { searchParams } = new URL(request.url ?? "/", "http://127.0.0.1");
    const ask = (name: string): string => searchParams.get(name) ?? "";
    const status = await evict(ask("class"), ask("name"), ask("sockets")).then(
      () => 204,
      () => 500,
    );
    response.writeHead(status).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port for the control");
  return { url: `http://127.0.0.1:${address.port}`, close: () => server.close() };
}

/** What `createTestHarness` does, which offers it without kept storage alone. */
async function evict(className: string, name: string, webSockets: string): Promise<void> {
  const [runtime] = worker.raw.runtimes as unknown as { mf?: { unsafeEvictDurableObject: Evict } }[];
  if (runtime?.mf === undefined) throw new Error("the runtime is not up");
  await runtime.mf.unsafeEvictDurableObject("mailsonar", className, { name, webSockets });
}
