/**
 * Notices a server that leaves or speaks unasked between two exchanges (RFC 9112 §9.2): the connection is read ahead then, and the
 * next exchange goes on with that read. `client_connection.ts` begins it whenever the connection is idle.
 *
 * @module
 */

import type { AheadListener } from "../duplex/read_ahead.ts";
import type { ClientCore } from "./client_exchange.ts";

/** Watches one connection. */
export class IdleWatch implements AheadListener {
  readonly #core: ClientCore;

  /** Watches nothing yet. */
  constructor(core: ClientCore) {
    this.#core = core;
  }

  /**
   * Begins, unless the server has left or spoken already: then the connection is closed.
   *
   * @returns Whether it is still there.
   */
  begin(): boolean {
    const core = this.#core;
    try {
      if (core.machine.next().type === "closed") core.close({ reason: "eof" });
    } catch (error) {
      core.close({ reason: "error", error });
    }
    if (!core.over) core.wire.readAhead(this);
    return !core.over;
  }

  /** See {@linkcode AheadListener}. What comes once a request was begun is its exchange's. */
  onAhead(chunk: Uint8Array | null): void {
    const core = this.#core;
    if (core.phase !== "idle") return;
    core.wire.takeArrived();
    core.receive(chunk);
    this.begin();
  }

  /** See {@linkcode AheadListener}. */
  onAheadFailure(error: unknown): void {
    if (this.#core.phase === "idle") this.#core.close({ reason: "error", error });
  }
}
