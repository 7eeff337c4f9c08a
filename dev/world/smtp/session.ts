import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { ERROR_PAUSE_MS, LINE_MAX_BYTES } from "../limits.ts";
import type { Violation } from "../stats.ts";
import type { FaultPoint } from "../types.ts";
import type { Host, HostWorld } from "./host.ts";
import { Outbox } from "./outbox.ts";
import { answerRecipient, type Transaction } from "./recipient.ts";
import type { Reply, ReplyFacts } from "./reply.ts";

const MAIL = /^MAIL FROM: ?<([^<>\s]*)>((?: [A-Z0-9-]+(?:=\S+)?)*)$/i;
/** Control characters, or more after a second path: somebody got a line of their own into an address. */
const SMUGGLED = /[^ -~\x80-\xff]|>.*>/;
const GREETING = /^(?:EHLO|HELO) +(\S+)$/i;
const HIGH = /[\x80-\xff]/;

/** One SMTP connection as the server sees it: takes bytes, follows the host's script, counts. */
export class Session {
  readonly host: Host;
  readonly world: HostWorld;
  readonly source: string;
  readonly outbox: Outbox;
  #stream: Duplex;
  readonly #socket: Socket;
  #rest = "";
  #ready = false;
  #mute = false;
  #closing = false;
  #left = false;
  #helo = "";
  #sender = "";
  #errors = 0;
  #resets = 0;
  #events: Partial<Record<FaultPoint, number>> = {};
  #transaction: Transaction | null = null;
  #now = 0;
  /** The command came together with others. */
  #several = false;
  readonly newcomer: boolean;
  readonly #visit: number;
  /** Recipients refused in this session, and recipients judged. */
  refusals = 0;
  recipients = 0;

  constructor(host: Host, world: HostWorld, socket: Socket) {
    this.host = host;
    this.world = world;
    this.#socket = socket;
    this.#stream = socket;
    this.source = socket.remoteAddress ?? "";
    this.#visit = host.countVisit(this.source);
    this.newcomer = host.isNewcomer(this.source);
    this.outbox = new Outbox(socket, {
      rttMs: () => world.settings.rttMs,
      delivery: host.script.delivery ?? "whole",
      onBytes: (bytes) => {
        world.stats.bytesOut += bytes;
      },
    });
    this.#listen(socket);
    this.#greet();
  }

  get now(): number {
    return this.#now;
  }

  get encrypted(): boolean {
    return this.#stream !== this.#socket;
  }

  facts(address = "", local = "", domain = ""): ReplyFacts {
    return {
      addr: address,
      local,
      domain,
      host: this.host.name,
      ip: this.source,
      helo: this.#helo,
      sender: this.#sender,
    };
  }

