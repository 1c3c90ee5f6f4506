/**
 * A connection after the switch: the transport, with the bytes that came along in front. `hand_over.ts` makes it when HTTP
 * lets go, and it calls nothing but the channel of its transport.
 *
 * @module
 */

import { checkBytes, checkFunction, checkObject } from "../bytes/arguments.ts";
import { concat } from "../bytes/concat.ts";
import { readableOf, writableOf } from "../duplex/channel_streams.ts";
import { Deferred } from "../duplex/deferred.ts";
import type { ByteChannel, Duplex, DuplexLike } from "../duplex/duplex.ts";
import type { FastPath, HeldChannel, OverListener, PeerWatcher } from "../duplex/held_channel.ts";
import { holdChannel } from "../duplex/hold_channel.ts";
import { trafficOf } from "../duplex/traffic.ts";
import { Fields } from "../semantics/fields.ts";
import type { RequestHead, ResponseHead } from "../semantics/message.ts";
import type { Parts } from "./parts.ts";
import { alreadyTaken, TAKEN } from "./taken.ts";

/** What was agreed when a connection switched. */
export interface Agreement {
  /** The protocol of the 101, as the answer spells it; `null` for a CONNECT tunnel. */
  readonly protocol: string | null;
  /** The request, on a server. */
  readonly request?: RequestHead | undefined;
  /** The response, on a client. */
  readonly response?: ResponseHead | undefined;
  /** Whether the peer has ended its side right behind the bytes that were read. False when left out. */
  readonly ended?: boolean | undefined;
}

/** As much of a socket of this package as is used: it can give its platform's own object, and the bytes it holds. */
interface Releasable {
  readonly native: unknown;
  release(): { readonly native: unknown; readonly readBuf: Uint8Array; readonly ended: boolean };
}

/**
 * A connection that does not speak HTTP any more, to read from and to write to.
 *
 * It belongs to one owner, who ends it: with `close()`, `abort()` or `await using`, or by taking the transport back with
 * `intoParts()` or `downcast()`. No time limit of HTTP applies any more.
 *
 * Reading gives first what came together with the switch. Each side ends on its own (half-open): `null` of `read()` is
 * the peer's end, `closeWrite()` is ours. Use `read()` and `write()`, which cost least, or the streams, which are made
 * when they are touched; not both at once.
 */
export class Upgraded implements Duplex, ByteChannel, AsyncDisposable {
  /** The protocol that was agreed on, as the 101 spells it; `null` for a CONNECT tunnel. */
  readonly protocol: string | null;
  /** The head that led here: the request's on a server, the response's on a client. */
  readonly head: RequestHead | ResponseHead;
  readonly #io: DuplexLike;
  /** Whether the peer had ended its side behind the leftover bytes. */
  readonly #ended: boolean;
  /** Over the transport; {@linkcode TAKEN} once that was taken back. */
  #channel: HeldChannel;
  #leftover: Uint8Array | null;
  /** That of the channel, once the leftover bytes have been read. */
  #fastPath: FastPath | null;
  #finished = false;
  #closed: Deferred<void> | null = null;
  #overListener: OverListener | null = null;
  /** Whether the transport tells of its end. */
  #watching = false;
  #readable: ReadableStream<Uint8Array> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;

  /**
   * Takes over a transport on which HTTP is over. For tests and for other people's HTTP; connections make their own.
   *
   * @param io The transport.
   * @param readBuf What was already read from it.
   * @param agreed What was agreed on.
   * @param channel The channel over `io`, if its streams are locked by one already.
   * @throws {TypeError} `io` is no pair of streams, or one of them is locked; or the rest is of another kind.
   */
  constructor(io: DuplexLike, readBuf: Uint8Array, agreed: Agreement, channel?: HeldChannel) {
    checkBytes(readBuf, "readBuf");
    checkObject(agreed, "agreed");
    this.#io = io;
    this.#ended = agreed.ended ?? false;
    this.#channel = channel ?? holdChannel(io);
    this.#leftover = readBuf.length > 0 ? readBuf : null;
    this.#fastPath = this.#leftover === null ? this.#channel.fastPath : null;
    this.protocol = agreed.protocol;
    this.head = agreed.request ?? agreed.response ?? NO_HEAD;
  }

