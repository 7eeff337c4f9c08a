import type { Env } from "../env.ts";
import { log } from "../log.ts";

type Dead = { readonly id: string; readonly at: Date; readonly body: unknown; readonly why: string };

/** Lays something that cannot be processed aside in object storage: `dead/{queue}/{date}/{id}.json`. */
export async function bury(env: Env, queue: string, dead: Dead): Promise<void> {
  const date = dead.at.toISOString().slice(0, 10);
  const key = `dead/${queue}/${date}/${dead.id}.json`;
  await env.files.put(key, JSON.stringify({ queue, at: dead.at.toISOString(), why: dead.why, body: dead.body }), {
    httpMetadata: { contentType: "application/json" },
  });
  log.error({ queue, object: key, why: dead.why }, "message laid aside");
}

/** Consumer of every dead-letter queue. `also` undoes what waits for the message, such as a job that never ends. */
export async function consumeDead(
  batch: MessageBatch<unknown>,
  env: Env,
  also: (body: unknown) => Promise<void>,
): Promise<void> {
  const queue = batch.queue.replace(/-dead$/, "");
  for (const message of batch.messages) {
    try {
      await bury(env, queue, { id: message.id, at: message.timestamp, body: message.body, why: "retries exhausted" });
      await also(message.body);
      message.ack();
    } catch (error) {
      log.error({ queue, err: String(error) }, "dead letter not stored, tried again");
      message.retry();
    }
  }
}
