/**
 * The transport of one connection, with one reader. A read may begin before its bytes are needed, to notice a peer that
 * leaves; the next `read()` goes on with it, so that its bytes are not lost. Every connection has one and calls it for
 * all bytes; it calls the channel of the transport.
 *
 * @module
 */

import { ignore } from "./deferred.ts";
import type { DuplexLike } from "./duplex.ts";
import { accepted, type FastPath, type HeldChannel, type PeerWatcher } from "./held_channel.ts";
import { holdChannel } from "./hold_channel.ts";
import { type AheadListener, ReadAhead } from "./read_ahead.ts";
import { soon } from "./soon.ts";
import { Turn } from "./turn.ts";

const NO_READ: Promise<Uint8Array | null> = Promise.resolve(new Uint8Array(0));

/** Is told how a write goes on that the peer does not take on the spot. */
export interface WriteProgress {
  /** Some of it was taken. */
  onProgress(): void;
}

/** Reads from and writes to the transport of one connection. */
export class Wire implements PeerWatcher, AheadListener {
  /** The transport as the caller gave it. */
  readonly io: DuplexLike;
  /** The channel over it, which the next owner goes on with. */
  readonly channel: HeldChannel;
  /** Whether our side was ended: then there is nothing to hand over. Only this class writes it. */
  ended = false;
  #lastRead: Promise<Uint8Array | null> = NO_READ;
  /** Made when a read begins ahead: servers seldom do that, and WebSockets never. */
  #ahead: ReadAhead | null = null;
  /** Made when it is asked for: WebSockets count themselves. */
  #turn: Turn | null = null;
  #watcher: PeerWatcher | null = null;
  #holdsProgram = true;
  /** Settles when the channel has all parts of the writes that are not through; `null` if none is under way. */
  #parts: Promise<void> | null = null;
  /** How many of these there are. */
  #unfinished = 0;

  /**
   * Takes the transport.
   *
   * @param name What the caller knows it as.
   * @throws {TypeError} It is no pair of streams, or one of them is locked.
   */
  constructor(io: DuplexLike, name = "io") {
    this.io = io;
    this.channel = holdChannel(io, name);
  }

  /** What its reader does within a turn of the event loop. */
  get turn(): Turn {
    return this.#turn ??= new Turn();
  }

  /** The way to read without promises, if there is one now: there is none while a read that began ahead is not taken. */
  get fastPath(): FastPath | null {
    return this.#ahead?.untaken === true ? null : this.channel.fastPath;
  }

  /** Whether bytes are the caller's again once `write()` has resolved; a pair of streams may keep them. */
  get returnsMemory(): boolean {
    return this.channel.fastPath !== null;
  }

  /** Whether a read that began ahead is pending: then the transport cannot be handed over. */
  get reading(): boolean {
    return this.#ahead?.reading === true;
  }

  /** The read that began last, for a reader that goes on from there. */
  get lastRead(): Promise<Uint8Array | null> {
    return this.#ahead?.untaken === true ? this.read() : this.#lastRead;
  }

  /** Takes a pending read back, if the transport can do that; its bytes are kept for the next reader. */
  withdraw(): boolean {
    const withdrawn = this.channel.withdrawRead();
    if (withdrawn) this.#ahead?.withdrawn();
    return withdrawn;
  }

