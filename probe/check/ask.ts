import type { Provider } from "../../shared/providers/index.ts";
import { type findingOf, resolveSession, type SessionReply } from "../../shared/reply/contrast.ts";
import { replyTemplate } from "../../shared/reply/normalise.ts";
import { resolveSoft } from "../../shared/reply/soft.ts";
import type { Classified } from "../../shared/reply/types.ts";
import type { CatchAll } from "../../shared/verdict/types.ts";
import type { Target } from "../smtp/host-types.ts";
import { plainPath } from "../smtp/path.ts";
import { tellQuestion } from "../smtp/transcript.ts";
import { type Question, question } from "../smtp/visit.ts";
import { askControl } from "./ask-control.ts";
import { type ControlAnswer, worthOf } from "./control.ts";
import type { Group } from "./group.ts";
import { type Heard, hear } from "./hear.ts";
import { askWithNullSender } from "./null-sender.ts";
import { hasParkingNameServers } from "./resolve.ts";
import { putsEverybodyOff } from "./statement.ts";
import { conclude, type Subject } from "./subject.ts";
import { classify, evidenceOf, type Speaker } from "./trouble.ts";
import { type Surroundings, visitHost } from "./visit-host.ts";

/** One host being asked about one domain. */
export type Asking = {
  readonly around: Surroundings;
  readonly group: Group;
  readonly target: Target;
  readonly provider: Provider | null;
  readonly speaker: Speaker;
  readonly urgent: boolean;
  /** 1, or less where the host's word about a control counts for less than the best host's. */
  readonly weight: number;
};

/** Chunk items remember at most this much of a refusal. */
const TEMPLATE_MAX_CHARS = 200;

/**
 * Second step of a check: the real recipients, then the control address, then `postmaster@` where all were refused
 * alike; after that the session's replies are read together.
 * @returns the subjects about which the next host should be asked, those (all or none) whom this one has only put off,
 * and whether it says that it takes no mail
 */
export async function askHost(
  asking: Asking,
  subjects: readonly Subject[],
): Promise<{ left: Subject[]; putOff: readonly Subject[]; takesNoMail: boolean }> {
  await sendQuestions(asking, subjects, false);
  const spoke = subjects.some(({ question: asked }) => asked !== null && asked.reply !== null);
  const again = subjects.filter((subject) => wantsReconnect(asking, subject) || (spoke && wasLeftOver(subject)));
  if (again.length > 0) await sendQuestions(asking, again, true);
  const { heard, left } = hear(asking, subjects);
  if (heard.length > 0) {
    const believed = await asking.around.live.believable(asking, heard);
    const outcome = await askControl(asking, believed);
    const control = outcome === "later" ? null : outcome;
    await interpret(asking, believed, control);
    if (control?.catchAll.answer === "yes") await lookForParking(asking, believed);
    if (outcome === "later") for (const { subject, classified } of believed) awaitControl(subject, classified);
    left.push(...heard.map(({ subject }) => subject).filter(speaksForHost));
  }
  await askWithNullSender(asking, subjects);
  reportPace(asking, subjects, heard);
  const putOff = left.length === 0 && putsEverybodyOff(subjects) ? subjects : [];
  return { left, putOff, takesNoMail: left.some((subject) => subject.noMail !== null) };
}

/** A domain that takes anybody and belongs to nobody we know may be parked: its name servers tell. */
async function lookForParking({ around, group, provider }: Asking, heard: readonly Heard[]): Promise<void> {
  if (provider !== null || !(await hasParkingNameServers(around.resolver, group.domain))) return;
  for (const { subject } of heard) subject.parked = true;
}

/** "This host takes no mail", said to everybody: a word about the domain only when the next host says it too. */
function speaksForHost(subject: Subject): boolean {
  const finding = subject.findings.at(-1);
  if (finding?.reason !== "no_mail_host") return false;
  subject.noMail = finding;
  subject.findings = [];
  return true;
}

