/**
 * The frames of one end on their way to the transport, one write at a time, and how many bytes of messages they hold.
 * `MessageSender` says when frames are ready; what goes out is gathered where answers to several messages may leave together.
 *
 * @module
 */

import { unattended } from "../duplex/deferred.ts";
import { accepted } from "../duplex/held_channel.ts";
import { Lull } from "../duplex/soon.ts";
import type { Wire } from "../duplex/wire.ts";
import type { WebSocketMachine } from "./machine/web_socket_machine.ts";

/** What an outlet asks and tells its owner. */
export interface OutletEvents {
  /** Whether messages have come that were not taken yet: their answers may leave together with what is sent now. */
  moreToTake(): boolean;
  /** The transport does not take bytes any more. */
  onWriteFailed(error: unknown): void;
}

/** What is gathered for one write. 64 KiB: up to there messages are copied, so that their bytes are the caller's again. */
const GATHERED_BYTES = 65_536;

/** Gives frames to the transport. */
export class FrameOutlet {
  /** How many bytes of messages are in frames that the transport has not accepted yet. Only this class writes it. */
  unsentBytes = 0;
  readonly #machine: WebSocketMachine;
  readonly #wire: Wire;
  readonly #events: OutletEvents;
  #writing: Promise<void> | null = null;
  #nextFlush: Promise<void> | null = null;
  /** How many of them are on their way. */
  #leavingBytes = 0;
  #acceptedBytes = 0;
  #lull: Lull | null = null;
  /** Made when a write has to be waited for: where the transport takes all at once, none is. */
  #onWritten: (() => void) | null = null;
  #onWriteFailed: ((error: unknown) => void) | null = null;

  /** Sends nothing yet. */
  constructor(machine: WebSocketMachine, wire: Wire, events: OutletEvents) {
    this.#machine = machine;
    this.#wire = wire;
    this.#events = events;
  }

  /** How many were added so far. */
  get totalBytes(): number {
    return this.#acceptedBytes + this.unsentBytes;
  }

  /** The machine has a frame more, which holds so many bytes of a message. */
  added(bytes: number): void {
    this.unsentBytes += bytes;
  }

  /**
   * Sends a whole message that is a frame already, with its `bytes`, behind all others; see `flush()`. Where none wait it is
   * written as it is: nothing is copied.
   *
   * @throws {StateError} See `WebSocketMachine.sendFrame()`.
   */
  sendFrame(frame: Uint8Array, bytes: number): Promise<void> {
    const waits = this.#machine.sendFrame(frame, this.#writing === null);
    this.added(bytes);
    if (waits) return this.flush();
    const written = this.#wire.channel.write(frame);
    return written === accepted ? this.#allAccepted() : this.#awaitWritten(written);
  }

  /** Sends all frames. Resolves when the transport has room again. A rejection needs no handler. */
  flush(): Promise<void> {
    if (this.#writing !== null) return this.#nextFlush ??= unattended(this.#flushAfter(this.#writing));
    const parts = this.#machine.take();
    if (parts.length === 0) return accepted;
    const written = this.#wire.write(parts, null);
    if (written !== accepted) return this.#awaitWritten(written);
    this.#machine.recycle();
    return this.#allAccepted();
  }

  #allAccepted(): Promise<void> {
    this.#acceptedBytes += this.unsentBytes;
    this.unsentBytes = 0;
    return accepted;
  }

  /** Sends at once, unless answers to more messages may follow in this very turn of the event loop: one write for all. */
  gather(): Promise<void> {
    if (this.#writing !== null || this.unsentBytes > GATHERED_BYTES || !this.#events.moreToTake()) return this.flush();
    this.#lull ??= new Lull(() => this.unsentBytes > 0 && this.#events.moreToTake(), () => void this.flush());
    this.#lull.begin();
    return accepted;
  }

  async #flushAfter(writing: Promise<void>): Promise<void> {
    await writing;
    this.#nextFlush = null;
    await this.flush();
  }

  #awaitWritten(written: Promise<void>): Promise<void> {
    this.#leavingBytes = this.unsentBytes;
    written.then(this.#onWritten ??= this.#whenWritten(), this.#onWriteFailed ??= this.#whenWriteFailed());
    return this.#writing = written;
  }

  #whenWritten(): () => void {
    return () => this.#written();
  }

  #whenWriteFailed(): (error: unknown) => void {
    return (error) => this.#events.onWriteFailed(error);
  }

  #written(): void {
    this.#writing = null;
    this.unsentBytes -= this.#leavingBytes;
    this.#acceptedBytes += this.#leavingBytes;
    this.#machine.recycle(this.#wire.returnsMemory);
  }
}
