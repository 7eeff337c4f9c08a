import { once } from "node:events";
import { createInterface } from "node:readline";
import { z } from "zod";
import { classifyReply, classifyWords } from "../../shared/reply/classify.ts";
import { commandNoted, parseReplyText } from "../../shared/reply/parse.ts";
import type { ReplyStage } from "../../shared/reply/types.ts";
import { STAGES } from "../../shared/verdict/vocabulary.ts";

const USAGE = 'usage: mailsonar classify < NDJSON lines of {"reply": "550 5.1.1 ...", "stage": "rcpt"}';
/** Longest line read; a reply of 512 lines is less. */
const LINE_MAX_CHARS = 1_000_000;

const question = z.object({
  reply: z.string().min(1),
  stage: z.string().nullish(),
  provider: z.string().nullish(),
  recipient: z.string().nullish(),
});

/** Commands and phases by the names that logs and bounce parsers give them. */
const ALSO_CALLED: Readonly<Record<string, ReplyStage>> = {
  conn: "connect",
  connection: "connect",
  greeting: "banner",
  helo: "ehlo",
  lhlo: "ehlo",
  tls: "starttls",
  "mail from": "mail",
  "rcpt to": "rcpt",
  data: "data",
  dot: "data",
  eom: "data",
  "end of data": "data",
  bdat: "data",
};

/** A stage of that name, or null: what is unknown is left to the reply itself. */
const stageNamed = (name: string | null | undefined): ReplyStage | null => {
  const asked = name?.trim().toLowerCase() ?? "";
  return ALSO_CALLED[asked] ?? STAGES.find((stage) => stage === asked) ?? null;
};

/**
 * Docomo refuses what its customers filter behind the message, in the very words that it has for unknown users at
 * RCPT: where nobody tells which command was answered, the reading that condemns nobody.
 */
const UNCLEAR_WITHOUT_COMMAND = /@[a-z0-9.-]*\bdocomo\./i;

const stageOf = (name: string | null | undefined, reply: string): ReplyStage =>
  stageNamed(name) ?? stageNamed(commandNoted(reply)) ?? (UNCLEAR_WITHOUT_COMMAND.test(reply) ? "data" : "rcpt");

/**
 * `classify`: one answer line per input line, in order: {class, reason, rule, ambiguous, flags}. `stage` is the command
 * that was answered; missing or unknown it is what a log notes behind the reply, else `rcpt`. Log lines and bounces are
 * read as well as bare replies. A line that is no question is answered {error} in its place, named on stderr, and makes
 * the exit code 1.
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
  const { reply, provider, recipient } = asked.data;
  const told = { stage: stageOf(asked.data.stage, reply), provider: provider ?? null, recipient: recipient ?? null };
  const parsed = parseReplyText(reply);
  const found = parsed === null ? classifyWords({ ...told, text: reply }) : classifyReply({ ...parsed, ...told });
  if (found === null)
    return { class: "protocol", reason: "protocol_error", rule: "no-code", ambiguous: false, flags: [] };
  return { class: found.class, reason: found.reason, rule: found.rule, ambiguous: found.ambiguous, flags: found.flags };
}