/** The host hung up too often over others, and this one's turn never came: it is worth one more try (MAIL.md 4). */
function wasLeftOver({ question: asked }: Subject): boolean {
  return asked !== null && asked.trouble?.cause === "closed" && asked.drops === 0;
}

/** Tells the pace what this visit was like: how many strangers we asked for, and whether anybody complained. */
function reportPace({ around, provider, target }: Asking, subjects: readonly Subject[], heard: readonly Heard[]): void {
  if (!around.profile.capped) return;
  const key = around.pace.key(provider, target.name, target.source);
  let unknown = 0;
  let throttled = false;
  let blocked = false;
  for (const { findings, retry } of subjects) {
    const reason = findings.at(-1)?.reason;
    const paused = findings.at(-1)?.rule === "paused";
    if (reason === "mailbox_not_found") unknown += 1;
    if (retry === "rate" && !paused) throttled = true;
    if (reason === "probe_blocklisted") blocked = true;
  }
  around.pace.report(key, { kind: "answers", replies: heard.length, unknown });
  if (throttled) around.pace.report(key, { kind: "throttled" });
  if (blocked) around.pace.report(key, { kind: "blocked" });
  const coolDownMs = around.pace.pausedFor(key);
  for (const subject of subjects) subject.coolDownMs = coolDownMs;
}

async function sendQuestions(asking: Asking, subjects: readonly Subject[], fresh: boolean): Promise<void> {
  const { around, group, target, provider, urgent } = asking;
  const questions: Question[] = [];
  for (const subject of subjects) {
    if (subject.path === null) continue;
    subject.question = question(subject.path, subject.facts.address?.needsSmtpUtf8 ?? false);
    questions.push(subject.question);
  }
  const visit = await visitHost(around, group, target, provider, questions, { urgent, fresh });
  watchPort(asking, questions);
  for (const subject of subjects) {
    subject.tls = visit.tls;
    if (subject.question !== null) subject.transcript?.own.push(`# ${target.name}`, ...tellQuestion(subject.question));
  }
}

/** Whether anybody can be reached at all. With caps only: a lab has its own idea of the network. */
function watchPort({ around, target }: Asking, questions: readonly Question[]): void {
  if (!around.profile.capped) return;
  const trouble = questions[0]?.trouble;
  if (trouble?.cause === "timeout" && trouble.stage === "connect") around.port.timedOut(target.name);
  else if (questions.some((asked) => asked.reply !== null)) around.port.worked();
}

/** postscreen passes its tests on to the next connection: "450 4.3.2 Service currently unavailable" wants just that. */
function wantsReconnect(asking: Asking, subject: Subject): boolean {
  const reply = subject.question?.reply;
  if (!reply || reply.code < 400 || reply.code >= 500) return false;
  return classify(evidenceOf(reply, "rcpt", asking.target.name), asking.speaker, subject.path).retry === "reconnect";
}

/** A 250 whose control was greylisted is worth another visit: by then the control's triplet is as old as its own. */
function awaitControl(subject: Subject, classified: Classified): void {
  if (classified.class === "accepted") subject.retry = "greylist";
}

