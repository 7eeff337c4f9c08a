import { type AnswerRecord, answerRecord, resultsMessage } from "../../shared/wire/messages.ts";
import { attempt, type Database } from "../data/database.ts";
import { writeAnswers } from "../data/results.ts";
import { log } from "../log.ts";
import type { Services } from "../services.ts";
import { bury } from "./dead.ts";

/**
 * Writes a batch of messages of the `results` queue, one statement per tenant. What no repetition can write is laid
 * aside in object storage, alone; a message is delivered again only for what Postgres could not take now.
 */
export async function consumeResults(batch: MessageBatch<unknown>, services: Services): Promise<void> {
  const byTenant = new Map<string, { record: AnswerRecord; message: Message<unknown> }[]>();
  const again = new Set<Message<unknown>>();
  for (const message of batch.messages) {
    for (const record of recordsOf(message)) {
      const parsed = answerRecord.safeParse(record);
      if (!parsed.success) {
        if (!(await laidAside(services, batch.queue, message, record, "unreadable record"))) again.add(message);
        continue;
      }
      const group = byTenant.get(parsed.data.tenant);
      const entry = { record: parsed.data, message };
      if (group === undefined) byTenant.set(parsed.data.tenant, [entry]);
      else group.push(entry);
    }
  }
  for (const [tenant, entries] of byTenant) {
    const failed = await writeSome(services, batch.queue, tenant, entries);
    for (const message of failed) again.add(message);
  }
  for (const message of batch.messages) {
    if (again.has(message)) message.retry();
    else message.ack();
  }
}

type Entry = { readonly record: AnswerRecord; readonly message: Message<unknown> };

/** Writes a tenant's records; a refused batch is halved until the refused record stands alone. Returns what to retry. */
async function writeSome(
  services: Services,
  queue: string,
  tenant: string,
  entries: readonly Entry[],
): Promise<Message<unknown>[]> {
  const written = await attempt(writeAll(services.database, tenant, entries));
  if (written.ok) return [];
  const [first] = entries;
  if (written.error.kind === "unavailable" || first === undefined) {
    log.warn({ tenant, code: written.error.code, records: entries.length }, "results wait for the database");
    return entries.map((entry) => entry.message);
  }
  if (entries.length === 1) {
    const kept = await laidAside(services, queue, first.message, first.record, written.error.code);
    return kept ? [] : [first.message];
  }
  const half = Math.ceil(entries.length / 2);
  return [
    ...(await writeSome(services, queue, tenant, entries.slice(0, half))),
    ...(await writeSome(services, queue, tenant, entries.slice(half))),
  ];
}

const writeAll = (database: Database, tenant: string, entries: readonly Entry[]): Promise<number> =>
  writeAnswers(
    database,
    tenant,
    entries.map((entry) => entry.record),
  );

/** The records of a message. One that is no list of records counts as a single unreadable record. */
function recordsOf(message: Message<unknown>): readonly unknown[] {
  let body = message.body;
  if (typeof body === "string") {
    try {
      body = JSON.parse(body);
    } catch {
      return [body];
    }
  }
  const parsed = resultsMessage.safeParse(body);
  return parsed.success ? parsed.data.records : [body];
}

async function laidAside(
  services: Services,
  queue: string,
  message: Message<unknown>,
  record: unknown,
  why: string,
): Promise<boolean> {
  try {
    await bury(services.env, queue, {
      id: `${message.id}-${crypto.randomUUID()}`,
      at: message.timestamp,
      body: record,
      why,
    });
    return true;
  } catch (error) {
    log.error({ queue, err: String(error) }, "a bad record could not be laid aside");
    return false;
  }
}