  /**
   * Takes the pending read back, whether it began ahead or not, before the transport is given away. One that has been given bytes, or
   * the end, brings them all the same: they are its reader's, or there for `takeArrived()`.
   *
   * @returns False if the transport is still being read: it cannot be given away.
   */
  async reclaim(): Promise<boolean> {
    this.withdraw();
    const settled = await soon(Promise.allSettled([this.#ahead?.promise, this.#lastRead]));
    return settled !== "later";
  }

  /** Waits for the next bytes, or goes on with the read that began ahead. */
  read(): Promise<Uint8Array | null> {
    if (this.#ahead?.untaken === true) return this.#lastRead = this.#ahead.take();
    this.#renewTurn();
    return this.#lastRead = this.channel.read();
  }

  /** As {@linkcode read}, for a reader that hands no view of the bytes out: they may be in memory that others share. */
  readShared(): Promise<Uint8Array | null> {
    const { channel } = this;
    if (this.#ahead?.untaken === true || channel.readShared === undefined) return this.read();
    this.#renewTurn();
    return this.#lastRead = channel.readShared();
  }

  /** Begins the next read before its bytes are needed, to notice a peer that leaves. What it brings is the next `read()`'s as well. */
  readAhead(listener: AheadListener): void {
    const ahead = this.#ahead ??= new ReadAhead();
    if (ahead.untaken) return;
    this.#renewTurn();
    ahead.begin(this.channel, listener);
  }

  /**
   * Tells `watcher` how the peer leaves. Where the transport cannot tell of an end unless it is read, a read begins ahead if
   * that is allowed; else only failures are told. Calling it again with more allowed is in order.
   *
   * @param watcher Takes the place of the watcher before.
   * @param mayRead Whether no other reader is at work, and what comes next is ours.
   */
  watch(watcher: PeerWatcher, mayRead: boolean): void {
    this.#watcher = watcher;
    if (!this.channel.watchPeer(this) && mayRead) this.readAhead(this);
  }

  /** What was read ahead to watch the peer. */
  onAhead(chunk: Uint8Array | null): void {
    if (chunk === null) this.onPeerEnd(false);
  }

  /** See {@linkcode onAhead}. */
  onAheadFailure(error: unknown): void {
    this.onPeerFailure(error);
  }

  /** What the channel tells. Bytes that were read ahead are unread as well. */
  onPeerEnd(unread: boolean): void {
    this.#watcher?.onPeerEnd(unread || (this.#ahead?.untaken === true && !this.#ahead.ended));
  }

  /** What the channel tells. */
  onPeerFailure(error: unknown): void {
    this.#watcher?.onPeerFailure(error);
  }

  /** Ends `watch()`. */
  unwatch(): void {
    this.#watcher = null;
    this.channel.watchPeer(null);
  }

  /**
   * Finds out whether the peer has cut the connection, where nothing tells so by itself.
   *
   * @returns Whether that may be of use another time.
   */
  probe(): boolean {
    return this.channel.probePeer();
  }

  /** Takes what a read that began ahead has brought: bytes, `null` for the end, or `undefined` for nothing. */
  takeArrived(): Uint8Array | null | undefined {
    return this.#ahead?.takeArrived();
  }

  /**
   * Sends the parts in the order of the calls; resolves when the transport has room again. The channel gets one part after the
   * other, so that a slow peer is seen to make progress. What is written meanwhile, or the end, would stand between two of them,
   * in the middle of a frame for example: it waits for the last one.
   *
   * @param progress Is told when some of it was taken and the rest must wait.
   */
  write(parts: readonly Uint8Array[], progress: WriteProgress | null): Promise<void> {
    const before = this.#parts;
    if (parts.length === 1 && before === null) return this.channel.write(parts[0]!);
    this.#unfinished++;
    const written = this.#writeAll(before, parts, progress);
    this.#parts = this.#unfinished > 0 ? written : null;
    return this.#parts ?? accepted;
  }

  /** Ends our side. */
  closeWrite(): Promise<void> {
    this.ended = true;
    return this.#parts?.then(() => this.channel.closeWrite()) ?? this.channel.closeWrite();
  }

  /** Sends what is written and ends both sides. Never rejects: a failure has no more meaning. */
  close(): Promise<void> {
    this.ended = true;
    const { channel } = this;
    return (this.#parts?.catch(ignore).then(() => channel.close()) ?? channel.close()).catch(ignore);
  }

  /** Closes, if nothing has to be waited for; says whether it did. */
  closeAtOnce(): boolean {
    if (this.#parts !== null || this.channel.closeAtOnce?.() !== true) return false;
    this.ended = true;
    return true;
  }

  /** Ends both sides at once. */
  abort(reason?: unknown): void {
    this.ended = true;
    this.channel.abort(reason);
  }

  /** Says whether the connection keeps the program alive, where the transport can be told. At first it does. */
  holdProgram(holds: boolean): void {
    if (holds === this.#holdsProgram) return;
    this.#holdsProgram = holds;
    this.channel.holdProgram?.(holds);
  }

  /** Only a channel with a fast path tells whether a read will have to wait. */
  #renewTurn(): void {
    if (this.channel.fastPath?.empty === true) this.#turn?.renew();
  }

  /** Where one fails, all that is behind it fails as well. */
  async #writeAll(
    before: Promise<void> | null,
    parts: readonly Uint8Array[],
    progress: WriteProgress | null,
  ): Promise<void> {
    if (before !== null) await before;
    for (const part of parts) {
      if (part.byteLength === 0) throw this.#missing();
      const written = this.channel.write(part);
      if (written === accepted) continue;
      await written;
      progress?.onProgress();
    }
    if (--this.#unfinished === 0) this.#parts = null;
  }

  /** No part is empty, but one whose memory was given away while it waited. What is behind it must not take its place. */
  #missing(): TypeError {
    const error = new TypeError("Cannot send: the memory of bytes that waited for their turn was given away");
    this.abort(error);
    return error;
  }
}
