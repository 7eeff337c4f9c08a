import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export type Page = { readonly status: number; readonly type: string; readonly body: string };

export type PageServer = { readonly port: number; close(): Promise<void> };

/** Whoever connects gets little time and few sockets: pages are small, and the port may face the internet. */
const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 64;
const HEADERS_MAX_BYTES = 8_192;

/**
 * Serves small pages over HTTP: GET and HEAD of a path, nothing else.
 * @param find the page at a path (without the query), or null
 * @throws when the port cannot be taken
 */
export async function servePages(
  address: string,
  port: number,
  find: (path: string) => Page | null | Promise<Page | null>,
): Promise<PageServer> {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: HEADERS_MAX_BYTES },
    async (request, response) => {
      const { method = "", url = "/" } = request;
      const readable = method === "GET" || method === "HEAD";
      const page = readable ? await find(url.split("?")[0] ?? "/") : { ...NOT_FOUND, status: 405 };
      const { status, type, body } = page ?? NOT_FOUND;
      response.writeHead(status, {
        "content-type": type,
        "content-length": Buffer.byteLength(body),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
        connection: "close",
        ...(readable ? {} : { allow: "GET, HEAD" }),
      });
      response.end(method === "HEAD" ? "" : body);
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.listen(port, address);
  await once(server, "listening");
  const bound = server.address() as AddressInfo;
  return {
    port: bound.port,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

const NOT_FOUND: Page = { status: 404, type: "text/plain; charset=utf-8", body: "Nothing here.\n" };
