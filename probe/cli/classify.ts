import { once } from "node:events";
import { createInterface } from "node:readline";
import { z } from "zod";
import { classifyReply } from "../../shared/reply/classify.ts";
import { parseReplyText } from "../../shared/reply/parse.ts";
import { STAGES } from "../../shared/verdict/vocabulary.ts";

const USAGE = 'usage: mailsonar classify < NDJSON lines of {"reply": "550 5.1.1 ...", "stage": "rcpt"}';
/** Longest line read; a reply of 512 lines is less. */
const LINE_MAX_CHARS = 1_000_000;

const question = z.object({
  reply: z.string().min(1),
  stage: z.enum(STAGES).default("rcpt"),
  provider: z.string().nullish(),
  recipient: z.string().nullish(),
});

/**
 * `classify`: one answer line per input line, in order: {class, reason, rule, ambiguous, flags}. A line that is no
 * question is answered {error} in its place, named on stderr, and makes the exit code 1.
 */
export async function main(args: string[]): Promise<number> {
  if (args.length > 0) {
    process.stderr.write(`mailsonar classify: takes no arguments\n${USAGE}\n`);
    return 2;
  }
  let number = 0;
  let bad = 0;
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1;
    if (line.trim() === "") continue;
    const answer = answerTo(line);
    if ("error" in answer) {
      bad += 1;
      process.stderr.write(`mailsonar classify: line ${number}: ${answer.error}\n`);
    }
    if (!process.stdout.write(`${JSON.stringify(answer)}\n`)) await once(process.stdout, "drain");
  }
  return bad === 0 ? 0 : 1;
}

function answerTo(line: string): object | { error: string } {
  if (line.length > LINE_MAX_CHARS) return { error: `longer than ${LINE_MAX_CHARS} characters` };
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { error: "not JSON" };
  }
  const asked = question.safeParse(value);
  if (!asked.success) {
    const issue = asked.error.issues[0];
    return { error: `${issue?.path.join(".") || "line"}: ${issue?.message ?? "invalid"}` };
  }
  const { reply, stage, provider, recipient } = asked.data;
  const parsed = parseReplyText(reply);
  if (parsed === null)
    return { class: "protocol", reason: "protocol_error", rule: "no-code", ambiguous: false, flags: [] };
  const found = classifyReply({ ...parsed, stage, provider: provider ?? null, recipient: recipient ?? null });
  return { class: found.class, reason: found.reason, rule: found.rule, ambiguous: found.ambiguous, flags: found.flags };
}
