/**
 * A client whose connections of HTTP/2 lead into the test: a server of ours answers, or the test plays one frame by frame.
 *
 * @module
 */

import type { Handler } from "../../src/http1/server_exchange.ts";
import type { Client } from "../../src/http/client/client.ts";
import type { ClientOptions } from "../../src/http/client/options.ts";
import type { Http2ServerConnectionOptions } from "../../src/http2/options.ts";
import { type Http2ServerConnection, serveConnection } from "../../src/http2/server_connection.ts";
import type { ByteChannel } from "../../src/duplex/duplex.ts";
import { type Dialing, dialing } from "./dialing.ts";
import { settings, settingsAck, Speller } from "./h2_wire.ts";
import { joined } from "./switching.ts";

/** A client that speaks HTTP/2 from the beginning, and the ends of servers of ours. */
export interface Sharing extends Dialing {
  /** The server's connections, in order. */
  readonly served: readonly Http2ServerConnection[];
}

/** Prior knowledge, as there is no ALPN in memory. */
export function h2c(options: ClientOptions = {}): ClientOptions {
  const more = typeof options.http2 === "object" ? options.http2 : {};
  return { ...options, http2: { h2c: true, ...more } };
}

/** A client whose connections are all served over HTTP/2. */
export function sharing(
  handler: Handler,
  options: ClientOptions = {},
  serverOptions: Http2ServerConnectionOptions = {},
): Sharing {
  const served: Http2ServerConnection[] = [];
  const made = dialing(h2c(options), ({ far }) => {
    served.push(serveConnection(far, handler, { dateHeader: false, ...serverOptions }));
  });
  return Object.assign(made, { served });
}

/** The server's end of one connection, in the test's hands. */
export class Http2Peer {
  readonly #end: ByteChannel;
  readonly #speller = new Speller(true);
  readonly #frames: string[] = [];

  /** Has said nothing yet. */
  constructor(end: ByteChannel) {
    this.#end = end;
  }

  /** Sends its SETTINGS, and acknowledges the client's. */
  async begin(...pairs: readonly (readonly [id: number, value: number])[]): Promise<void> {
    await this.send(settings(...pairs), settingsAck);
  }

  /** Sends frames. */
  async send(...frames: readonly Uint8Array[]): Promise<void> {
    await this.#end.write(joined(...frames));
  }

  /** The next frame that begins like this; those before it are skipped. `END` at the end of the connection. */
  async until(beginning: string): Promise<string> {
    for (;;) {
      for (let frame = this.#frames.shift(); frame !== undefined; frame = this.#frames.shift()) {
        if (frame.startsWith(beginning)) return frame;
      }
      const chunk = await this.#end.read().catch(() => null);
      if (chunk === null) return "END";
      this.#frames.push(...this.#speller.spell(chunk));
    }
  }

  /** Ends this side. */
  async end(): Promise<void> {
    await this.#end.closeWrite();
  }

  /** Cuts the connection. */
  cut(): void {
    this.#end.abort();
  }
}

/** A client whose servers the test plays. */
export function playing(options: ClientOptions = {}): {
  readonly client: Client;
  readonly dialed: Dialing["dialed"];
  /** The connection of this number, before its server has begun. */
  readonly connection: Dialing["connection"];
  /** The server of the connection of this number, which has begun. */
  peer(index: number, ...pairs: readonly (readonly [id: number, value: number])[]): Promise<Http2Peer>;
} {
  const { client, dialed, connection } = dialing(h2c(options));
  return {
    client,
    dialed,
    connection,
    async peer(index, ...pairs) {
      const peer = new Http2Peer((await connection(index)).far);
      await peer.begin(...pairs);
      return peer;
    },
  };
}
