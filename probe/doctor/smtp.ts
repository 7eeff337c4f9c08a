import { connect, isIPv6 } from "node:net";
import { type Reply, ReplyParser } from "../smtp/reply-parser.ts";
import { SMTP_CONNECT_TIMEOUT_MS, SMTP_REPLY_TIMEOUT_MS } from "./limits.ts";

type TimedReply = Reply & { readonly ms: number };

/** How a short dialogue went: the replies that came, and why it ended before its last command, if it did. */
export type Talk = { readonly replies: readonly TimedReply[]; readonly trouble: string | null };

export type TalkTarget = {
  readonly address: string;
  readonly port: number;
  /** Local address to dial from, or null. */
  readonly local: string | null;
  readonly replyTimeoutMs?: number;
};

/**
 * Reads a host's banner and says commands one by one, each after the reply to the one before; stops at the first reply
 * of 400 and above. Says QUIT without waiting for its answer. Never rejects. The address has passed the guard.
 */
export function talk(target: TalkTarget, commands: readonly string[], signal: AbortSignal): Promise<Talk> {
  const replyMs = target.replyTimeoutMs ?? SMTP_REPLY_TIMEOUT_MS;
  return new Promise((resolve) => {
    const replies: TimedReply[] = [];
    const parser = new ReplyParser();
    let askedMs = performance.now();
    const socket = connect({
      host: target.address,
      port: target.port,
      ...(target.local === null ? {} : { localAddress: target.local }),
      ...(isIPv6(target.address) ? { family: 6 } : {}),
    });
    let timer = setTimeout(() => end("no connection in time"), SMTP_CONNECT_TIMEOUT_MS);
    const end = (trouble: string | null): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      if (trouble === null) socket.end("QUIT\r\n");
      socket.destroySoon();
      resolve({ replies, trouble });
    };
    const onAbort = (): void => end("stopped");
    const expect = (): void => {
      clearTimeout(timer);
      askedMs = performance.now();
      timer = setTimeout(() => end("no reply in time"), replyMs);
    };
    signal.addEventListener("abort", onAbort);
    socket.setEncoding("latin1");
    socket.on("connect", expect);
    socket.on("error", (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.on("close", () => end("connection closed"));
    socket.on("data", (chunk: string) => {
      parser.push(chunk);
      const parsed = parser.next();
      if (parsed === null) return;
      if ("fault" in parsed) return end("not an SMTP reply");
      replies.push({ ...parsed.reply, ms: performance.now() - askedMs });
      const command = commands[replies.length - 1];
      if (command === undefined || parsed.reply.code >= 400) return end(null);
      socket.write(`${command}\r\n`);
      expect();
    });
  });
}
