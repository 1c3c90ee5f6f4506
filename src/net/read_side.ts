/**
 * The peer's side of a socket: what it sends, who reads that, and who watches how it leaves. A transport tells it; `net_socket.ts`
 * has one, whatever becomes of the socket.
 *
 * @module
 */

import type { PeerWatcher } from "../duplex/held_channel.ts";
import { ChunkQueue } from "./chunk_queue.ts";
import type { Transport, TransportSink } from "./transport.ts";

/** The socket. */
export interface ReadSideOwner {
  /** Whether it is over. */
  readonly over: boolean;
  /** Why, once it is. */
  readonly refusal: unknown;
  /** The peer has ended its side. */
  peerEnded(): void;
  /** See {@linkcode TransportSink}. */
  failed(error: unknown): void;
  /** See {@linkcode TransportSink}. */
  gone(): void;
}

/** Takes what a transport tells. */
export class ReadSide implements TransportSink {
  /** See `Traffic`. Only this class writes it. */
  receivedBytes = 0;
  /** What has come. It is read from here. */
  readonly queue: ChunkQueue = new ChunkQueue();
  readonly #owner: ReadSideOwner;
  #watcher: PeerWatcher | null = null;

  /** Waits for a transport. */
  constructor(owner: ReadSideOwner) {
    this.#owner = owner;
  }

  /** Reads from the transport, as soon as it is asked for. */
  open(transport: Transport): void {
    transport.sink = this;
    this.queue.attach(transport);
  }

  /** See `HeldChannel.watchPeer()`. */
  watch(watcher: PeerWatcher | null): void {
    this.#watcher = watcher;
    if (watcher === null) return;
    if (this.#owner.over || this.queue.ended) queueMicrotask(() => this.#tell(watcher));
    else this.queue.readAhead();
  }

  #tell(watcher: PeerWatcher): void {
    if (watcher !== this.#watcher) return;
    if (this.#owner.over) watcher.onPeerFailure(this.#owner.refusal);
    else watcher.onPeerEnd(!this.queue.empty);
  }

  lend(chunk: Uint8Array): boolean {
    const { byteLength } = chunk; // of memory that its reader may give away
    this.receivedBytes += byteLength;
    if (this.queue.lend(chunk)) return true;
    this.receivedBytes -= byteLength; // until it is received
    return false;
  }

  received(chunk: Uint8Array): void {
    this.receivedBytes += chunk.byteLength;
    this.queue.push(chunk);
    if (this.#watcher !== null) this.queue.readAhead();
  }

  ended(): void {
    this.queue.end();
    this.#watcher?.onPeerEnd(!this.queue.empty);
    this.#owner.peerEnded();
  }

  failed(error: unknown): void {
    this.#owner.failed(error);
  }

  gone(): void {
    this.#owner.gone();
  }

  /** The socket is over: what has come can still be read, and then there is no more. */
  stop(reason: unknown): void {
    this.queue.attach(null);
    this.queue.fail(reason);
  }

  /** Tells of the end, once the socket's own promises know of it. */
  tellOver(): void {
    this.#watcher?.onPeerFailure(this.#owner.refusal);
    this.#watcher = null;
  }
}
