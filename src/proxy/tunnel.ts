/**
 * Two connections joined into one: what one side sends, the other side gets.
 *
 * ```text
 *  a ─ read ─▶ write ─▶ b    sent        An end (FIN) is passed on behind the last byte, and the other direction
 *  a ◀─ write ◀─ read ─ b    received    goes on. A failure ends both directions and cuts both connections.
 * ```
 *
 * `direction.ts` copies each way; here is what both have in common, and how they end. Neither knows what the bytes mean.
 *
 * @module
 */

import { checkOptions, type Kinds } from "../bytes/arguments.ts";
import { onAbort } from "../duplex/abort.ts";
import { checkClock, type Clock, Deadline, systemClock } from "../duplex/clock.ts";
import { Deferred, ignore } from "../duplex/deferred.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import type { HeldChannel } from "../duplex/held_channel.ts";
import { holdChannel } from "../duplex/hold_channel.ts";
import { TransportError } from "../errors/transport_error.ts";
import { Direction, type Joint } from "./direction.ts";

/** What {@linkcode tunnel} can be told. */
export interface TunnelOptions {
  /** How long both directions may be silent, in milliseconds; then both sides are cut. 0, the default: no limit. */
  readonly idleTimeoutMs?: number | undefined;
  /** Cuts both sides; the promise rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told the totals after each chunk that was passed on. What it throws ends the tunnel. */
  readonly onBytes?: ((sent: number, received: number) => void) | undefined;
  /** The source of time. The platform's by default. */
  readonly clock?: Clock | undefined;
}

const OPTIONS: Kinds<TunnelOptions> = {
  idleTimeoutMs: "number",
  signal: "signal",
  onBytes: "function",
  clock: checkClock,
};

/** How much went through a tunnel. */
export interface TunnelBytes {
  /** Bytes from the first side that the second one has accepted. */
  readonly sent: number;
  /** Bytes from the second side that the first one has accepted. */
  readonly received: number;
}

/**
 * Copies both ways between two connections until both directions have ended, and closes both then.
 *
 * The end of one direction is passed on and leaves the other one alone (half-close). A side that fails or is reset cuts
 * the other one. A side that does not read stops the one that writes: no more than 256 KiB and a chunk are under way in a
 * direction, and one chunk where a side is a pair of streams.
 *
 * @param a One side; from now on in the hands of the tunnel, which closes it in any case.
 * @param b The other side, likewise.
 * @param options Time limit, signal, counting.
 * @returns Resolves once both sides are closed.
 * @throws {TransportError} One side failed, or `timeout`: nothing came through for `idleTimeoutMs`.
 * @throws {TypeError} A side is no pair of streams, or one of them is locked, or an option is of another kind; both
 * sides are left as they were.
 * @throws {RangeError} `idleTimeoutMs` is below 0 or NaN.
 * @throws {unknown} The reason of `signal`.
 *
 * @example Behind a CONNECT
 * ```ts
 * import { duplexPair } from "@http-upgrade/http-upgrade";
 * import { connectResponse, handshake, onUpgrade, serveConnection } from "@http-upgrade/http-upgrade/http1";
 * import { tunnel } from "@http-upgrade/http-upgrade/proxy";
 * import { assertEquals } from "@std/assert";
 *
 * const [client, proxy] = duplexPair();
 * const [dialed, target] = duplexPair();
 * serveConnection(proxy, (request) => {
 *   const { response, upgraded } = connectResponse(request);
 *   upgraded.then((io) => tunnel(io, dialed, { idleTimeoutMs: 60_000 })).catch(console.error);
 *   return response;
 * });
 *
 * const { sender } = handshake(client);
 * const io = await onUpgrade(await sender.send({ method: "CONNECT", target: "a:1", fields: [["Host", "a:1"]] }));
 * await io.write(new TextEncoder().encode("ping"));
 * assertEquals(new TextDecoder().decode((await target.read())!), "ping");
 * await io.close();
 * ```
 */
export async function tunnel(a: DuplexLike, b: DuplexLike, options: TunnelOptions = {}): Promise<TunnelBytes> {
  checkOptions(options, OPTIONS);
  return await joined(a, b, options);
}

