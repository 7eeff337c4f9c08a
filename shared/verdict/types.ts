import type { AddressFacts } from "../address/facts.ts";
import type { Mode, Rating, Reason, Stage, Status, TriState } from "./vocabulary.ts";

/** What a server said, as kept for evidence. `text` is redacted before it leaves the process. */
export type ReplyEvidence = {
  /** Three-digit SMTP code; null when nothing was said (timeout, reset). */
  readonly code: number | null;
  /** Enhanced status code such as "5.1.1" (RFC 3463), if any. */
  readonly enhanced: string | null;
  readonly text: string;
  readonly stage: Stage;
  /** Host name of the MX that spoke. */
  readonly host: string | null;
};

/** One thing learnt about an address. Findings accumulate; `decide` picks by the total order of reasons. */
export type Finding = {
  readonly reason: Reason;
  /** Identifier of the rule that produced the finding, e.g. "microsoft-access-denied". */
  readonly rule: string;
  readonly reply: ReplyEvidence | null;
  /** Milliseconds after which asking again makes sense; null when it does not. */
  readonly retryAfterMs: number | null;
  /** Flags that this finding sets (a 251 sets `forwarded`, a full mailbox `mailbox_full`, ...). */
  readonly flags: readonly FindingFlag[];
};

export type FindingFlag = "mailbox_full" | "disabled" | "forwarded" | "moved" | "soft_code" | "exists";

/** The domain's answer to a control address. Confidence is 0..1 as of the time of the check. */
export type CatchAll = { readonly answer: TriState; readonly confidence: number };

/** Everything known about one address: the only input of a verdict. */
export type Evidence = {
  readonly facts: AddressFacts;
  readonly mode: Mode;
  /** The tenant rule that matched, if any. */
  readonly tenantRule: { readonly id: string; readonly kind: "allow" | "block" } | null;
  readonly suppressed: boolean;
  readonly findings: readonly Finding[];
  readonly catchAll: CatchAll | null;
  /** The MX is at a listed parking operator. */
  readonly parked: boolean;
  /** The MX belongs to a disposable-mail operator although the domain is not listed. */
  readonly disposableMx: boolean;
  /** Host name of the best MX, or of the one that decided. */
  readonly mx: string | null;
  /** Operator behind the MX, e.g. "google", or null. */
  readonly provider: string | null;
  /** The operator accepts at RCPT and bounces later, so a 250 promises little. */
  readonly acceptsThenBounces: boolean;
  readonly probeRegion: string | null;
  readonly tls: string | null;
  /** Outcomes reported for this address within 90 days. */
  readonly outcome: "delivered" | "bounced" | null;
  /** When the mail host's answer was learnt (epoch milliseconds), if that is not now: an older answer scores lower. */
  readonly answeredAtMs?: number;
  /** The local part follows a pattern of this domain that delivered mail has proven. Weighs on catch-all domains only. */
  readonly sitePattern?: boolean;
  /** What was said on the wire, addresses taken out, where the caller asked for it. */
  readonly transcript?: readonly string[] | null;
};

export type DecideOptions = { readonly roleIsRisky: boolean };

/** One factor of the score: its name and the log-odds it added. */
export type ScoreFactor = { readonly name: string; readonly weight: number };

export type VerdictFlags = {
  readonly disposable: boolean;
  readonly role: boolean;
  readonly free: boolean;
  readonly privacy_relay: boolean;
  readonly catch_all: TriState;
  /** 0..1, null when the domain was not asked. */
  readonly catch_all_confidence: number | null;
  readonly mailbox_full: boolean;
  readonly disabled: boolean;
  readonly no_reply: boolean;
  readonly tagged: boolean;
  readonly forwarded: boolean;
  readonly moved: boolean;
  readonly soft_code: boolean;
  readonly exists: boolean;
};

export type VerdictEvidence = {
  readonly code: number | null;
  readonly enhanced_code: string | null;
  readonly text: string | null;
  readonly stage: Stage | null;
  readonly host: string | null;
  readonly rule: string | null;
  readonly tls: string | null;
  /** Syntax failures: which rule, where (UTF-16 offset) and in words. */
  readonly detail: string | null;
  readonly factors: readonly ScoreFactor[];
  /** What was said on the wire, line by line (`>` ours, `<` theirs), where the caller asked for it. */
  readonly transcript?: readonly string[] | null;
};

/** The flat verdict as stored, sent and exported. The API adds `id`. */
export type Verdict = {
  readonly email: string;
  readonly status: Status;
  readonly reason: Reason;
  readonly reasons: readonly Reason[];
  /** 0..100: the chance that mail does not bounce at the recipient. */
  readonly score: number;
  readonly rating: Rating;
  readonly score_version: string;
  readonly safe_to_send: boolean;
  readonly flags: VerdictFlags;
  readonly did_you_mean: string | null;
  readonly mx: string | null;
  readonly provider: string | null;
  readonly probe_region: string | null;
  /** RFC 3339, UTC. */
  readonly checked_at: string;
  readonly cached: boolean;
  /** Seconds after which asking again makes sense; null when it does not. */
  readonly retry_after: number | null;
  readonly evidence: VerdictEvidence;
};
