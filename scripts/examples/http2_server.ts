/**
 * A server of HTTP/2, for people and for conformance suites such as h2spec: with prior knowledge on one port, and over TLS with ALPN
 * `h2` on another.
 *
 * `deno run -A scripts/examples/http2_server.ts --port=8080 --tls-port=8443`, or with `bun` or `node`. Without `--cert` and `--key`
 * it has a certificate for `localhost` from an authority that no one trusts. Then `curl --http2-prior-knowledge
 * http://127.0.0.1:8080/`, `curl -k --http2 https://127.0.0.1:8443/`, `h2spec -p 8080` or `h2spec -t -k -p 8443`. Ctrl-C lets what is
 * at work end.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import type { Handler, IncomingRequest } from "../../src/http1/mod.ts";
import { type Http2ServerConnection, serveConnection } from "../../src/http2/server_connection.ts";
import { listen, type Listener, type TlsServerOptions } from "../../src/net/mod.ts";
import { CERTIFICATE, KEY } from "./certificate.ts";

/** Where to listen. */
export interface Http2ServerExampleOptions {
  /** 127.0.0.1 when left out. */
  readonly hostname?: string | undefined;
  /** For prior knowledge; 0, the default, lets the system choose. */
  readonly port?: number | undefined;
  /** For TLS; 0, the default, lets the system choose. */
  readonly tlsPort?: number | undefined;
  /** For TLS: PEM. */
  readonly cert?: string | undefined;
  /** Its key: PEM. */
  readonly key?: string | undefined;
}

/** A server that runs. */
export interface RunningHttp2Server {
  /** Where it speaks with prior knowledge. */
  readonly port: number;
  /** Where it speaks over TLS. */
  readonly tlsPort: number;
  /** Listens no more, and waits for what is at work. */
  shutdown(): Promise<void>;
}

/** 16 KiB and some more: the peer's windows have a part in it when they are small. */
const PAGE = "It is HTTP/2 that brings this line.\n".repeat(500);

/** GET answers with a page, POST with what it got, as it comes. */
const handler: Handler = (request) => {
  const { method, target: path } = request;
  if (method === "POST") return { status: 200, fields: typeOf(request), body: request.body };
  if (method !== "GET" && method !== "HEAD") return { status: 405, fields: [["allow", "GET, HEAD, POST"]] };
  return path === "/" ? page(request) : { status: 404, fields: [["content-type", "text/plain"]], body: "not found\n" };
};

/** A body that comes with a GET is read and dropped before: what is wrong with it can still be told. */
async function page({ body }: IncomingRequest) {
  for await (const _part of body);
  return {
    status: 200,
    fields: [["content-type", "text/plain"], ["content-length", `${PAGE.length}`]],
    body: PAGE,
  } as const;
}

function typeOf({ fields }: IncomingRequest): Record<string, string> {
  return { "content-type": fields.get("content-type") ?? "application/octet-stream" };
}

/** Serves on both ports. */
export async function http2Server(options: Http2ServerExampleOptions = {}): Promise<RunningHttp2Server> {
  const { hostname = "127.0.0.1", port = 0, tlsPort = 0, cert = CERTIFICATE, key = KEY } = options;
  const tls: TlsServerOptions = { cert, key, alpnProtocols: ["h2"] };
  const listeners = [await listen({ hostname, port }), await listen({ hostname, port: tlsPort, tls })] as const;
  const open = new Set<Http2ServerConnection>();
  const accepting = listeners.map((listener) => accept(listener, open));
  return {
    port: listeners[0].address.port,
    tlsPort: listeners[1].address.port,
    async shutdown() {
      for (const listener of listeners) await listener.close();
      await Promise.all(accepting);
      await Promise.all([...open].map((connection) => connection.gracefulShutdown()));
    },
  };
}

async function accept(listener: Listener, open: Set<Http2ServerConnection>): Promise<void> {
  for await (const socket of listener) {
    const connection = serveConnection(socket, handler);
    open.add(connection);
    connection.closed.then(() => open.delete(connection));
  }
}

if (import.meta.main ?? false) {
  const { values } = parseArgs({
    options: {
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "8080" },
      "tls-port": { type: "string", default: "8443" },
      cert: { type: "string" },
      key: { type: "string" },
    },
  });
  const file = (path: string | undefined) => path === undefined ? undefined : readFileSync(path, "utf8");
  const server = await http2Server({
    hostname: values.host,
    port: Number(values.port),
    tlsPort: Number(values["tls-port"]),
    cert: file(values.cert),
    key: file(values.key),
  });
  console.log(`HTTP/2 at http://${values.host}:${server.port}/ and https://${values.host}:${server.tlsPort}/`);
  process.once("SIGINT", () => server.shutdown());
}
