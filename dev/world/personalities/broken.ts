import type { Reason } from "../../../shared/verdict/vocabulary.ts";
import type { Fault, HostScript, Personality, ReasonList } from "../types.ts";
import { personality, unknownAs } from "./define.ts";

function broken(name: string, description: string, fault: Fault, now: Reason, also: ReasonList = []): Personality {
  return personality({ name, description, script: { faults: [fault] }, outcome: { now, also } });
}

function silent(name: string, description: string, fault: Fault): Personality {
  return { ...broken(name, description, fault, "timeout", ["connect_failed"]), slow: true };
}

function odd(name: string, description: string, script: HostScript): Personality {
  return personality({ name, description, script });
}

const BINARY = "\x16\x03\x01\x00\xa5\x01\x00\x00\x00\xff\xfe\x80\x00\x0d\x0a\x00\x01\x02\r\n";

const DROPS: readonly Personality[] = [
  broken("drop-connect", "closes before the banner", { at: "connect", do: "drop" }, "disconnected", ["connect_failed"]),
  broken(
    "drop-banner",
    "greets and closes",
    { at: "banner", do: "close", text: "220 {host} ESMTP Postfix" },
    "disconnected",
  ),
  broken("drop-ehlo", "closes at EHLO", { at: "ehlo", do: "drop" }, "disconnected"),
  broken("drop-mail", "closes at MAIL", { at: "mail", do: "drop" }, "disconnected"),
  broken("drop-rcpt", "closes at the first recipient", { at: "rcpt", do: "drop" }, "disconnected"),
  broken(
    "cut-rcpt",
    "closes in the middle of a reply",
    { at: "rcpt", do: "cut", text: "550 5.1.1 <us" },
    "disconnected",
    ["protocol_error"],
  ),
  broken(
    "cut-multiline",
    "closes between the lines of a reply",
    { at: "rcpt", do: "cut", text: "550-5.1.1 no\r\n" },
    "disconnected",
    ["protocol_error"],
  ),
  personality({
    name: "drop-unknown",
    description: "refuses the first unknown user and closes",
    script: { faults: [{ at: "unknown", do: "close", text: "550 5.1.1 <{addr}>: User unknown; goodbye" }] },
  }),
  personality({
    name: "drop-unknown-mute",
    description: "closes at the first unknown user without a word",
    script: { faults: [{ at: "unknown", do: "drop" }] },
    box: {
      exists: { reply: "250 2.1.5 Ok", now: "unconfirmed" },
      role: { reply: "250 2.1.5 Ok", now: "unconfirmed" },
      ...unknownAs({ reply: "550 5.1.1 User unknown", now: "disconnected" }),
      forwarded: { reply: "250 2.1.5 Ok", now: "unconfirmed" },
    },
  }),
];

function flaky(name: string, description: string, fault: Fault): Personality {
  return odd(`flaky-${name}`, `${description} in every other session`, { faults: [{ ...fault, flaky: true }] });
}

const FLAKY: readonly Personality[] = [
  flaky("connect", "resets the connection before the banner", { at: "connect", do: "drop" }),
  flaky("banner", "greets and closes", { at: "banner", do: "close", text: "220 {host} ESMTP Postfix" }),
  flaky("ehlo", "closes at EHLO", { at: "ehlo", do: "drop" }),
  flaky("mail", "closes at MAIL", { at: "mail", do: "drop" }),
  flaky("rcpt", "closes at the third recipient", { at: "rcpt", from: 3, do: "drop" }),
];

const PIPELINING: readonly Personality[] = [
  odd("pipelining-garbled", "offers PIPELINING, and garbles all but the first of the commands that come together", {
    pipelined: "garbled",
  }),
  odd("pipelining-doubled", "offers PIPELINING, and answers MAIL twice when other commands come with it", {
    pipelined: "doubled",
  }),
  {
    ...odd("pipelining-lost", "offers PIPELINING, and loses all but the first of the commands that come together", {
      pipelined: "lost",
    }),
    slow: true,
  },
];

/** One name with two addresses, of which only the second takes connections. */
function secondAddress(name: string, description: string, dead: "refused" | "blackhole"): Personality {
  return personality({
    name,
    description,
    hosts: [{ name: "mx1", dead }, { name: "mx2" }],
    zone: ({ domain, addresses }) => ({
      mx: [{ preference: 10, exchange: `mx.${domain}` }],
      below: { mx: { a: addresses } },
    }),
  });
}

