import type { Reason, Status } from "../../shared/verdict/vocabulary.ts";

/** What a local part stands for, the same at every domain; see `mailboxKind` for the names. */
export type MailboxKind =
  | "exists"
  | "role"
  | "unknown"
  | "gone"
  | "full"
  | "disabled"
  | "grey"
  | "restricted"
  | "moved"
  | "forwarded"
  | "busy";

/** How a server answers one kind of mailbox, and what a full check should conclude from it. */
export type BoxAnswer = {
  /** Reply template, e.g. "550 5.1.1 <{addr}>: unknown"; see `compileReply`. */
  readonly reply: string;
  /** The verdict that a first visit can reach. */
  readonly now: Reason;
  /** The verdict after patience (greylisting over, retries spent); `now` when absent. */
  readonly later?: Reason;
  /** Verdicts that are just as defensible, for cases where MAIL.md leaves a choice. */
  readonly also?: readonly Reason[];
  /** Time the server takes before it answers, in milliseconds before scaling. */
  readonly delayMs?: number;
};

export type Box = Readonly<Record<MailboxKind, BoxAnswer>>;

export type ReasonList = readonly Reason[];

/** A verdict for every address of a domain, whatever its mailboxes are. */
export type Outcome = { readonly now: Reason; readonly later?: Reason; readonly also?: readonly Reason[] };

/** Where in a session a fault strikes. `unknown` is a recipient whose mailbox does not exist. */
export type FaultPoint =
  | "connect"
  | "banner"
  | "ehlo"
  | "helo"
  | "starttls"
  | "mail"
  | "rcpt"
  | "unknown"
  | "rset"
  | "quit";

/** What happens there. `close` replies and closes; `cut` sends text without a line end and destroys. */
export type FaultAction =
  | { readonly do: "reply"; readonly text: string }
  | { readonly do: "close"; readonly text: string }
  | { readonly do: "cut"; readonly text: string }
  | { readonly do: "drop" }
  | { readonly do: "silence" }
  | { readonly do: "raw"; readonly bytes: string }
  | { readonly do: "flood"; readonly bytes: number };

/**
 * A scripted fault. It strikes from the `from`-th event of its kind in a session (1 when absent) onwards; a flaky one
 * only in every other session of a source, beginning with the first.
 */
export type Fault = FaultAction & { readonly at: FaultPoint; readonly from?: number; readonly flaky?: true };

type TlsScript = "good" | "expired" | "garbage" | "close" | "reset" | "stall" | "unavailable" | "injected";

/** What a connection to one host sees, whichever domain it asks about. Times are in ms before scaling. */
export type HostScript = {
  readonly banner?: string;
  readonly bannerDelayMs?: number;
  /** Sent at once, before the real banner; whoever talks before that gets `pregreet` and is closed. */
  readonly teaser?: string;
  readonly pregreet?: string;
  /** EHLO keywords, beside PIPELINING and STARTTLS, which follow the world's settings unless set here. */
  readonly keywords?: readonly string[];
  readonly pipelining?: boolean;
  /** Reply to whatever arrives before the answer to the command before it. */
  readonly pipeliningPunishment?: string;
  /**
   * What becomes of commands that arrive together, although PIPELINING is offered: all but the first are lost, or
   * garbled (500 to each), or every reply waits for the last one's, or MAIL is answered twice.
   */
  readonly pipelined?: "lost" | "garbled" | "held" | "doubled";
  readonly tls?: TlsScript | "none";
  /** Reply to MAIL in clear text. */
  readonly tlsRequired?: string;
  readonly faults?: readonly Fault[];
  readonly recipientsMax?: number;
  readonly recipientsReply?: string;
  /** Refused recipients count for `recipientsMax` as well (Exim), or those of all transactions of a session. */
  readonly recipientsCount?: "asked" | "session";
  /** After so many failed recipients whoever is next gets the goodbye (null: not a word), and the session is closed. */
  readonly patience?: { readonly failures: number; readonly goodbye: string | null };
  /** Added to the reply to each recipient of a transaction after the first refused one (Sendmail's BadRcptThrottle). */
  readonly throttleMs?: number;
  /** Failed commands after which each reply is slow, and after which the session is closed. */
  readonly errorsSlow?: number;
  readonly errorsMax?: number;
  readonly resetsMax?: number;
  readonly connectionsMax?: number;
  readonly connectionsReply?: string;
  /** Added to each reply. */
  readonly replyDelayMs?: number;
  readonly delivery?: "whole" | "bytes" | "lf";
  /** Sendmail names the first recipient of the transaction in every later 250. */
  readonly namesFirstRecipient?: boolean;
  /** After this many refusals in a session everybody is accepted (a guard against harvesting). */
  readonly refusalsMax?: number;
  /** Reply to every recipient in the first session of a source. */
  readonly newcomer?: string;
  /** Reply to recipients whose names look made up: letters and digits in turns, as control addresses have them. */
  readonly madeUp?: string;
  /** The sender's domain must have an MX or an address in the world's DNS. */
  readonly checksSender?: boolean;
};

