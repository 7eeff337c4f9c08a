import { replyTemplate } from "../../shared/reply/normalise.ts";
import type { Classified } from "../../shared/reply/types.ts";
import type { ReplyEvidence } from "../../shared/verdict/types.ts";
import { REFUSALS_BEFORE_CONTROL } from "../limits.ts";
import { plainPath } from "../smtp/path.ts";
import { tellQuestion } from "../smtp/transcript.ts";
import { question } from "../smtp/visit.ts";
import type { Asking } from "./ask.ts";
import { type ControlAnswer, type ControlOutcome, controlLocal, readControl } from "./control.ts";
import type { Heard } from "./hear.ts";
import { classify, evidenceOf } from "./trouble.ts";
import { visitHost } from "./visit-host.ts";

/** The answer to the control address where it matters and is to be had. */
export async function askControl(asking: Asking, heard: readonly Heard[]): Promise<ControlOutcome> {
  const { around, provider, target, group } = asking;
  const nowMs = around.now();
  const hostKey = `${target.source} ${target.name}`;
  let matters = isPermissionInDoubt(heard);
  let refused = 0;
  for (const { classified, evidence } of heard) {
    if (classified.class === "accepted" || comesLater(classified, evidence)) matters = true;
    if ((evidence.code ?? 0) >= 500) refused += 1;
  }
  const refusals = around.book.countRefusals(hostKey, refused, nowMs);
  if (provider?.truth === "accepts_then_bounces") return null;
  const key = controlKey(asking, heard);
  if (!matters || group.cancelled) return around.book.knownControl(key, nowMs);
  const anew = isDoubted(asking, heard, refused, refusals);
  const answer = await around.book.control(key, nowMs, anew, (earlier) => sendControl(asking, heard, earlier));
  if (answer === null) return refusedAlike(heard, around.now());
  if (answer !== "later" && answer.template !== null) around.book.learnTemplate(hostKey, answer.template, nowMs);
  return answer;
}

/**
 * A refusal for permission (X.7.Z) beside an answer about a mailbox: whether it means a closed door or an unknown user
 * shows in the words that a stranger gets.
 */
function isPermissionInDoubt(heard: readonly Heard[]): boolean {
  const doubtful = heard.some(
    ({ classified, evidence }) => classified.ambiguous && evidence.enhanced?.startsWith("5.7."),
  );
  return doubtful && heard.some(({ classified }) => !classified.ambiguous && aboutMailbox(classified));
}

const aboutMailbox = ({ class: about }: Classified): boolean => about === "recipient" || about === "capacity";

/**
 * A greylist, or a "not yet" about the address itself (X.1.X and X.2.X of RFC 3463), as Postfix says while it verifies
 * an address elsewhere: the same question later gets its answer, and the control should have aged by then.
 */
function comesLater(classified: Classified, evidence: ReplyEvidence): boolean {
  if (classified.class === "greylist") return true;
  return classified.class === "temporary" && /^4\.[12]\./.test(evidence.enhanced ?? "");
}

/** The operator runs the domain itself: its canary stands for every control. */
export function isOperatorsOwn({ provider }: Asking, heard: readonly Heard[]): boolean {
  return provider?.canary === true && heard[0]?.subject.facts.provider !== null;
}

/** At consumer providers one canary per operator, source and day stands for every control (MAIL.md 3). */
function controlKey(asking: Asking, heard: readonly Heard[]): string {
  const { provider, target, group } = asking;
  return isOperatorsOwn(asking, heard) ? `${provider?.id} ${target.source}` : `${group.domain} ${target.name}`;
}

/**
 * Whether a host has refused so many that it may accept everybody by now. Hosts of operators that answer truly serve
 * thousands of domains: there only this domain's own refusals count; and a canary is a matter of once a day.
 */
function isDoubted(asking: Asking, heard: readonly Heard[], ofVisit: number, ofHour: number): boolean {
  if (isOperatorsOwn(asking, heard)) return false;
  return (asking.provider?.truth === "truthful" ? ofVisit : ofHour) > REFUSALS_BEFORE_CONTROL;
}

async function sendControl(
  asking: Asking,
  heard: readonly Heard[],
  earlier: ControlAnswer | null,
): Promise<ControlOutcome> {
  const { around, group, target, provider, speaker, urgent } = asking;
  const named = isOperatorsOwn(asking, heard) ? around.canaries.get(provider?.id ?? "") : undefined;
  const local = named ?? controlLocal(around.controlSecret, group.domain, around.now());
  const path = plainPath(`${local}@${group.domain}`);
  if (path === null) return null;
  for (const fresh of [false, true]) {
    if (group.cancelled) return null;
    const asked = question(path, false);
    await visitHost(around, group, target, provider, [asked], { urgent, fresh });
    group.transcript?.push(`# ${target.name}: control address`, ...tellQuestion(asked));
    if (asked.reply === null) continue;
    const evidence = evidenceOf(asked.reply, "rcpt", target.name);
    const classified = classify(evidence, speaker, path);
    const template = replyTemplate(evidence.text, path);
    const answer = readControl({ classified, template, local, nowMs: around.now() }, earlier);
    if (answer !== null) return answer;
    // Time is what a greylist or a failing server needs, not another connection. A 452 may be about the session.
    if (comesLater(classified, evidence)) return "later";
    if (classified.class === "temporary" && evidence.code !== 452) return null;
  }
  return null;
}

/** Distinct recipients refused in the same words that stand in for a control without an answer. */
const REFUSED_ALIKE_MIN = 3;

/**
 * No control was to be had, but somebody was accepted and several real recipients were refused as unknown in the same
 * words: whoever tells users from strangers is no catch-all (MAIL.md 3). Good for this visit alone.
 */
function refusedAlike(heard: readonly Heard[], nowMs: number): ControlAnswer | null {
  if (!heard.some(({ classified }) => classified.class === "accepted")) return null;
  const alike = new Map<string, Set<string | null>>();
  for (const { subject, classified, evidence } of heard) {
    // Who has moved, or was closed, is an entry of its own even where everybody else is taken.
    if (classified.ambiguous || classified.reason !== "mailbox_not_found" || classified.flags.length > 0) continue;
    const template = replyTemplate(evidence.text, subject.path);
    const paths = alike.get(template) ?? new Set();
    alike.set(template, paths.add(subject.path));
    if (paths.size < REFUSED_ALIKE_MIN) continue;
    return { catchAll: { answer: "no", confidence: 0.8 }, template: null, atMs: nowMs, locals: [] };
  }
  return null;
}
