import type { AddressFacts } from "../../shared/address/facts.ts";
import type { RetryClass } from "../../shared/reply/types.ts";
import type { CatchAll, Finding } from "../../shared/verdict/types.ts";
import type { ChunkItem } from "../../shared/wire/frames.ts";
import type { Path } from "../smtp/path.ts";
import type { Question } from "../smtp/visit.ts";

/** One address on its way through the steps of a check. */
export type Subject = {
  readonly item: ChunkItem;
  readonly facts: AddressFacts;
  /** Null for addresses that the text has decided. */
  readonly path: Path | null;
  question: Question | null;
  /** What is known so far; a later answer replaces earlier trouble. */
  findings: Finding[];
  /** The kind of retry that the last finding calls for. */
  retry: RetryClass | null;
  /** Fingerprint of a temporary refusal, to compare the next one with. */
  template: string | null;
  /** Worth of a 250 at the host that gave it. */
  catchAll: CatchAll | null;
  acceptsThenBounces: boolean;
  mx: string | null;
  provider: string | null;
  tls: string | null;
  parked: boolean;
  disposableMx: boolean;
  /** Pause of the operator that was asked, in milliseconds from then. */
  coolDownMs: number;
  /** Shortest pause before the next visit, in milliseconds before the profile's scale. */
  waitMinMs: number;
  /** What a host said that takes no mail at all: a fact about the domain once all of them say so. */
  noMail: Finding | null;
  /** What was said about this recipient and about the control address, where a transcript is wanted. */
  transcript: { readonly own: string[]; readonly shared: readonly string[] } | null;
};

export const createSubject = (item: ChunkItem, facts: AddressFacts, path: Path | null): Subject => ({
  item,
  facts,
  path,
  question: null,
  findings: [],
  retry: null,
  template: null,
  catchAll: null,
  acceptsThenBounces: false,
  mx: null,
  provider: null,
  tls: null,
  parked: false,
  disposableMx: false,
  coolDownMs: 0,
  waitMinMs: 0,
  noMail: null,
  transcript: null,
});

/** Trouble is added to trouble; an answer about the recipient takes its place. */
export function conclude(subject: Subject, finding: Finding, retry: RetryClass | null): void {
  subject.findings = [finding];
  subject.retry = retry;
}

/** Notes trouble that another host or a later visit may overcome. */
export function note(subject: Subject, finding: Finding, retry: RetryClass | null): void {
  subject.findings.push(finding);
  subject.retry = retry;
}

/** A finding that no server's words stand behind. */
export const bareFinding = (reason: Finding["reason"], rule: string, retryAfterMs: number | null = null): Finding => ({
  reason,
  rule,
  reply: null,
  retryAfterMs,
  flags: [],
});
