import type { FindingFlag } from "../verdict/types.ts";
import { REASON_TABLE, type Reason } from "../verdict/vocabulary.ts";
import { compileRow, rowMatches, type Subject } from "./compile.ts";
import { MEMO_GENERATION_ENTRIES } from "./limits.ts";
import { Memo } from "./memo.ts";
import { matchText, spelt } from "./normalise.ts";
import { enhancedOf, withoutStatus } from "./parse.ts";
import { searchText } from "./phrase.ts";
import { CODE_ROWS } from "./rows/codes.ts";
import { REPLY_ROWS } from "./rows/index.ts";
import type { Classified, ReplyClass, ReplyInput, ReplyRow, ReplyStage, RetryClass } from "./types.ts";

const COMPILED = REPLY_ROWS.map(compileRow);
const forDigit = (digit: 4 | 5) => COMPILED.filter(({ row }) => (row.digit ?? digit) === digit);
const ROWS_4 = forDigit(4);
const ROWS_5 = forDigit(5);

const memo = new Memo<Classified>(MEMO_GENERATION_ENTRIES);

const result = (cls: ReplyClass, reason: Reason, rule: string, more: Partial<Classified> = {}): Classified => ({
  class: cls,
  reason,
  rule,
  flags: [],
  ambiguous: false,
  retry: null,
  secondOpinion: false,
  ...more,
});

const ACCEPTED = result("accepted", "accepted", "accepted");
// RFC 5321 3.4: the host forwards; the mail arrives all the same.
const FORWARDED = result("accepted", "accepted", "accepted-will-forward", { flags: ["forwarded"] });
// RFC 5321 3.5.3: "cannot VRFY user, but will accept": as good as a 250 whose control is refused, and no better.
const UNVERIFIED = result("accepted", "accepted", "accepted-cannot-verify");
const NOT_SMTP = result("protocol", "protocol_error", "not-an-smtp-reply", { retry: "reconnect" });

const positive = (code: number, stage: ReplyStage): Classified => {
  if (code === 251) return FORWARDED;
  if (code === 252) return UNVERIFIED;
  // 220 and 221 answer no MAIL or RCPT: replies and commands have got out of step.
  if ((code === 220 || code === 221) && (stage === "rcpt" || stage === "mail")) return NOT_SMTP;
  return ACCEPTED;
};

/** Stages before any recipient was named: what is refused there is the client, the HELO name or the sender. */
const BEFORE_RECIPIENT: Readonly<Partial<Record<ReplyStage, readonly [ReplyClass, Reason]>>> = {
  connect: ["policy", "policy_rejected"],
  banner: ["policy", "policy_rejected"],
  ehlo: ["policy", "helo_rejected"],
  starttls: ["temporary", "temporary_error"],
  mail: ["sender", "sender_rejected"],
};

const defaultRetry = (cls: ReplyClass, code: number): RetryClass | null => {
  if (cls === "greylist") return "greylist";
  if (cls === "rate") return "rate";
  return code < 500 ? "temporary" : null;
};

const aboutRecipient = (row: ReplyRow): boolean =>
  row.class === "recipient" || row.class === "capacity" || row.class === "relay";

/** A refusal "for now" does not condemn: the words are kept as the rule, so that they can be compared next time. */
const softened = (row: ReplyRow): Classified => {
  const flags: readonly FindingFlag[] = row.reason === "mailbox_not_found" ? [] : ["exists"];
  return result(row.class, "temporary_error", `soft:${row.rule}`, { flags, retry: "temporary" });
};

type Mentions = { readonly sender: boolean; readonly us: boolean };

const applied = (row: ReplyRow, reply: Subject, mentions: Mentions): Classified => {
  const early = BEFORE_RECIPIENT[reply.stage];
  if (early !== undefined && aboutRecipient(row)) {
    const [cls, reason] = reply.code < 500 ? (["temporary", "temporary_error"] as const) : early;
    return result(cls, reason, `${reply.stage}:${row.rule}`, { retry: defaultRetry(cls, reply.code) });
  }
  // A call-out's refusal of our sender, quoted without naming the recipient at all.
  if (row.class === "recipient" && mentions.sender) {
    return result("sender", "sender_rejected", `names-sender:${row.rule}`, {
      retry: defaultRetry("sender", reply.code),
    });
  }
  const condemns = REASON_TABLE[row.reason].status === "undeliverable" || row.reason === "restricted";
  if (condemns && reply.code < 500) return softened(row);
  return result(row.class, row.reason, row.rule, {
    flags: row.flags ?? [],
    ambiguous: row.ambiguous === true && early === undefined && !mentions.us,
    retry: row.retry === undefined ? defaultRetry(row.class, reply.code) : row.retry,
    secondOpinion: row.secondOpinion === true,
  });
};

const judge = (reply: Subject, mentions: Mentions): Classified => {
  for (const compiled of reply.code < 500 ? ROWS_4 : ROWS_5) {
    if (rowMatches(compiled, reply)) return applied(compiled.row, reply, mentions);
  }
  return NOT_SMTP;
};

const names = (text: string, name: string | null | undefined): boolean =>
  name !== null && name !== undefined && name.length > 3 && text.includes(name.toLowerCase());

const NOBODY: Mentions = { sender: false, us: false };

const mentionsOf = (input: ReplyInput): Mentions => {
  if (!input.sender && !input.helo && !input.sourceAddress) return NOBODY;
  const text = input.text.toLowerCase();
  return {
    sender: names(text, input.sender) && !names(text, input.recipient),
    us: names(text, input.helo) || names(text, input.sourceAddress),
  };
};

/**
 * What one SMTP reply means: about whom it speaks, which reason it gives, whether and how to ask again. Never throws.
 * Sender-side and policy replies never carry an undeliverable reason, whatever recipient-like words they contain:
 * rows about us come before rows about the recipient. Rows live in shared/reply/rows, each with a real reply.
 */
export const classifyReply = (input: ReplyInput): Classified => {
  const { code, stage } = input;
  if (code >= 200 && code < 300) return positive(code, stage);
  if (!(code >= 400 && code < 600)) return NOT_SMTP;
  const enhanced = input.enhanced ?? enhancedOf(code, input.text);
  const provider = input.provider ?? null;
  const text = matchText(withoutStatus(input.text));
  const mentions = mentionsOf(input);
  const bits = (mentions.sender ? 1 : 0) + (mentions.us ? 2 : 0);
  const key = `${code} ${enhanced ?? "-"} ${stage} ${provider ?? "-"} ${bits} ${text}`;
  return memo.get(key, () => {
    const [, subject = "-1", detail = "-1"] = enhanced === null ? [] : enhanced.split(".");
    const words = searchText(spelt(text));
    return judge({ code, subject: Number(subject), detail: Number(detail), stage, provider, text: words }, mentions);
  });
};

const WITHOUT_WORDS: ReadonlySet<string> = new Set([...CODE_ROWS.map((row) => row.rule), NOT_SMTP.rule]);

/**
 * What a line means that was kept without any code: read as a lasting refusal, by its words alone. Null when no row
 * knows them. Only for logs and bounces: in a session such a line is no reply.
 */
export const classifyWords = (input: Omit<ReplyInput, "code" | "enhanced">): Classified | null => {
  const found = classifyReply({ ...input, code: 550, enhanced: null });
  return WITHOUT_WORDS.has(found.rule) ? null : found;
};
