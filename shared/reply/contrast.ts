import type { Finding, ReplyEvidence } from "../verdict/types.ts";
import type { Reason } from "../verdict/vocabulary.ts";
import { replyTemplate } from "./normalise.ts";
import { retryPlan } from "./retry.ts";
import type { Classified } from "./types.ts";

/** One recipient's reply within a session, in the order in which they came. */
export type SessionReply = {
  /** The caller's name for the recipient. */
  readonly key: number;
  readonly classified: Classified;
  readonly reply: ReplyEvidence;
  /** The address asked about: its local part is taken out of the fingerprint. */
  readonly recipient?: string;
};

/** What is known beside the replies themselves. */
export type SessionContext = {
  /** Fingerprint of the control address's refusal in this session. */
  readonly controlTemplate: string | null;
  /** Fingerprint that this host is known to use for unknown users. */
  readonly knownTemplate: string | null;
  /** This source got a 250 from this host within 24 hours. */
  readonly sawAcceptance: boolean;
  /** What the host said about `postmaster@`, if it was asked. */
  readonly postmaster: "accepted" | "refused_same" | "refused_other" | "not_asked";
};

export type ResolvedReply = {
  readonly key: number;
  readonly finding: Finding;
  /** A blanket refusal: ask for `postmaster@` once and resolve again. */
  readonly needsPostmaster: boolean;
};

/** A finding from one reply as it was classified. `attempt` counts the attempts made, this one included. */
export const findingOf = (classified: Classified, reply: ReplyEvidence, attempt = 1): Finding => ({
  reason: classified.reason,
  rule: classified.rule,
  reply,
  retryAfterMs: classified.retry === null ? null : (retryPlan(classified.retry, attempt)?.delayMs ?? null),
  flags: classified.flags,
});

const about = (reason: Reason, rule: string, reply: ReplyEvidence): Finding => ({
  reason,
  rule,
  reply,
  retryAfterMs: null,
  flags: reason === "restricted" ? ["exists"] : [],
});

/** A counter has struck: this reply and all that follow say nothing about recipients. */
const isCounter = ({ classified, reply }: SessionReply): boolean => classified.class === "rate" || reply.code === 421;

/** x.7.z speaks of permission. */
const speaksOfPermission = (reply: ReplyEvidence): boolean => reply.enhanced?.split(".")[1] === "7";

type Session = {
  readonly templates: ReadonlyMap<string, number>;
  /** Somebody was accepted, or refused in words that name the recipient. */
  readonly speaksOfRecipients: boolean;
  /** Somebody was accepted within the counted replies. */
  readonly accepted: boolean;
  /** The host has words of its own for unknown users, and used them here. */
  readonly namesUnknown: boolean;
};

const summarise = (counted: readonly SessionReply[], templateOf: (reply: SessionReply) => string): Session => {
  const templates = new Map<string, number>();
  let speaksOfRecipients = false;
  let accepted = false;
  let namesUnknown = false;
  for (const item of counted) {
    const { class: cls, ambiguous } = item.classified;
    if (cls === "accepted") accepted = true;
    if (!ambiguous && item.classified.reason === "mailbox_not_found") namesUnknown = true;
    if (cls === "accepted" || (!ambiguous && (cls === "recipient" || cls === "capacity"))) speaksOfRecipients = true;
    if (ambiguous) {
      const template = templateOf(item);
      templates.set(template, (templates.get(template) ?? 0) + 1);
    }
  }
  return { templates, speaksOfRecipients, accepted, namesUnknown };
};

const resolveAmbiguous = (
  item: SessionReply,
  template: string,
  session: Session,
  context: SessionContext,
): ResolvedReply => {
  const { key, reply, classified } = item;
  const settled = (reason: Reason, rule: string): ResolvedReply => ({
    key,
    finding: about(reason, rule, reply),
    needsPostmaster: false,
  });
  const isTemplate = template === context.controlTemplate || template === context.knownTemplate;
  if (isTemplate && (session.accepted || context.sawAcceptance)) {
    return settled("mailbox_not_found", "template-of-unknown-user");
  }
  // Other words than those this host has for unknown users, however many recipients get them; or a single exception.
  const knowsUnknown = session.namesUnknown || context.controlTemplate !== null || context.knownTemplate !== null;
  const exceptional = !isTemplate && (knowsUnknown || session.templates.get(template) === 1);
  if (session.speaksOfRecipients && exceptional && speaksOfPermission(reply)) {
    return settled("restricted", "contrast-permission");
  }
  // Without any acceptance a different refusal may as well be the host losing its patience with us.
  if (session.accepted) return settled("mailbox_not_found", "contrast");
  if (context.postmaster === "accepted") return settled("mailbox_not_found", "contrast-with-postmaster");
  // Said to everybody, postmaster@ included, "takes no mail" is what it says.
  if (classified.class === "host" && context.postmaster === "refused_same") {
    return { key, finding: findingOf(classified, reply), needsPostmaster: false };
  }
  return {
    key,
    finding: { ...findingOf(classified, reply), reason: "policy_rejected", rule: "blanket-refusal" },
    needsPostmaster: context.postmaster === "not_asked",
  };
};

/**
 * Reads one session's replies together (MAIL.md 2). A reply that says whom it is about stands as it was classified.
 * An ambiguous 5xx becomes `mailbox_not_found` when it equals the host's own words for an unknown user and the host
 * has accepted somebody, or when the session accepted another recipient (a lone x.7.z is then `restricted`); replies
 * from a counter on ("too many", 421) are left out. Where all are refused alike, `postmaster@` tells refusals of recipients
 * from a refusal of us; anything but its acceptance leaves `policy_rejected`.
 */
export const resolveSession = (replies: readonly SessionReply[], context: SessionContext): ResolvedReply[] => {
  const templates = new Map<SessionReply, string>();
  const templateOf = (item: SessionReply): string => {
    const known = templates.get(item);
    if (known !== undefined) return known;
    const template = replyTemplate(item.reply.text, item.recipient);
    templates.set(item, template);
    return template;
  };
  const struck = replies.findIndex(isCounter);
  const counted = struck < 0 ? replies : replies.slice(0, struck);
  const session = summarise(counted, templateOf);
  let last: { readonly item: SessionReply; readonly finding: Finding } | null = null;
  return replies.map((item, index) => {
    const inTime = struck < 0 || index < struck;
    // Nobody has closed a mailbox that never was: what the control is told as well is the host's word for strangers.
    const ofStranger =
      item.classified.reason === "mailbox_disabled" && inTime && templateOf(item) === context.controlTemplate;
    if (ofStranger) {
      const finding = about("mailbox_not_found", "template-of-unknown-user", item.reply);
      return { key: item.key, finding, needsPostmaster: false };
    }
    if (!item.classified.ambiguous || !inTime) {
      // Recipients accepted in the same words share what was found.
      if (last === null || last.item.reply !== item.reply || last.item.classified !== item.classified) {
        last = { item, finding: findingOf(item.classified, item.reply) };
      }
      return { key: item.key, finding: last.finding, needsPostmaster: false };
    }
    return resolveAmbiguous(item, templateOf(item), session, context);
  });
};
