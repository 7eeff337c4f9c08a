import { createWriteStream, openAsBlob } from "node:fs";
import { mkdtemp, rename, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { err, ok, type Result } from "../../shared/result.ts";
import { MODES, type Mode } from "../../shared/verdict/vocabulary.ts";
import { type Client, createClient, RESULT_FORMATS, type ResultFormat } from "../client/client.ts";
import { describeFault } from "../client/fault.ts";
import type { Job } from "../client/shapes.ts";
import { duration, ProgressView, statusCounts } from "./progress.ts";

const USAGE = `usage: mailsonar verify FILE|- [--url URL] [--key KEY] [--out FILE|-] [--format csv|ndjson|json|xlsx]
                        [--name NAME] [--mode edge|dns|full] [--column HEADER|NUMBER]
       mailsonar verify --job ID [--url URL] [--key KEY] [--out FILE|-] [--format FORMAT]
--url and --key default to MAILSONAR_URL and MAILSONAR_KEY.`;

/** Times the results are fetched when the connection breaks in the middle. */
const DOWNLOADS = 3;

type Settings = {
  /** A list to upload, or the id of a job that is under way. */
  readonly target: { readonly kind: "list"; readonly file: string } | { readonly kind: "job"; readonly id: string };
  readonly url: URL;
  readonly key: string;
  /** A dash is standard output. */
  readonly out: string;
  readonly format: ResultFormat;
  readonly name: string;
  readonly mode: Mode;
  readonly column: string | null;
};

/**
 * `verify`: takes a list through the API, shows its progress on standard error and writes the results.
 * Exit codes: 0 when the job is completed and its results are written, 1 for any failure, 2 for wrong arguments,
 * 130 after Ctrl-C, which leaves the job running.
 */
export async function main(args: string[]): Promise<number> {
  const settings = readSettings(args, process.env);
  if (!settings.ok) return complain(`${settings.error}\n${USAGE}`, 2);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  try {
    return await run(settings.value, stop.signal);
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
  }
}

function complain(line: string, code: number): number {
  process.stderr.write(`mailsonar verify: ${line}\n`);
  return code;
}

const parseVerifyArgs = (args: string[]) =>
  parseArgs({
    args,
    allowPositionals: true,
    options: {
      url: { type: "string" },
      key: { type: "string" },
      out: { type: "string" },
      format: { type: "string", default: "csv" },
      name: { type: "string" },
      mode: { type: "string", default: "full" },
      column: { type: "string" },
      job: { type: "string" },
    },
  });

function readSettings(args: string[], env: NodeJS.ProcessEnv): Result<Settings, string> {
  let parsed: ReturnType<typeof parseVerifyArgs>;
  try {
    parsed = parseVerifyArgs(args);
  } catch (error) {
    return err(error instanceof Error ? (error.message.split("\n")[0] ?? "wrong arguments") : "wrong arguments");
  }
  const { values, positionals } = parsed;
  const [file, ...more] = positionals;
  if (more.length > 0 || (file === undefined) === (values.job === undefined)) {
    return err("exactly one file, - or --job is needed");
  }
  const format = RESULT_FORMATS.find((one) => one === values.format);
  if (format === undefined) return err(`--format must be one of ${RESULT_FORMATS.join(", ")}`);
  const mode = MODES.find((one) => one === values.mode);
  if (mode === undefined) return err(`--mode must be one of ${MODES.join(", ")}`);
  const url = readUrl(values.url ?? env.MAILSONAR_URL ?? "");
  if (!url.ok) return url;
  const key = values.key ?? env.MAILSONAR_KEY ?? "";
  if (!/^[\x21-\x7e]+$/.test(key)) return err("an API key is needed: --key or MAILSONAR_KEY");
  const target = file === undefined ? { kind: "job" as const, id: values.job ?? "" } : { kind: "list" as const, file };
  const stem = target.kind === "job" ? target.id.replaceAll(/[^\w-]/g, "_") : target.file;
  const out = values.out ?? (stem === "-" ? "-" : `${stem}.verified.${format}`);
  const name = values.name ?? (file === undefined || file === "-" ? "" : basename(file));
  return ok({ target, url: url.value, key, out, format, name, mode, column: values.column ?? null });
}

function readUrl(text: string): Result<URL, string> {
  if (text === "") return err("the service's address is needed: --url or MAILSONAR_URL");
  const url = URL.parse(text.endsWith("/") ? text : `${text}/`);
  if (url === null || !/^https?:$/.test(url.protocol)) return err(`${text} is not an http or https URL`);
  return ok(url);
}

async function run(settings: Settings, signal: AbortSignal): Promise<number> {
  const { url, key, target, out, format } = settings;
  const folder = dirname(out);
  if (!(await stat(folder).catch(() => null))?.isDirectory()) return complain(`there is no folder ${folder}`, 1);
  const client = createClient({ url, key, now: Date.now, sleep });
  const id = target.kind === "job" ? ok(target.id) : await upload(client, settings, target.file, signal);
  if (!id.ok) return complain(id.error, signal.aborted ? 130 : 1);
  const ended = await watch(client, id.value, signal);
  if (ended.ok) {
    const written = await download(client, id.value, format, out, signal);
    if (written.ok) return report(ended.value, id.value, out);
    complain(written.error, 1);
  } else if (!signal.aborted) complain(ended.error, 1);
  process.stderr.write(
    `the job ${ended.ok ? "keeps its results" : "goes on"}; to come back to it: mailsonar verify --job ${id.value}\n`,
  );
  return signal.aborted ? 130 : 1;
}

async function upload(
  client: Client,
  settings: Settings,
  file: string,
  signal: AbortSignal,
): Promise<Result<string, string>> {
  const { name, mode, column } = settings;
  const list = await openList(file, signal);
  if (!list.ok) return list;
  try {
    const fileName = file === "-" ? "list" : basename(file);
    const { blob } = list.value;
    const view = new ProgressView(process.stderr);
    const sent = (bytes: number): void => view.sending(bytes, blob.size, Date.now());
    const id = await client.createJob({ file: blob, fileName, name, mode, column }, sent, signal);
    view.leave();
    if (!id.ok) return err(signal.aborted ? "stopped before the list was taken in" : describeFault(id.error));
    process.stderr.write(`job ${id.value}\n`);
    return id;
  } finally {
    await list.value.close();
  }
}

type List = { readonly blob: Blob; close(): Promise<void> };

/** A list as a blob that is read from disk as it is sent; standard input goes through a file of its own. */
async function openList(file: string, signal: AbortSignal): Promise<Result<List, string>> {
  if (file !== "-") {
    const found = await stat(file).catch((error: NodeJS.ErrnoException) => error.code ?? "unreadable");
    if (typeof found === "string") return err(found === "ENOENT" ? `there is no file ${file}` : `${file}: ${found}`);
    if (!found.isFile()) return err(`${file} is no file`);
    const blob = await openAsBlob(file).catch(() => null);
    return blob === null ? err(`${file} cannot be read`) : ok({ blob, close: async () => {} });
  }
  const folder = await mkdtemp(join(tmpdir(), "mailsonar-"));
  const close = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const copy = join(folder, "list");
    await pipeline(process.stdin, createWriteStream(copy, { mode: 0o600 }), { signal });
    return ok({ blob: await openAsBlob(copy), close });
  } catch (error) {
    await close();
    return err(signal.aborted ? "stopped before the list was read" : `standard input: ${messageOf(error)}`);
  }
}