  /** Says a reply; a 4xx or 5xx is an error for the host's error limits. */
  say(reply: Reply, delayMs = 0, facts: ReplyFacts | null = null) {
    const text = reply.fixed ?? reply.render(facts ?? this.facts());
    let delay = delayMs + (this.host.script.replyDelayMs ?? 0);
    if (reply.code >= 400) {
      this.#errors += 1;
      const { errorsSlow, errorsMax } = this.host.script;
      if (errorsMax !== undefined && this.#errors > errorsMax) return this.#end(this.host.replies.tooManyErrors);
      if (errorsSlow !== undefined && this.#errors > errorsSlow) delay += ERROR_PAUSE_MS;
    }
    this.outbox.say(text, this.#now, delay * this.world.settings.scale);
  }

  /** Says a reply that was written before it was known whether it ends with a line. */
  #raw(text: string, delayMs = 0, after: (() => void) | null = null): void {
    this.outbox.say(text, this.#now, delayMs * this.world.settings.scale, after);
  }

  violation(kind: Violation): void {
    this.world.violation(kind);
  }

  /** Applies the fault scripted for this point, if any strikes now. */
  strike(point: FaultPoint, facts: ReplyFacts | null = null): boolean {
    const faults = this.host.faults[point];
    if (!faults) return false;
    const count = (this.#events[point] ?? 0) + 1;
    this.#events[point] = count;
    const fault = faults.findLast(({ from, flaky }) => count >= from && (!flaky || this.#visit % 2 === 1));
    if (!fault) return false;
    switch (fault.action.do) {
      case "reply":
        if (fault.reply) this.say(fault.reply, 0, facts);
        return true;
      case "close":
        if (fault.reply) this.#end(fault.reply, facts);
        return true;
      case "cut":
        this.#raw(fault.action.text, 0, () => this.#stream.destroy());
        this.#closing = true;
        return true;
      case "drop":
        this.#raw("", 0, () => (point === "connect" ? this.#socket.resetAndDestroy() : this.#stream.destroy()));
        this.#closing = true;
        return true;
      case "silence":
        this.#mute = true;
        return true;
      case "raw":
        this.#raw(fault.action.bytes);
        return true;
      case "flood":
        this.#raw("x".repeat(fault.action.bytes));
        return true;
    }
  }

  /** Hangs up on whoever asks for one recipient more than the host's patience allows. */
  isOutOfPatience(): boolean {
    const { patience } = this.host.script;
    if (patience === undefined || this.#errors < patience.failures) return false;
    const { goodbye } = this.host.replies;
    if (goodbye) this.#end(goodbye);
    else {
      this.#closing = true;
      this.#raw("", 0, () => this.#stream.end());
    }
    return true;
  }

  #end(reply: Reply, facts: ReplyFacts | null = null): void {
    this.#closing = true;
    this.#leave();
    this.#raw(reply.fixed ?? reply.render(facts ?? this.facts()), 0, () => this.#stream.end());
  }

  /** Makes room for the next connection of this source: once, at the goodbye or at the close. */
  #leave(): void {
    if (!this.#left) this.host.dismiss(this.source);
    this.#left = true;
  }

  #greet() {
    this.#now = performance.now();
    const { script, replies } = this.host;
    if (!this.host.admit(this.source)) return this.#end(replies.busy);
    if (this.strike("connect") || this.strike("banner")) return;
    const banner = replies.banner.render(this.facts());
    // The first line of the greeting goes out alone; the rest of the same reply follows much later.
    if (script.teaser !== undefined) this.#raw(`220-${this.host.name} ${script.teaser}\r\n`);
    this.#raw(banner, script.bannerDelayMs ?? 0, () => {
      this.#ready = true;
    });
    if (script.pregreet === undefined) this.#ready = true;
  }

  #listen(stream: Duplex): void {
    stream.on("data", (chunk: Buffer) => this.#read(chunk));
    stream.on("error", () => stream.destroy());
    stream.on("close", () => {
      this.#leave();
      this.outbox.close();
      this.#socket.destroy();
    });
    stream.on("end", () => stream.end());
  }

  #read(chunk: Buffer): void {
    const { stats } = this.world;
    stats.bytesIn += chunk.length;
    if (this.#mute || this.#closing) return;
    this.#now = performance.now();
    if (!this.outbox.pending) {
      stats.flights += 1;
      this.host.stats.flights += 1;
    }
    if (!this.#ready) {
      this.violation("talked_before_banner");
      this.outbox.close();
      this.#stream.end(this.host.replies.pregreet.render(this.facts()));
      this.#closing = true;
      return;
    }
    const text = this.#rest === "" ? chunk.toString("latin1") : this.#rest + chunk.toString("latin1");
    let start = 0;
    const { pipelined } = this.host.script;
    for (let lf = text.indexOf("\n"); lf >= 0 && !this.#mute && !this.#closing; lf = text.indexOf("\n", start)) {
      let end = lf;
      if (lf > start && text.charCodeAt(lf - 1) === 13) end -= 1;
      else this.violation("bare_lf");
      this.#several = text.indexOf("\n", lf + 1) > 0 || start > 0;
      if ((pipelined !== "lost" && pipelined !== "garbled") || start === 0) this.#line(text.slice(start, end));
      else if (pipelined === "garbled") this.say(this.host.replies.unknownCommand);
      start = lf + 1;
    }
    if (pipelined === "held") this.outbox.hold();
    this.#rest = start === 0 ? text : text.slice(start);
    if (this.#rest.length > LINE_MAX_BYTES) {
      this.violation("line_too_long");
      this.#end(this.host.replies.lineTooLong);
    }
  }

  #line(line: string) {
    if (!this.host.pipelining && this.outbox.pending) {
      this.violation("pipelined_unoffered");
      if (this.host.replies.earlyTalk) return this.#end(this.host.replies.earlyTalk);
    }
    const verb = line.slice(0, 4).toUpperCase();
    this.world.countCommand(verb);
    if (verb === "RCPT") return answerRecipient(this, line, this.#transaction);
    this.#command(verb, line);
  }

  #command(verb: string, line: string) {
    const { replies } = this.host;
    switch (verb) {
      case "EHLO":
      case "HELO":
        return this.#hello(verb, line);
      case "MAIL":
        return this.#mail(line);
      case "RSET":
        return this.#reset();
      case "STAR":
        return this.#starttls();
      case "QUIT":
        if (!this.strike("quit")) this.#end(replies.bye);
        return;
      case "NOOP":
        return this.say(replies.ok);
      case "VRFY":
      case "EXPN":
        return this.say(replies.cannotVerify);
      case "DATA":
      case "BDAT":
        this.world.stats.data += 1;
        return this.#end(replies.noData);
      default:
        this.violation("bad_syntax");
        return this.say(replies.unknownCommand);
    }
  }

  #hello(verb: "EHLO" | "HELO", line: string) {
    const name = GREETING.exec(line)?.[1];
    if (name === undefined) {
      this.violation("bad_syntax");
      return this.say(this.host.replies.syntax);
    }
    this.#helo = name;
    this.#transaction = null;
    if (this.strike(verb === "EHLO" ? "ehlo" : "helo")) return;
    const { ehlo, ehloEncrypted, helo } = this.host.replies;
    this.say(verb === "HELO" ? helo : this.encrypted ? ehloEncrypted : ehlo);
  }

  #mail(line: string) {
    const { host } = this;
    const { replies, script } = host;
    if (this.#helo === "" || this.#transaction) {
      this.violation("bad_sequence");
      return this.say(replies.badSequence);
    }
    const match = MAIL.exec(line);
    this.#sender = match?.[1] ?? "";
    const parameters = (match?.[2] ?? "").toUpperCase().split(" ").slice(1);
    const known = parameters.every((p) =>
      host.keywordNames.has(p.startsWith("BODY=") ? "8BITMIME" : (p.split("=", 1)[0] ?? "")),
    );
    if (!match || !known) {
      this.violation(match || !SMUGGLED.test(line) ? "bad_syntax" : "injection");
      return this.say(match ? replies.badParameter : replies.syntax);
    }
    if (script.tlsRequired !== undefined && !this.encrypted) return this.say(replies.tlsRequired);
    if (this.strike("mail")) return;
    const sender = this.#sender;
    if (script.checksSender && sender !== "" && !this.world.hasMailDomain(sender.slice(sender.lastIndexOf("@") + 1))) {
      return this.say(replies.senderUnknown, 0, this.facts(sender));
    }
    this.#transaction = { sender, utf8: parameters.includes("SMTPUTF8"), recipients: 0, failures: 0, first: "" };
    this.say(replies.senderOk, 0, this.facts(sender));
    if (script.pipelined === "doubled" && this.#several) this.say(replies.senderOk, 0, this.facts(sender));
  }

  #reset() {
    this.#transaction = null;
    this.#resets += 1;
    const { resetsMax } = this.host.script;
    if (this.strike("rset")) return;
    if (resetsMax !== undefined && this.#resets > resetsMax) return this.#end(this.host.replies.tooManyResets);
    this.say(this.host.replies.resetOk);
  }

  #starttls() {
    const { replies, tls } = this.host;
    if (tls === "none" || this.encrypted) {
      this.violation("bad_sequence");
      return this.say(replies.unknownCommand);
    }
    if (this.strike("starttls")) return;
    if (tls === "unavailable") return this.say(replies.tlsUnavailable);
    const ready = replies.tlsReady.fixed ?? "";
    this.#mute = true;
    if (tls === "stall") return this.#raw(ready);
    if (tls === "reset") return this.#raw(ready, 0, () => this.#socket.resetAndDestroy());
    if (tls === "close") return this.#raw(ready, 0, () => this.#stream.destroy());
    // Not a TLS record of any kind: the client's handshake fails at its first byte.
    if (tls === "garbage")
      return this.#raw(ready, 0, () => this.#stream.write("\x00garbage instead of a ServerHello\r\n"));
    // Plain text smuggled in behind the 220, to be taken for answers under TLS (CVE-2011-0411 and its kin).
    const smuggled = tls === "injected" ? "250-injected\r\n250 PIPELINING\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n" : "";
    this.#raw(ready + smuggled, 0, () => this.#encrypt());
  }

  #encrypt(): void {
    const secure = new TLSSocket(this.#socket, {
      isServer: true,
      secureContext: this.world.secureContext(this.host.tls === "expired"),
    });
    this.#socket.removeAllListeners("data");
    this.#socket.removeAllListeners("end");
    secure.once("secure", () => {
      this.world.stats.tlsSessions += 1;
    });
    this.#listen(secure);
    this.#stream = secure;
    this.outbox.switchTo(secure);
    if (this.#rest !== "") this.violation("talked_after_starttls");
    // RFC 3207 4.2: both sides forget what was said before.
    this.#rest = "";
    this.#helo = "";
    this.#transaction = null;
    this.#mute = false;
  }
}

/** Reads a wire string (latin1) as the UTF-8 it may hold. */
export function fromWire(text: string): string {
  return HIGH.test(text) ? Buffer.from(text, "latin1").toString("utf8") : text;
}
