/**
 * Two connections joined into one: what one side sends, the other side gets.
 *
 * ```text
 *  a ─ read ─▶ write ─▶ b    sent        An end (FIN) is passed on behind the last byte, and the other direction
 *  a ◀─ write ◀─ read ─ b    received    goes on. A failure ends both directions and cuts both connections.
 * ```
 *
 * It reads and writes the channels of both sides, and knows neither HTTP nor what the bytes mean.
 *
 * @module
 */

import { checkOptions, type Kinds } from "../bytes/arguments.ts";
import { type Clock, Deadline, systemClock } from "../duplex/clock.ts";
import { Deferred, ignore } from "../duplex/deferred.ts";
import { checkClock } from "../http1/options.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import { accepted, type HeldChannel } from "../duplex/held_channel.ts";
import { holdChannel } from "../duplex/hold_channel.ts";
import { TransportError } from "../errors/transport_error.ts";

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
 * the other one. One chunk is under way in each direction: a side that does not read stops the one that writes.
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
  const near = holdChannel(a, "a");
  let far: HeldChannel;
  try {
    far = holdChannel(b, "b");
  } catch (error) {
    near.unlock?.();
    throw error;
  }
  const joined = new Tunnel(near, far, options);
  joined.watch(a, b);
  return await joined.run();
}

/** How long a side whose peer is gone may take to fetch what is on its way to it. 2 s, as connections' close timeout. */
const CLOSE_TIMEOUT_MS = 2000;

/** One direction. It has ended when the end was passed on. */
interface Way {
  readonly from: HeldChannel;
  readonly to: HeldChannel;
  bytes: number;
  ended: boolean;
}

class Tunnel {
  readonly #there: Way;
  readonly #back: Way;
  readonly #options: TunnelOptions;
  readonly #idleTimeoutMs: number;
  readonly #deadline: Deadline;
  readonly #failed: Deferred<never> = new Deferred<never>();
  #closing = false;
  #over = false;

  constructor(near: HeldChannel, far: HeldChannel, options: TunnelOptions) {
    this.#there = { from: near, to: far, bytes: 0, ended: false };
    this.#back = { from: far, to: near, bytes: 0, ended: false };
    this.#options = options;
    this.#idleTimeoutMs = options.idleTimeoutMs ?? 0;
    this.#deadline = new Deadline(options.clock ?? systemClock);
  }

  /** A side may tell its failure by itself: that counts also while nothing is read from it or written to it. */
  watch(a: DuplexLike, b: DuplexLike): void {
    failureOf(a)?.catch((error) => this.#gone(this.#there, error));
    failureOf(b)?.catch((error) => this.#gone(this.#back, error));
  }

  async run(): Promise<TunnelBytes> {
    const { signal } = this.#options;
    const onAbort = (): void => this.#fail(signal!.reason);
    if (signal?.aborted) onAbort();
    else signal?.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([this.#failed.promise, this.#copyAndClose()]);
      return { sent: this.#there.bytes, received: this.#back.bytes };
    } finally {
      this.#over = true;
      this.#deadline.stop();
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #copyAndClose(): Promise<void> {
    if (this.#over) return;
    this.#moved();
    await Promise.all([this.#copy(this.#there, this.#back), this.#copy(this.#back, this.#there)]);
    if (!this.#over) await Promise.all([this.#there.from.close(), this.#back.from.close()]);
  }

  async #copy(way: Way, opposite: Way): Promise<void> {
    const { from, to } = way;
    try {
      while (true) {
        const chunk = await from.read();
        if (this.#over) return;
        if (chunk === null) break;
        this.#moved();
        const written = to.write(chunk);
        if (written !== accepted) await written;
        way.bytes += chunk.length;
        this.#moved();
        if (this.#options.onBytes !== undefined) this.#report(this.#options.onBytes);
        if (this.#over) return;
      }
      await to.closeWrite();
      way.ended = true;
    } catch (error) {
      this.#gone(opposite, error);
      await this.#discard(from);
      this.#fail(error);
    }
  }

  #report(onBytes: (sent: number, received: number) => void): void {
    try {
      onBytes(this.#there.bytes, this.#back.bytes);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Reads and drops what a side still sends, until it ends or the tunnel is over. */
  async #discard(side: HeldChannel): Promise<void> {
    while (!this.#over && await side.read().catch(ignore)) continue;
  }

  /**
   * A side has failed. If it had ended before, only what is sent to it is lost: what it has sent may still be on its way
   * to the other side, and cutting that at once could overtake it (RFC 9110 §9.3.6).
   *
   * @param way The direction that leads away from the side.
   */
  #gone(way: Way, error: unknown): void {
    if (!way.ended) return this.#fail(error);
    if (this.#over || this.#closing) return;
    this.#closing = true;
    this.#deadline.set(CLOSE_TIMEOUT_MS, () => this.#fail(error));
  }

  #moved(): void {
    if (this.#idleTimeoutMs > 0 && !this.#over && !this.#closing) this.#deadline.set(this.#idleTimeoutMs, this.#expire);
  }

  readonly #expire = (): void => {
    this.#fail(new TransportError("timeout", `Nothing went through the tunnel for ${this.#idleTimeoutMs} ms`));
  };

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#failed.reject(error);
    this.#there.from.abort(error);
    this.#back.from.abort(error);
  }
}

/** The promise of sockets, of `duplexPair()` and of others that rejects when they fail (WinterTC). */
function failureOf(side: DuplexLike & { readonly closed?: unknown }): Promise<unknown> | null {
  return side.closed instanceof Promise ? side.closed : null;
}