  /**
   * Resolves when the connection is over: closed or aborted here, given back, or ended on both sides, as far as the
   * transport tells (the sockets of this package do, by a `closed` promise of their own). Never rejects.
   */
  get closed(): Promise<void> {
    if (this.#closed === null) {
      this.#closed = new Deferred<void>();
      this.#watchEnd();
    }
    if (this.#finished) this.#closed.resolve();
    return this.#closed.promise;
  }

  /** What the peer sends, leftover bytes first. */
  get readable(): ReadableStream<Uint8Array> {
    return this.#readable ??= readableOf(this);
  }

  /** What the peer gets. Closing it ends our side only. */
  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= writableOf(this);
  }

  /** @ignore Leads past this object to the socket, once the leftover bytes have been read. */
  get fastPath(): FastPath | null {
    return this.#fastPath;
  }

  /** @ignore Takes a pending read back, for HTTP that runs in here. */
  withdrawRead(): boolean {
    return this.#channel.withdrawRead();
  }

  /** @ignore Whether a read is pending that cannot be taken back. */
  get keepsReading(): boolean {
    return this.#channel.keepsReading === true;
  }

  /** @ignore Tells how the peer leaves. */
  watchPeer(watcher: PeerWatcher | null): boolean {
    return this.#channel.watchPeer(watcher);
  }

  /** @ignore See `watchPeer`. */
  probePeer(): boolean {
    return this.#channel.probePeer();
  }

  /** @ignore Changes as the peer takes what was written, where the transport tells that. */
  get sendMark(): number | undefined {
    return this.#channel.sendMark;
  }

  /** @ignore Says whether the transport keeps the program alive. */
  holdProgram(holds: boolean): void {
    this.#channel.holdProgram?.(holds);
  }

