/**
 * Two connections joined into one: what one side sends, the other side gets.
 *
 * ```text
 *  a ─ read ─▶ write ─▶ b    sent        An end (FIN) is passed on behind the last byte, and the other direction
 *  a ◀─ write ◀─ read ─ b    received    goes on. A failure ends both directions and cuts both connections.
 * ```
 *
 * It reads and writes the channels of both sides, and knows nothing of what the bytes mean.
 *
 * @module
 */

import { checkOptions, type Kinds } from "../bytes/arguments.ts";
import { giveMemory } from "../bytes/memory_pool.ts";
import { onAbort } from "../duplex/abort.ts";
import { checkClock, type Clock, Deadline, systemClock } from "../duplex/clock.ts";
import { Deferred, ignore } from "../duplex/deferred.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import { accepted, type ChunkTaker, type HeldChannel, type OverListener } from "../duplex/held_channel.ts";
import { holdChannel } from "../duplex/hold_channel.ts";
import { TransportError } from "../errors/transport_error.ts";
import { Upgraded } from "../http1/upgraded.ts";

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
/** 256 KiB: how much may be under way to a socket that does not take it at once. Four reads, so that it never runs dry. */
const MAX_UNDER_WAY_BYTES = 256 * 1024;

/** Both directions, and what ends them. */
class Tunnel {
  /** Whether nothing is to be copied any more. */
  over = false;
  readonly #there: Way;
  readonly #back: Way;
  readonly #options: TunnelOptions;
  readonly #idleTimeoutMs: number;
  readonly #deadline: Deadline;
  readonly #end: Deferred<TunnelBytes> = new Deferred<TunnelBytes>();
  #closing = false;
  /** How many sides are not closed yet. */
  #unclosed = 2;
  #unlisten: () => void = ignore;

