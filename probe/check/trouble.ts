import { REPLY_TEXT_MAX_CHARS } from "../../shared/limits.ts";
import { classifyReply } from "../../shared/reply/classify.ts";
import { findingOf } from "../../shared/reply/contrast.ts";
import { enhancedOf } from "../../shared/reply/parse.ts";
import type { Classified, RetryClass } from "../../shared/reply/types.ts";
import type { Finding, ReplyEvidence } from "../../shared/verdict/types.ts";
import type { Reason, Stage } from "../../shared/verdict/vocabulary.ts";
import type { Ending } from "../smtp/dialogue-types.ts";
import type { Reply } from "../smtp/reply-parser.ts";
import type { Trouble } from "../smtp/visit.ts";

/** Who speaks and who is spoken to, for the classifier and the evidence. */
export type Speaker = {
  readonly host: string;
  readonly provider: string | null;
  readonly helo: string;
  readonly sender: string;
  readonly source: string | null;
};

/** A reply as evidence: its lines joined, bounded, without control characters. */
export function evidenceOf(reply: Reply, stage: Stage, host: string): ReplyEvidence {
  const text = readable(reply.text);
  return { code: reply.code, enhanced: enhancedOf(reply.code, text), text, stage, host };
}

const UNPRINTABLE = /\p{Cc}+/gu;
const PLAIN = /^[\x20-\x7e]*$/;

/** A server's words fit to be kept: bounded, without control characters. */
export const readable = (text: string): string => {
  const cut = text.length > REPLY_TEXT_MAX_CHARS ? text.slice(0, REPLY_TEXT_MAX_CHARS) : text;
  return PLAIN.test(cut) ? cut : cut.replace(UNPRINTABLE, " ");
};

/** What a reply means, in the light of who said it to whom. */
export const classify = (evidence: ReplyEvidence, speaker: Speaker, recipient: string | null): Classified =>
  classifyReply({
    code: evidence.code ?? 0,
    enhanced: evidence.enhanced,
    text: evidence.text,
    stage: evidence.stage,
    provider: speaker.provider,
    recipient,
    helo: speaker.helo,
    sender: speaker.sender,
    sourceAddress: speaker.source,
  });

/** What trouble tells about a recipient: nothing but the trouble itself. */
export type Told = {
  readonly finding: Finding;
  readonly retry: RetryClass | null;
  readonly classified: Classified | null;
};

const told = (reason: Reason, rule: string, retry: RetryClass | null, reply: ReplyEvidence | null = null): Told => ({
  finding: { reason, rule, reply, retryAfterMs: null, flags: [] },
  retry,
  classified: null,
});

/** Turns what befell a dialogue into a finding. Without a reply the stage and host still are evidence. */
export function tellTrouble(trouble: Trouble, speaker: Speaker, portBlocked = false): Told {
  if (trouble.cause === "smtputf8") return told("smtputf8_unsupported", "no-smtputf8", null);
  if (trouble.cause === "paused") return told("rate_limited", "paused", "rate");
  if (trouble.cause === "cancelled") return told("timeout", "no-time-left", "connect");
  if (trouble.reply !== null) {
    const evidence = evidenceOf(trouble.reply, trouble.stage, speaker.host);
    const classified = classify(evidence, speaker, null);
    if (trouble.cause === "refused" && classified.class !== "accepted") {
      return { finding: findingOf(classified, evidence), retry: classified.retry, classified };
    }
  }
  return tellEnding(trouble, speaker, portBlocked);
}

function tellEnding(ending: Ending, speaker: Speaker, portBlocked: boolean): Told {
  const silent: ReplyEvidence = {
    code: ending.reply?.code ?? null,
    enhanced: null,
    text: ending.reply === null ? ending.detail : readable(ending.reply.text),
    stage: ending.stage,
    host: speaker.host,
  };
  switch (ending.cause) {
    case "connect":
      return told("connect_failed", "connect-failed", "connect", silent);
    case "timeout":
      if (ending.stage === "connect" && portBlocked) return told("port25_blocked", "nobody-reached", "connect", silent);
      return ending.stage === "connect"
        ? told("connect_failed", "connect-timeout", "connect", silent)
        : told("timeout", `timeout-${ending.stage}`, "connect", silent);
    case "closed":
    case "quit":
    case "tls":
      return told("disconnected", `closed-${ending.stage}`, "connect", silent);
    case "refused":
    case "protocol":
    case "attack":
      return told("protocol_error", ending.cause, "temporary", silent);
  }
}

/**
 * Whether the next MX may do better: the session never got as far as the recipients, or broke before answering. A host
 * that judged sender or recipients has spoken for the domain.
 */
export function isWorthNextHost(trouble: Trouble): boolean {
  switch (trouble.cause) {
    case "smtputf8":
    case "paused":
    case "cancelled":
      return false;
    case "refused":
      return trouble.stage === "banner" || trouble.stage === "ehlo" || trouble.stage === "starttls";
    default:
      return true;
  }
}