/** Reads the replies of each session together and concludes. */
async function interpret(asking: Asking, heard: readonly Heard[], control: ControlAnswer | null): Promise<void> {
  const { around, target } = asking;
  const hostKey = `${target.source} ${target.name}`;
  const nowMs = around.now();
  const catchAll = control === null ? null : worthOf(control, Math.max(nowMs, control.atMs), asking.weight);
  if (heard.some(({ classified }) => classified.class === "accepted")) around.book.learnAcceptance(hostKey, nowMs);
  for (const one of heard) soften(one, nowMs, around.profile.timeScale);
  const sessions = new Map<number, Heard[]>();
  for (const one of heard) {
    const serial = one.subject.question?.session ?? 0;
    const session = sessions.get(serial);
    if (session === undefined) sessions.set(serial, [one]);
    else session.push(one);
  }
  const context = {
    controlTemplate: control?.template ?? null,
    knownTemplate: around.book.template(hostKey, nowMs),
    sawAcceptance: around.book.hasAccepted(hostKey, nowMs),
  };
  let postmaster: "accepted" | "refused_same" | "refused_other" | "not_asked" = "not_asked";
  for (const session of sessions.values()) {
    const replies = session.map(
      ({ subject, evidence, classified }, key): SessionReply => ({
        key,
        classified,
        reply: evidence,
        recipient: subject.path ?? "",
      }),
    );
    let resolved = resolveSession(replies, { ...context, postmaster });
    const blanket = resolved.find((one) => one.needsPostmaster);
    const example = blanket === undefined ? undefined : session[blanket.key];
    if (example !== undefined) {
      postmaster = await askPostmaster(asking, example);
      resolved = resolveSession(replies, { ...context, postmaster });
    }
    for (const { key, finding } of resolved) {
      const one = session[key];
      if (one !== undefined) settle(asking, one, finding, { control, catchAll });
    }
  }
}

/** MAIL.md 2: "user unknown" under a 4xx code, in the same words again at least ten minutes later. */
function soften(heard: Heard, nowMs: number, timeScale: number): void {
  const { subject, evidence } = heard;
  const code = evidence.code ?? 0;
  if (code < 400 || code >= 500) return;
  const template = replyTemplate(evidence.text, subject.path).slice(0, TEMPLATE_MAX_CHARS);
  const { first, last } = subject.item;
  subject.template = template;
  const elapsedMs = first === 0 ? 0 : (nowMs - first) / timeScale;
  heard.classified = resolveSoft(heard.classified, template, last ?? null, elapsedMs);
}

async function askPostmaster(
  asking: Asking,
  refused: Heard,
): Promise<"accepted" | "refused_same" | "refused_other" | "not_asked"> {
  const { around, group, target, provider, speaker, urgent } = asking;
  const path = plainPath(`postmaster@${group.domain}`);
  if (path === null || group.cancelled) return "not_asked";
  const asked = question(path, false);
  await visitHost(around, group, target, provider, [asked], { urgent, fresh: false });
  group.transcript?.push(`# ${target.name}: postmaster`, ...tellQuestion(asked));
  if (asked.reply === null) return "not_asked";
  const evidence = evidenceOf(asked.reply, "rcpt", target.name);
  if (classify(evidence, speaker, path).class === "accepted") return "accepted";
  const same = replyTemplate(evidence.text, path) === replyTemplate(refused.evidence.text, refused.subject.path);
  return same ? "refused_same" : "refused_other";
}

function settle(
  asking: Asking,
  heard: Heard,
  finding: ReturnType<typeof findingOf>,
  { control, catchAll }: { readonly control: ControlAnswer | null; readonly catchAll: CatchAll | null },
): void {
  const { subject, classified } = heard;
  const { provider, target } = asking;
  // What contrast has turned into something else is not retried as what it was.
  conclude(subject, finding, finding.reason === classified.reason ? classified.retry : null);
  subject.mx = target.name;
  subject.catchAll = catchAll;
  subject.acceptsThenBounces = bouncesLater(provider, control, subject.facts.provider !== null);
}

/**
 * Whose 250 promises little: operators known to take anybody; filters in front of somebody's server, once the control
 * shows that this customer's does; a consumer provider that took the canary. Microsoft 365 without directory blocking
 * is an ordinary catch-all.
 */
function bouncesLater(provider: Provider | null, control: ControlAnswer | null, consumerDomain: boolean): boolean {
  if (provider === null) return false;
  if (provider.truth === "accepts_then_bounces") return true;
  if (control?.catchAll.answer !== "yes") return false;
  return provider.canary ? consumerDomain : provider.truth === "per_customer" && provider.id !== "microsoft365";
}
