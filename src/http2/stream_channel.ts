/**
 * One stream as a transport, behind a switch: END_STREAM is the end of a side, as FIN is in TCP, and RST_STREAM cuts it (RFC 9113
 * §8.5). `Upgraded` holds one.
 *
 * @module
 */

import { pooledCopy } from "../bytes/memory_pool.ts";
import { ownBytes } from "../bytes/own_bytes.ts";
import { readableOf, writableOf } from "../duplex/channel_streams.ts";
import { type Clock, Deadline } from "../duplex/clock.ts";
import { Deferred, ignore, unattended } from "../duplex/deferred.ts";
import {
  accepted,
  type ChunkTaker,
  type FastPath,
  type HeldChannel,
  type OverListener,
  type PeerWatcher,
} from "../duplex/held_channel.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import { Fields } from "../semantics/fields.ts";
import type { StreamIntake } from "./stream_intake.ts";
import type { StreamOutlet } from "./stream_outlet.ts";

/** The stream, as the channel needs it. */
export interface ChannelStream {
  /** What comes in. */
  readonly intake: StreamIntake;
  /** What goes out. */
  readonly outlet: StreamOutlet;
  /** Resets it; what waits fails with the reason. */
  reset(reason: unknown): void;
  /** How long a peer may take to end its side behind ours. */
  readonly closeTimeoutMs: number;
  /** How long it may keep its windows shut behind `close()`. */
  readonly writeTimeoutMs: number;
  /** Where time comes from. */
  readonly clock: Clock;
}

type Reader = { resolve(chunk: Uint8Array | null): void; reject(error: unknown): void };

/** One stream as a transport. */
export class Http2StreamChannel implements HeldChannel, FastPath {
  readonly #stream: ChannelStream;
  #reader: Reader | null = null;
  /** A reader that waits without a promise. */
  #taker: ChunkTaker | null = null;
  #watcher: PeerWatcher | null = null;
  #closed: Deferred<void> | null = null;
  #overListener: OverListener | null = null;
  /** What has come, whether it was read or not. Only this class writes it. */
  receivedBytes = 0;
  /** What was given to be sent. Only this class writes it. */
  sentBytes = 0;
  #readOver = false;
  #over = false;
  #readable: ReadableStream<Uint8Array> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;
  #closing: Promise<void> | null = null;
  /** Set while `close()` waits. */
  #deadline: Deadline | null = null;

  constructor(stream: ChannelStream) {
    this.#stream = stream;
  }

  /** What the peer sends. */
  get readable(): ReadableStream<Uint8Array> {
    return this.#readable ??= readableOf(this);
  }

