/**
 * A server of HTTP/2 for clients of other people, over TCP or TLS.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Closed } from "../../src/http1/options.ts";
import type { Handler } from "../../src/http1/server_exchange.ts";
import type { Http2ServerConnectionOptions } from "../../src/http2/options.ts";
import { serveConnection } from "../../src/http2/server_connection.ts";
import { listen } from "../../src/net/mod.ts";
import { serverCert, serverKey } from "./certificates.ts";

/** See the module. */
export interface Http2Site {
  /** With the port, without a path. */
  readonly origin: string;
  /** Where it listens. */
  readonly port: number;
  /** How many connections were made. */
  readonly connections: number;
  /** Listens no more and shuts down; no connection may have failed, nor any handler. */
  close(): Promise<void>;
}

/** Serves. */
export async function http2Site(
  over: "tcp" | "tls",
  handler: Handler,
  options: Http2ServerConnectionOptions = {},
): Promise<Http2Site> {
  const tls = { cert: serverCert, key: serverKey, alpnProtocols: ["h2"] };
  const listener = await listen({ hostname: "127.0.0.1", ...(over === "tls" ? { tls } : {}) });
  const shutdowns: (() => Promise<Closed>)[] = [];
  const errors: unknown[] = [];
  const accepting = (async () => {
    for await (const socket of listener) {
      const connection = serveConnection(socket, handler, { onError: (error) => errors.push(error), ...options });
      shutdowns.push(() => connection.gracefulShutdown());
    }
  })();
  const { port } = listener.address;
  return {
    port,
    origin: `${over === "tls" ? "https" : "http"}://127.0.0.1:${port}`,
    get connections() {
      return shutdowns.length;
    },
    async close() {
      await listener.close();
      await accepting;
      for (const why of await Promise.all(shutdowns.map((shutdown) => shutdown()))) {
        if (why.reason === "error") errors.push(why.error);
      }
      assertEquals(errors, []);
    },
  };
}
