/**
 * A read that begins before its bytes are needed, to notice a peer that leaves. The next reader goes on with it, so that its
 * bytes are not lost. Each `Wire` that reads ahead has one, for one such read after the other.
 *
 * ```text
 *  none ── begin() ──▶ pending ──▶ arrived, failed ── take() ──▶ none
 *                         └── take() ──▶ taken ──▶ none
 * ```
 *
 * Where the channel gives chunks without promises, it costs none until it is taken.
 *
 * @module
 */

import { keepSettlers, lastReject, lastResolve, type Settle } from "./deferred.ts";
import type { ChunkTaker, FastPath, HeldChannel } from "./held_channel.ts";

/** Is told what a read that began ahead has come to, unless it was taken before. It can still be taken then. */
export interface AheadListener {
  /** Bytes have come, or the end: `null`. Maybe at once. */
  onAhead(chunk: Uint8Array | null): void;
  /** The transport has failed. */
  onAheadFailure(error: unknown): void;
}

type Reading = Promise<Uint8Array | null>;

/** One read ahead at a time. */
export class ReadAhead implements ChunkTaker {
  #state: "none" | "pending" | "taken" | "arrived" | "failed" = "none";
  #listener: AheadListener | null = null;
  /** What a channel without a fast path reads. */
  #reading: Reading | null = null;
  #fastPath: FastPath | null = null;
  #chunk: Uint8Array | null = null;
  #error: unknown = undefined;
  /** The reader that goes on with a read that was pending. */
  #resolve: Settle<Uint8Array | null> | null = null;
  #reject: Settle<unknown> | null = null;
  #onResolved: ((chunk: Uint8Array | null) => void) | null = null;
  #onRejected: ((error: unknown) => void) | null = null;

  /** Whether the channel is being read. */
  get reading(): boolean {
    return this.#state === "pending" || this.#state === "taken";
  }

  /** Whether there is something to be taken. */
  get untaken(): boolean {
    return this.#state !== "none" && this.#state !== "taken";
  }

  /** Whether that is the end of the peer's side. */
  get ended(): boolean {
    return this.#state === "arrived" && this.#chunk === null;
  }

  /** What a channel without a fast path reads; `null` if it does not. */
  get promise(): Reading | null {
    return this.#reading;
  }

  /** Begins. Nothing may be untaken. */
  begin(channel: HeldChannel, listener: AheadListener): void {
    this.#listener = listener;
    this.#state = "pending";
    this.#fastPath = channel.fastPath;
    if (this.#fastPath === null) return this.#beginPromised(channel);
    const chunk = this.#fastPath.takeChunk();
    if (chunk === undefined) this.#fastPath.awaitChunk(this);
    else this.#come(chunk);
  }

  #beginPromised(channel: HeldChannel): void {
    this.#onResolved ??= this.#whenResolved();
    this.#onRejected ??= this.#whenRejected();
    this.#reading = channel.read();
    this.#reading.then(this.#onResolved, this.#onRejected);
  }

  #whenResolved(): (chunk: Uint8Array | null) => void {
    return (chunk) => this.#come(chunk);
  }

  #whenRejected(): (error: unknown) => void {
    return (error) => this.onReadFailure(error);
  }

  /** Goes on with what is untaken. */
  take(): Reading {
    const state = this.#state;
    this.#state = "none";
    if (state === "arrived") return Promise.resolve(this.#chunk);
    if (state === "failed") return Promise.reject(this.#error);
    this.#state = "taken";
    if (this.#reading !== null) return this.#reading;
    const reading = new Promise<Uint8Array | null>(keepSettlers);
    this.#resolve = lastResolve as Settle<Uint8Array | null>;
    this.#reject = lastReject;
    return reading;
  }

  /** Takes what has come, bytes or `null` for the end; `undefined` if nothing has. */
  takeArrived(): Uint8Array | null | undefined {
    const chunk = this.#state === "arrived" ? this.#chunk : undefined;
    if (!this.reading) this.#state = "none";
    return chunk;
  }

  /** The channel has taken the read back. */
  withdrawn(): void {
    if (this.#state === "pending") this.#state = "none";
  }

  /** See {@linkcode ChunkTaker}. */
  onChunk(chunk: Uint8Array, lent: boolean): void {
    this.#come(this.#fastPath!.own(chunk, lent));
  }

  /** See {@linkcode ChunkTaker}. */
  onEnd(): void {
    this.#come(null);
  }

  #come(chunk: Uint8Array | null): void {
    const state = this.#state;
    this.#reading = null;
    if (state === "taken") return this.#settle(this.#resolve, chunk);
    if (state !== "pending") return;
    this.#state = "arrived";
    this.#chunk = chunk;
    this.#listener!.onAhead(chunk);
  }

  /** See {@linkcode ChunkTaker}. */
  onReadFailure(error: unknown): void {
    const state = this.#state;
    this.#reading = null;
    if (state === "taken") return this.#settle(this.#reject, error);
    if (state !== "pending") return;
    this.#state = "failed";
    this.#error = error;
    this.#listener!.onAheadFailure(error);
  }

  #settle<T>(settle: Settle<T> | null, value: T): void {
    this.#state = "none";
    this.#resolve = this.#reject = null;
    settle?.(value);
  }
}
