import { expect, it } from "vitest";
import type { Ask, DialogueCommand, DialogueEvent, Flight } from "../../../probe/smtp/dialogue-types.ts";
import { createDialogue, type Dialogue, isWaiting, step } from "../../../probe/smtp/machine.ts";
import { type Path, plainPath } from "../../../probe/smtp/path.ts";

/**
 * Streams in the ordinary suite. The full million: PROBE_FUZZ_RUNS=1000000 npx vitest run test/probe/smtp/machine.fuzz
 * Every second stream is random, the others are good dialogues that something has gone wrong with.
 */
const RUNS = Number(process.env.PROBE_FUZZ_RUNS ?? 60_000);
const RECIPIENTS = 4;
const EVENTS_MAX = 40;
/** What may be written, whatever comes in: one command per line, nothing in it that could be a line of its own. */
const COMMANDS =
  /^(?:(?:EHLO|HELO) h\.net\r\n|STARTTLS\r\n|RSET\r\n|MAIL FROM:<p@us\.net>\r\n|RCPT TO:<u\d@x\.net>\r\n|QUIT\r\n)+$/;

const PIECES = [
  "220 mx ESMTP\r\n",
  "250-mx\r\n250-PIPELINING\r\n250 SMTPUTF8\r\n",
  "250 ok\r\n",
  "250-",
  "550 5.1.1 no such user\r\n",
  "550 5.1.1 no such",
  "421 4.7.0 bye\r\n",
  "452 4.5.3 too many\r\n",
  "\r\n",
  "\n",
  "\r",
  "\0\u0001\uFFFD",
  "999 x\r\n",
  "55",
  "5",
  " user unknown\r\n",
  "HTTP/1.1 200 OK\r\n",
  "354 go ahead\r\n",
  "250 STARTTLS\r\n",
];

/** Mulberry32. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const path = (text: string): Path => {
  const made = plainPath(text);
  if (made === null) throw new Error("no path");
  return made;
};

function randomEvent(random: () => number): DialogueEvent {
  const roll = random();
  if (roll < 0.005) return { kind: "timeout" };
  if (roll < 0.01) return { kind: "closed", detail: "" };
  if (roll < 0.015) return { kind: "secured", protocol: "TLSv1.3" };
  let text = PIECES[Math.floor(random() * PIECES.length)] ?? "";
  if (random() < 0.1) text = text.slice(0, Math.floor(random() * text.length));
  if (random() < 0.05) text += String.fromCharCode(Math.floor(random() * 300));
  return { kind: "data", text };
}

const ANSWERS = [
  "250 2.1.5 Ok\r\n",
  "550 5.1.1 <{n}>: User unknown\r\n",
  "450 4.2.0 <{n}>: Greylisted\r\n",
  "452 4.5.3 too many recipients\r\n",
  "550-5.1.1 no\r\n550 5.1.1 such user {n}\r\n",
  "250\r\n",
];

/** What a good server says to two flights, each line as one string. */
function goodStream(random: () => number): string[] {
  const lines = ["220 mx ESMTP\r\n", "250-mx\r\n", "250-PIPELINING\r\n", "250 8BITMIME\r\n"];
  for (let flight = 0; flight < 2; flight += 1) {
    lines.push(...(flight === 0 ? ["250 sender ok\r\n"] : ["250 reset\r\n", "250 sender ok\r\n"]));
    for (let n = 0; n < RECIPIENTS; n += 1) {
      const answer = ANSWERS[Math.floor(random() * ANSWERS.length)] ?? "";
      lines.push(...answer.replaceAll("{n}", `u${n}@x.net`).split(/(?<=\n)/));
    }
  }
  return lines;
}

/** A few mishaps: lines lost, doubled, exchanged or torn, bytes changed. */
function spoil(lines: string[], random: () => number): string {
  const at = (): number => Math.floor(random() * lines.length);
  for (let mishaps = Math.floor(random() * 4); mishaps > 0; mishaps -= 1) {
    const i = at();
    const line = lines[i] ?? "";
    const kind = Math.floor(random() * 6);
    if (kind === 0) lines.splice(i, 1);
    else if (kind === 1) lines.splice(i, 0, line);
    else if (kind === 2) lines.splice(i, 1, lines[at()] ?? "");
    else if (kind === 3) lines[i] = line.slice(0, Math.floor(random() * line.length));
    else if (kind === 4) lines[i] = line.replace("\r", "");
    else {
      const byte = Math.floor(random() * (line.length + 1));
      lines[i] = line.slice(0, byte) + String.fromCharCode(Math.floor(random() * 256)) + line.slice(byte + 1);
    }
  }
  return lines.join("");
}

