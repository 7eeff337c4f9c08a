import type { Client } from "pg";
import type { HubView } from "../../edge/hub/rpc.ts";
import type { Truth } from "../world/types.ts";
import type { Stand } from "./stand.ts";
import { clientOf, type RunCall, type RunList } from "./traffic.ts";

/** Until all is quiet after the last list: a sweep finds what everybody forgot, and its round of retries follows. */
const QUIET_WITHIN_MS = 150_000;
const LOOK_EVERY_MS = 500;
const VIOLATIONS_SHOWN = 20;

/** What a judge says: sentences about what must not be, and figures for the curious. */
export type Findings = { readonly violations: string[]; readonly notes: string[] };

/** Compares a job that the customer saw end with the truth of the mail world and with the books. */
export async function judgeList(stand: Stand, list: RunList): Promise<Findings> {
  const { id, rows, job } = list;
  const violations: string[] = [];
  const notes: string[] = [];
  const say = (line: string) => violations.push(`job ${id}: ${line}`);
  if (job.state !== "completed") say(`ended as ${job.state}: ${job.error}`);
  const results = await resultsOf(stand, id);
  if (results.length !== rows.length) say(`${results.length} result rows for ${rows.length}`);
  const unsure: string[] = [];
  const wrong: string[] = [];
  for (const [i, { email, truth }] of rows.entries()) {
    const got = results[i];
    if (got === undefined) break;
    if (got.email !== email) wrong.push(`row ${i + 1} is ${got.email}, not ${email}`);
    else if (allowed(truth, got)) continue;
    // An honest "we could not tell" is a loss of quality, not a lie: a list in pieces shows fewer contrasts.
    else if (got.status === "unknown" || got.status === "risky") unsure.push(`${truth.later.reason} as ${got.reason}`);
    else wrong.push(`${email}: ${got.status}/${got.reason}, not ${truth.later.status}/${truth.later.reason}`);
  }
  for (const line of wrong.slice(0, VIOLATIONS_SHOWN)) say(line);
  if (wrong.length > VIOLATIONS_SHOWN) say(`and ${wrong.length - VIOLATIONS_SHOWN} more rows`);
  if (unsure.length > rows.length / 100)
    say(`${unsure.length} of ${rows.length} rows are less sure than they could be`);
  notes.push(
    `job ${id}: ${rows.length} rows in ${list.seconds.toFixed(1)} s, ${unsure.length} less sure than they could be`,
  );
  for (const [what, all] of Map.groupBy(unsure, (one) => one)) notes.push(`  ${all.length}: ${what}`);
  await stand.look((db) => judgeBooks(db, id, rows.length, say));
  return { violations, notes };
}

const allowed = (truth: Truth, got: { status: string; reason: string }): boolean =>
  [truth.later, truth.now, ...truth.also].some((one) => one.status === got.status && one.reason === got.reason);