/** Follows the job to its end. */
async function watch(client: Client, id: string, signal: AbortSignal): Promise<Result<Job, string>> {
  const view = new ProgressView(process.stderr);
  let last: Job | null = null;
  try {
    for await (const job of client.follow(id, signal)) {
      if (!job.ok) return err(describeFault(job.error));
      last = job.value;
      view.show(last, Date.now());
    }
  } finally {
    view.leave();
  }
  return last === null ? err("no news of the job") : ok(last);
}

/** Writes the results under a temporary name, so that a file of the right name is always whole. */
async function download(
  client: Client,
  id: string,
  format: ResultFormat,
  out: string,
  signal: AbortSignal,
): Promise<Result<void, string>> {
  const part = `${out}.${process.pid}.part`;
  for (let tried = 1; ; tried += 1) {
    const rows = await client.results(id, format, signal);
    if (!rows.ok) return err(describeFault(rows.error));
    try {
      const source = Readable.fromWeb(rows.value);
      if (out === "-") await pipeline(source, process.stdout, { end: false, signal });
      else {
        await pipeline(source, createWriteStream(part), { signal });
        await rename(part, out);
      }
      return ok(undefined);
    } catch (error) {
      await rm(part, { force: true });
      // What has gone to standard output cannot be taken back, and a full or closed disk does not heal.
      if (out === "-" || isFileTrouble(error) || tried === DOWNLOADS || signal.aborted) {
        return err(`the results cannot be ${isFileTrouble(error) ? "written" : "fetched"}: ${messageOf(error)}`);
      }
    }
  }
}

/** Errors of the network come wrapped in a TypeError of fetch. */
const isFileTrouble = (error: unknown): boolean => error instanceof Error && "syscall" in error;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Says how it ended. A job that did not complete has written what it has, and is a failure. */
function report(job: Job, id: string, out: string): number {
  const { counts } = job;
  const rows = counts.total ?? counts.staged;
  const took = job.started_at !== null && job.finished_at !== null ? spanOf(job.started_at, job.finished_at) : "";
  const facts = [`${rows} rows`, ...statusCounts(counts.by_status), `duplicates ${counts.duplicates}`];
  process.stderr.write(`${job.state}${took}: ${facts.join(", ")}\n`);
  if (out !== "-") process.stderr.write(`results in ${out}\n`);
  if (job.state === "completed") return 0;
  return complain(`job ${id} ${job.state}${job.error === null ? "" : `: ${job.error}`}`, 1);
}

const spanOf = (from: string, to: string): string => ` in ${duration(Date.parse(to) - Date.parse(from))}`;

const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => undefined);
