import { createServer, type Server, type Socket } from "node:net";
import type { SecureContext } from "node:tls";
import { HOST_CONNECTIONS_MAX, SESSION_IDLE_MS } from "../limits.ts";
import type { HostStats, Violation, WorldStats } from "../stats.ts";
import type {
  Box,
  BoxAnswer,
  FaultAction,
  FaultPoint,
  HostDefinition,
  HostScript,
  MailboxKind,
  Personality,
} from "../types.ts";
import type { Greylist } from "./greylist.ts";
import { compileReply, type Reply } from "./reply.ts";
import { Session } from "./session.ts";

/** What the whole world shares with its hosts. */
export type HostWorld = {
  readonly stats: WorldStats;
  readonly greylist: Greylist;
  readonly settings: {
    rttMs: number;
    readonly scale: number;
    readonly pipelining: boolean;
    readonly starttls: boolean;
  };
  readonly personalityOf: (domain: string) => Personality | null;
  readonly hasMailDomain: (domain: string) => boolean;
  readonly secureContext: (expired: boolean) => SecureContext;
  readonly violation: (kind: Violation) => void;
  readonly countCommand: (verb: string) => void;
};

type CompiledFault = {
  readonly action: FaultAction;
  readonly from: number;
  readonly flaky: boolean;
  readonly reply: Reply | null;
};
type CompiledAnswer = { readonly reply: Reply; readonly delayMs: number };

/** One simulated mail host: its compiled script and its listener on a loopback address. */
export class Host {
  readonly name: string;
  readonly address: string;
  readonly personality: Personality;
  readonly script: HostScript;
  readonly stats: HostStats;
  readonly answers: Readonly<Record<MailboxKind, CompiledAnswer>>;
  readonly greylisted: Reply | null;
  readonly faults: Partial<Record<FaultPoint, CompiledFault[]>>;
  readonly replies: ReturnType<typeof compileScript>;
  readonly pipelining: boolean;
  readonly tls: NonNullable<HostScript["tls"]>;
  readonly keywordNames: ReadonlySet<string>;
  readonly #world: HostWorld;
  readonly #sockets = new Set<Socket>();
  #server: Server | null = null;
  readonly #visitors = new Set<string>();
  readonly #visits = new Map<string, number>();
  readonly #sessions = new Map<string, number>();
  #lastDomain = "";

  constructor(name: string, address: string, personality: Personality, definition: HostDefinition, world: HostWorld) {
    this.name = name;
    this.address = address;
    this.personality = personality;
    this.script = definition.script ?? {};
    this.#world = world;
    this.stats = { address, connections: 0, open: 0, peak: 0, flights: 0, recipients: 0 };
    this.answers = compileBox({ ...personality.box, ...definition.box });
    this.greylisted = personality.greylist === null ? null : compileReply(personality.greylist.reply);
    this.faults = compileFaults(this.script);
    this.pipelining = this.script.pipelining ?? world.settings.pipelining;
    this.tls = this.script.tls ?? (world.settings.starttls ? "good" : "none");
    const keywords = this.#keywords();
    this.keywordNames = new Set(keywords.map((keyword) => keyword.split(" ", 1)[0] ?? ""));
    this.replies = compileScript(this.script, keywords, this.tls !== "none");
  }

