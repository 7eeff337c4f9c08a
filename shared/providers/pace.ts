import type { Pace } from "./types.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** For operators that nobody has described: one connection (two above 500 addresses), one recipient a second. */
export const DEFAULT_PACE: Pace = {
  connections: 1,
  rcptPerConnection: 50,
  rcptPerSecond: 1,
  coolDownMs: 15 * MINUTE_MS,
};

/** Google: 421 4.7.0 and 450 4.2.1 throttle (field practice). */
export const GOOGLE_PACE: Pace = {
  connections: 2,
  rcptPerConnection: 50,
  rcptPerSecond: 2,
  coolDownMs: 15 * MINUTE_MS,
};

/** Microsoft 365: 451 4.7.500 throttles by source address. */
export const MICROSOFT_PACE: Pace = {
  connections: 2,
  rcptPerConnection: 25,
  rcptPerSecond: 2,
  coolDownMs: 30 * MINUTE_MS,
};

/** Outlook consumer mailboxes: verifying without sending is forbidden there; real-time questions only. */
export const OUTLOOK_PACE: Pace = {
  connections: 1,
  rcptPerConnection: 5,
  rcptPerSecond: 0.2,
  perDay: 500,
  coolDownMs: 24 * HOUR_MS,
};

/** Yahoo: at most five recipients are taken on one connection before it is closed. */
export const YAHOO_PACE: Pace = {
  connections: 1,
  rcptPerConnection: 5,
  rcptPerSecond: 0.5,
  coolDownMs: HOUR_MS,
};

/** Large consumer operators that throttle early: iCloud, GMX, Mail.ru, Yandex and their like. */
export const CAREFUL_PACE: Pace = {
  connections: 1,
  rcptPerConnection: 10,
  rcptPerSecond: 0.3,
  coolDownMs: HOUR_MS,
};

/** Filters in front of organisations' own hosts. */
export const GATEWAY_PACE: Pace = {
  connections: 1,
  rcptPerConnection: 10,
  rcptPerSecond: 0.5,
  coolDownMs: HOUR_MS,
};

/** Cisco's directory-harvest prevention counts unknown recipients by the hour. */
export const CISCO_PACE: Pace = { ...GATEWAY_PACE, unknownPerHour: 8 };

/** Tencent and NetEase: "frequency limited" after a handful. */
export const CHINA_PACE: Pace = {
  connections: 1,
  rcptPerConnection: 5,
  rcptPerSecond: 0.1,
  coolDownMs: HOUR_MS,
};

/** Exim behind cPanel: the tenth RSET of a connection is refused. */
export const EXIM_PACE: Pace = {
  connections: 1,
  rcptPerConnection: 50,
  rcptPerSecond: 1,
  coolDownMs: 30 * MINUTE_MS,
  maxRsets: 9,
};
