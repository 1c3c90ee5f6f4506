/**
 * One direction of a tunnel: what a side sends is written to the other one, and its end passed on. `tunnel.ts` has two.
 *
 * @module
 */

import { giveMemory } from "../bytes/memory_pool.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import { accepted, type ChunkTaker, type HeldChannel, type OverListener } from "../duplex/held_channel.ts";
import { Upgraded } from "../http1/upgraded.ts";

/** What both directions belong to. */
export interface Joint {
  /** Whether nothing is to be copied any more. */
  readonly over: boolean;
  /** Something has been read or written. */
  moved(): void;
  /** A chunk was passed on. */
  passed(): void;
  /** A direction has ended. */
  ended(): void;
  /** A direction has failed. What its source still sends is dropped by now. */
  broken(direction: Direction, error: unknown): void;
  /** The side has failed that a direction leads away from. */
  gone(direction: Direction, error: unknown): void;
  /** Cuts both sides. */
  fail(error: unknown): void;
}

/** 256 KiB: how much may be under way to a socket that does not take it at once. Four reads, so that it never runs dry. */
const MAX_UNDER_WAY_BYTES = 256 * 1024;

/**
 * One direction. It has ended when the end was passed on.
 *
 * Between two sockets of this package a chunk costs no promise as long as the system takes it at once. The memory that it
 * was read into is then free for the next one; else it is kept until the write has resolved.
 */
export class Direction implements ChunkTaker, OverListener {
  readonly from: HeldChannel;
  readonly to: HeldChannel;
  /** How many bytes were passed on. Only this class writes it. */
  bytes = 0;
  /** Whether the end was. Only this class writes it. */
  ended = false;
  readonly #joint: Joint;
  #underWayBytes = 0;
  /** Nothing is asked for until a write has resolved. */
  #stopped = false;
  #sourceEnded = false;
  /** Why nothing can be passed on any more. */
  #failure: { readonly error: unknown } | null = null;
  /** What it leads away from, if that tells a failure by itself. */
  #side: DuplexLike | null = null;

  /** Copies nothing yet. */
  constructor(joint: Joint, from: HeldChannel, to: HeldChannel) {
    this.#joint = joint;
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

  /** The side is over that it leads away from. */
  onOver(): void {
    if (!this.#joint.over) this.#awaitFailure();
  }

  /** Sockets and others have a promise that rejects when they fail (WinterTC). */
  #awaitFailure(): void {
    const { closed } = this.#side as DuplexLike & { readonly closed?: unknown };
    if (closed instanceof Promise) closed.catch((error) => this.#joint.gone(this, error));
  }

  /** Takes what there is, and asks for more unless too much is under way. */
  goOn(): void {
    while (!this.#joint.over && !this.#sourceEnded) {
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
    if (this.#failure !== null) this.#joint.fail(this.#failure.error);
    else if (this.#underWayBytes === 0) this.#passEnd();
  }

  onReadFailure(error: unknown): void {
    this.#sourceEnded = true;
    this.#broken(error);
    this.#joint.fail(this.#failure!.error);
  }

  async #read(): Promise<void> {
    let chunk: Uint8Array | null;
    try {
      chunk = await this.from.read();
    } catch (error) {
      return this.onReadFailure(error);
    }
    if (this.#joint.over) return;
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
    const written = this.to.write(chunk);
    if (written === accepted) this.#passed(chunk, kept);
    else this.#wait(written, chunk, kept);
  }

  async #wait(written: Promise<void>, chunk: Uint8Array, kept: Uint8Array | null): Promise<void> {
    this.#underWayBytes += chunk.length;
    this.#joint.moved();
    try {
      await written;
    } catch (error) {
      this.#broken(error);
      if (this.#stopped) this.goOn();
      else if (this.#sourceEnded) this.#joint.fail(error);
      return;
    }
    this.#underWayBytes -= chunk.length;
    if (this.#failure !== null || this.#joint.over) return;
    this.#passed(chunk, kept);
    if (this.#stopped) this.goOn();
    else if (this.#sourceEnded && this.#underWayBytes === 0) this.#passEnd();
  }

  #passed(chunk: Uint8Array, kept: Uint8Array | null): void {
    if (kept !== null) giveMemory(new Uint8Array(kept.buffer));
    this.bytes += chunk.length;
    this.#joint.passed();
  }

  #passEnd(): void {
    const ending = this.to.closeWrite();
    if (ending === accepted) return this.#endPassed();
    ending.then(() => this.#endPassed(), (error) => {
      this.#broken(error);
      this.#joint.fail(error);
    });
  }

  #endPassed(): void {
    this.ended = true;
    this.#joint.ended();
  }

  /** From now on what the source still sends is read and dropped, until it ends or the tunnel is over. */
  #broken(error: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = { error };
    this.#joint.broken(this, error);
  }
}
