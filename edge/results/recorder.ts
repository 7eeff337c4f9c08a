import type { AnswerRecord } from "../../shared/wire/messages.ts";
import type { Env } from "../env.ts";
import { RECORDS_MESSAGE_MAX_BYTES, RECORDS_PER_MESSAGE, RECORDS_WAIT_MS } from "../limits.ts";
import { log } from "../log.ts";

/** What is kept of one real-time answer; `verdictJson` is the verdict as it was sent. */
type Answer = Omit<AnswerRecord, "verdict"> & { readonly verdictJson: string };

/** Sends the answers of an isolate to the `results` queue, many in one message. */
export type Recorder = {
  /**
   * Keeps an answer. `waitUntil` is the call's own: the first of a batch waits a moment for others and sends all, so
   * an isolate that dies meanwhile loses answers that were given and not billed.
   */
  record(answer: Answer, waitUntil: (work: Promise<unknown>) => void): void;
};

/** The real recorder. Records are JSON from the start, because most of each is the answer's own body. */
export function createRecorder(env: Env): Recorder {
  let waiting: string[] = [];
  let bytes = 0;
  let scheduled = false;

  const take = (): string | null => {
    if (waiting.length === 0) return null;
    const message = `{"kind":"answers","records":[${waiting.join(",")}]}`;
    waiting = [];
    bytes = 0;
    return message;
  };
  const send = async (message: string | null): Promise<void> => {
    if (message === null) return;
    try {
      await env.resultsQueue.send(message, { contentType: "text" });
    } catch (error) {
      log.error({ err: String(error), bytes: message.length }, "answers were given and not recorded");
    }
  };
  const sendSoon = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, RECORDS_WAIT_MS));
    scheduled = false;
    await send(take());
  };

  return {
    record(answer, waitUntil) {
      const { verdictJson, ...rest } = answer;
      const json = `${JSON.stringify(rest).slice(0, -1)},"verdict":${verdictJson}}`;
      // Three bytes per UTF-16 unit is the most that UTF-8 takes.
      const size = json.length * (/[^\0-\x7f]/.test(json) ? 3 : 1);
      if (bytes + size > RECORDS_MESSAGE_MAX_BYTES) waitUntil(send(take()));
      waiting.push(json);
      bytes += size;
      if (waiting.length >= RECORDS_PER_MESSAGE) waitUntil(send(take()));
      else if (!scheduled) {
        scheduled = true;
        waitUntil(sendSoon());
      }
    },
  };
}
