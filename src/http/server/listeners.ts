/**
 * Where does a server listen, and whom does it let in? `server.ts` starts and stops this, and gets each socket once its TLS
 * handshake is over.
 *
 * @module
 */

import { type Clock, Deadline } from "../../duplex/clock.ts";
import { Deferred } from "../../duplex/deferred.ts";
import type { Listener, ListenOptions } from "../../duplex/network.ts";
import type { Socket, SocketInfo } from "../../duplex/socket.ts";
import { listen } from "../platform.ts";
import type { ServeOptions, ServerAddress } from "./serve_options.ts";

/** What the listeners ask the server, and tell it. */
export interface Admission {
  /** Where time comes from. */
  readonly clock: Clock;
  /** How long a TLS handshake may take. */
  readonly handshakeTimeoutMs: number;
  /** Whether no further connection is let in for now. */
  full(): boolean;
  /** A connection is open. */
  enter(socket: Socket, info: SocketInfo, secure: boolean): void;
  /** One that was opening is open or has failed. */
  settled(): void;
}

/** The listeners of one server. */
export class Listeners {
  readonly #options: ServeOptions;
  readonly #admission: Admission;
  readonly #opening: Set<Socket> = new Set();
  #listeners: Listener[] = [];
  #stopped = false;
  #freed: Deferred<void> | null = null;

  constructor(options: ServeOptions, admission: Admission) {
    this.#options = options;
    this.#admission = admission;
  }

  /** How many sockets are in their handshake. */
  get opening(): number {
    return this.#opening.size;
  }

  /** Listens at each place; at none if one of them fails. */
  async listen(): Promise<readonly [ServerAddress, ...ServerAddress[]]> {
    const places = placesOf(this.#options);
    try {
      for (const place of places) this.#listeners.push(await listen(place));
    } catch (error) {
      await this.#close();
      throw error;
    }
    this.#listeners.forEach((listener, i) => this.#accept(listener, places[i]!.tls !== undefined));
    if (this.#stopped) this.#close();
    const [first, ...others] = this.#listeners.map((listener): ServerAddress => listener.address);
    if (first === undefined) throw new TypeError("Cannot serve: there is no place to listen at");
    return [first, ...others];
  }

  /** Lets nothing in any more, and cuts what is in its handshake. Resolves when the ports are free. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const socket of this.#opening) socket.abort();
    this.#freed?.resolve();
    await this.#close();
  }

  /** A connection is over: another one may come. */
  free(): void {
    this.#freed?.resolve();
    this.#freed = null;
  }

  async #close(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }

  async #accept(listener: Listener, secure: boolean): Promise<void> {
    while (!this.#stopped) {
      while (this.#full) await this.#freeing;
      const socket = await listener.accept();
      if (socket === null) return;
      // Meanwhile another listener may have filled the last place.
      while (this.#full) await this.#freeing;
      if (this.#stopped) socket.abort();
      else this.#let(socket, secure);
    }
  }

  /** Most sockets are open when they are accepted: nothing is waited for. */
  #let(socket: Socket, secure: boolean): void {
    const { info = null } = socket as { readonly info?: SocketInfo | null };
    if (info === null) return void this.#open(socket, secure);
    try {
      this.#admission.enter(socket, info, secure);
    } catch {
      socket.abort();
    }
  }

  get #full(): boolean {
    return !this.#stopped && this.#admission.full();
  }

  /** Resolves when a connection is over, or the server is to end. */
  get #freeing(): Promise<void> {
    return (this.#freed ??= new Deferred<void>()).promise;
  }

  async #open(socket: Socket, secure: boolean): Promise<void> {
    this.#opening.add(socket);
    const handshake = new Deadline(this.#admission.clock);
    if (secure) handshake.set(this.#admission.handshakeTimeoutMs, () => socket.abort());
    try {
      this.#admission.enter(socket, await socket.opened, secure);
    } catch {
      socket.abort();
    } finally {
      handshake.stop();
      this.#opening.delete(socket);
      this.#admission.settled();
    }
  }
}

function placesOf(options: ServeOptions): ListenOptions[] {
  const protocols = options.http2 === false ? ["http/1.1"] : ["h2", "http/1.1"];
  const { listen: several, hostname, port, path, tls, reusePort, backlog, noDelay, allowHalfOpen } = options;
  const one = { hostname, port, path, tls, reusePort, backlog, noDelay, allowHalfOpen };
  return (several ?? [one as ListenOptions]).map((place) => speaking(place, protocols));
}

/** Clients that offer several protocols through ALPN are to speak the first of these, unless the place itself says which. */
function speaking(place: ListenOptions, protocols: readonly string[]): ListenOptions {
  if (place.tls === undefined) return place;
  return { ...place, tls: { ...place.tls, alpnProtocols: place.tls.alpnProtocols ?? protocols } };
}
