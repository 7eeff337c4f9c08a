/** What an operator's answer at RCPT is worth. */
type Truth =
  /** 250 and 550 mean what they say. */
  | "truthful"
  /** Takes anybody at RCPT and decides after DATA: a 250 promises little. */
  | "accepts_then_bounces"
  /** Depends on the customer's settings: only a control address tells. */
  | "per_customer"
  /** Refuses to be asked, or its answers say nothing. */
  | "unverifiable";

/** How fast one source address may ask one operator: the `polite` profile of MAIL.md 5. */
export type Pace = {
  readonly connections: number;
  readonly rcptPerConnection: number;
  readonly rcptPerSecond: number;
  /** Recipients a day, where the operator is known to count. */
  readonly perDay?: number;
  /** First pause after a throttle; each further one is four times as long, up to a day. */
  readonly coolDownMs: number;
  /** RSET commands per connection, where the server counts them. */
  readonly maxRsets?: number;
  /** Unknown users an hour, where the operator punishes them. */
  readonly unknownPerHour?: number;
};

/** An operator of mail hosts. */
export type Provider = {
  /** Stable lower-case identifier, stored with verdicts. */
  readonly id: string;
  readonly name: string;
  readonly truth: Truth;
  /** Runs mailboxes for the public under its own domains, rather than for organisations under theirs. */
  readonly consumer: boolean;
  /** Answers 451 when one transaction names recipients of several domains. */
  readonly oneDomainPerTransaction?: boolean;
  readonly pace: Pace;
  /**
   * At the operator's own domains the control address is asked once per operator, source and day instead of once per
   * domain. A customer's own domain on the same hosts (iCloud, Proton) gets its normal control.
   */
  readonly canary: boolean;
  /** In bulk the operator is asked sparingly or not at all (operator setting off / sparing / normal). */
  readonly sparing?: boolean;
};

/** A provider and the endings of its MX host names, each beginning with a dot or being a whole name. */
export type ProviderRow = Provider & { readonly mx: readonly string[] };
