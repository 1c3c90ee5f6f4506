/**
 * A `net.Socket` or `tls.TLSSocket` as a transport, on any runtime that has them. `adapter.ts` and `tls.ts` make it;
 * `NetSocket` calls it.
 *
 * @module
 */

import type { Socket as NetSocketOfNode } from "node:net";
import type { Duplex } from "node:stream";
import { fixedBytes } from "../../bytes/fixed_bytes.ts";
import { NO_BYTES } from "../../bytes/no_bytes.ts";
import { accepted } from "../../duplex/held_channel.ts";
import { unsaidEnd } from "../../duplex/tls_end.ts";
import { TransportError } from "../../errors/transport_error.ts";
import type { NativeEnds } from "../address.ts";
import { transportError } from "../errors.ts";
import type { Transport, TransportSink } from "../transport.ts";
import { LentChunks } from "./lent_chunks.ts";
import { lendReads } from "./lent_reads.ts";
import type { StreamHandle } from "./stream_handle.ts";

/** What is below TLS. */
export interface Below {
  /** What the encrypted bytes go to. */
  readonly stream: Duplex;
  /** Whether it has ended without `close_notify`, where that can be told. */
  readonly truncated: boolean;
  /** See {@linkcode Transport}: of the encrypted bytes. */
  readonly sendMark: number;
  /** See {@linkcode Transport}: it may be cut while TLS does not read. */
  probe(): void;
  /** See {@linkcode Transport}. */
  holdProgram(holds: boolean): void;
}

/** Where a socket has its transport, for the listeners that all sockets share. */
const TRANSPORT: unique symbol = Symbol("http-upgrade.transport");

/** A socket that a transport listens to. */
type Carrier = NetSocketOfNode & { [TRANSPORT]: NodeTransport };

/** Reads into lent memory where the socket can, else from `data` events; writes straight through. */
export class NodeTransport extends LentChunks implements Transport {
  readonly native: NetSocketOfNode;
  readonly #cut: (native: NetSocketOfNode) => void;
  readonly #under: Below | null;
  readonly #secure: boolean;
  /** Whether the socket lends what it reads; else it comes as `data`. */
  readonly #lends: boolean;
  #flowing = false;
  #closing = false;
  /** Writes that wait for room below TLS: one pair of listeners serves all, as Node warns of more than ten. */
  #waiting: (() => void)[] | null = null;
  /** Why it is over; `undefined` when it ended as it should. */
  #reason: unknown = undefined;

