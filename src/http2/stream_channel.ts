/**
 * One stream as a transport, behind a switch: END_STREAM is the end of a side, as FIN is in TCP, and RST_STREAM cuts it (RFC 9113
 * §8.5). `Upgraded` holds one.
 *
 * @module
 */

import { readableOf, writableOf } from "../duplex/channel_streams.ts";
import { type Clock, Deadline } from "../duplex/clock.ts";
import { Deferred, ignore, unattended } from "../duplex/deferred.ts";
import {
  accepted,
  type FastPath,
  type HeldChannel,
  type OverListener,
  type PeerWatcher,
} from "../duplex/held_channel.ts";
import { TransportError } from "../errors/transport_error.ts";
import type { StreamIntake } from "./stream_intake.ts";
import type { StreamOutlet } from "./stream_outlet.ts";
import { StreamReader } from "./stream_reader.ts";

/** The stream, as the channel needs it. */
export interface ChannelStream {
  /** What comes in. */
  readonly intake: StreamIntake;
  /** What goes out. */
  readonly outlet: StreamOutlet;
  /** Resets it; what waits fails with the reason. */
  reset(reason: unknown): void;
  /** See {@linkcode HeldChannel}. */
  holdProgram(holds: boolean): void;
  /** How long a peer may take to end its side behind ours. */
  readonly closeTimeoutMs: number;
  /** How long it may keep its windows shut behind `close()`. */
  readonly writeTimeoutMs: number;
  /** Where time comes from. */
  readonly clock: Clock;
}

/** One stream as a transport. */
export class Http2StreamChannel implements HeldChannel {
  /** Gets the data that comes. */
  readonly reader: StreamReader;
  readonly #stream: ChannelStream;
  #watcher: PeerWatcher | null = null;
  #closed: Deferred<void> | null = null;
  #overListener: OverListener | null = null;
  /** What was given to be sent. Only this class writes it. */
  sentBytes = 0;
  #over = false;
  #readable: ReadableStream<Uint8Array> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;
  #closing: Promise<void> | null = null;
  /** Set while `close()` waits. */
  #deadline: Deadline | null = null;

  constructor(stream: ChannelStream) {
    this.#stream = stream;
    this.reader = new StreamReader(stream.intake);
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
    return this.reader;
  }

  /** What has come, whether it was read or not. */
  get receivedBytes(): number {
    return this.reader.receivedBytes;
  }

  /** See {@linkcode HeldChannel}. */
  read(): Promise<Uint8Array | null> {
    return this.reader.read();
  }

  /** See {@linkcode HeldChannel}. */
  withdrawRead(): boolean {
    return this.reader.withdraw();
  }

  /** Something else than data has come: an end, or room. */
  arrived(): void {
    this.reader.arrived();
    if (this.#watcher !== null) this.#tellWatcher(this.#watcher);
    if (this.#deadline !== null) this.#limitClose(this.#deadline);
    this.#checkOver();
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

  /** See {@linkcode HeldChannel}. */
  holdProgram(holds: boolean): void {
    this.#stream.holdProgram(holds);
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
