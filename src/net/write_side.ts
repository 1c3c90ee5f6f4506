/**
 * Our side of a socket: what is written while it is opening, what goes straight to its transport, and the end behind that.
 * `net_socket.ts` has one, whatever becomes of the socket.
 *
 * ```text
 *  opening ── open() ──▶ open ── begin(), endByClosing() ──▶ ending ──▶ ended, or failed
 *     └──────────────────── refuse(), wherever it is ────────────────────────▲
 * ```
 *
 * @module
 */

import { isBytes, wrongType } from "../bytes/arguments.ts";
import { fixedBytes } from "../bytes/fixed_bytes.ts";
import { Deferred } from "../duplex/deferred.ts";
import { accepted } from "../duplex/held_channel.ts";
import { TransportError } from "../errors/transport_error.ts";
import type { Transport } from "./transport.ts";

/** The socket. */
export interface WriteSideOwner {
  /** Why calls are refused, once they are. */
  readonly refusal: unknown;
  /** Our side has ended, or cannot be ended. */
  writesOver(ended: boolean): void;
}

/** Where a write goes: straight to the transport, if there is one. */
type Goal = Transport | "opening" | "ending" | "refused";

/** A write that waits for the socket to open. */
interface EarlyWrite {
  readonly bytes: Uint8Array;
  readonly written: Deferred<void>;
}

/** The end of our side where nothing has to be waited for. */
const AT_ONCE = new Deferred<void>();
AT_ONCE.resolve();

/** Writes in the order of the calls, then the end. */
export class WriteSide {
  /** See `Traffic`. Only this class writes it. */
  sentBytes = 0;
  /** Settles as the last write does. */
  lastWrite: Promise<void> = accepted;
  /** How our side has ended, once it has. Only this class writes it. */
  outcome: "ended" | "failed" | null = null;
  readonly #owner: WriteSideOwner;
  #to: Goal = "opening";
  #early: EarlyWrite[] | null = null;
  /** Settles when our side has ended; there is one since that was asked for. */
  #end: Deferred<void> | null = null;

  /** Waits for a transport. */
  constructor(owner: WriteSideOwner) {
    this.#owner = owner;
  }

  /** Whether something that was written waits for the socket to open. */
  get waits(): boolean {
    return this.#early !== null;
  }

  /** Whether the end was asked for. */
  get ends(): boolean {
    return this.#end !== null;
  }

  /** See `ByteChannel.write()`. */
  write(bytes: Uint8Array): Promise<void> {
    const to = this.#to;
    if (typeof to === "string" || !(bytes instanceof Uint8Array)) return this.#writeOutOfTurn(to, bytes);
    const { byteLength } = bytes;
    if (byteLength === 0) return accepted;
    this.sentBytes += byteLength;
    return this.lastWrite = to.write(bytes);
  }

  #writeOutOfTurn(to: Goal, bytes: Uint8Array): Promise<void> {
    if (!isBytes(bytes)) return Promise.reject(wrongType("bytes", "a Uint8Array", bytes));
    if (to === "refused") return Promise.reject(this.#owner.refusal);
    if (to === "ending" || this.#end !== null) {
      return Promise.reject(new TransportError("closed", "Cannot write: closeWrite() was called before"));
    }
    if (bytes.byteLength === 0) return accepted;
    if (to !== "opening") return this.#send(to, bytes); // of another realm
    const written = new Deferred<void>();
    (this.#early ??= []).push({ bytes: fixedBytes(bytes), written });
    return written.promise;
  }

  #send(to: Transport, bytes: Uint8Array): Promise<void> {
    this.sentBytes += bytes.byteLength;
    return this.lastWrite = to.write(bytes);
  }

  /** See `ByteChannel.closeWrite()`. */
  end(): Promise<void> {
    if (this.#to === "refused" && this.#end === null) return Promise.reject(this.#owner.refusal);
    this.begin();
    return this.#end!.promise;
  }

  /** Ends our side behind what was written; if it is open, now, else once it is. */
  begin(): void {
    const to = this.#to;
    if (this.#end !== null || to === "refused") return;
    this.#end = new Deferred<void>();
    if (typeof to !== "string") this.#finish(to, this.#end);
  }

  /**
   * Ends our side by closing the transport, where that is enough.
   *
   * @returns Whether it is.
   */
  endByClosing(): boolean {
    const to = this.#to;
    if (typeof to === "string" || to.endsOnClose !== true) return false;
    this.#to = "ending";
    this.#end = AT_ONCE;
    this.outcome = "ended";
    to.close();
    return true;
  }

  #finish(transport: Transport, end: Deferred<void>): void {
    this.#to = "ending";
    transport.closeWrite().then(() => {
      this.outcome = "ended";
      end.resolve();
      this.#owner.writesOver(true);
    }, (error) => {
      this.outcome = "failed";
      end.reject(error);
      this.#owner.writesOver(false);
    });
  }

  /** The socket is open: sends what has waited for that. */
  open(transport: Transport): void {
    const early = this.#early;
    this.#early = null;
    if (early !== null) {
      for (const { bytes, written } of early) {
        this.#send(transport, bytes).then(() => written.resolve(), (error) => written.reject(error));
      }
    }
    if (this.#to !== "opening") return; // TLS goes on with the transport
    if (this.#end === null) this.#to = transport;
    else this.#finish(transport, this.#end);
  }

  /** Refuses whatever is asked for from now on. What has waited goes out as soon as the socket is open. */
  stop(): void {
    this.#to = "refused";
  }

  /** The socket is over: what has waited for it to open is refused too. */
  refuse(reason: unknown): void {
    for (const { written } of this.#early ?? []) written.reject(reason);
    this.#early = null;
    if (this.#to === "opening") this.#end?.reject(reason);
    this.#to = "refused";
  }
}
