import { isIP } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { SMTPClient } from "smtp-client";

export type ChannelOptions = {
  /** An IP address that has passed the guard. */
  readonly address: string;
  readonly port: number;
  /** Name of the mail host, for SNI. */
  readonly host: string;
  readonly localAddress: string | null;
};

/** What the owner of a channel is told; nothing is told after `dropped`. */
export type ChannelHandlers = {
  connected(): void;
  received(text: string): void;
  secured(protocol: string): void;
  tlsFailed(detail: string): void;
  closed(detail: string): void;
};

// One context for all connections: building one costs as much as half a handshake.
let sharedContext: SecureContext | null = null;
const secureContext = (): SecureContext => {
  sharedContext ??= createSecureContext();
  return sharedContext;
};

/**
 * A connection made and upgraded by smtp-client, with its whole reply path replaced: the package hands every reply to
 * every waiting command, has no bounds, forgets its error listener and quits on its own (docs/SMTP-CHANNEL.md).
 */
export class Channel extends SMTPClient {
  readonly #handlers: ChannelHandlers;
  #dropped = false;
  #lastError = "";

  constructor(options: ChannelOptions, handlers: ChannelHandlers) {
    super({
      host: options.address,
      port: options.port,
      noDelay: true,
      // Opportunistic TLS hides the dialogue from bystanders; whose certificate it is changes no verdict.
      rejectUnauthorized: false,
      ...(isIP(options.host) === 0 && !options.host.startsWith("[") ? { servername: options.host } : {}),
      ...(options.localAddress === null ? {} : { localAddress: options.localAddress }),
    });
    this.#handlers = handlers;
  }

  /** Starts the connection; the handlers tell how it goes. Must be called once. */
  dial(): void {
    const socket = this._createSocket(this._config, () => this.#handlers.connected());
    this._socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => this._onReceive(text));
    socket.on("close", () => this._onClose());
    // Stays for the life of the socket: an error without a listener ends the process.
    socket.on("error", (error: Error) => this._onError(error));
  }

  /** Writes at once; the caller has encoded whole command lines. */
  send(text: string, utf8: boolean): void {
    if (!this.#dropped) this._socket?.write(text, utf8 ? "utf8" : "latin1");
  }

  /** STARTTLS was granted: begins the handshake. */
  upgrade(): void {
    const raw = this._socket;
    const done = this.negotiateTLS({ secureContext: secureContext() });
    // negotiateTLS has just taken every listener off the plain socket; without one a reset would end the process.
    raw?.on("error", (error: Error) => this._onError(error));
    raw?.on("close", () => this._onClose());
    done.then(
      () => this.#onSecured(),
      (error: Error) => this.#onTlsFailed(error.message),
    );
  }

  /** Destroys the socket; no handler is called any more. */
  drop(): void {
    this.#dropped = true;
    this._socket?.destroy();
  }

  #onSecured(): void {
    const socket = this._socket;
    if (this.#dropped || !(socket instanceof TLSSocket)) return;
    this.#handlers.secured(socket.getProtocol() ?? "TLS");
  }

  #onTlsFailed(detail: string): void {
    if (!this.#dropped) this.#handlers.tlsFailed(detail);
  }

  override _onReceive(text: string): void {
    if (!this.#dropped) this.#handlers.received(text);
  }

  override _onError(error: Error): void {
    this.#lastError = "code" in error && typeof error.code === "string" ? error.code : error.message;
  }

  override _onClose(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    this.#handlers.closed(this.#lastError);
  }

  // The server's FIN: the socket closes itself (no half-open connections), and `close` follows.
  override _onEnd(): void {}

  // The session keeps the only timer; the package would write QUIT into the dialogue here.
  override _onTimeout(): void {}
}