  /** @ignore What the transport has received, the bytes of HTTP among it. */
  get receivedBytes(): number {
    return trafficOf(this.#io).receivedBytes;
  }

  /** @ignore What was sent on the transport, the bytes of HTTP among it. */
  get sentBytes(): number {
    return trafficOf(this.#io).sentBytes;
  }

  /** @ignore How many bytes of what came along with the switch are still to be read. */
  get leftoverBytes(): number {
    return this.#leftover?.length ?? 0;
  }

  /**
   * Tells what `closed` tells. Internal.
   *
   * @ignore
   */
  tellOver(listener: OverListener): void {
    this.#overListener = listener;
    this.#watchEnd();
    if (this.#finished) queueMicrotask(() => this.onOver());
  }

  /**
   * What the transport tells. Internal.
   *
   * @ignore
   */
  onOver(): void {
    this.#finished = true;
    const listener = this.#overListener;
    this.#overListener = null;
    this.#closed?.resolve();
    listener?.onOver(this);
  }

  #watchEnd(): void {
    if (this.#watching) return;
    this.#watching = true;
    const io = this.#io as { tellOver?: unknown; readonly closed?: unknown };
    if (typeof io.tellOver === "function") return io.tellOver(this);
    const { closed } = io; // makes a promise
    if (closed instanceof Promise) closed.then(() => this.onOver(), () => this.onOver());
  }

  /** See {@linkcode ByteChannel.read}. */
  read(): Promise<Uint8Array | null> {
    const leftover = this.#leftover;
    if (leftover === null) return this.#channel.read();
    this.#leftover = null;
    this.#fastPath = this.#channel.fastPath;
    return Promise.resolve(leftover);
  }

  /** See {@linkcode ByteChannel.write}. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#channel.write(bytes);
  }

  /** Ends our side; the peer sees the end of the stream and may go on sending. Idempotent. */
  closeWrite(): Promise<void> {
    return this.#channel.closeWrite();
  }

  /** Sends what is written and ends both sides. Idempotent; resolves at once if the transport was taken back. */
  close(): Promise<void> {
    const closing = this.#channel.close();
    if (this.#channel.tellOver !== undefined) {
      this.#watchEnd();
      return closing;
    }
    return closing.then(() => this.#finish(), (error) => {
      this.#finish();
      throw error;
    });
  }

  /** @ignore Closes, if nothing has to be waited for; says whether it did. */
  closeAtOnce(): boolean {
    if (this.#channel.closeAtOnce?.() !== true) return false;
    if (this.#channel.tellOver !== undefined) this.#watchEnd();
    else this.#finish();
    return true;
  }

  /** Ends both sides at once. Idempotent. */
  abort(reason?: unknown): void {
    this.#channel.abort(reason);
    this.#finish();
  }

  /**
   * Gives back the transport if it is of the wanted kind, else this connection itself, unharmed.
   *
   * @param guard Is asked about the object that was handed in, then, if that is a socket of this package, about the
   * platform's own object below it.
   * @returns The parts, after which this object is of no use; or this object. A read that is pending is taken back and
   * rejects with a `StateError` `canceled`; what arrives later is for the owner of the parts.
   * @throws {StateError} `already-taken`; or `busy`, where the platform's object cannot be given now. On Deno it cannot
   * while a read of it is under way, which cannot be stopped there: also behind a handler that took half a second or more,
   * until the peer has sent something.
   *
   * @example
   * ```ts
   * import { duplexPair, Upgraded } from "@http-upgrade/http-upgrade";
   * import { assert } from "@std/assert";
   *
   * const [io] = duplexPair();
   * const upgraded = new Upgraded(io, new Uint8Array([1]), { protocol: "echo" });
   * const isPair = (candidate: object): candidate is typeof io => candidate === io;
   * const parts = upgraded.downcast(isPair);
   * assert(!(parts instanceof Upgraded) && parts.io === io && parts.readBuf[0] === 1);
   * ```
   */
  downcast<Io extends object>(guard: (candidate: object) => candidate is Io): Parts<Io> | Upgraded {
    checkFunction(guard, "guard");
    this.#checkNotTaken();
    const io: object = this.#io;
    if (guard(io)) return { io, readBuf: this.#takeBack(), ended: this.#ended };
    if (!isReleasable(io) || typeof io.native !== "object" || io.native === null || !guard(io.native)) return this;
    const below = io.native;
    this.#channel.withdrawRead();
    const { readBuf, ended } = io.release();
    return { io: below, readBuf: concat([this.#takeBack(), readBuf]), ended };
  }

  /**
   * Gives back the transport and the bytes that were read from it. This object is of no use afterwards. A read that is
   * pending is taken back and rejects with a `StateError` `canceled`.
   *
   * @throws {StateError} `already-taken`.
   */
  intoParts(): Parts {
    this.#checkNotTaken();
    return { io: this.#io as Duplex, readBuf: this.#takeBack(), ended: this.#ended };
  }

  /** `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #checkNotTaken(): void {
    if (this.#channel === TAKEN) throw alreadyTaken();
  }

  /** Lets go of the transport; gives the leftover bytes. */
  #takeBack(): Uint8Array {
    const leftover = this.#leftover ?? new Uint8Array(0);
    this.#channel.withdrawRead();
    this.#channel.unlock?.();
    this.#channel = TAKEN;
    this.#leftover = this.#fastPath = null;
    this.#finish();
    return leftover;
  }

  #finish(): void {
    this.onOver();
  }
}

const NO_HEAD: RequestHead = { method: "GET", target: "/", version: "1.1", fields: new Fields() };

function isReleasable(io: object): io is Releasable {
  return "native" in io && typeof (io as Partial<Releasable>).release === "function";
}