  constructor(near: HeldChannel, far: HeldChannel, options: TunnelOptions) {
    this.#there = new Way(this, near, far);
    this.#back = new Way(this, far, near);
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
  broken(way: Way, error: unknown): void {
    this.gone(way === this.#there ? this.#back : this.#there, error);
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
   * @param way The direction that leads away from the side.
   */
  gone(way: Way, error: unknown): void {
    if (!way.ended) return this.fail(error);
    if (this.over || this.#closing) return;
    this.#closing = true;
    this.#deadline.set(CLOSE_TIMEOUT_MS, () => this.fail(error));
  }

  readonly #expire = (): void => {
    this.fail(new TransportError("timeout", `Nothing went through the tunnel for ${this.#idleTimeoutMs} ms`));
  };
}

/**
 * One direction. It has ended when the end was passed on.
 *
 * Between two sockets of this package a chunk costs no promise as long as the system takes it at once. The memory that it
 * was read into is then free for the next one; else it is kept until the write has resolved.
 */
class Way implements ChunkTaker, OverListener {
  readonly from: HeldChannel;
  readonly to: HeldChannel;
  bytes = 0;
  ended = false;
  readonly #tunnel: Tunnel;
  #underWayBytes = 0;
  /** Nothing is asked for until a write has resolved. */
  #stopped = false;
  #sourceEnded = false;
  /** Why nothing can be passed on any more. */
  #failure: { readonly error: unknown } | null = null;
  /** What it leads away from, if that tells a failure by itself. */
  #side: DuplexLike | null = null;

  constructor(tunnel: Tunnel, from: HeldChannel, to: HeldChannel) {
    this.#tunnel = tunnel;
    this.from = from;
    this.to = to;
  }

  /** Ends the tunnel if the side that it leads away from fails, also while nothing is read from that or written to it. */
  watchFailure(side: DuplexLike & { tellOver?(listener: OverListener): void }): void {
    if (side instanceof Upgraded) return; // its promise never rejects, and would be made in vain
    this.#side = side;
    // Where it is told without a promise, that is made only if there is a failure to ask for.
    if (typeof side.tellOver === "function") side.tellOver(this);
    else this.#awaitFailure();
  }

  onOver(): void {
    if (!this.#tunnel.over) this.#awaitFailure();
  }

  /** Sockets and others have a promise that rejects when they fail (WinterTC). */
  #awaitFailure(): void {
    const { closed } = this.#side as DuplexLike & { readonly closed?: unknown };
    if (closed instanceof Promise) closed.catch((error) => this.#tunnel.gone(this, error));
  }

  /** Takes what there is, and asks for more unless too much is under way. */
  goOn(): void {
    while (!this.#tunnel.over && !this.#sourceEnded) {
      // Streams of other makers may keep what was written to them: that must not be memory that is used again.
      const fast = this.to.fastPath === null ? null : this.from.fastPath;
      this.#stopped = this.#underWayBytes > (fast === null ? 0 : MAX_UNDER_WAY_BYTES) && this.#failure === null;
      if (this.#stopped) return;
      if (fast === null) return void this.#read();
      const chunk = fast.takeChunk();
      if (chunk === undefined) return fast.awaitChunk(this);
      if (chunk === null) return this.onEnd();
      this.#pass(chunk, null);
    }
  }

  onChunk(chunk: Uint8Array, lent: boolean): void {
    const kept = lent && this.#failure === null ? this.from.fastPath!.keep(chunk) : null;
    this.#pass(kept ?? chunk, kept);
    this.goOn();
  }

  onEnd(): void {
    this.#sourceEnded = true;
    if (this.#failure !== null) this.#tunnel.fail(this.#failure.error);
    else if (this.#underWayBytes === 0) this.#passEnd();
  }

  onReadFailure(error: unknown): void {
    this.#sourceEnded = true;
    this.#broken(error);
    this.#tunnel.fail(this.#failure!.error);
  }

  async #read(): Promise<void> {
    let chunk: Uint8Array | null;
    try {
      chunk = await this.from.read();
    } catch (error) {
      return this.onReadFailure(error);
    }
    if (this.#tunnel.over) return;
    if (chunk === null) return this.onEnd();
    this.#pass(chunk, null);
    this.goOn();
  }

  /**
   * Writes a chunk.
   *
   * @param kept The chunk, if its memory is to be given back.
   */
  #pass(chunk: Uint8Array, kept: Uint8Array | null): void {
    if (this.#failure !== null) return;
    try {
      const written = this.to.write(chunk);
      if (written === accepted) this.#passed(chunk, kept);
      else this.#wait(written, chunk, kept);
    } catch (error) {
      this.#broken(error); // of a channel of another maker
    }
  }

  async #wait(written: Promise<void>, chunk: Uint8Array, kept: Uint8Array | null): Promise<void> {
    this.#underWayBytes += chunk.length;
    this.#tunnel.moved();
    try {
      await written;
    } catch (error) {
      this.#broken(error);
      if (this.#stopped) this.goOn();
      else if (this.#sourceEnded) this.#tunnel.fail(error);
      return;
    }
    this.#underWayBytes -= chunk.length;
    if (this.#failure !== null || this.#tunnel.over) return;
    this.#passed(chunk, kept);
    if (this.#stopped) this.goOn();
    else if (this.#sourceEnded && this.#underWayBytes === 0) this.#passEnd();
  }

  #passed(chunk: Uint8Array, kept: Uint8Array | null): void {
    if (kept !== null) giveMemory(new Uint8Array(kept.buffer));
    this.bytes += chunk.length;
    this.#tunnel.passed();
  }

  #passEnd(): void {
    try {
      const ending = this.to.closeWrite();
      if (ending === accepted) return this.#endPassed();
      // A channel of another maker may give anything.
      Promise.resolve(ending).then(() => this.#endPassed(), (error) => this.#endRefused(error));
    } catch (error) {
      this.#endRefused(error);
    }
  }

  #endPassed(): void {
    this.ended = true;
    this.#tunnel.ended();
  }

  #endRefused(error: unknown): void {
    this.#broken(error);
    this.#tunnel.fail(error);
  }

  /** From now on what the source still sends is read and dropped, until it ends or the tunnel is over. */
  #broken(error: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = { error };
    this.#tunnel.broken(this, error);
  }
}
