/**
 * From a transport that a caller hands in to the channel that a connection reads and writes: the transport itself if it is
 * one of this package's, else a channel over its own methods, or over its streams. Called by everything that takes a
 * transport.
 *
 * @module
 */

import { checkObject, isBytes, wrongType } from "../bytes/arguments.ts";
import { quietly } from "./deferred.ts";
import type { ByteChannel, DuplexLike } from "./duplex.ts";
import type { HeldChannel, PeerWatcher } from "./held_channel.ts";
import { StreamChannel } from "./stream_channel.ts";

/**
 * The cheapest channel over a pair. The streams are locked only if the pair offers no channel.
 *
 * @param name What the caller knows the pair as.
 * @throws {TypeError} It is no pair of streams, or one of them is locked.
 */
export function holdChannel(duplex: DuplexLike, name = "io"): HeldChannel {
  checkObject(duplex, name);
  if (isHeldChannel(duplex)) return duplex;
  if (offersChannel(duplex)) return new OfferedChannel(duplex);
  checkStreams(duplex, name);
  return new StreamChannel(duplex);
}

function isHeldChannel(duplex: object): duplex is HeldChannel {
  const { withdrawRead, watchPeer, probePeer } = duplex as Partial<HeldChannel>;
  return typeof withdrawRead === "function" && typeof watchPeer === "function" && typeof probePeer === "function";
}

/** Whether the pair is a {@linkcode ByteChannel} as well. */
export function offersChannel(duplex: object): duplex is DuplexLike & OfferedByteChannel {
  const candidate = duplex as Partial<ByteChannel>;
  return typeof candidate.read === "function" && typeof candidate.write === "function" &&
    typeof candidate.closeWrite === "function" && typeof candidate.abort === "function";
}

/** Streams of other makers and realms will do: they are told by their methods. */
function checkStreams({ readable, writable }: Partial<DuplexLike>, name: string): void {
  if (typeof readable?.getReader !== "function") throw wrongType(`${name}.readable`, "a ReadableStream", readable);
  if (typeof writable?.getWriter !== "function") throw wrongType(`${name}.writable`, "a WritableStream", writable);
}

/** A channel of another maker. WinterTC's sockets have a `closed` promise that rejects when they fail. */
type OfferedByteChannel = ByteChannel & { close?(): Promise<void>; readonly closed?: unknown };

/**
 * Closes and watches a channel that offers the public contract only. One that throws where it should reject, or returns nothing where it
 * should return a promise, is taken as it means it: else its connection would never be over.
 */
class OfferedChannel implements HeldChannel {
  readonly fastPath: null = null;
  readonly #channel: OfferedByteChannel;
  #watcher: PeerWatcher | null = null;
  #watching = false;
  /** How many reads are pending: a second one is refused, but not necessarily at once. */
  #reads = 0;
  readonly #onRead = (): void => void this.#reads--;

  constructor(channel: OfferedByteChannel) {
    this.#channel = channel;
  }

  get keepsReading(): boolean {
    return this.#reads > 0;
  }

  read(): Promise<Uint8Array | null> {
    this.#reads++;
    const reading = promised(() => this.#channel.read());
    reading.then(this.#onRead, this.#onRead);
    return reading;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (!isBytes(bytes)) return Promise.reject(wrongType("bytes", "a Uint8Array", bytes));
    return promised(() => this.#channel.write(bytes));
  }

  closeWrite(): Promise<void> {
    return promised(() => this.#channel.closeWrite());
  }

  abort(reason?: unknown): void {
    quietly(() => this.#channel.abort(reason));
  }

  async close(): Promise<void> {
    if (this.#channel.close !== undefined) return await this.#channel.close();
    try {
      await this.closeWrite();
    } finally {
      this.abort();
    }
  }

  withdrawRead(): boolean {
    return false;
  }

  watchPeer(watcher: PeerWatcher | null): boolean {
    this.#watcher = watcher;
    const { closed } = this.#channel;
    if (watcher === null || this.#watching || !(closed instanceof Promise)) return false;
    this.#watching = true;
    closed.catch((error) => this.#watcher?.onPeerFailure(error));
    return false;
  }

  probePeer(): boolean {
    return false;
  }
}

/** What `act` means: what it throws rejects, and what is no promise resolves. */
function promised<T>(act: () => Promise<T>): Promise<T> {
  try {
    return Promise.resolve(act());
  } catch (error) {
    return Promise.reject(error);
  }
}
