import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { plainPath } from "../../../probe/smtp/path.ts";
import { type Question, question, type Visit } from "../../../probe/smtp/visit.ts";

/** Mail hosts of one operator on loopback addresses of their own: they greet, take everybody, and count. */
export type SmallHosts = {
  readonly port: number;
  readonly addresses: readonly string[];
  /** Connections that are open now, that were open at once at most, and that were made. */
  readonly seen: { open: number; most: number; made: number; quits: number };
  /** The hosts in the order in which they were connected to. */
  readonly order: string[];
  /** Holds replies to RCPT back until `letGo`. */
  hold(): void;
  letGo(): void;
  close(): Promise<void>;
};

export async function startSmallHosts(count: number): Promise<SmallHosts> {
  const seen = { open: 0, most: 0, made: 0, quits: 0 };
  const order: string[] = [];
  const held: (() => void)[] = [];
  let holding = false;
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  const addresses = Array.from({ length: count }, (_, i) => `127.0.51.${i + 1}`);
  let port = 0;
  for (const address of addresses) {
    const server = createServer((socket) => {
      sockets.add(socket);
      seen.open += 1;
      seen.made += 1;
      seen.most = Math.max(seen.most, seen.open);
      order.push(address);
      socket.on("error", () => {});
      // A host that has been told QUIT counts the connection no more.
      let counted = true;
      const gone = (): void => {
        if (counted) seen.open -= 1;
        counted = false;
      };
      socket.on("close", () => {
        sockets.delete(socket);
        gone();
      });
      socket.write("220 small.test ESMTP\r\n");
      let rest = "";
      socket.on("data", (bytes) => {
        const lines = (rest + bytes.toString("latin1")).split("\r\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          const verb = line.slice(0, 4).toUpperCase();
          const say = (text: string): void => void socket.write(`${text}\r\n`);
          if (verb === "EHLO") say("250-small.test\r\n250-PIPELINING\r\n250 ENHANCEDSTATUSCODES");
          else if (verb === "QUIT") {
            seen.quits += 1;
            gone();
            socket.end("221 2.0.0 Bye\r\n");
          } else if (verb === "RCPT" && holding) held.push(() => say("250 2.1.5 Ok"));
          else say("250 2.0.0 Ok");
        }
      });
    });
    server.listen(port, address);
    await once(server, "listening");
    const bound = server.address();
    if (bound !== null && typeof bound === "object") port = bound.port;
    servers.push(server);
  }
  return {
    port,
    addresses,
    seen,
    order,
    hold: () => {
      holding = true;
    },
    letGo() {
      holding = false;
      for (const answer of held.splice(0)) answer();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

const pathOf = (text: string) => {
  const path = plainPath(text);
  if (path === null) throw new Error(`${text} is no path`);
  return path;
};

type Visiting = { visit: Visit; over: Promise<readonly Question[]> };

/** A visit about so many recipients, and the promise of its end. */
export const visitOf = (recipients: number, urgent = false): Visiting =>
  visitAbout(
    Array.from({ length: recipients }, (_, i) => `user.${i}@small.test`),
    urgent,
  );

/** A visit about these recipients, and the promise of its end. */
export function visitAbout(recipients: readonly string[], urgent = false): Visiting {
  const questions = recipients.map((recipient) => question(pathOf(recipient), false));
  let end: (asked: readonly Question[]) => void = () => {};
  const over = new Promise<readonly Question[]>((resolve) => {
    end = resolve;
  });
  const visit: Visit = {
    sender: pathOf("probe@prober.test"),
    questions,
    urgent,
    fresh: false,
    record: false,
    cancelled: false,
    todo: [...questions],
    open: questions.length,
    fruitless: 0,
    broken: 0,
    tls: null,
    done: () => end(questions),
  };
  return { visit, over };
}