  /** What the peer gets. */
  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= writableOf(this);
  }

  /** Resolves when both sides have ended. Never rejects. */
  get closed(): Promise<void> {
    this.#closed ??= new Deferred<void>();
    if (this.#over) this.#closed.resolve();
    return this.#closed.promise;
  }

  /** See {@linkcode HeldChannel}. */
  tellOver(listener: OverListener): void {
    if (this.#over) queueMicrotask(() => listener.onOver(this));
    else this.#overListener = listener;
  }

  /** See {@linkcode HeldChannel}. What was written is copied into frames before it counts as written. */
  get fastPath(): FastPath {
    return this;
  }

  /** See {@linkcode FastPath}. */
  get empty(): boolean {
    return !this.#stream.intake.hasBytes;
  }

  /** See {@linkcode HeldChannel}. */
  read(): Promise<Uint8Array | null> {
    if (this.#pending) return unattended(Promise.reject(busy()));
    return unattended(
      new Promise((resolve, reject) => {
        this.#reader = { resolve, reject };
        this.#serveReader();
      }),
    );
  }

  get #pending(): boolean {
    return this.#reader !== null || this.#taker !== null;
  }

  /** See {@linkcode FastPath}. */
  takeChunk(): Uint8Array | null | undefined {
    const { intake } = this.#stream;
    if (this.#readOver) return null;
    if (!intake.hasBytes && (!intake.over || intake.failure !== null)) return undefined;
    const part = intake.next();
    if (part instanceof Uint8Array) return part;
    this.#readOver = true;
    return null;
  }

  /** See {@linkcode FastPath}. Nothing may wait. */
  awaitChunk(taker: ChunkTaker): void {
    if (this.#pending) return failLater(taker, busy());
    this.#taker = taker;
    this.#serveTaker(taker);
  }

  /** See {@linkcode FastPath}. */
  keep(chunk: Uint8Array): Uint8Array {
    return pooledCopy(chunk);
  }

  /** See {@linkcode FastPath}. A frame is a piece of what was read at once, with other frames. */
  own(chunk: Uint8Array, lent: boolean): Uint8Array {
    return lent ? chunk.slice() : ownBytes(chunk);
  }

  /**
   * Data has come. It goes straight to the reader that waits for it.
   *
   * @param lent Whether its memory is used again as soon as this returns.
   */
  received(bytes: Uint8Array, lent: boolean): void {
    this.receivedBytes += bytes.length;
    const { intake } = this.#stream;
    const taker = this.#taker;
    if (intake.discards || !this.#pending) return intake.push(bytes, lent);
    intake.pass(bytes.length);
    if (taker !== null) {
      this.#taker = null;
      taker.onChunk(bytes, lent);
    } else {
      const reader = this.#reader!;
      this.#reader = null;
      reader.resolve(this.own(bytes, lent));
    }
  }

  /** Something else has come: an end, or room. */
  arrived(): void {
    this.#serveReader();
    if (this.#taker !== null) this.#serveTaker(this.#taker);
    if (this.#watcher !== null) this.#tellWatcher(this.#watcher);
    if (this.#deadline !== null) this.#limitClose(this.#deadline);
    this.#checkOver();
  }

  #serveTaker(taker: ChunkTaker): void {
    const { intake } = this.#stream;
    if (!this.#readOver && !intake.over) return;
    this.#taker = null;
    const { failure } = intake;
    if (failure !== null && !this.#readOver) return failLater(taker, failure.error);
    this.#readOver = true;
    queueMicrotask(() => taker.onEnd());
  }

  #serveReader(): void {
    const reader = this.#reader;
    if (reader === null) return;
    try {
      const part = this.#readOver ? null : this.#stream.intake.next();
      if (part === null && !this.#readOver) return;
      this.#reader = null;
      if (part instanceof Fields || part === null) this.#readOver = true;
      reader.resolve(part instanceof Fields || part === null ? null : this.own(part, false));
    } catch (error) {
      this.#reader = null;
      reader.reject(error);
    }
  }

  /** See {@linkcode HeldChannel}. */
  withdrawRead(): boolean {
    const reader = this.#reader;
    const taker = this.#taker;
    this.#reader = this.#taker = null;
    if (reader === null && taker === null) return false;
    const error = new StateError("canceled", "The read was taken back");
    reader?.reject(error);
    if (taker !== null) failLater(taker, error);
    return true;
  }

  /** See {@linkcode HeldChannel}. */
  write(bytes: Uint8Array): Promise<void> {
    try {
      if (this.#stream.outlet.ended) throw new TransportError("closed", "Cannot write: this side has ended");
      this.sentBytes += bytes.length;
      return this.#stream.outlet.send(bytes) ?? accepted;
    } catch (error) {
      return unattended(Promise.reject(error));
    }
  }

  /** See {@linkcode HeldChannel}. */
  closeWrite(): Promise<void> {
    const { outlet } = this.#stream;
    if (outlet.ended) return accepted;
    try {
      outlet.end(null);
      this.#checkOver();
      return accepted;
    } catch (error) {
      return unattended(Promise.reject(error));
    }
  }

  /**
   * See {@linkcode HeldChannel}. What was written still goes, as long as the peer lets it go on. What the peer still sends is dropped;
   * it gets some time to end its side.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    const { intake, clock } = this.#stream;
    intake.discard();
    await this.closeWrite().catch(ignore);
    if (this.#over) return;
    const deadline = this.#deadline = new Deadline(clock);
    this.#limitClose(deadline);
    await this.closed;
    this.#deadline = null;
    deadline.stop();
  }

  /** Limits what is waited for: that the peer takes what was written, or that it ends its side. */
  #limitClose(deadline: Deadline): void {
    const { outlet, closeTimeoutMs, writeTimeoutMs } = this.#stream;
    if (!outlet.waiting) return deadline.set(closeTimeoutMs, () => this.abort());
    outlet.goesOn();
    deadline.set(writeTimeoutMs, () => outlet.goesOn() ? this.#limitClose(deadline) : this.abort());
  }

  /** See {@linkcode HeldChannel}. */
  abort(reason: unknown = new TransportError("closed", "The stream was aborted")): void {
    if (this.#over) return;
    this.#stream.reset(reason);
    this.fail(reason);
  }

  /** The stream is gone. */
  fail(error: unknown): void {
    this.#stream.outlet.fail(error);
    this.#stream.intake.fail(error);
    this.arrived();
    this.#finish();
  }

  /** See {@linkcode HeldChannel}. */
  watchPeer(watcher: PeerWatcher | null): boolean {
    this.#watcher = watcher;
    if (watcher !== null) this.#tellWatcher(watcher);
    return true;
  }

  #tellWatcher(watcher: PeerWatcher): void {
    const { intake } = this.#stream;
    if (!intake.over) return;
    const { failure } = intake;
    if (failure === null) watcher.onPeerEnd(intake.hasBytes);
    else watcher.onPeerFailure(failure.error);
  }

  /** See {@linkcode HeldChannel}: a reset is told. */
  probePeer(): boolean {
    return false;
  }

  #checkOver(): void {
    const { intake, outlet } = this.#stream;
    if (intake.over && outlet.ended && !outlet.waiting) this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#watcher = null;
    this.#closed?.resolve();
    this.#overListener?.onOver(this);
    this.#overListener = null;
  }
}

function busy(): StateError {
  return new StateError("busy", "Cannot read: a read is pending");
}

/** Behind the current work, as a promise does it. */
function failLater(taker: ChunkTaker, reason: unknown): void {
  queueMicrotask(() => taker.onReadFailure(reason));
}
