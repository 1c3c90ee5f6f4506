/**
 * The addresses of both ends of a connection, asked of its handle when they are looked at. `handle_transport.ts` gives it out.
 *
 * @module
 */

import type { NativeEnds } from "../address.ts";
import type { HandleAddress, StreamHandle } from "./stream_handle.ts";

/** Asks a handle for its ends; each question is a system call. */
export class HandleEnds implements NativeEnds {
  readonly #handle: StreamHandle;
  #remote: HandleAddress | null = null;
  #local: HandleAddress | null = null;

  /** Asks nothing yet. */
  constructor(handle: StreamHandle) {
    this.#handle = handle;
  }

  get remoteAddress(): string | undefined {
    return this.#peer.address;
  }

  get remotePort(): number | undefined {
    return this.#peer.port;
  }

  get localAddress(): string | undefined {
    return this.#own.address;
  }

  get localPort(): number | undefined {
    return this.#own.port;
  }

  get #peer(): HandleAddress {
    if (this.#remote === null) this.#handle.getpeername?.(this.#remote = {});
    return this.#remote ?? {};
  }

  get #own(): HandleAddress {
    if (this.#local === null) this.#handle.getsockname?.(this.#local = {});
    return this.#local ?? {};
  }
}