  /**
   * Takes over a connected socket that has no reader.
   *
   * @param native Made with `allowHalfOpen: true`.
   * @param sink Is told what comes.
   * @param cut Ends the connection abruptly.
   * @param under What is below, for TLS.
   */
  constructor(
    native: NetSocketOfNode,
    sink: TransportSink,
    cut: (native: NetSocketOfNode) => void,
    under: Below | null = null,
  ) {
    super(sink);
    this.native = native;
    this.#cut = cut;
    this.#under = under;
    this.#secure = (native as { readonly encrypted?: boolean }).encrypted === true;
    native.pause();
    (native as Carrier)[TRANSPORT] = this;
    this.#lends = lendReads(native, this);
    if (!this.#lends) native.on("data", onData);
    native.on("end", onEnd);
    native.on("error", onError);
    native.on("close", onClose);
  }

  /** Tells of both ends. */
  get ends(): NativeEnds {
    return this.native;
  }

  get reading(): boolean {
    return false;
  }

  get tellsReset(): boolean {
    return false;
  }

  get writing(): boolean {
    return this.native.writableLength > 0;
  }

  /** How many bytes wait, and below TLS. */
  get sendMark(): number {
    return waitingIn(this.native) + (this.#under?.sendMark ?? 0);
  }

  /** The system sends what it has taken, and the FIN behind it; TLS has a last word of its own. */
  get endsOnClose(): boolean {
    const { writableLength, writableEnded, destroyed } = this.native;
    return !this.#secure && writableLength === 0 && !writableEnded && !destroyed;
  }

  resume(): void {
    if (this.#flowing) return;
    this.#flowing = true;
    // A socket that lends has nothing in its stream: it need not flow, which takes a turn of `nextTick()`.
    if (this.#lends) this.native.read(0);
    else this.native.resume();
  }

  pause(): void {
    this.#flowing = false;
    this.native.pause();
  }

  write(bytes: Uint8Array): Promise<void> {
    const native = this.native;
    if (this.#secure || native.writableLength > 0) return this.#writeAndWait(bytes);
    native.write(bytes);
    // The kernel has taken it all: the usual case, and no callback has been set up for it.
    if (native.writableLength === 0 && native.errored === null) return accepted;
    // Else an empty write tells when everything before it is out of the caller's buffer. `drain` would not do: it says
    // nothing as long as less than the high-water mark waits.
    return this.#writeAndWait(NO_BYTES);
  }

  probe(): void {
    if (this.over || this.writing || this.native.writableEnded) return;
    // On Deno's TLS socket a write of no bytes fails with EPERM (seen on 2.9.6); what is below others is written to.
    if (!this.#secure || this.#under !== null) this.native.write(NO_BYTES);
    this.#under?.probe(); // a `TLSSocket` keeps a write of no bytes to itself (seen on Node 20 to 26)
  }

  closeWrite(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.native.end((error?: Error | null) => this.#settle(error, resolve, reject));
    });
  }

  close(): void {
    this.#closing = true;
    this.native.destroy();
  }

  abort(reason: unknown): void {
    if (this.over) return;
    this.over = true;
    this.#reason = reason;
    this.#cut(this.native);
  }

  holdProgram(holds: boolean): void {
    if (this.#under !== null) this.#under.holdProgram(holds);
    else holdSocket(this.native, holds);
  }

  detach(): void {
    const native = this.native;
    this.over = true;
    native.pause();
    if (!lendReads(native, null)) native.off("data", onData);
    native.off("end", onEnd);
    native.off("error", onError);
    native.off("close", onClose);
  }

  #writeAndWait(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.native.write(fixedBytes(bytes), (error) => this.#settle(error, () => this.#whenRoom(resolve), reject));
    });
  }

  /** Node reports success for the write that was under way when the socket was destroyed. */
  #settle(error: Error | null | undefined, resolve: () => void, reject: (reason: unknown) => void): void {
    if (this.over) reject(this.#reason ?? new TransportError("closed", "Cannot write: the socket is closed"));
    else if (error) reject(transportError(error, "write"));
    else resolve();
  }

  /** Bun's TLS over a duplex takes everything at once and fills the duplex with it. */
  #whenRoom(resolve: () => void): void {
    const under = this.#under?.stream ?? null;
    if (under === null || !under.writableNeedDrain || under.destroyed) return resolve();
    if (this.#waiting !== null) return void this.#waiting.push(resolve);
    const waiting = this.#waiting = [resolve];
    const go = (): void => {
      under.off("drain", go);
      under.off("close", go);
      this.#waiting = null;
      for (const goOn of waiting) goOn();
    };
    under.on("drain", go);
    under.on("close", go);
  }

  /**
   * Bytes have come from a socket that does not lend. Node 24 and later read TLS into memory that all connections of the process share:
   * a reader who transfers that would break them all, with errors that are thrown out of Node itself (seen on 24 and 26). So it is lent.
   */
  onData({ buffer, byteOffset, byteLength }: Uint8Array): void {
    if (this.over) return;
    const chunk = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
    if (byteLength === buffer.byteLength) this.sink.received(chunk);
    else if (!this.sink.lend(chunk)) this.sink.received(chunk.slice());
  }

  /** The peer has ended its side. */
  onEnd(): void {
    // Bun tells of an end when we destroy the socket.
    if (this.over || this.#closing) return;
    if (this.#under?.truncated !== true) return this.sink.ended();
    // An attacker who cuts the connection must not be able to shorten what has no length of its own (RFC 8446 §6.1).
    this.onError(unsaidEnd(new TransportError("tls", "Cannot read: the connection ended without close_notify")));
    this.native.destroy();
  }

  /** The socket has failed. */
  onError(error: Error): void {
    if (this.over) return;
    this.over = true;
    this.#reason = transportError(error, "read");
    this.sink.failed(this.#reason);
  }

  /** The socket is gone. */
  onClose(): void {
    if (this.over) return;
    this.over = true;
    this.sink.gone();
  }
}

// One function of each kind for all sockets: each of its own would cost an idle connection 56 bytes.

function onData(this: unknown, chunk: Uint8Array): void {
  (this as Carrier)[TRANSPORT].onData(chunk);
}

function onEnd(this: unknown): void {
  (this as Carrier)[TRANSPORT].onEnd();
}

function onError(this: unknown, error: Error): void {
  (this as Carrier)[TRANSPORT].onError(error);
}

function onClose(this: unknown): void {
  (this as Carrier)[TRANSPORT].onClose();
}

/** How many bytes wait in a stream: as chunks, and in the handle, which may have a part of one. */
export function waitingIn(stream: Duplex): number {
  const { writableLength, _handle } = stream as Duplex & { readonly _handle?: Partial<StreamHandle> | null };
  return writableLength + (_handle?.writeQueueSize ?? 0);
}

/** Has a socket keep the program alive, or not. */
export function holdSocket(native: NetSocketOfNode, holds: boolean): void {
  if (holds) native.ref();
  else native.unref();
}

/**
 * Ends a TCP connection with a reset, and anything else at once.
 *
 * While the FIN is on its way, Node's `resetAndDestroy()` fails with EINVAL and never closes the handle. Then all bytes
 * have left, and an ordinary end tells the peer nothing wrong.
 */
export function cutNodeSocket(native: NetSocketOfNode): void {
  const ending = native.writableEnded && !native.writableFinished && native.writableLength === 0;
  const { encrypted = false } = native as { readonly encrypted?: boolean }; // TLS has no reset, and Node would throw
  const resettable = !ending && !encrypted && native.remotePort !== undefined &&
    typeof native.resetAndDestroy === "function";
  if (resettable && !native.destroyed) native.resetAndDestroy();
  else native.destroy();
}
