import { Resolver } from "node:dns/promises";
import { connect, type Socket } from "node:net";

/** One domain's addresses for the reference prober. */
export type BareTask = { readonly domain: string; readonly addresses: readonly string[] };

const FLIGHT = 100;
const IN_FLIGHT = 2;
const EOL = "\r\n";

/**
 * The least that asking about recipients can cost: bare sockets, one connection per domain, flights of 100 recipients
 * with two on the wire, reply codes counted and nothing else. No pool, no bounds, no recovery: a yardstick, no prober.
 * @returns recipients accepted
 */
export async function bareProbe(tasks: readonly BareTask[], dns: string, port: number): Promise<number> {
  const resolver = new Resolver();
  resolver.setServers([dns]);
  const counts = await Promise.all(
    tasks.map(async ({ domain, addresses }) => {
      const [mx] = await resolver.resolveMx(domain);
      const [host = "127.0.0.1"] = await resolver.resolve4(mx?.exchange ?? domain);
      return ask(host, port, domain, addresses);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

function ask(host: string, port: number, domain: string, addresses: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    let rest = "";
    let greeted = 0;
    let next = 0;
    let owed: number[] = [];
    let accepted = 0;
    let controlled = false;
    socket.on("error", reject);
    socket.on("close", () => resolve(accepted));
    const launch = (): void => {
      while (owed.length < IN_FLIGHT && next < addresses.length) {
        const batch = addresses.slice(next, next + FLIGHT);
        owed.push(send(socket, batch, next > 0));
        next += batch.length;
      }
      if (owed.length > 0) return;
      if (controlled) socket.end(`QUIT${EOL}`);
      else {
        controlled = true;
        owed.push(send(socket, [`zq7control00x@${domain}`], true));
      }
    };
    socket.on("data", (chunk: Buffer) => {
      const text = rest + chunk.toString("latin1");
      let start = 0;
      for (let lf = text.indexOf("\n"); lf >= 0; lf = text.indexOf("\n", start)) {
        const last = text.charCodeAt(start + 3) !== 45;
        const good = text.charCodeAt(start) === 50;
        start = lf + 1;
        if (!last) continue;
        if (greeted < 2) {
          greeted += 1;
          if (greeted === 1) socket.write(`EHLO bench.mailworld.net${EOL}`);
          else launch();
          continue;
        }
        if (owed.length === 0) continue;
        owed[0] = (owed[0] ?? 0) - 1;
        if (good) accepted += 1;
        if (owed[0] > 0) continue;
        owed = owed.slice(1);
        launch();
      }
      rest = text.slice(start);
    });
  });
}

/** Sends one transaction; the number of replies that it will have. */
function send(socket: Socket, batch: readonly string[], again: boolean): number {
  let text = `${again ? `RSET${EOL}` : ""}MAIL FROM:<check@mailsonar.net>${EOL}`;
  for (const address of batch) text += `RCPT TO:<${address}>${EOL}`;
  socket.write(text, "latin1");
  return batch.length + (again ? 2 : 1);
}
