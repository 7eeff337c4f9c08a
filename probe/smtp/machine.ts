import type { Stage } from "../../shared/verdict/vocabulary.ts";
import { plainCapabilities, readCapabilities } from "./capabilities.ts";
import type {
  Ask,
  Capabilities,
  DialogueCommand,
  DialogueEvent,
  DialogueOptions,
  Ending,
  Flight,
} from "./dialogue-types.ts";
import { type Reply, ReplyParser } from "./reply-parser.ts";

/** A command on the wire whose reply is awaited. Replies belong to commands by their order alone (RFC 2920 3.1). */
type Slot = { readonly verb: "EHLO" | "HELO" | "STARTTLS" | "MAIL" | "RSET" | "QUIT"; readonly flight: Flight | null };
/** RCPT slots are the asks themselves: there may be hundreds per flight. */
type Pending = Slot | Ask;

/** One line to send when the server takes one command at a time. */
type Line = { readonly text: string; readonly slot: Pending; readonly flight: Flight };

type Phase = "banner" | "hello" | "securing" | "ready" | "quitting" | "ended";

type Out = DialogueCommand[];

/** The state of one dialogue; owned by `step`, read by nobody else. */
export type Dialogue = {
  readonly options: DialogueOptions;
  parser: ReplyParser;
  phase: Phase;
  banner: string;
  tls: string | null;
  /** The refusal of EHLO that HELO is trying to mend. */
  ehloRefusal: Reply | null;
  capabilities: Capabilities | null;
  pending: Pending[];
  /** Index of the oldest command without a reply: cheaper than shifting an array of hundreds. */
  head: number;
  /** Flights on the wire, oldest first, and lines not yet sent in lock-step. */
  flights: Flight[];
  lines: Line[];
  /** A transaction was begun, so the next one has to be preceded by RSET. */
  dirty: boolean;
};

export const createDialogue = (options: DialogueOptions): Dialogue => ({
  options,
  parser: new ReplyParser(),
  phase: "banner",
  banner: "",
  tls: null,
  ehloRefusal: null,
  capabilities: null,
  pending: [],
  head: 0,
  flights: [],
  lines: [],
  dirty: false,
});

/**
 * One side of one SMTP dialogue (RFC 5321), up to RCPT and never further: there is no DATA here. Pure: bytes and
 * events come in, commands go out, there is no clock and no socket. Each reply is matched to the oldest command
 * without one; anything that breaks this order (an unasked reply, a malformed one, a timeout) ends the dialogue,
 * because after it no reply could be trusted to belong to its recipient.
 */
export function step(dialogue: Dialogue, event: DialogueEvent): readonly DialogueCommand[] {
  if (dialogue.phase === "ended") return [];
  const out: DialogueCommand[] = [];
  switch (event.kind) {
    case "data":
      onData(dialogue, event.text, out);
      break;
    case "secured":
      if (dialogue.phase !== "securing") break;
      dialogue.tls = event.protocol;
      dialogue.parser = new ReplyParser();
      hello(dialogue, "EHLO", out);
      break;
    case "flight":
      launch(dialogue, event.flight, out);
      break;
    case "quit":
      dialogue.phase = "quitting";
      send(dialogue, "QUIT\r\n", { verb: "QUIT", flight: null }, out);
      break;
    case "timeout":
      end(dialogue, "timeout", null, "no reply in time", out);
      break;
    case "tls_failed":
      end(dialogue, "tls", null, event.detail, out);
      break;
    case "closed":
      onClosed(dialogue, event.detail, out);
      break;
  }
  return out;
}

/** The step that waits for the server now: what a timeout or a close would be about. */
export function stageOf(dialogue: Dialogue): Stage {
  if (dialogue.phase === "banner") return "banner";
  if (dialogue.phase === "securing") return "starttls";
  const slot = dialogue.pending[dialogue.head];
  if (slot === undefined) return "rset";
  if (!("verb" in slot)) return "rcpt";
  switch (slot.verb) {
    case "EHLO":
    case "HELO":
      return "ehlo";
    case "STARTTLS":
      return "starttls";
    case "MAIL":
      return "mail";
    case "RSET":
      return "rset";
    case "QUIT":
      return "quit";
  }
}

/** True while the server owes a reply. */
export const isWaiting = (dialogue: Dialogue): boolean =>
  dialogue.phase === "banner" || dialogue.phase === "securing" || dialogue.head < dialogue.pending.length;

