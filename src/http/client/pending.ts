/**
 * What a client waits for outside of its connections: those that are being opened, and turns of the event loop. Nothing of it is left
 * when the client is closed. `Connections` has one, and `opener.ts` runs in it.
 *
 * @module
 */

import { onAbort } from "../../duplex/abort.ts";

/** Everything that is waited for. */
export class Pending {
  readonly #running: Map<AbortController, Promise<unknown>> = new Map();
  #aborted: { readonly reason: unknown } | null = null;

  /** Runs something until `signal` aborts or the client ends: its controller tells it so. */
  async run<T>(signal: AbortSignal | undefined, run: (controller: AbortController) => Promise<T>): Promise<T> {
    if (this.#aborted !== null) throw this.#aborted.reason;
    signal?.throwIfAborted();
    const controller = new AbortController();
    const unlisten = onAbort(signal, () => controller.abort(signal!.reason));
    const running = run(controller);
    this.#running.set(controller, running.then(() => {}, () => {}));
    try {
      return await running;
    } finally {
      this.#running.delete(controller);
      unlisten();
    }
  }

  /** Resolves when what is running now has ended. */
  async over(): Promise<void> {
    await Promise.all(this.#running.values());
  }

  /** Ends everything, and refuses what comes later. The first reason counts for that. */
  abort(reason: unknown): void {
    this.#aborted ??= { reason };
    for (const controller of this.#running.keys()) controller.abort(reason);
  }
}
