/** Ways to break the rules of SMTP that the world counts. */
export type Violation =
  | "bare_lf"
  | "bare_cr"
  | "line_too_long"
  | "bad_sequence"
  | "bad_syntax"
  | "injection"
  | "talked_before_banner"
  | "pipelined_unoffered"
  | "talked_after_starttls"
  | "utf8_unoffered"
  | "relay_attempt";

export type HostStats = {
  readonly address: string;
  connections: number;
  open: number;
  peak: number;
  flights: number;
  recipients: number;
};

/**
 * What the world saw at the wire since the start or the last reset. A flight is a burst of commands that the client
 * sent before it could see the replies to it, so the number of flights is the number of round trips spent.
 */
export type WorldStats = {
  connections: number;
  open: number;
  peak: number;
  flights: number;
  recipients: number;
  bytesIn: number;
  bytesOut: number;
  /** Attempts at DATA or BDAT: must stay 0. */
  data: number;
  tlsSessions: number;
  commands: Record<string, number>;
  violations: Partial<Record<Violation, number>>;
  hosts: Record<string, HostStats>;
  dns: { udp: number; tcp: number; byType: Record<string, number> };
};

/** Fresh counters. */
export function emptyStats(): WorldStats {
  return {
    connections: 0,
    open: 0,
    peak: 0,
    flights: 0,
    recipients: 0,
    bytesIn: 0,
    bytesOut: 0,
    data: 0,
    tlsSessions: 0,
    commands: {},
    violations: {},
    hosts: {},
    dns: { udp: 0, tcp: 0, byType: {} },
  };
}

/** Sets all counters back to zero; connections still open stay counted as open, and are the new peak. */
export function clearStats(stats: WorldStats): void {
  const { open } = stats;
  const hosts = stats.hosts;
  Object.assign(stats, emptyStats(), { open, peak: open, hosts });
  for (const host of Object.values(hosts)) {
    Object.assign(host, { connections: 0, peak: host.open, flights: 0, recipients: 0 });
  }
}
