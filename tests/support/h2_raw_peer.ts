/**
 * A connection of HTTP/2 whose peer is the test itself, frame by frame; what ours sends reads as text.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { duplexPair, type DuplexPairOptions, type PairEnd } from "../../src/duplex/pair.ts";
import type { Closed } from "../../src/http1/options.ts";
import type { Handler } from "../../src/http1/server_exchange.ts";
import { handshake, type Http2ClientConnection } from "../../src/http2/client_connection.ts";
import type { Http2ClientConnectionOptions, Http2ServerConnectionOptions } from "../../src/http2/options.ts";
import { type Http2ServerConnection, serveConnection } from "../../src/http2/server_connection.ts";
import { PREFACE, settings, settingsAck, Speller } from "./h2_wire.ts";
import { joined } from "./switching.ts";
import { FakeClock, turns } from "./wire.ts";

/** What the test has in hand whichever side it plays. */
abstract class RawPeer {
  readonly end: PairEnd;
  /** That of our side: its time stands still. */
  readonly clock: FakeClock;
  /** What our side has sent since it was asked last. */
  #said: string[] = [];
  readonly #speller: Speller;
  /** Resolves at the end of what our side sends. */
  readonly ended: Promise<void>;

  protected constructor(end: PairEnd, clock: FakeClock, speller: Speller) {
    this.end = end;
    this.clock = clock;
    this.#speller = speller;
    this.ended = this.#read();
  }

  /** Why our side is over. */
  abstract get closed(): Promise<Closed>;

  async #read(): Promise<void> {
    try {
      for (let chunk = await this.end.read(); chunk !== null; chunk = await this.end.read()) {
        this.#said.push(...this.#speller.spell(chunk));
      }
    } catch {
      this.#said.push("cut");
    }
  }

  /** Sends frames; gives what our side says to them. */
  async sends(...frames: readonly Uint8Array[]): Promise<string[]> {
    if (frames.length > 0) await this.end.write(joined(...frames));
    await turns();
    return this.#said.splice(0);
  }

  /** Time passes; gives what our side says meanwhile. */
  async passes(ms: number): Promise<string[]> {
    await this.clock.advance(ms);
    return await this.sends();
  }

  /** The connection ends; no timer may be left. */
  async ends(): Promise<void> {
    this.end.abort();
    await this.closed;
    await turns();
    assertEquals(this.clock.pending, 0);
  }
}

/** A client that writes frames as it likes, and a server of ours. */
export class RawClient extends RawPeer {
  readonly connection: Http2ServerConnection;

  constructor(handler: Handler, options: Http2ServerConnectionOptions = {}, pair: DuplexPairOptions = {}) {
    const [near, far] = duplexPair(pair);
    const clock = new FakeClock();
    const connection = serveConnection(far, handler, { clock, dateHeader: false, ...options });
    super(near, clock, new Speller(false));
    this.connection = connection;
  }

  get closed(): Promise<Closed> {
    return this.connection.closed;
  }

  /** Begins. */
  async begins(...pairs: readonly (readonly [id: number, value: number])[]): Promise<void> {
    await this.sends(PREFACE, settings(...pairs), settingsAck);
  }
}

/** A server that writes frames as it likes, and a client of ours. */
export class RawServer extends RawPeer {
  readonly connection: Http2ClientConnection;

  constructor(options: Http2ClientConnectionOptions = {}, pair: DuplexPairOptions = {}) {
    const [near, far] = duplexPair(pair);
    const clock = new FakeClock();
    const { connection } = handshake(near, { clock, ...options });
    super(far, clock, new Speller(true));
    this.connection = connection;
  }

  get closed(): Promise<Closed> {
    return this.connection.closed;
  }

  /** Begins; it takes upgrades. */
  async begins(): Promise<void> {
    await this.sends(settings([8, 1]), settingsAck);
  }
}