function onData(dialogue: Dialogue, text: string, out: DialogueCommand[]): Out {
  // Between STARTTLS and the end of the handshake the channel is the TLS layer's; clear text here is an intruder's.
  if (dialogue.phase === "securing") return end(dialogue, "attack", null, "clear text during the TLS handshake", out);
  dialogue.parser.push(text);
  for (;;) {
    const parsed = dialogue.parser.next(dialogue.phase === "banner");
    if (parsed === null) return out;
    if ("fault" in parsed) return end(dialogue, "protocol", null, parsed.fault, out);
    onReply(dialogue, parsed.reply, out);
    if (isEnded(dialogue)) return out;
  }
}

// A function, because the compiler narrows `phase` across calls that change it.
const isEnded = (dialogue: Dialogue): boolean => dialogue.phase === "ended";

function onReply(dialogue: Dialogue, reply: Reply, out: DialogueCommand[]): Out {
  if (dialogue.phase === "banner") return onBanner(dialogue, reply, out);
  const slot = dialogue.pending[dialogue.head];
  if (slot === undefined) return onUnasked(dialogue, reply, out);
  // RFC 5321 3.8: after 421 the server closes, whatever else was sent to it.
  if (reply.code === 421) return end(dialogue, "refused", reply, "421", out);
  if (!("verb" in slot)) return onRecipient(dialogue, slot, reply, out);
  dialogue.head += 1;
  switch (slot.verb) {
    case "EHLO":
      return onEhlo(dialogue, reply, out);
    case "HELO":
      return onHelo(dialogue, reply, out);
    case "STARTTLS":
      return onStartTls(dialogue, reply, out);
    case "RSET":
      // Without a reset the next recipients would join the transaction before: nothing would be in a transaction of its own.
      if (reply.code !== 250) return onResetRefused(dialogue, reply, out);
      return proceed(dialogue, out);
    case "MAIL":
      return onMail(dialogue, slot.flight, reply, out);
    case "QUIT":
      return end(dialogue, "quit", reply, "", out);
  }
}

function onBanner(dialogue: Dialogue, reply: Reply, out: DialogueCommand[]): Out {
  dialogue.banner = reply.text;
  if (reply.code >= 400) return end(dialogue, "refused", reply, "banner", out);
  if (reply.code !== 220) return end(dialogue, "protocol", reply, "greeting is not 220", out);
  return hello(dialogue, "EHLO", out);
}

function hello(dialogue: Dialogue, verb: "EHLO" | "HELO", out: DialogueCommand[]): Out {
  dialogue.phase = "hello";
  return send(dialogue, `${verb} ${dialogue.options.helo}\r\n`, { verb, flight: null }, out);
}

function onEhlo(dialogue: Dialogue, reply: Reply, out: DialogueCommand[]): Out {
  if (reply.code === 250) return greeted(dialogue, readCapabilities(reply.text, dialogue.banner, dialogue.tls), out);
  if (reply.code < 400) return end(dialogue, "protocol", reply, "EHLO answered out of order", out, "ehlo");
  if (reply.code < 500) return end(dialogue, "refused", reply, "EHLO", out, "ehlo");
  // RFC 5321 3.2: a server that does not know EHLO may still know HELO.
  dialogue.ehloRefusal = reply;
  return hello(dialogue, "HELO", out);
}

function onHelo(dialogue: Dialogue, reply: Reply, out: DialogueCommand[]): Out {
  if (reply.code === 250) return greeted(dialogue, plainCapabilities(dialogue.banner, dialogue.tls), out);
  if (reply.code < 400) return end(dialogue, "protocol", reply, "HELO answered out of order", out, "ehlo");
  return end(dialogue, "refused", moreTelling(dialogue.ehloRefusal, reply), "HELO", out, "ehlo");
}

/** 500 and 502 to EHLO only say that the verb is unknown; any other refusal of it says why. */
const moreTelling = (ehlo: Reply | null, helo: Reply): Reply =>
  ehlo === null || ehlo.code === 500 || ehlo.code === 502 ? helo : ehlo;

function greeted(dialogue: Dialogue, capabilities: Capabilities, out: DialogueCommand[]): Out {
  dialogue.capabilities = capabilities;
  if (capabilities.startTls && dialogue.options.startTls && dialogue.tls === null) {
    return send(dialogue, "STARTTLS\r\n", { verb: "STARTTLS", flight: null }, out);
  }
  return ready(dialogue, capabilities, out);
}