/** The spoilt stream in pieces of any size, as a network may deliver it. */
function spoiltEvents(random: () => number): DialogueEvent[] {
  const text = spoil(goodStream(random), random);
  const events: DialogueEvent[] = [];
  // The greeting by itself: what comes before its command is no answer to it.
  const parts = text.split(/(?<=^220 mx ESMTP\r\n|8BITMIME\r\n|reset\r\n)/);
  for (const part of parts) {
    for (let start = 0; start < part.length; ) {
      const size = random() < 0.5 ? part.length : 1 + Math.floor(random() * 40);
      events.push({ kind: "data", text: part.slice(start, start + size) });
      start += size;
    }
  }
  return events;
}

type Run = { readonly dialogue: Dialogue; readonly flights: readonly Flight[]; received: string; ended: boolean };

function makeFlight(): Flight {
  const asks: Ask[] = Array.from({ length: RECIPIENTS }, (_, i) => ({
    path: path(`u${i}@x.net`),
    utf8: false,
    reply: null,
  }));
  return { sender: path("p@us.net"), utf8: false, asks, refused: null };
}

function play(seed: number): { run: Run; answered: Set<Flight> } {
  const random = generator(seed);
  const dialogue = createDialogue({ helo: "h.net", startTls: random() < 0.5, pipeline: random() < 0.8 });
  const run: Run = { dialogue, flights: [makeFlight(), makeFlight()], received: "", ended: false };
  const answered = new Set<Flight>();
  const queue: DialogueEvent[] =
    seed % 2 === 0
      ? [
          { kind: "data", text: random() < 0.8 ? "220 mx\r\n" : "" },
          { kind: "data", text: random() < 0.8 ? "250-mx\r\n250 PIPELINING\r\n" : "" },
        ]
      : spoiltEvents(random);
  const feed = (event: DialogueEvent): void => {
    if (event.kind === "data") run.received += event.text;
    const commands: readonly DialogueCommand[] = step(dialogue, event);
    for (const command of commands) {
      if (command.kind === "end") run.ended = true;
      if (command.kind === "answered") answered.add(command.flight);
      if (command.kind === "write") expect(command.text, `seed ${seed}`).toMatch(COMMANDS);
      if (command.kind === "ready") for (const flight of run.flights) queue.unshift({ kind: "flight", flight });
    }
  };
  for (let i = 0; i < EVENTS_MAX && !run.ended; i += 1) feed(queue.shift() ?? randomEvent(random));
  // Whoever still owes something is not waited for: nothing hangs.
  if (!run.ended && isWaiting(dialogue)) {
    feed({ kind: "timeout" });
    expect(run.ended, `seed ${seed}`).toBe(true);
  }
  return { run, answered };
}

function judge(seed: number, { run, answered }: ReturnType<typeof play>): void {
  const context = `seed ${seed}`;
  for (const flight of run.flights) {
    for (const { reply } of flight.asks) {
      if (reply === null) continue;
      // No answer that the server did not give, whole, in one line or several of the same code.
      expect(reply.code, context).toBeGreaterThanOrEqual(250);
      for (const line of reply.text.split("\n")) expect(run.received.includes(line), context).toBe(true);
      expect(run.received, context).toMatch(new RegExp(`(?:^|\\n)${reply.code}(?:[ \\r\\n]|$)`));
    }
    // Answers come in order: nobody has one whose predecessor has none.
    const first = flight.asks.findIndex((ask) => ask.reply === null);
    if (first >= 0) for (const later of flight.asks.slice(first)) expect(later.reply, context).toBeNull();
    if (answered.has(flight) && flight.refused === null) expect(first, context).toBe(-1);
  }
  // After the end nothing changes any more.
  if (run.ended) expect(step(run.dialogue, { kind: "data", text: "550 5.1.1 late\r\n" }), context).toEqual([]);
}

it(`holds its promises against ${RUNS} random and mutated reply streams`, { timeout: 60_000 + RUNS }, () => {
  for (let seed = 0; seed < RUNS; seed += 1) judge(seed, play(seed));
});
