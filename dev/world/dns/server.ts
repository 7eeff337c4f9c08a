import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { type Answer, decode, encode, type Packet } from "dns-packet";
import { RECORD_TTL_S, UDP_ANSWER_MAX_BYTES } from "../limits.ts";
import type { WorldStats } from "../stats.ts";
import type { ZoneAnswer } from "./zone.ts";

const AUTHORITATIVE = 1 << 10;
const TRUNCATED = 1 << 9;
const RECURSION_DESIRED = 1 << 8;
const RECURSION_AVAILABLE = 1 << 7;

/** Ports tried when any free one will do, because UDP and TCP must agree. */
const PORT_TRIES = 20;

/** A DNS server on 127.0.0.1, UDP and TCP at one port. */
export class DnsServer {
  readonly #answer: (name: string, type: string) => ZoneAnswer;
  readonly #stats: () => WorldStats;
  readonly #connections = new Set<Socket>();
  #udp: UdpSocket | null = null;
  #tcp: Server | null = null;

  constructor(answer: (name: string, type: string) => ZoneAnswer, stats: () => WorldStats) {
    this.#answer = answer;
    this.#stats = stats;
  }

  /** Binds both sockets; `port` 0 means any. Returns the port; rejects when it is taken. */
  async listen(port: number): Promise<number> {
    for (let attempt = 1; ; attempt += 1) {
      const bound = await this.#bindUdp(port);
      try {
        await this.#bindTcp(bound);
        return bound;
      } catch (error) {
        this.#udp?.close();
        if (port !== 0 || attempt === PORT_TRIES) throw error;
      }
    }
  }

  async close(): Promise<void> {
    for (const connection of this.#connections) connection.destroy();
    const { promise: udpClosed, resolve: onUdp } = Promise.withResolvers<void>();
    const { promise: tcpClosed, resolve: onTcp } = Promise.withResolvers<void>();
    if (this.#udp) this.#udp.close(() => onUdp());
    else onUdp();
    if (this.#tcp) this.#tcp.close(() => onTcp());
    else onTcp();
    await Promise.all([udpClosed, tcpClosed]);
  }

  #bindUdp(port: number): Promise<number> {
    const socket = createSocket({ type: "udp4", recvBufferSize: 4 << 20 });
    this.#udp = socket;
    socket.on("message", (message, client) => this.#onDatagram(message, client));
    return new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(port, "127.0.0.1", () => {
        socket.off("error", reject);
        socket.on("error", () => undefined);
        resolve(socket.address().port);
      });
    });
  }

  #bindTcp(port: number): Promise<void> {
    const server = createServer({ noDelay: true }, (socket) => this.#onConnection(socket));
    this.#tcp = server;
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", () => {
        server.off("error", reject);
        resolve();
      });
    });
  }

  #onDatagram(message: Buffer, client: RemoteInfo): void {
    this.#stats().dns.udp += 1;
    const reply = this.#reply(message, "udp");
    if (reply) this.#udp?.send(reply, client.port, client.address);
  }

  #onConnection(socket: Socket): void {
    this.#connections.add(socket);
    socket.on("close", () => this.#connections.delete(socket));
    socket.on("error", () => socket.destroy());
    let buffered: Buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      buffered = Buffer.concat([buffered, chunk]);
      while (buffered.length >= 2 && buffered.length >= 2 + buffered.readUInt16BE(0)) {
        const size = buffered.readUInt16BE(0);
        this.#stats().dns.tcp += 1;
        const reply = this.#reply(buffered.subarray(2, 2 + size), "tcp");
        buffered = buffered.subarray(2 + size);
        if (!reply) continue;
        const prefix = Buffer.alloc(2);
        prefix.writeUInt16BE(reply.length);
        socket.write(Buffer.concat([prefix, reply]));
      }
    });
  }

  #reply(message: Buffer, transport: "udp" | "tcp"): Buffer | null {
    const query = parse(message);
    const question = query?.questions?.[0];
    if (!query || !question) return null;
    const { byType } = this.#stats().dns;
    byType[question.type] = (byType[question.type] ?? 0) + 1;
    const found = this.#answer(question.name.toLowerCase().replace(/\.$/, ""), question.type);
    if (found.silent) return null;
    const flags = ((query.flags ?? 0) & RECURSION_DESIRED) | RECURSION_AVAILABLE | AUTHORITATIVE | found.rcode;
    const packet: Packet = { type: "response", id: query.id ?? 0, flags, questions: [question] };
    const opt = query.additionals?.find((record) => record.type === "OPT");
    const limit = opt?.type === "OPT" ? Math.max(UDP_ANSWER_MAX_BYTES, opt.udpPayloadSize) : UDP_ANSWER_MAX_BYTES;
    const full = encode({ ...packet, ...sections(found, question.name) });
    if (transport === "tcp" || (!found.truncate && full.length <= limit)) return full;
    return encode({ ...packet, flags: flags | TRUNCATED });
  }
}

/** A lame server refers elsewhere without authority; negative answers carry the SOA (RFC 2308). */
function sections(found: ZoneAnswer, name: string): Pick<Packet, "answers" | "authorities" | "flags"> {
  if (found.lame) {
    const referral: Answer = { type: "NS", name, ttl: RECORD_TTL_S, data: "ns.elsewhere.net" };
    return { flags: 0, authorities: [referral] };
  }
  if (found.answers.length > 0 || found.rcode === 2 || found.rcode === 5) return { answers: [...found.answers] };
  const zone = name.split(".").slice(-2).join(".");
  const data = {
    mname: "ns.mailworld.net",
    rname: "hostmaster.mailworld.net",
    serial: 1,
    refresh: 3_600,
    retry: 600,
    expire: 86_400,
    minimum: RECORD_TTL_S,
  };
  return { authorities: [{ type: "SOA", name: zone, ttl: RECORD_TTL_S, data }] };
}

function parse(message: Buffer): Packet | null {
  try {
    return decode(message);
  } catch {
    return null;
  }
}
