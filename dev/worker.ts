/**
 * Runs the Worker in the local Workers runtime: `node dev/worker.ts --port 8787 --persist FOLDER`, configured by
 * APP_DATABASE_URL, DISPATCHER_DATABASE_URL, DATABASE_ENDPOINT, SEALING_KEY and REGIONS. Prints one JSON line when
 * ready and passes the Worker's own log lines on. Cron, which the local runtime does not fire, is fired here.
 */
import { parseArgs } from "node:util";
import { unstable_startWorker } from "wrangler";

/** Cron runs each minute in production; locally a deferred address comes due in seconds. */
const CRON_EVERY_MS = 3_000;

const { values } = parseArgs({
  options: { port: { type: "string", default: "8787" }, persist: { type: "string", default: ".data/worker" } },
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

const cron = setInterval(() => {
  fetch(new URL("/cdn-cgi/handler/scheduled?cron=*+*+*+*+*", url)).catch((error: unknown) => {
    process.stdout.write(`cron: ${error instanceof Error ? error.message : String(error)}\n`);
  });
}, CRON_EVERY_MS);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    clearInterval(cron);
    await worker.dispose();
    process.exit(0);
  });
}
process.stdout.write(`${JSON.stringify({ ready: url.origin })}\n`);
