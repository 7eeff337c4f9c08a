import { INGEST_ROWS_PER_MESSAGE, STAGE_BATCH_ROWS, STAGE_BATCHES_IN_FLIGHT } from "../../shared/limits.ts";
import { compileRules } from "../../shared/rules/rules.ts";
import type { Verdict } from "../../shared/verdict/types.ts";
import type { Mode } from "../../shared/verdict/vocabulary.ts";
import type { Database } from "../data/database.ts";
import { endIngest, type IngestJob } from "../data/jobs.ts";
import { type Batch, type Checkpoint, saveCheckpoint, stageBatch, type VerdictKind } from "../data/staging.ts";
import { detailOf } from "../data/verdict-row.ts";
import type { Env } from "../env.ts";
import { type Policy, readAddress } from "../verify/text.ts";
import { BrokenList, createListReader, type Encoding, type ListRow } from "./list.ts";

/** `more`: the list goes on after the checkpoint. `read`: it is staged to its end. */
export type IngestOutcome = "more" | "read";

/** Where ingest stops for a continuation message. */
type Bounds = { readonly rowsPerMessage: number; readonly batchRows: number };
const BOUNDS: Bounds = { rowsPerMessage: INGEST_ROWS_PER_MESSAGE, batchRows: STAGE_BATCH_ROWS };

/**
 * Takes a list in from its job's checkpoint on: reads it from object storage piece by piece, decides what the edge can
 * decide, stages the rest. A few batches are in flight; the checkpoint passes a batch only when all before it are in,
 * so whatever dies, the list goes on at a record's beginning and no row is staged twice.
 * @throws BrokenList when the list cannot be read to its end
 */
export async function ingest(
  env: Env,
  database: Database,
  tenantId: string,
  jobId: string,
  job: IngestJob,
  bounds: Bounds = BOUNDS,
): Promise<IngestOutcome> {
  const policy = { rules: compileRules(job.rules), roleIsRisky: job.options.role_is_risky };
  const stager = createStager(database, tenantId, jobId, job.key_id, { rows: job.staged_rows, offset: job.offset });
  const reader = createListReader(job.options.format, job.offset);
  const encoding = job.options.format.kind === "csv" ? job.options.format.encoding : "utf-8";
  const stop = job.staged_rows + bounds.rowsPerMessage;
  let pending: ListRow[] = [];
  let rows = job.staged_rows;

  /** Stages whole batches of what is pending, or with `all` everything; true when the message has had its share. */
  const drain = async (all: boolean): Promise<boolean> => {
    let from = 0;
    while (pending.length - from >= bounds.batchRows || (all && from < pending.length)) {
      const part = pending.slice(from, from + bounds.batchRows);
      await stager.stage(batchOf(part, rows, job.mode, policy), {
        rows: rows + part.length,
        offset: part.at(-1)?.end ?? 0,
      });
      rows += part.length;
      from += part.length;
      if (!all && rows >= stop) return true;
    }
    pending = pending.slice(from);
    return false;
  };

  for await (const chunk of contents(env, job.source_key, encoding, job.offset)) {
    pending = appended(pending, await reader.push(chunk));
    if (await drain(false)) {
      await stager.settle();
      return "more";
    }
  }
  pending = appended(pending, await reader.finish());
  await drain(true);
  await stager.settle();
  await endIngest(database, tenantId, jobId, rows);
  return "read";
}

const appended = (pending: ListRow[], more: ListRow[]): ListRow[] =>
  pending.length === 0 ? more : pending.concat(more);