  /** Whether mail for this domain (latin1 from the wire) belongs here. */
  serves(domain: string): boolean {
    if (domain === this.#lastDomain) return true;
    if (this.#world.personalityOf(domain.toLowerCase()) !== this.personality) return false;
    this.#lastDomain = domain;
    return true;
  }

  /** Lets a session of this source begin, unless it has as many as it may have. */
  admit(source: string): boolean {
    const open = (this.#sessions.get(source) ?? 0) + 1;
    this.#sessions.set(source, open);
    return open <= (this.script.connectionsMax ?? Number.POSITIVE_INFINITY);
  }

  /** A session that was counted by `admit` is over. */
  dismiss(source: string): void {
    const open = (this.#sessions.get(source) ?? 1) - 1;
    if (open > 0) this.#sessions.set(source, open);
    else this.#sessions.delete(source);
  }

  /** Whether this source has never been here before; from now on it has. */
  isNewcomer(source: string): boolean {
    if (this.script.newcomer === undefined || this.#visitors.has(source)) return false;
    this.#visitors.add(source);
    return true;
  }

  /** Which session of this source begins now, counted from 1. */
  countVisit(source: string): number {
    const visit = (this.#visits.get(source) ?? 0) + 1;
    this.#visits.set(source, visit);
    return visit;
  }

  /** Starts to listen; rejects when the port is taken. */
  listen(port: number): Promise<number> {
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => this.#accept(socket));
    server.maxConnections = HOST_CONNECTIONS_MAX;
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: this.address, port, backlog: 1_024 }, () => {
        server.off("error", reject);
        const bound = server.address();
        resolve(bound !== null && typeof bound === "object" ? bound.port : port);
      });
    });
  }

  /** Stops listening and cuts what is open. */
  close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const server = this.#server;
    this.#server = null;
    return new Promise((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }

  #accept(socket: Socket): void {
    const { stats } = this.#world;
    stats.connections += 1;
    this.stats.connections += 1;
    stats.open += 1;
    this.stats.open += 1;
    stats.peak = Math.max(stats.peak, stats.open);
    this.stats.peak = Math.max(this.stats.peak, this.stats.open);
    this.#sockets.add(socket);
    socket.once("close", () => {
      stats.open -= 1;
      this.stats.open -= 1;
      this.#sockets.delete(socket);
    });
    socket.setTimeout(SESSION_IDLE_MS, () => socket.destroy());
    new Session(this, this.#world, socket);
  }

  #keywords(): string[] {
    const { keywords = ["SIZE 52428800", "8BITMIME", "ENHANCEDSTATUSCODES"] } = this.script;
    return this.pipelining ? ["PIPELINING", ...keywords] : [...keywords];
  }
}

function compileBox(box: Box): Record<MailboxKind, CompiledAnswer> {
  const compiled = (answer: BoxAnswer): CompiledAnswer => ({
    reply: compileReply(answer.reply),
    delayMs: answer.delayMs ?? 0,
  });
  return {
    exists: compiled(box.exists),
    role: compiled(box.role),
    unknown: compiled(box.unknown),
    gone: compiled(box.gone),
    full: compiled(box.full),
    disabled: compiled(box.disabled),
    grey: compiled(box.grey),
    restricted: compiled(box.restricted),
    moved: compiled(box.moved),
    forwarded: compiled(box.forwarded),
    busy: compiled(box.busy),
  };
}

function compileFaults(script: HostScript): Partial<Record<FaultPoint, CompiledFault[]>> {
  const faults: Partial<Record<FaultPoint, CompiledFault[]>> = {};
  for (const fault of script.faults ?? []) {
    const reply = fault.do === "reply" || fault.do === "close" ? compileReply(fault.text) : null;
    const list = faults[fault.at] ?? [];
    list.push({ action: fault, from: fault.from ?? 1, flaky: fault.flaky ?? false, reply });
    faults[fault.at] = list;
  }
  return faults;
}

function compileScript(script: HostScript, keywords: readonly string[], offersTls: boolean) {
  const hello = (lines: readonly string[]): Reply => compileReply(`250 ${["{host}", ...lines].join("\n")}`);
  const earlyTalk = script.pipeliningPunishment;
  return {
    banner: compileReply(script.banner ?? "220 {host} ESMTP Postfix"),
    ehlo: hello(offersTls ? [...keywords, "STARTTLS"] : keywords),
    ehloEncrypted: hello(keywords),
    helo: compileReply("250 {host}"),
    ok: compileReply("250 2.0.0 Ok"),
    resetOk: compileReply("250 2.0.0 Ok"),
    senderOk: compileReply("250 2.1.0 Ok"),
    bye: compileReply("221 2.0.0 Bye"),
    syntax: compileReply("501 5.5.4 Syntax error in parameters"),
    badParameter: compileReply("555 5.5.4 Unsupported option"),
    badSequence: compileReply("503 5.5.1 Error: bad sequence of commands"),
    unknownCommand: compileReply("500 5.5.2 Error: command not recognized"),
    lineTooLong: compileReply("500 5.5.2 Error: line too long"),
    cannotVerify: compileReply("252 2.1.5 Cannot verify the user, but will try to deliver"),
    noData: compileReply("554 5.5.1 Error: nothing is ever delivered here"),
    tlsReady: compileReply("220 2.0.0 Ready to start TLS"),
    tlsUnavailable: compileReply("454 4.7.0 TLS not available due to local problem"),
    tlsRequired: compileReply(script.tlsRequired ?? "530 5.7.0 Must issue a STARTTLS command first"),
    senderUnknown: compileReply("450 4.1.8 <{addr}>: Sender address rejected: Domain not found"),
    relayDenied: compileReply("554 5.7.1 <{addr}>: Relay access denied"),
    utf8Needed: compileReply("553 5.6.7 <{addr}>: Address requires SMTPUTF8"),
    tooManyRecipients: compileReply(script.recipientsReply ?? "452 4.5.3 Error: too many recipients"),
    goodbye: script.patience?.goodbye ? compileReply(script.patience.goodbye) : null,
    tooManyErrors: compileReply("421 4.7.0 {host} Error: too many errors"),
    tooManyResets: compileReply("554 SMTP protocol error: too many nonmail commands"),
    busy: compileReply(script.connectionsReply ?? "421 4.7.0 {host} Error: too many connections from {ip}"),
    pregreet: compileReply(script.pregreet ?? "521 5.5.1 Protocol error"),
    newcomer: script.newcomer === undefined ? null : compileReply(script.newcomer),
    madeUp: script.madeUp === undefined ? null : compileReply(script.madeUp),
    earlyTalk: earlyTalk === undefined ? null : compileReply(earlyTalk),
  };
}