function ready(dialogue: Dialogue, capabilities: Capabilities, out: DialogueCommand[]): Out {
  dialogue.phase = "ready";
  out.push({ kind: "ready", capabilities });
  return out;
}

function onStartTls(dialogue: Dialogue, reply: Reply, out: DialogueCommand[]): Out {
  if (reply.code === 220) {
    // RFC 3207 6: whatever was sent along with the reply was not protected and must not be believed (CVE-2011-0411).
    if (dialogue.parser.hasRest)
      return end(dialogue, "attack", reply, "clear text after the STARTTLS reply", out, "starttls");
    dialogue.phase = "securing";
    out.push({ kind: "secure" });
    return out;
  }
  // RFC 3207 4: 454 and the like leave the session as it was; certificates are not our business, mail is.
  if (reply.code >= 400 && dialogue.capabilities) return ready(dialogue, dialogue.capabilities, out);
  return end(dialogue, "protocol", reply, "STARTTLS answered out of order", out, "starttls");
}

/** A reply that answers nothing: a goodbye, or the late answer to something long given up. */
function onUnasked(dialogue: Dialogue, reply: Reply, out: DialogueCommand[]): Out {
  if (reply.code === 421) return end(dialogue, "closed", reply, "421 while idle", out);
  retract(out);
  return end(dialogue, "protocol", reply, "a reply that answers no command", out);
}

function onResetRefused(dialogue: Dialogue, reply: Reply, out: DialogueCommand[]): Out {
  if (!reply.text.includes("@")) return end(dialogue, "refused", reply, "RSET refused", out, "rset");
  // Nobody speaks of an address when asked to forget them all: this is somebody's answer.
  retract(out);
  return end(dialogue, "protocol", reply, "RSET answered out of order", out, "rset");
}

/** One reply too many: those that came along with it may each belong to the command before. */
function retract(out: DialogueCommand[]): void {
  for (let i = out.length - 1; i >= 0; i -= 1) if (out[i]?.kind === "answered") out.splice(i, 1);
}

function onMail(dialogue: Dialogue, flight: Flight | null, reply: Reply, out: DialogueCommand[]): Out {
  if (flight === null) return out;
  if (reply.code >= 400) {
    flight.refused = reply;
    if (dialogue.lines.length > 0) dialogue.lines = dialogue.lines.filter((line) => line.flight !== flight);
    const owed = dialogue.pending[dialogue.head];
    if (owed === undefined || "verb" in owed) finishFlight(dialogue, out);
  } else if (reply.code !== 250) {
    return end(dialogue, "protocol", reply, "MAIL answered out of order", out, "mail");
  } else flight.opened = reply;
  return proceed(dialogue, out);
}

function onRecipient(dialogue: Dialogue, ask: Ask, reply: Reply, out: DialogueCommand[]): Out {
  const flight = dialogue.flights[0];
  if (flight === undefined) return end(dialogue, "protocol", reply, "a recipient without a transaction", out);
  // 220, 221 and 3yz answer no RCPT: replies and commands are out of step.
  if (reply.code < 250 || (reply.code >= 260 && reply.code < 400)) {
    return end(dialogue, "protocol", reply, "RCPT answered out of order", out);
  }
  if (ask === flight.asks[0] && repeatsMail(dialogue, flight, reply)) {
    return end(dialogue, "protocol", reply, "MAIL answered twice", out);
  }
  dialogue.head += 1;
  // After a refused MAIL the server has not looked at the recipients it was sent along with.
  if (flight.refused === null) ask.reply = reply;
  if (ask === flight.asks[flight.asks.length - 1]) finishFlight(dialogue, out);
  if (dialogue.lines.length > 0) proceed(dialogue, out);
  return out;
}

/**
 * The words of MAIL once more, with the code that is MAIL's own (2.1.0, RFC 2034 4; a recipient's is 2.1.5): all further
 * replies would be read as somebody else's. One command at a time tells.
 */
const repeatsMail = (dialogue: Dialogue, flight: Flight, reply: Reply): boolean =>
  isPipelined(dialogue) && reply.text === flight.opened?.text && reply.text.startsWith("2.1.0");

