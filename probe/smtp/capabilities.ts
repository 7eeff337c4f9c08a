import type { Capabilities } from "./dialogue-types.ts";

/** What a server that knows only HELO can do. */
export const plainCapabilities = (banner: string, tls: string | null): Capabilities => ({
  esmtp: false,
  pipelining: false,
  smtputf8: false,
  eightBit: false,
  startTls: false,
  rcptMax: null,
  mailMax: null,
  exim: / Exim /i.test(banner),
  tls,
});

/**
 * Reads an EHLO reply (RFC 5321 4.1.1.1): one keyword per line after the first, in any case. Some servers write
 * "AUTH=LOGIN"; what follows the keyword does not matter but for LIMITS (RFC 9422).
 */
export function readCapabilities(text: string, banner: string, tls: string | null): Capabilities {
  const lines = text.split("\n").slice(1);
  const keywords = new Map<string, string>();
  for (const line of lines) {
    const match = /^\s*([a-z0-9][a-z0-9-]*)(?:[ =](.*))?$/i.exec(line);
    if (match) keywords.set((match[1] ?? "").toUpperCase(), match[2] ?? "");
  }
  const limits = keywords.get("LIMITS") ?? "";
  return {
    esmtp: true,
    pipelining: keywords.has("PIPELINING"),
    smtputf8: keywords.has("SMTPUTF8"),
    eightBit: keywords.has("8BITMIME"),
    startTls: keywords.has("STARTTLS"),
    rcptMax: limitOf(limits, "RCPTMAX"),
    mailMax: limitOf(limits, "MAILMAX"),
    exim: / Exim /i.test(banner),
    tls,
  };
}

function limitOf(limits: string, name: string): number | null {
  const found = new RegExp(`(?:^|\\s)${name}=(\\d{1,6})(?:\\s|$)`, "i").exec(limits);
  const value = Number(found?.[1] ?? 0);
  return value > 0 ? value : null;
}