/** One mail host of a personality. */
export type HostDefinition = {
  /** A full name, "*.suffix" (one name per domain, as Microsoft does) or a label below the personality. */
  readonly name: string;
  readonly preference?: number;
  readonly script?: HostScript;
  readonly box?: Partial<Box>;
  /** Nothing listens, or packets vanish. */
  readonly dead?: "refused" | "blackhole";
  /** Lives at ::1 instead of an address of the pool. */
  readonly ipv6?: true;
};

export type MxRecord = { readonly preference: number; readonly exchange: string };

/** What DNS says about one name. A `fail` answers every query about it. */
export type Zone = {
  readonly mx?: readonly MxRecord[];
  readonly a?: readonly string[];
  readonly aaaa?: readonly string[];
  readonly txt?: readonly string[];
  readonly cname?: string;
  readonly ptr?: string;
  readonly ns?: readonly string[];
  readonly fail?: "nxdomain" | "servfail" | "refused" | "lame" | "timeout";
  /** UDP answers come truncated, so that the client has to ask again over TCP. */
  readonly truncate?: boolean;
  /** Names below this one, by label. */
  readonly below?: Readonly<Record<string, Zone>>;
};

export type ZoneMaker = (about: {
  readonly domain: string;
  readonly mx: readonly MxRecord[];
  /** Loopback addresses of the hosts, in the order of `mx`. */
  readonly addresses: readonly string[];
}) => Zone;

/** A way in which a mail domain behaves: its DNS, its hosts, and how they speak of each kind of mailbox. */
export type Personality = {
  readonly name: string;
  readonly description: string;
  /** Real domains that behave so, beside `<name>.mailworld.net` and `<name>-<n>.mailworld.net`. */
  readonly domains: readonly string[];
  readonly hosts: readonly HostDefinition[];
  /** Numbered domains take turns at the hosts, one each, instead of having them all as MX. */
  readonly spread: boolean;
  readonly box: Box;
  /** Verdict for every address, where DNS or the session decides. */
  readonly outcome: Outcome | null;
  readonly zone: ZoneMaker | null;
  /** Answer to the first tries of every sender, recipient and source. */
  readonly greylist: BoxAnswer | null;
  /** A check takes so long that lists leave it out unless asked. */
  readonly slow: boolean;
  /** Would make a client without an address guard leave the loopback network. */
  readonly unsafe: boolean;
};

export type Verdict = { readonly status: Status; readonly reason: Reason };

/** The right verdict for a full check: at once, after patience, and others as defensible at once. */
export type Truth = { readonly now: Verdict; readonly later: Verdict; readonly also: readonly Verdict[] };

/** A domain to add while the world runs: like a personality of the catalogue, but for what is given. */
export type DomainSpec = {
  readonly domain: string;
  /** Name of the personality to start from; "postfix" when absent. */
  readonly like?: string;
  readonly box?: Partial<Box>;
  readonly script?: HostScript;
  readonly zone?: Zone;
  readonly outcome?: Outcome;
  readonly greylist?: BoxAnswer;
};
