/** The part of smtp-client that the prober builds upon; the package's own types do not match its code. */
declare module "smtp-client" {
  import type { EventEmitter } from "node:events";
  import type { Socket, TcpNetConnectOpts } from "node:net";
  import type { ConnectionOptions, TLSSocket } from "node:tls";

  export class SMTPClient extends EventEmitter {
    constructor(config: TcpNetConnectOpts & ConnectionOptions);
    _config: TcpNetConnectOpts & ConnectionOptions;
    _socket: Socket | TLSSocket | null;
    _isSecure: boolean;
    _createSocket(config: object, onConnect: () => void): Socket | TLSSocket;
    negotiateTLS(config: ConnectionOptions): Promise<void>;
    isSecure(): boolean;
    _onReceive(chunk: string): void;
    _onClose(): void;
    _onEnd(): void;
    _onError(error: Error): void;
    _onTimeout(): void;
  }
}
