import type { Environment, ProbeConfig } from "../config.ts";
import type { Resolver } from "../dns/resolver.ts";

/** `skipped`: what the check needs is not configured here, or makes no sense on a private network. */
export type CheckState = "ok" | "warn" | "fail" | "skipped";

/** What a check found, in one line, and how to mend it when something is wrong. */
export type Finding = {
  readonly state: CheckState;
  readonly found: string;
  readonly mend: string | null;
  /** Source addresses that must not be used until a person has looked at them; "" is whatever the system chooses. */
  readonly condemned?: readonly string[];
};

/** One examination. `run` may reject: the doctor reports that as a failure of the check itself. */
export type DoctorCheck = {
  readonly id: string;
  readonly title: string;
  run(context: DoctorContext): Promise<Finding>;
};

export type CheckResult = Finding & { readonly id: string; readonly title: string };

/** An address this probe dials from, and what the internet takes it for. */
export type Source = {
  /** Local address to bind, or null where the system chooses. */
  readonly local: string | null;
  readonly helo: string;
  /** The address that peers see; null when it is private and nobody has told us. */
  readonly seen: string | null;
};

/** What the edge said when it was asked who we are. */
export type EdgeAnswer =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly detail: string;
      /** The edge's clock minus ours, in ms; null when it sent no date. */
      readonly skewMs: number | null;
      readonly observed: string | null;
    }
  | { readonly kind: "unreachable"; readonly detail: string };

export type DoctorContext = {
  readonly config: ProbeConfig;
  /** Mail domains whose hosts are known to greet everybody, and DNS block lists. */
  readonly mailDomains: readonly string[];
  readonly blockLists: readonly string[];
  /** Port of the page that tells who this is; null when there is none. */
  readonly identityPort: string | null;
  readonly resolver: Resolver;
  readonly sources: readonly Source[];
  /** Null when no edge is configured. */
  readonly edge: EdgeAnswer | null;
  readonly signal: AbortSignal;
};

/** What an operator sets for the doctor. */
export type DoctorSettings = Pick<DoctorContext, "mailDomains" | "blockLists" | "identityPort">;

const MAIL_DOMAINS = "gmail.com,yahoo.com,gmx.net,icloud.com";
/** Lists that large receivers consult, and that list single addresses for what they did. */
const BLOCK_LISTS = "zen.spamhaus.org,b.barracudacentral.org,bl.spamcop.net,psbl.surriel.com";

/** Reads PROBE_DOCTOR_MAIL_DOMAINS and PROBE_DOCTOR_BLOCK_LISTS: names separated by commas; "none" for no list at all. */
export function readDoctorSettings(env: Environment): DoctorSettings {
  return {
    mailDomains: names(env.PROBE_DOCTOR_MAIL_DOMAINS || MAIL_DOMAINS),
    blockLists: names(env.PROBE_DOCTOR_BLOCK_LISTS || BLOCK_LISTS),
    identityPort: env.PROBE_HTTP_PORT || null,
  };
}

const names = (text: string): readonly string[] =>
  text === "none"
    ? []
    : text
        .split(",")
        .map((name) => name.trim().toLowerCase())
        .filter((name) => name !== "");