/**
 * The same for callers that know what they give.
 *
 * @returns Its rejection needs no handler.
 */
export function joined(a: DuplexLike, b: DuplexLike, options: TunnelOptions): Promise<TunnelBytes> {
  const near = holdChannel(a, "a");
  let far: HeldChannel;
  try {
    far = holdChannel(b, "b");
  } catch (error) {
    near.unlock?.();
    throw error;
  }
  return new Tunnel(near, far, options).run(a, b);
}

/** How long a side whose peer is gone may take to fetch what is on its way to it. 2 s, as connections' close timeout. */
const CLOSE_TIMEOUT_MS = 2000;

/** Both directions, and what ends them. */
class Tunnel implements Joint {
  /** Whether nothing is to be copied any more. */
  over = false;
  readonly #there: Direction;
  readonly #back: Direction;
  readonly #options: TunnelOptions;
  readonly #idleTimeoutMs: number;
  readonly #deadline: Deadline;
  readonly #end: Deferred<TunnelBytes> = new Deferred<TunnelBytes>();
  #closing = false;
  /** How many sides are not closed yet. */
  #unclosed = 2;
  #unlisten: () => void = ignore;

  constructor(near: HeldChannel, far: HeldChannel, options: TunnelOptions) {
    this.#there = new Direction(this, near, far);
    this.#back = new Direction(this, far, near);
    this.#options = options;
    this.#idleTimeoutMs = options.idleTimeoutMs ?? 0;
    this.#deadline = new Deadline(options.clock ?? systemClock);
  }

  run(a: DuplexLike, b: DuplexLike): Promise<TunnelBytes> {
    this.#there.watchFailure(a);
    this.#back.watchFailure(b);
    const { signal } = this.#options;
    this.#unlisten = onAbort(signal, () => this.fail(signal!.reason));
    this.moved();
    this.#there.goOn();
    this.#back.goOn();
    return this.#end.promise;
  }

  /** Something has been read or written. */
  moved(): void {
    if (this.#idleTimeoutMs > 0 && !this.over && !this.#closing) this.#deadline.set(this.#idleTimeoutMs, this.#expire);
  }

  /** A chunk was passed on. */
  passed(): void {
    this.moved();
    const { onBytes } = this.#options;
    if (onBytes === undefined) return;
    try {
      onBytes(this.#there.bytes, this.#back.bytes);
    } catch (error) {
      this.fail(error);
    }
  }

  /** A direction has ended. */
  ended(): void {
    if (this.over || !this.#there.ended || !this.#back.ended) return;
    const closed = (): void => {
      if (--this.#unclosed > 0) return;
      this.#end.resolve({ sent: this.#there.bytes, received: this.#back.bytes });
      this.#stop();
    };
    const failed = (error: unknown): void => {
      this.#end.reject(error);
      this.#stop();
    };
    for (const { from } of [this.#there, this.#back]) {
      if (from.closeAtOnce?.() === true) closed();
      else from.close().then(closed, failed);
    }
  }

  /** Nothing is copied any more, and nothing is left that could end it. */
  #stop(): void {
    this.over = true;
    this.#deadline.stop();
    this.#unlisten();
  }

  /** A direction has failed. What its source still sends is dropped by now. */
  broken(direction: Direction, error: unknown): void {
    this.gone(direction === this.#there ? this.#back : this.#there, error);
  }

  /** Cuts both sides. */
  fail(error: unknown): void {
    if (this.over) return;
    this.#end.reject(error);
    this.#stop();
    this.#there.from.abort(error);
    this.#back.from.abort(error);
  }

  /**
   * A side has failed. If it had ended before, only what is sent to it is lost: what it has sent may still be on its way
   * to the other side, and cutting that at once could overtake it (RFC 9110 §9.3.6).
   *
   * @param direction The direction that leads away from the side.
   */
  gone(direction: Direction, error: unknown): void {
    if (!direction.ended) return this.fail(error);
    if (this.over || this.#closing) return;
    this.#closing = true;
    this.#deadline.set(CLOSE_TIMEOUT_MS, () => this.fail(error));
  }

  readonly #expire = (): void => {
    this.fail(new TransportError("timeout", `Nothing went through the tunnel for ${this.#idleTimeoutMs} ms`));
  };
}
