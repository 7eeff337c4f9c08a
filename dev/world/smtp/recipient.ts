import { looksMadeUp, mailboxKind, needsSmtpUtf8 } from "../truth.ts";
import type { MailboxKind } from "../types.ts";
import { fromWire, type Session } from "./session.ts";

/** A mail transaction that MAIL has opened. */
export type Transaction = {
  readonly sender: string;
  readonly utf8: boolean;
  recipients: number;
  failures: number;
  first: string;
};

/** Anything but printable ASCII without angle brackets, or UTF-8 (as latin1). */
const UNSAFE = /[^!-;=?-~\x80-\xff]/;
const PREFIX = "RCPT TO:<";

/** Answers one RCPT: syntax, limits, relaying, greylisting, then what the host says of such a mailbox. */
export function answerRecipient(session: Session, line: string, transaction: Transaction | null) {
  const { host, world } = session;
  world.stats.recipients += 1;
  host.stats.recipients += 1;
  const path = recipientPath(session, line);
  if (path === null) return session.say(host.replies.syntax);
  if (!transaction) {
    session.violation("bad_sequence");
    return session.say(host.replies.badSequence);
  }
  const at = path.lastIndexOf("@");
  const domain = path.slice(at + 1);
  const local = path.slice(0, at);
  if (host.faults.rcpt && session.strike("rcpt", session.facts(path, local, domain))) return;
  if (session.newcomer && host.replies.newcomer) return session.say(host.replies.newcomer);
  if (session.isOutOfPatience()) return;
  if (isFull(session, transaction)) return session.say(host.replies.tooManyRecipients);
  if (!host.serves(domain)) {
    session.violation("relay_attempt");
    return session.say(host.replies.relayDenied, 0, session.facts(path, local, domain));
  }
  decide(session, transaction, path, local, domain);
}

function recipientPath(session: Session, line: string): string | null {
  const closed = line.charCodeAt(line.length - 1) === 62;
  const opened = line.startsWith(PREFIX) || line.slice(0, PREFIX.length).toUpperCase() === PREFIX;
  const path = line.slice(PREFIX.length, -1);
  if (!opened || !closed || path.indexOf("@") < 1) {
    session.violation("bad_syntax");
    return null;
  }
  if (!UNSAFE.test(path)) return path;
  // A quoted local part may hold spaces and angle brackets (RFC 5321 4.1.2), nothing else may.
  if (/^"(?:[\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\x20-\x7e])*"@[!-;=?-~\x80-\xff]+$/.test(path)) return path;
  session.violation("injection");
  return null;
}

function decide(session: Session, transaction: Transaction, path: string, local: string, domain: string) {
  const { host, world } = session;
  const name = bareLocal(local);
  if (needsSmtpUtf8(name) && !transaction.utf8) {
    session.violation("utf8_unoffered");
    return session.say(host.replies.utf8Needed, 0, session.facts(path, local, domain));
  }
  if (host.replies.madeUp && looksMadeUp(name)) return session.say(host.replies.madeUp);
  let kind = mailboxKind(name);
  const greylisted = host.greylisted !== null || kind === "grey";
  if (greylisted) {
    const waits = !world.greylist.passes(session.source, transaction.sender, path, session.now);
    const grey = host.greylisted ?? host.answers.grey.reply;
    if (waits && grey.code < 500 && grey.code >= 400) return session.say(grey, 0, session.facts(path, local, domain));
    if (kind === "grey" && host.answers.grey.reply.code >= 400) kind = "exists";
  }
  if (kind === "unknown" || kind === "gone") kind = afterRefusals(session, kind);
  const missing = kind === "unknown" || kind === "gone";
  const { reply, delayMs } = host.answers[kind];
  const facts = reply.fixed === null ? session.facts(path, local, domain) : null;
  if (host.script.recipientsCount !== undefined) transaction.recipients += reply.code >= 300 ? 1 : 0;
  session.recipients += 1;
  const throttleMs = transaction.failures > 0 ? (host.script.throttleMs ?? 0) : 0;
  if (reply.code >= 300) {
    transaction.failures += 1;
    if (missing && host.faults.unknown && session.strike("unknown", session.facts(path, local, domain))) return;
    return session.say(reply, delayMs + throttleMs, facts);
  }
  transaction.recipients += 1;
  if (host.script.namesFirstRecipient) {
    if (transaction.first === "") transaction.first = path;
    return session.say(reply, delayMs, session.facts(transaction.first, local, domain));
  }
  session.say(reply, delayMs + throttleMs, facts);
}

/** The transaction, or the session, has as many recipients as the host takes. */
function isFull(session: Session, transaction: Transaction): boolean {
  const { recipientsMax = Number.POSITIVE_INFINITY, recipientsCount } = session.host.script;
  return (recipientsCount === "session" ? session.recipients : transaction.recipients) >= recipientsMax;
}

/** Counts a refusal; a host that has refused enough takes everybody. */
function afterRefusals(session: Session, kind: MailboxKind): MailboxKind {
  session.refusals += 1;
  const { refusalsMax } = session.host.script;
  return refusalsMax !== undefined && session.refusals > refusalsMax ? "exists" : kind;
}

function bareLocal(local: string): string {
  if (local.charCodeAt(0) !== 34) return fromWire(local);
  return fromWire(local.slice(1, -1)).replace(/\\(.)/g, "$1");
}
