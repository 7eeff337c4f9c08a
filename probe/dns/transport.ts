import { randomInt } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import type { Server } from "../config.ts";
import { DNS_QUERIES_MAX, DNS_RECEIVE_BUFFER_BYTES } from "../limits.ts";
import { encodeQuery, messageId, type RawAnswer, type RecordData, type RecordType, readAnswer } from "./message.ts";

/** Asks one server one question, once. Never rejects; gives "timeout" when nothing valid comes in time. */
export type Exchange = <K extends RecordType>(
  server: Server,
  name: string,
  type: K,
  timeoutMs: number,
) => Promise<RawAnswer<RecordData[K]>>;

export type Transport = { readonly exchange: Exchange; close(): void };

type Waiter = (message: Buffer | null) => boolean;
type Line = {
  readonly socket: Socket;
  readonly waiting: Map<number, Waiter>;
  /** Queries made before the socket was connected; null once it is. */
  early: Buffer[] | null;
};

/** UDP, one connected socket per server, with TCP where an answer does not fit (RFC 7766). */
export function createTransport(): Transport {
  const lines = new Map<string, Line>();
  const abort = new AbortController();

  const lineTo = (server: Server): Line => {
    const key = `${server.host} ${server.port}`;
    const known = lines.get(key);
    if (known) return known;
    const line = openLine(server, () => {
      if (lines.get(key) === line) lines.delete(key);
    });
    lines.set(key, line);
    return line;
  };

  const exchange: Exchange = async (server, name, type, timeoutMs) => {
    const udp = await askByUdp(lineTo(server), name, type, timeoutMs);
    return udp.kind === "truncated" ? askByTcp(server, name, type, timeoutMs, abort.signal) : udp;
  };

  return {
    exchange,
    close() {
      abort.abort();
      for (const line of lines.values()) shut(line);
      lines.clear();
    },
  };
}

function openLine(server: Server, onGone: () => void): Line {
  const socket = createSocket({
    type: isIPv6(server.host) ? "udp6" : "udp4",
    recvBufferSize: DNS_RECEIVE_BUFFER_BYTES,
  });
  // Each question of the first burst waits for the socket to be connected.
  socket.setMaxListeners(DNS_QUERIES_MAX + 8);
  const line: Line = { socket, waiting: new Map(), early: [] };
  socket.unref();
  socket.on("message", (message) => {
    const id = messageId(message);
    const waiter = id === null ? undefined : line.waiting.get(id);
    // A stray or forged message leaves the question open: the true answer may still come.
    if (id !== null && waiter?.(message)) line.waiting.delete(id);
  });
  // An unreachable port comes back as ECONNREFUSED; a fresh socket is opened for the next question.
  socket.on("error", () => {
    onGone();
    shut(line);
  });
  // Connected, the kernel drops whatever comes from elsewhere.
  socket.connect(server.port, server.host, () => {
    for (const query of line.early ?? []) socket.send(query, ignore);
    line.early = null;
  });
  return line;
}

// A datagram that could not be sent is one that was lost: the timeout sees to it.
const ignore = (): void => undefined;

function shut(line: Line): void {
  for (const waiter of line.waiting.values()) waiter(null);
  line.waiting.clear();
  try {
    line.socket.close();
  } catch {
    // Already closed by the error that brought us here.
  }
}

function askByUdp<K extends RecordType>(
  line: Line,
  name: string,
  type: K,
  timeoutMs: number,
): Promise<RawAnswer<RecordData[K]>> {
  let id = randomInt(65_536);
  while (line.waiting.has(id)) id = randomInt(65_536);
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      line.waiting.delete(id);
      resolve({ kind: "timeout" });
    }, timeoutMs);
    line.waiting.set(id, (message) => {
      const answer = message === null ? ({ kind: "timeout" } as const) : readAnswer(message, name, type);
      if (answer === null) return false;
      clearTimeout(timer);
      resolve(answer);
      return true;
    });
    const query = encodeOrNull(id, name, type);
    if (query === null) line.waiting.get(id)?.(null);
    else if (line.early !== null) line.early.push(query);
    else line.socket.send(query, ignore);
  });
}

/** Names with labels that do not fit the format (over 63 octets) cannot be asked for. */
function encodeOrNull(id: number, name: string, type: RecordType): Buffer | null {
  try {
    return encodeQuery(id, name, type);
  } catch {
    return null;
  }
}

function askByTcp<K extends RecordType>(
  server: Server,
  name: string,
  type: K,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<RawAnswer<RecordData[K]>> {
  const id = randomInt(65_536);
  const query = encodeOrNull(id, name, type);
  if (query === null || signal.aborted) return Promise.resolve({ kind: "timeout" });
  return new Promise((resolve) => {
    const socket = connect({ host: server.host, port: server.port });
    let buffered: Buffer = Buffer.alloc(0);
    const finish = (answer: RawAnswer<RecordData[K]>): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      // TCP answers are complete: one that still says "truncated" is broken.
      resolve(answer.kind === "truncated" ? { kind: "malformed" } : answer);
    };
    const onAbort = (): void => finish({ kind: "timeout" });
    const timer = setTimeout(onAbort, timeoutMs);
    signal.addEventListener("abort", onAbort);
    socket.on("error", () => finish({ kind: "timeout" }));
    socket.on("close", () => finish({ kind: "timeout" }));
    socket.on("connect", () => {
      const prefix = Buffer.alloc(2);
      prefix.writeUInt16BE(query.length);
      socket.write(Buffer.concat([prefix, query]));
    });
    socket.on("data", (chunk: Buffer) => {
      buffered = Buffer.concat([buffered, chunk]);
      if (buffered.length < 2 || buffered.length < 2 + buffered.readUInt16BE(0)) return;
      const message = buffered.subarray(2, 2 + buffered.readUInt16BE(0));
      const answer = messageId(message) === id ? readAnswer(message, name, type) : null;
      finish(answer ?? { kind: "malformed" });
    });
  });
}
