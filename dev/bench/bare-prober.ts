import { Resolver } from "node:dns/promises";
import { connect } from "node:net";

/** One domain's addresses for the reference prober. */
export type BareTask = { readonly domain: string; readonly addresses: readonly string[] };

const FLIGHT = 100;
const IN_FLIGHT = 2;
const EOL = "\r\n";

/**
 * The least that asking about recipients can cost: bare sockets, one connection per domain, flights of 100 recipients
 * with two on the wire, a reply kept per address and nothing judged. No pool, no bounds, no recovery: a yardstick.
 * @returns replies by address
 */
export async function bareProbe(tasks: readonly BareTask[], dns: string, port: number): Promise<Map<string, string>> {
  const resolver = new Resolver();
  resolver.setServers([dns]);
  const replies = new Map<string, string>();
  await Promise.all(
    tasks.map(async ({ domain, addresses }) => {
      const [mx] = await resolver.resolveMx(domain);
      const [host = "127.0.0.1"] = await resolver.resolve4(mx?.exchange ?? domain);
      await ask(host, port, domain, addresses, replies);
    }),
  );
  return replies;
}

function ask(
  host: string,
  port: number,
  domain: string,
  addresses: readonly string[],
  replies: Map<string, string>,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    let rest = "";
    let greeted = 0;
    let next = 0;
    let flights = 0;
    let controlled = false;
    /** What is owed, in order: an address, or null for RSET and MAIL. */
    const owed: (string | null)[] = [];
    let head = 0;
    socket.on("error", reject);
    socket.on("close", () => resolve());
    const send = (batch: readonly string[], again: boolean): void => {
      let text = `${again ? `RSET${EOL}` : ""}MAIL FROM:<check@mailsonar.net>${EOL}`;
      owed.push(null);
      if (again) owed.push(null);
      for (const address of batch) {
        text += `RCPT TO:<${address}>${EOL}`;
        owed.push(address);
      }
      flights += 1;
      socket.write(text, "latin1");
    };
    const launch = (): void => {
      while (flights < IN_FLIGHT && next < addresses.length) {
        const batch = addresses.slice(next, next + FLIGHT);
        send(batch, next > 0);
        next += batch.length;
      }
      if (flights > 0) return;
      if (controlled) socket.end(`QUIT${EOL}`);
      else {
        controlled = true;
        send([`zq7control00x@${domain}`], true);
      }
    };
    const onReply = (reply: string): void => {
      if (greeted < 2) {
        greeted += 1;
        if (greeted === 1) socket.write(`EHLO bench.mailworld.net${EOL}`);
        else launch();
        return;
      }
      const address = owed[head];
      head += 1;
      if (typeof address === "string") replies.set(address, reply);
      // The next flight begins with RSET: the one before it has come home.
      if (head < owed.length && owed[head] !== null) return;
      if (typeof address !== "string") return;
      flights -= 1;
      launch();
    };
    socket.on("data", (chunk: Buffer) => {
      const text = rest + chunk.toString("latin1");
      let start = 0;
      for (let lf = text.indexOf("\n"); lf >= 0; lf = text.indexOf("\n", start)) {
        if (text.charCodeAt(start + 3) !== 45) onReply(text.slice(start, lf - 1));
        start = lf + 1;
      }
      rest = text.slice(start);
    });
  });
}