function finishFlight(dialogue: Dialogue, out: DialogueCommand[]): Out {
  const flight = dialogue.flights.shift();
  // What is answered is let go, even where the next flights are always on their way already.
  dialogue.pending = dialogue.pending.slice(dialogue.head);
  dialogue.head = 0;
  if (flight !== undefined) out.push({ kind: "answered", flight });
  return out;
}

const isPipelined = ({ capabilities, options }: Dialogue): boolean =>
  capabilities?.pipelining === true && options.pipeline;

/** Sends a transaction: in one write where the server pipelines, else its first line. */
function launch(dialogue: Dialogue, flight: Flight, out: DialogueCommand[]): Out {
  const { capabilities } = dialogue;
  if (dialogue.phase !== "ready" || capabilities === null || flight.asks.length === 0) return out;
  if (speaksEarly(dialogue)) return end(dialogue, "protocol", null, EARLY, out);
  dialogue.flights.push(flight);
  const mail = `MAIL FROM:<${flight.sender}>${parameters(flight, capabilities)}\r\n`;
  const slot: Slot = { verb: "MAIL", flight };
  if (!isPipelined(dialogue)) {
    if (dialogue.dirty) dialogue.lines.push({ text: "RSET\r\n", slot: { verb: "RSET", flight }, flight });
    dialogue.lines.push({ text: mail, slot, flight });
    for (const ask of flight.asks) dialogue.lines.push({ text: `RCPT TO:<${ask.path}>\r\n`, slot: ask, flight });
    dialogue.dirty = true;
    return proceed(dialogue, out);
  }
  let text = mail;
  if (dialogue.dirty) {
    text = `RSET\r\n${mail}`;
    dialogue.pending.push({ verb: "RSET", flight });
  }
  dialogue.dirty = true;
  dialogue.pending.push(slot);
  for (const ask of flight.asks) {
    text += `RCPT TO:<${ask.path}>\r\n`;
    dialogue.pending.push(ask);
  }
  out.push({ kind: "write", text, utf8: flight.utf8 });
  return out;
}

/** RFC 6531 3.4: SMTPUTF8 goes with 8BITMIME. */
const parameters = (flight: Flight, capabilities: Capabilities): string =>
  flight.utf8 ? ` SMTPUTF8${capabilities.eightBit ? " BODY=8BITMIME" : ""}` : "";

/** Lock-step: the next line once nothing is owed. Servers that do not offer PIPELINING do punish it. */
function proceed(dialogue: Dialogue, out: DialogueCommand[]): Out {
  if (dialogue.lines.length === 0 || dialogue.head < dialogue.pending.length) return out;
  if (speaksEarly(dialogue)) return end(dialogue, "protocol", null, EARLY, out);
  const line = dialogue.lines.shift();
  if (line === undefined) return out;
  dialogue.pending = [line.slot];
  dialogue.head = 0;
  out.push({ kind: "write", text: line.text, utf8: line.flight.utf8 });
  return out;
}

const EARLY = "a reply before its command";

/** What lies unread while nothing is owed was said before the command it would be taken to answer. */
const speaksEarly = (dialogue: Dialogue): boolean =>
  dialogue.head === dialogue.pending.length && dialogue.parser.hasRest;

function send(dialogue: Dialogue, text: string, slot: Slot, out: DialogueCommand[]): Out {
  if (speaksEarly(dialogue)) return end(dialogue, "protocol", null, EARLY, out);
  dialogue.pending.push(slot);
  out.push({ kind: "write", text, utf8: false });
  return out;
}

function onClosed(dialogue: Dialogue, detail: string, out: DialogueCommand[]): Out {
  if (dialogue.phase === "quitting") return end(dialogue, "quit", null, detail, out);
  // EHLO was refused for a reason, and the server did not wait for HELO.
  const refusal = dialogue.phase === "hello" ? dialogue.ehloRefusal : null;
  if (refusal !== null) return end(dialogue, "refused", refusal, "EHLO", out, "ehlo");
  return end(dialogue, "closed", null, detail, out);
}

function end(
  dialogue: Dialogue,
  cause: Ending["cause"],
  reply: Reply | null,
  detail: string,
  out: DialogueCommand[],
  stage: Stage = stageOf(dialogue),
): Out {
  const slot = dialogue.pending[dialogue.head];
  const ask = slot !== undefined && !("verb" in slot) ? slot : null;
  dialogue.phase = "ended";
  dialogue.lines = [];
  out.push({ kind: "end", ending: { cause, stage, reply, detail, ask } });
  return out;
}
