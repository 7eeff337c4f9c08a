import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { connect as dial, type Socket } from "node:net";
import { connect as secure } from "node:tls";
import type { World } from "../../../dev/world/world.ts";

const LAST_LINE = /^\d{3}(?: .*)?\r?$/;

/** A plain SMTP client without opinions: it sends what it is told and collects what comes. */
export class Client {
  #socket: Socket;
  #text = "";
  #closed = false;
  #wake: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  get text(): string {
    return this.#text;
  }

  send(text: string): void {
    this.#socket.write(text, "latin1");
  }

  /** The next `count` replies, each with all its lines; fewer when the server closes. */
  async replies(count = 1): Promise<string[]> {
    const found: string[] = [];
    while (found.length < count) {
      const reply = this.#take();
      if (reply !== null) found.push(reply);
      else if (this.#closed) break;
      else await this.#more();
    }
    return found;
  }

  /** Sends and waits for the replies; the first one's text. */
  async ask(text: string, count = 1): Promise<string[]> {
    this.send(text);
    return await this.replies(count);
  }

  /** Everything up to the close. */
  async rest(): Promise<string> {
    while (!this.#closed) await this.#more();
    return this.#text;
  }

  async encrypt(): Promise<void> {
    this.#socket.removeAllListeners("data");
    const socket = secure({ socket: this.#socket, rejectUnauthorized: false });
    this.#socket = socket;
    this.#listen(socket);
    await once(socket, "secureConnect");
  }

  close(): void {
    this.#socket.destroy();
  }

  #listen(socket: Socket): void {
    socket.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString("latin1");
      this.#wake();
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#closed = true;
      this.#wake();
    });
  }

  async #more(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }

  #take(): string | null {
    let end = 0;
    for (let lf = this.#text.indexOf("\n"); lf >= 0; lf = this.#text.indexOf("\n", lf + 1)) {
      const line = this.#text.slice(end, lf);
      end = lf + 1;
      if (!LAST_LINE.test(line)) continue;
      const reply = this.#text.slice(0, end).replaceAll("\r", "").trimEnd();
      this.#text = this.#text.slice(end);
      return reply;
    }
    return null;
  }
}

/** A resolver that asks the world. */
export function resolver(world: World): Resolver {
  const made = new Resolver({ timeout: 300, tries: 1 });
  made.setServers([world.dns]);
  return made;
}

/** Connects to the best MX of a domain, as its DNS has it. */
export async function visit(world: World, domain: string): Promise<Client> {
  const dns = resolver(world);
  const best = (await dns.resolveMx(domain)).toSorted((a, b) => a.priority - b.priority)[0];
  const [address] = await dns.resolve4(best?.exchange ?? domain);
  if (address === undefined) throw new Error(`no address for ${domain}`);
  return await visitAddress(world, address);
}

/** Connects to an address at the world's SMTP port. */
export async function visitAddress(world: World, address: string, localAddress = "127.0.0.1"): Promise<Client> {
  const socket = dial({ host: address, port: world.smtpPort, localAddress });
  const client = new Client(socket);
  await once(socket, "connect");
  return client;
}

/** Visits, greets, opens a transaction and asks about recipients one by one; their replies. */
export async function recipients(world: World, domain: string, locals: readonly string[]): Promise<string[]> {
  const client = await visit(world, domain);
  await client.replies();
  await client.ask("EHLO probe.mailworld.net\r\n");
  await client.ask("MAIL FROM:<check@probe.mailworld.net>\r\n");
  const found: string[] = [];
  for (const local of locals) found.push(...(await client.ask(`RCPT TO:<${local}@${domain}>\r\n`)));
  client.close();
  return found;
}
