/**
 * What the tests of `serve` share: a server on a port of its own, and raw connections to it.
 *
 * @module
 */

import { serve } from "../../src/http/server/serve.ts";
import type { ServeHandler, ServeOptions } from "../../src/http/server/serve_options.ts";
import type { Server } from "../../src/http/server/serve_options.ts";
import { connect } from "../../src/net/mod.ts";
import type { Socket } from "../../src/duplex/socket.ts";
import { readAll, wire } from "./wire.ts";

/** A server that listens on loopback. */
export interface Listening extends AsyncDisposable {
  readonly server: Server;
  readonly port: number;
  readonly origin: string;
}

/** Serves on a port that the system chooses. No Date, and errors are not printed, unless the options say so. */
export async function listening(handler: ServeHandler, options: ServeOptions = {}): Promise<Listening> {
  const server = serve({ hostname: "127.0.0.1", port: 0, dateHeader: false, onError() {}, ...options }, handler);
  const [address] = await server.listening;
  const port = address?.port ?? 0;
  return {
    server,
    port,
    origin: `http://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => server.shutdown({ upgraded: "close" }),
  };
}

/** A raw connection to the port. */
export function dial(port: number): Socket {
  return connect({ hostname: "127.0.0.1", port });
}

/** Says something, ends its side, and gives everything that comes back. */
export async function say(port: number, text: string): Promise<string> {
  const socket = dial(port);
  await socket.write(wire(text));
  await socket.closeWrite();
  const answer = await readAll(socket);
  await socket.close();
  return answer;
}