async function resultsOf(stand: Stand, id: string): Promise<{ email: string; status: string; reason: string }[]> {
  const body = await clientOf(stand).results(id, "ndjson", AbortSignal.timeout(60_000));
  if (!body.ok) throw new Error(`job ${id}: no results: ${JSON.stringify(body.error)}`);
  const text = await new Response(body.value).text();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** One verdict per row, held, settled and released once, used once, told once. */
async function judgeBooks(db: Client, job: string, rows: number, say: (line: string) => void): Promise<void> {
  const [books] = (
    await db.query<
      Record<
        | "verdicts"
        | "items"
        | "cost"
        | "holds"
        | "settles"
        | "releases"
        | "billed"
        | "usage"
        | "used"
        | "events"
        | "untold",
        string
      >
    >(
      `SELECT (SELECT count(*) FROM verdicts WHERE job_id = $1) AS verdicts,
              (SELECT count(DISTINCT item_no) FROM verdicts WHERE job_id = $1) AS items,
              (SELECT count(*) FROM verdicts v WHERE job_id = $1 AND status <> 'unknown' AND source IN ('edge', 'probe')) AS cost,
              (SELECT count(*) FROM credit_ledger WHERE ref = $1 AND kind = 'hold') AS holds,
              (SELECT count(*) FROM credit_ledger WHERE ref = $1 AND kind = 'settle') AS settles,
              (SELECT count(*) FROM credit_ledger WHERE ref = $1 AND kind = 'release') AS releases,
              (SELECT coalesce(sum(amount), 0) FROM credit_ledger WHERE ref = $1 AND kind = 'settle') AS billed,
              (SELECT count(*) FROM usage_records WHERE ref = $1) AS usage,
              (SELECT coalesce(sum(billable), 0) FROM usage_records WHERE ref = $1) AS used,
              (SELECT count(*) FROM events WHERE payload ->> 'id' = $1::text) AS events,
              (SELECT count(*) FROM events e LEFT JOIN deliveries d ON d.event_id = e.id
                WHERE e.payload ->> 'id' = $1::text AND d.state IS DISTINCT FROM 'delivered') AS untold`,
      [job],
    )
  ).rows;
  if (books === undefined) return;
  const expect = (what: keyof typeof books, wanted: number): void => {
    if (Number(books[what]) !== wanted) say(`${what} is ${books[what]}, not ${wanted}`);
  };
  expect("verdicts", rows);
  expect("items", rows);
  for (const once of ["holds", "settles", "releases", "usage", "events"] as const) expect(once, 1);
  expect("billed", Number(books.cost));
  expect("used", Number(books.cost));
  expect("untold", 0);
}

/** Real-time answers: billed at most once; those that were promised (202) end in one verdict, billed once. */
export async function judgeCalls(stand: Stand, calls: readonly RunCall[]): Promise<Findings> {
  const late = calls.filter((call) => call.late).map(({ id }) => id);
  const violations = await stand.look(async (db) => {
    const { rows } = await db.query<{ id: string; verdicts: number; usage: number; settles: number; told: number }>(
      `SELECT c.id, (SELECT count(*)::int FROM verdicts v WHERE v.job_id = c.id) AS verdicts,
              (SELECT count(*)::int FROM usage_records u WHERE u.ref = c.id) AS usage,
              (SELECT count(*)::int FROM credit_ledger l WHERE l.ref = c.id AND l.kind = 'settle') AS settles,
              (SELECT count(*)::int FROM events e WHERE e.payload ->> 'id' = c.id::text) AS told
         FROM unnest($1::uuid[]) AS c (id)`,
      [late],
    );
    return rows
      .filter((row) => row.verdicts !== 1 || row.usage !== 1 || row.settles !== 1 || row.told !== 1)
      .map((row) => `check ${row.id} was promised: ${JSON.stringify(row)}`);
  });
  const lies = calls.filter(({ reason, row }) => {
    const right = [row.truth.now, row.truth.later, ...row.truth.also];
    return reason !== null && isVerdictAboutMailbox(reason) && !right.some((one) => one.reason === reason);
  });
  violations.push(...lies.map(({ row, reason }) => `real-time: ${row.email} was called ${reason}`));
  const answered = calls.length - late.length;
  return { violations, notes: [`real-time: ${answered} answered in time, ${late.length} promised and kept`] };
}

const isVerdictAboutMailbox = (reason: string): boolean =>
  reason === "accepted" || reason === "mailbox_not_found" || reason === "mailbox_disabled";

/**
 * Waits until nothing is open anywhere: no chunk, no job, no lease, no delivery. What is still open after a while has
 * been forgotten by everybody, and is a violation.
 */
export async function judgeQuiet(stand: Stand): Promise<Findings> {
  const begun = Date.now();
  for (;;) {
    const open = await openWork(stand).catch((error: unknown) => [`cannot look: ${String(error)}`]);
    const notes = [`quiet ${((Date.now() - begun) / 1_000).toFixed(1)} s after the last list ended`];
    if (open.length === 0) return { violations: [], notes };
    if (Date.now() - begun > QUIET_WITHIN_MS) return { violations: open.map((line) => `left behind: ${line}`), notes };
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

async function openWork(stand: Stand): Promise<string[]> {
  const open = await stand.look(async (db) => {
    const { rows } = await db.query<{ what: string; n: string }>(
      `SELECT 'chunks ' || state AS what, count(*) AS n FROM chunks WHERE state <> 'done' GROUP BY state
       UNION ALL SELECT 'jobs ' || state, count(*) FROM jobs WHERE state NOT IN ('completed', 'cancelled', 'failed') GROUP BY state
       UNION ALL SELECT 'deliveries ' || state, count(*) FROM deliveries WHERE state <> 'delivered' GROUP BY state
       UNION ALL SELECT 'holds without a release', count(*) FROM credit_ledger h WHERE h.kind = 'hold' AND NOT EXISTS
         (SELECT 1 FROM credit_ledger r WHERE r.ref = h.ref AND r.kind = 'release') HAVING count(*) > 0`,
    );
    return rows.map(({ what, n }) => `${n} ${what}`);
  });
  const response = await fetch(`${stand.url}/v1/admin/hubs`, { headers: { authorization: `Bearer ${stand.key}` } });
  const { data } = (await response.json()) as {
    data: (Pick<HubView, "leases" | "lost" | "lanes"> & { real_time: number })[];
  };
  for (const { leases, lost, real_time, lanes } of data) {
    const queued = Object.values(lanes).reduce((sum, lane) => sum + lane.chunks, 0);
    const held = { leases, lost, real_time, queued };
    for (const [what, n] of Object.entries(held)) if (n > 0) open.push(`${n} ${what} at the hub`);
  }
  if (data.length === 0) open.push("no hub answers");
  return open;
}

/** Each event has one id, however often it came, and its signature held. */
export async function judgeEvents(stand: Stand): Promise<Findings> {
  const byJob = new Map<string, Set<string>>();
  const violations: string[] = [];
  for (const { id, verified, type, body } of stand.receiver.events) {
    if (!verified) violations.push(`event ${id} came with a bad signature`);
    const about = (body as { data?: { id?: string } }).data?.id ?? "nothing";
    const ids = byJob.get(`${type} of ${about}`) ?? new Set();
    byJob.set(`${type} of ${about}`, ids.add(id));
  }
  for (const [what, ids] of byJob) if (ids.size > 1) violations.push(`${what} was told as ${ids.size} events`);
  return { violations, notes: [`${stand.receiver.count} webhooks came for ${byJob.size} events`] };
}