const ADDRESSES: readonly Personality[] = [
  secondAddress("address-refused", "the first address of its MX refuses connections, the second works", "refused"),
  secondAddress("address-silent", "the first address of its MX swallows connections, the second works", "blackhole"),
];

const SILENCE: readonly Personality[] = [
  silent("silent-banner", "accepts the connection and never says a word", { at: "banner", do: "silence" }),
  silent("silent-ehlo", "falls silent at EHLO", { at: "ehlo", do: "silence" }),
  silent("silent-mail", "falls silent at MAIL", { at: "mail", do: "silence" }),
  silent("silent-rcpt", "falls silent at the first recipient", { at: "rcpt", do: "silence" }),
];

const GARBAGE: readonly Personality[] = [
  broken("garbage-banner", "greets with binary", { at: "banner", do: "raw", bytes: BINARY }, "protocol_error"),
  broken(
    "garbage-http",
    "greets like a web server",
    { at: "banner", do: "raw", bytes: "HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n" },
    "protocol_error",
  ),
  broken(
    "garbage-flood",
    "greets with a line of a megabyte without an end",
    { at: "banner", do: "flood", bytes: 1_000_000 },
    "protocol_error",
  ),
  broken(
    "garbage-ehlo",
    "answers EHLO with words and no code",
    { at: "ehlo", do: "raw", bytes: "hello yourself\r\n" },
    "protocol_error",
  ),
  broken(
    "garbage-code",
    "answers RCPT with a code that does not exist",
    { at: "rcpt", do: "raw", bytes: "999 5.1.1 what\r\n" },
    "protocol_error",
  ),
  broken(
    "garbage-mixed",
    "lines of one reply carry different codes",
    { at: "rcpt", do: "raw", bytes: "250-2.1.5 Ok\r\n550 5.1.1 User unknown\r\n" },
    "protocol_error",
  ),
  broken(
    "extra-reply",
    "answers EHLO twice, so that every later reply seems to belong to the command before it",
    { at: "ehlo", do: "raw", bytes: "250-mx.extra-reply.mailworld.net\r\n250 PIPELINING\r\n250 2.0.0 Ok\r\n" },
    "protocol_error",
  ),
];

const ODD: readonly Personality[] = [
  odd("bytes", "replies arrive byte by byte", { delivery: "bytes" }),
  odd("lf", "replies end in a bare line feed", { delivery: "lf" }),
  odd("multiline", "every greeting and refusal has many lines", {
    banner: "220 {host} ESMTP\nNo unsolicited mail.\nUse is logged.\nWelcome all the same.",
    keywords: ["SIZE", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "HELP", "X-ONE", "X-TWO", "X-THREE"],
  }),
  odd("no-pipelining", "does not offer PIPELINING", { pipelining: false }),
  odd("no-pipelining-strict", "does not offer PIPELINING and closes when it sees it", {
    pipelining: false,
    pipeliningPunishment: "421 4.7.0 {host} improper use of SMTP command pipelining",
  }),
  odd("helo-only", "knows HELO, not EHLO", {
    pipelining: false,
    keywords: [],
    tls: "none",
    faults: [{ at: "ehlo", do: "reply", text: "502 Command not implemented" }],
  }),
  odd("slow-banner", "takes 3 s to greet", { bannerDelayMs: 3_000 }),
  odd("postscreen", "greets at once with 220-, ends it 3 s later, and throws out who talks in between", {
    teaser: "please wait",
    bannerDelayMs: 3_000,
    pregreet: "521 5.5.1 Protocol error",
  }),
  odd("smtputf8", "offers SMTPUTF8", { keywords: ["SIZE 52428800", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8"] }),
  odd("lower-case", "writes its EHLO keywords in lower case", {
    keywords: ["size 52428800", "8bitmime", "enhancedstatuscodes", "smtputf8"],
  }),
  { ...odd("tarpit", "takes 5 s for every reply", { replyDelayMs: 5_000 }), slow: true },
];

/** Servers that break off, fall silent or talk nonsense, and some that are merely odd. */
export const BROKEN: readonly Personality[] = [
  ...DROPS,
  ...FLAKY,
  ...PIPELINING,
  ...ADDRESSES,
  ...SILENCE,
  ...GARBAGE,
  ...ODD,
];
