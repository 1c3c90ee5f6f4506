/**
 * A listener for a platform that accepts when it is asked to. The adapter of Deno makes one of what `Deno.listen` returns.
 *
 * @module
 */

import { ignore } from "../../duplex/deferred.ts";
import type { Listener } from "../../duplex/network.ts";
import type { Socket, SocketAddress } from "../../duplex/socket.ts";
import { acceptAll } from "../listener.ts";
import { addressOf, deno, type DenoConn, type DenoListener } from "./native.ts";

/** 100 ms: by then another connection may have closed. hyper's server example waits a second. */
const ACCEPT_AGAIN_MS = 100;

/** Takes a connection from Deno when one is asked for; until then it waits in the system's queue. */
export class PullListener implements Listener {
  readonly address: SocketAddress;
  readonly #native: DenoListener;
  readonly #open: (conn: DenoConn) => Socket;
  #closing: Promise<void> | null = null;
  #turn: Promise<Socket | null> = Promise.resolve(null);
  #goOn: () => void = () => {};

  /** Takes over a listener of Deno; `open` makes a socket of a connection. */
  constructor(native: DenoListener, open: (conn: DenoConn) => Socket) {
    this.address = addressOf(native.addr);
    this.#native = native;
    this.#open = open;
  }

  accept(): Promise<Socket | null> {
    // Deno takes one call at a time.
    return this.#turn = this.#turn.then(this.#accept, this.#accept);
  }

  readonly #accept = async (): Promise<Socket | null> => {
    while (this.#closing === null) {
      try {
        return this.#open(await this.#native.accept());
      } catch (error) {
        // The listener is closed, or one connection could not be accepted: it was gone already, or there are too many.
        if (this.#closing === null && !isGone(error)) await this.#pause();
      }
    }
    return null;
  };

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /**
   * Since 2.6 Deno removes the file of a unix socket when the pending `accept()` has failed, without a look at whose file
   * that is by then. So the file is removed first, and `close()` waits for the rest.
   */
  async #close(): Promise<void> {
    if ("path" in this.address) removeQuietly(this.address.path);
    this.#native.close();
    this.#goOn();
    await this.#turn.catch(ignore);
  }

  /** With no file left to open, trying again at once would keep the processor busy. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ACCEPT_AGAIN_MS);
      const goOn = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#goOn = goOn;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<Socket> {
    return acceptAll(this);
  }
}

/** Whether a peer had left before it was accepted: the peers behind it must not wait for that. */
function isGone(error: unknown): boolean {
  const { name } = Object(error) as { name?: unknown };
  return name === "NotConnected" || name === "ConnectionReset" || name === "ConnectionAborted";
}

/** Before 2.6, Deno leaves the file of a unix socket behind. */
function removeQuietly(path: string): void {
  try {
    deno().removeSync(path);
  } catch {
    return; // another program has removed it
  }
}
