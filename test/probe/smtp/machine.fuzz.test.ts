import { expect, it } from "vitest";
import type { Ask, DialogueEvent, Flight } from "../../../probe/smtp/dialogue-types.ts";
import { createDialogue, step } from "../../../probe/smtp/machine.ts";
import { type Path, plainPath } from "../../../probe/smtp/path.ts";

/** Streams in the ordinary suite; PROBE_FUZZ_RUNS asks for more. */
const RUNS = Number(process.env.PROBE_FUZZ_RUNS ?? 60_000);
const RECIPIENTS = 4;

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

it(`holds its promises against ${RUNS} random reply streams`, () => {
  for (let seed = 0; seed < RUNS; seed += 1) {
    const random = generator(seed);
    const dialogue = createDialogue({ helo: "h.net", startTls: random() < 0.5, pipeline: random() < 0.8 });
    const asks: Ask[] = Array.from({ length: RECIPIENTS }, (_, i) => ({
      path: path(`u${i}@x.net`),
      utf8: false,
      reply: null,
    }));
    const flight: Flight = { sender: path("p@us.net"), utf8: false, asks, refused: null };
    let received = "";
    let ended = false;
    let answered = false;
    const queue: DialogueEvent[] = [
      { kind: "data", text: random() < 0.8 ? "220 mx\r\n" : "" },
      { kind: "data", text: random() < 0.8 ? "250-mx\r\n250 PIPELINING\r\n" : "" },
    ];
    for (let i = 0; i < 24 && !ended; i += 1) {
      const event = queue.shift() ?? randomEvent(random);
      if (event.kind === "data") received += event.text;
      for (const command of step(dialogue, event)) {
        if (command.kind === "end") ended = true;
        if (command.kind === "answered") answered = true;
        if (command.kind === "ready") queue.push({ kind: "flight", flight });
      }
    }
    const context = `seed ${seed}`;
    for (const { reply } of asks) {
      if (reply === null) continue;
      // No answer that the server did not give, whole, in one line or several of the same code.
      expect(reply.code, context).toBeGreaterThanOrEqual(250);
      for (const line of reply.text.split("\n")) expect(received.includes(line), context).toBe(true);
      expect(received, context).toMatch(new RegExp(`(?:^|\\n)${reply.code}(?:[ \\r\\n]|$)`));
    }
    // Answers come in order: nobody has one whose predecessor has none.
    const first = asks.findIndex((ask) => ask.reply === null);
    if (first >= 0) for (const later of asks.slice(first)) expect(later.reply, context).toBeNull();
    if (answered && flight.refused === null) expect(first, context).toBe(-1);
    // After the end nothing changes any more.
    if (ended) expect(step(dialogue, { kind: "data", text: "550 5.1.1 late\r\n" }), context).toEqual([]);
  }
});
