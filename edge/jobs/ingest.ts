import { knownDomains } from "../../shared/address/facts.ts";
import { canonicalForm } from "../../shared/address/forms.ts";
import { type Address, parseAddress } from "../../shared/address/parse.ts";
import { INGEST_ROWS_PER_MESSAGE, STAGE_BATCH_ROWS, STAGE_BATCHES_IN_FLIGHT } from "../../shared/limits.ts";
import { compileRules } from "../../shared/rules/rules.ts";
import type { Verdict } from "../../shared/verdict/types.ts";
import type { Mode } from "../../shared/verdict/vocabulary.ts";
import type { Database } from "../data/database.ts";
import { type Dedupe, endIngest, type IngestJob } from "../data/jobs.ts";
import { type Batch, saveCheckpoint, stageBatch, type VerdictKind } from "../data/staging.ts";
import { detailOf } from "../data/verdict-row.ts";
import type { Env } from "../env.ts";
import { firstCheckpoint, readRows } from "../tables/read/rows.ts";
import { type Checkpoint, ListRefused, type TableRow } from "../tables/table.ts";
import { type Policy, readAddress } from "../verify/text.ts";
import { openSource, type Source } from "./source.ts";

/** `more`: the list goes on after the checkpoint. `read`: it is staged to its end. */
export type IngestOutcome = "more" | "read";

/** Where ingest stops for a continuation message. */
type Bounds = { readonly rowsPerMessage: number; readonly batchRows: number };
const BOUNDS: Bounds = { rowsPerMessage: INGEST_ROWS_PER_MESSAGE, batchRows: STAGE_BATCH_ROWS };

/**
 * Takes a list in from its job's checkpoint on: reads it from object storage piece by piece, decides what the edge can
 * decide, stages the rest. A few batches are in flight; the checkpoint passes a batch only when all before it are in,
 * so whatever dies, the list goes on at a record's beginning and no row is staged twice.
 * @param source a list that can be entered in the middle
 * @throws ListRefused when the list cannot be read to its end
 */
export async function ingest(
  files: Env["files"],
  database: Database,
  tenantId: string,
  jobId: string,
  job: IngestJob,
  { key, dialect }: Source,
  bounds: Bounds = BOUNDS,
): Promise<IngestOutcome> {
  const how = {
    mode: job.mode,
    dedupe: job.options.dedupe,
    policy: { rules: compileRules(job.rules), roleIsRisky: job.options.role_is_risky },
  };
  const from = job.reading ?? firstCheckpoint(dialect);
  const stager = createStager(database, tenantId, jobId, job.key_id, from);
  const stop = from.rowNo + bounds.rowsPerMessage;
  let reached = from.rowNo;
  for await (const { rows, next } of readRows(await openSource(files, key), dialect, from, bounds.batchRows)) {
    await stager.stage(batchOf(rows, how), next);
    reached = next.rowNo;
    if (reached >= stop) {
      await saveCheckpoint(database, tenantId, jobId, await stager.settle());
      return "more";
    }
  }
  await stager.settle();
  if (reached === 0) throw new ListRefused("empty", "The list has no rows.");
  await endIngest(database, tenantId, jobId, reached);
  return "read";
}

/** What of a job decides over a row. */
type How = { readonly mode: Mode; readonly dedupe: Dedupe; readonly policy: Policy };

/** Rows of a list as a batch for the staging statement, decided where the text decides. */
function batchOf(rows: readonly TableRow[], { mode, dedupe, policy }: How): Batch {
  const nowMs = Date.now();
  const batch: Batch = {
    base: (rows[0]?.rowNo ?? 1) - 1,
    emails: [],
    domains: [],
    dedupe: [],
    allowRules: [],
    kinds: [],
    verdicts: [],
    checkedAt: new Date(nowMs).toISOString(),
  };
  const numbers = new Map<string, number>();
  const known = knownDomains();
  for (const { email, rowNo } of rows) {
    const { facts, tenantRule, verdict } = readAddress(withoutName(email), mode, policy, nowMs, known);
    batch.emails.push(facts.input);
    batch.domains.push(facts.address?.domain ?? null);
    batch.dedupe.push(sameness(dedupe, facts.input, facts.address, rowNo));
    batch.allowRules.push(tenantRule?.kind === "allow" ? tenantRule.id : null);
    batch.kinds.push(verdict === null ? null : numberOf(verdict, batch.verdicts, numbers));
  }
  return batch;
}

/** The address of a cell such as `Anna <anna@example.com>`; any other cell as it is. */
function withoutName(cell: string): string {
  if (!cell.endsWith(">")) return cell;
  const parsed = parseAddress(cell, { displayName: true });
  return parsed.ok ? parsed.value.normalised : cell;
}

/** What two rows must share to be duplicates. What is no address is a duplicate of the same text at most. */
function sameness(dedupe: Dedupe, input: string, address: Address | null, rowNo: number): string {
  if (dedupe === "none") return String(rowNo);
  if (dedupe === "exact" || address === null) return dedupe === "exact" ? input : input.toLowerCase();
  if (dedupe === "canonical") return canonicalForm(address);
  return dedupe === "one_per_domain" ? `@${address.domain}` : address.normalised.toLowerCase();
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
  /** Waits for all; the checkpoint after them. */
  settle(): Promise<Checkpoint>;
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
      return reached;
    },
  };
}
