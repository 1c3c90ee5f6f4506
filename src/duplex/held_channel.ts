/**
 * What connections use of a channel beyond the public contract, so that a hot path costs less. The sockets of `net/`, the
 * ends of a pair and `Upgraded` are such channels themselves; `hold_channel.ts` makes one of anything else. Internal:
 * nothing here is exported from the package.
 *
 * @module
 */

import type { ByteChannel } from "./duplex.ts";

/**
 * The one promise that `write()` returns when the bytes were taken on the spot. A caller that gets this very object may go
 * on without waiting: `const written = channel.write(bytes); if (written !== accepted) await written;`
 */
export const accepted: Promise<void> = Promise.resolve();

/** A channel in the hands of one owner, its only reader. */
export interface HeldChannel extends ByteChannel {
  /**
   * The way to read without promises; `null` where there is none. Where there is one, bytes that were written are the
   * caller's again once `write()` has resolved; streams of other makers may keep them.
   */
  readonly fastPath: FastPath | null;
  /**
   * As `read()`, for a reader that hands no view of the bytes out: they may be in memory that others share
   * (`bytes/shared_memory.ts`). Missing where that saves nothing.
   */
  readShared?(): Promise<Uint8Array | null>;
  /**
   * Takes back the pending `read()`, which rejects with a `StateError` `canceled`. What arrives later is kept for the
   * next `read()`, also where the platform's own read cannot be stopped (Deno): there it goes on inside the channel.
   *
   * @returns Whether a read was pending and could be taken back. Channels of other makers cannot do that.
   */
  withdrawRead(): boolean;
  /** Whether a read is pending that cannot be taken back. Missing where each one can. */
  readonly keepsReading?: boolean;
  /**
   * Tells `watcher` how the peer leaves although nothing is being read, also what has happened before, and maybe twice. It
   * takes the place of the watcher before. Nothing is lost: what the peer sends meanwhile is for the next `read()`, and of
   * that no more is taken in than the channel holds anyway.
   *
   * @param watcher `null` ends it.
   * @returns Whether the peer's end is told as well, and not failures only.
   */
  watchPeer(watcher: PeerWatcher | null): boolean;
  /**
   * Finds out whether the peer has cut the connection, where the platform tells nothing of that because nothing is being
   * read: the channel is full, or has ended. The watcher is told.
   *
   * @returns Whether that may be of use another time.
   */
  probePeer(): boolean;
  /**
   * Tells `listener` once that the channel is over, in whichever way: what `closed` tells, without a promise. It takes the place of
   * the listener before. Missing where that cannot be told.
   */
  tellOver?(listener: OverListener): void;
  /** A number that changes as the peer takes what was written and waits. Missing where that cannot be told. */
  readonly sendMark?: number | undefined;
  /** Sends what is written and ends both sides. */
  close(): Promise<void>;
  /**
   * Closes as `close()` does, if nothing has to be waited for: the peer has ended its side, and the system has all that was written.
   *
   * @returns Whether it did, or had before. Missing where that cannot be told.
   */
  closeAtOnce?(): boolean;
  /**
   * Says whether the channel keeps the program alive while it is open, as `ref()` and `unref()` do of Node's sockets. At first it
   * does. Missing where the transport has no such thing.
   */
  holdProgram?(holds: boolean): void;
  /**
   * Gives back the locks on the streams, for others to use. No read may be pending. Missing where nothing is locked.
   *
   * @returns What a read that was withdrawn had been given all the same, `null` for the end; `undefined` for nothing. It
   * comes before all that the stream gives, and is for the caller unless that read is still at work, which gives it then.
   */
  unlock?(): Promise<Uint8Array | null | undefined>;
}

/** Is told that something is over. */
export interface OverListener {
  /** `what` is, for whatever reason. */
  onOver(what: object): void;
}

/** What connects, and tells of that without a promise: the sockets of this package. */
export interface Opening {
  /** Tells `listener` once what becomes of it: what `opened` tells. To be called while it is opening. */
  tellOpen(listener: OpenListener): void;
}

/** Is told what becomes of something that is opening. */
export interface OpenListener {
  /** It is open. */
  onOpen(): void;
  /** It cannot be opened, or was given up. */
  onOpenFailure(reason: unknown): void;
}

/** Is told how the peer leaves. */
export interface PeerWatcher {
  /**
   * The peer has ended its side.
   *
   * @param unread Whether bytes that it sent before are still to be read.
   */
  onPeerEnd(unread: boolean): void;
  /** The transport has failed: the peer, or the network, has cut it. */
  onPeerFailure(error: unknown): void;
}

/** Reading without a promise for each chunk, straight from a socket of this package. */
export interface FastPath {
  /** Whether the next chunk has to be waited for. */
  readonly empty: boolean;
  /** Whether several chunks may come in one turn of the event loop, as the frames of HTTP/2 do. Missing where each has its own. */
  readonly severalInTurn?: boolean;
  /** Takes the next chunk if it is there; `null` at the end, `undefined` if it has to be waited for. */
  takeChunk(): Uint8Array | null | undefined;
  /** Tells `taker` of the next chunk, the end or a failure, once. Counts as a `read()` that is pending. */
  awaitChunk(taker: ChunkTaker): void;
  /**
   * Makes a chunk that is lent the taker's. To be called before its memory is used again.
   *
   * @returns The chunk, or a copy of it. No other view of its array buffer is in use: the taker may give that to
   * `giveMemory()`.
   */
  keep(chunk: Uint8Array): Uint8Array;
  /**
   * Makes a chunk the caller's, to hand it out: nothing else uses its memory, and it may be transferred. To be called before that is
   * used again.
   *
   * @returns The chunk, or a copy of it.
   */
  own(chunk: Uint8Array, lent: boolean): Uint8Array;
}

/** A reader that takes chunks without promises. */
export interface ChunkTaker {
  /**
   * A chunk has come.
   *
   * @param lent Whether its memory is used again, as soon as this returns or another chunk is asked for. Else, or if it is
   * kept, it stays as it is; `own()` makes it the taker's.
   */
  onChunk(chunk: Uint8Array, lent: boolean): void;
  /** The peer has ended its side. */
  onEnd(): void;
  /** What `read()` would reject with. */
  onReadFailure(error: unknown): void;
}

/** Tells of a failure behind the current work, as a promise does it: a taker must not be called back from within its own call. */
export function failLater(taker: ChunkTaker, reason: unknown): void {
  queueMicrotask(() => taker.onReadFailure(reason));
}