/** Rows of a list as a batch for the staging statement, decided where the text decides. */
function batchOf(rows: readonly ListRow[], base: number, mode: Mode, policy: Policy): Batch {
  const nowMs = Date.now();
  const checkedAt = new Date(nowMs).toISOString();
  const batch: Batch = {
    base,
    emails: [],
    domains: [],
    dedupe: [],
    allowRules: [],
    kinds: [],
    verdicts: [],
    checkedAt,
  };
  const numbers = new Map<string, number>();
  for (const { email } of rows) {
    const { facts, tenantRule, verdict } = readAddress(email, mode, policy, nowMs);
    batch.emails.push(facts.input);
    batch.domains.push(facts.address?.domain ?? null);
    batch.dedupe.push((facts.address?.normalised ?? facts.input).toLowerCase());
    batch.allowRules.push(tenantRule?.kind === "allow" ? tenantRule.id : null);
    batch.kinds.push(verdict === null ? null : numberOf(verdict, batch.verdicts, numbers));
  }
  return batch;
}

/** Number of a verdict among the distinct ones of its batch: a list has few, and their texts are most of its bytes. */
function numberOf(verdict: Verdict, kinds: VerdictKind[], numbers: Map<string, number>): number {
  const { status, reason, score } = verdict;
  const detail = detailOf(verdict);
  const key = `${status} ${reason} ${score} ${detail}`;
  const known = numbers.get(key);
  if (known !== undefined) return known;
  kinds.push({ status, reason, score, detail });
  numbers.set(key, kinds.length);
  return kinds.length;
}

type Stager = {
  /** Sends a batch as soon as there is room; `after` is the checkpoint once it and all before it are in. */
  stage(batch: Batch, after: Checkpoint): Promise<void>;
  /** Waits for all and saves the checkpoint. */
  settle(): Promise<void>;
};

function createStager(
  database: Database,
  tenantId: string,
  jobId: string,
  keyId: string | null,
  start: Checkpoint,
): Stager {
  const flights: { done: boolean; readonly after: Checkpoint; readonly work: Promise<void> }[] = [];
  let reached = start;
  let failure: unknown;

  /** Passes every flight that is in, up to the first that is not. */
  const pass = (): void => {
    for (let first = flights[0]; first?.done; first = flights[0]) {
      reached = first.after;
      flights.shift();
    }
  };
  const throwIfFailed = (): void => {
    if (failure !== undefined) throw failure;
  };

  return {
    async stage(batch, after) {
      while (flights.length >= STAGE_BATCHES_IN_FLIGHT) {
        await flights[0]?.work;
        pass();
        throwIfFailed();
      }
      const flight = { done: false, after, work: Promise.resolve() };
      const sending = stageBatch(database, tenantId, jobId, keyId, batch, reached).then(
        () => {
          flight.done = true;
        },
        (error: unknown) => {
          failure ??= error;
        },
      );
      flights.push(Object.assign(flight, { work: sending }));
    },
    async settle() {
      await Promise.all(flights.map((flight) => flight.work));
      pass();
      throwIfFailed();
      await saveCheckpoint(database, tenantId, jobId, reached);
    },
  };
}

/** The bytes of a list from `offset` on, in UTF-8; offsets count transcoded bytes. */
async function* contents(env: Env, key: string, encoding: Encoding, offset: number): AsyncGenerator<Uint8Array> {
  const head = await env.files.head(key);
  // A range that begins at the end is an error to R2.
  if (head !== null && encoding === "utf-8" && offset >= head.size) return;
  const ranged = encoding === "utf-8" && offset > 0;
  const object = await env.files.get(key, ranged ? { range: { offset } } : {});
  if (object === null) throw new BrokenList("The uploaded list is no longer there.");
  if (encoding === "utf-8") {
    yield* object.body;
    return;
  }
  const decoder = new TextDecoder(encoding);
  const encoder = new TextEncoder();
  let skip = offset;
  for await (const chunk of object.body) {
    const bytes = encoder.encode(decoder.decode(chunk, { stream: true }));
    if (skip < bytes.length) yield bytes.subarray(skip);
    skip = Math.max(0, skip - bytes.length);
  }
  const rest = encoder.encode(decoder.decode());
  if (skip < rest.length) yield rest.subarray(skip);
}
