/**
 * The socket that callers hold, the same on every runtime. It knows the order of things (opening, half-close, failure,
 * hand-over) and leaves the bytes to a {@linkcode Transport}.
 *
 * A socket is opening, then open, then over. Reading ends through the queue, writing through `#writer`, which is there
 * only while bytes may go straight to the transport: the hot paths ask for nothing else.
 *
 * @module
 */

import { isBytes, wrongType } from "../bytes/arguments.ts";
import { Deferred } from "../duplex/deferred.ts";
import { readableOf, writableOf } from "../duplex/channel_streams.ts";
import { ChunkQueue } from "./chunk_queue.ts";
import { accepted, type FastPath, type HeldChannel, type PeerWatcher } from "../duplex/held_channel.ts";
import type { SocketOptions, StartTlsOptions } from "../duplex/network.ts";
import type { ReleasedSocket, Socket, SocketInfo } from "../duplex/socket.ts";
import { TransportError } from "../errors/transport_error.ts";
import { StateError } from "../errors/state_error.ts";
import { type Doing, transportError } from "./errors.ts";
import type { Transport, TransportSink } from "./transport.ts";

/** A runtime's `startTls()`, which the method of the same name calls. */
export type StartTls = (socket: NetSocket, options?: StartTlsOptions, socketOptions?: SocketOptions) => Socket;

/** A write that waits for the socket to open. */
interface EarlyWrite {
  readonly bytes: Uint8Array;
  readonly written: Deferred<void>;
}

/** The socket of this package. */
export class NetSocket implements Socket, HeldChannel, TransportSink {
  readonly #startTls: StartTls;
  readonly #allowHalfOpen: boolean;
  readonly #opened: Deferred<SocketInfo> = new Deferred();
  readonly #closed: Deferred<void> = new Deferred();
  readonly secureTransport: "on" | "starttls";
  /** The name or address that was connected to. */
  host: string | undefined = undefined;
  /** What is being done while the socket is opening, and where: for {@linkcode cannotOpen}. */
  opening: { readonly doing: Doing; readonly place?: string } = { doing: "connect" };

  #queue: ChunkQueue = new ChunkQueue();
  #transport: Transport | null = null;
  #writer: Transport | null = null;
  #over = false;
  #info: SocketInfo | null = null;
  #upgraded = false;
  #heir: NetSocket | null = null;
  /** Why calls are refused once the socket is over or given away; `undefined` when it ended as it should. */
  #reason: unknown = undefined;
  #earlyWrites: EarlyWrite[] = [];
  #lastWrite: Promise<void> = accepted;
  #writeEnd: Promise<void> | null = null;
  #writeEnded = false;
  #closing: Promise<void> | null = null;
  #readable: ReadableStream<Uint8Array> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;
  #cancel: (() => void) | null = null;
  #watcher: PeerWatcher | null = null;

  /** Makes a socket that is opening; {@linkcode attach} opens it. */
  constructor(startTls: StartTls, secureTransport: "on" | "starttls", options: SocketOptions = {}) {
    this.#startTls = startTls;
    this.secureTransport = secureTransport;
    this.#allowHalfOpen = options.allowHalfOpen ?? true;
  }

  get opened(): Promise<SocketInfo> {
    return this.#opened.promise;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  get upgraded(): boolean {
    return this.#upgraded;
  }

  get native(): unknown {
    return this.#over ? null : this.#transport?.native ?? null;
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#readable ??= readableOf(this);
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= writableOf(this);
  }

  /** Whether it is closed, failed or given away. */
  get over(): boolean {
    return this.#over;
  }

  /** Settles as the last write does. */
  get written(): Promise<void> {
    return this.#lastWrite;
  }

  /** Whether the platform's object has all that the peer has sent: nothing is queued or being read ahead. */
  get untouched(): boolean {
    return this.#transport !== null && !this.#transport.reading && this.#queue.empty && !this.#queue.ended;
  }

  read(): Promise<Uint8Array | null> {
    return this.#queue.read();
  }

  withdrawRead(): boolean {
    return this.#queue.withdrawRead();
  }

  get fastPath(): FastPath {
    return this.#queue;
  }

  watchPeer(watcher: PeerWatcher | null): boolean {
    this.#watcher = watcher;
    if (watcher === null) return true;
    if (this.#over || this.#queue.ended) queueMicrotask(() => this.#tellWatcher(watcher));
    else this.#queue.readAhead();
    return true;
  }

  #tellWatcher(watcher: PeerWatcher): void {
    if (watcher !== this.#watcher) return;
    if (this.#over) watcher.onPeerFailure(this.#refusal);
    else watcher.onPeerEnd(!this.#queue.empty);
  }

  probePeer(): boolean {
    const transport = this.#transport;
    if (transport === null || transport.tellsReset) return false;
    if (this.#queue.paused || this.#queue.ended) transport.probe();
    return true;
  }

  write(bytes: Uint8Array): Promise<void> {
    const writer = this.#writer;
    if (writer === null || !(bytes instanceof Uint8Array)) return this.#writeOutOfTurn(bytes);
    if (bytes.byteLength === 0) return accepted;
    return this.#lastWrite = writer.write(bytes);
  }

  closeWrite(): Promise<void> {
    if (this.#writeEnd !== null) return this.#writeEnd;
    if (this.#over || this.#upgraded) return Promise.reject(this.#refusal);
    const transport = this.#transport;
    this.#writer = null;
    return this.#writeEnd = transport === null
      ? this.#opened.promise.then(() => this.#endWriting())
      : this.#endWriting();
  }

  abort(reason?: unknown): void {
    if (!this.#upgraded) this.giveUp(reason);
  }

  /** Aborts, also while the socket is opening on behalf of the TLS socket that it became. */
  giveUp(reason?: unknown): void {
    if (this.#over) return;
    const transport = this.#transport;
    const error = reason === undefined ? new TransportError("closed", "The socket was aborted") : reason;
    this.#queue.takeAll();
    this.#end(error, true);
    if (transport !== null) transport.abort(error);
    else this.#cancel?.();
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.#transport?.writing || this.#earlyWrites.length > 0) this.abort();
    return this.close();
  }

  startTls(options?: StartTlsOptions): Socket {
    if (this.secureTransport === "on") throw new StateError("done", "Cannot start TLS: the socket has it already");
    return this.#startTls(this, options);
  }

  release(): ReleasedSocket {
    const transport = this.#transport;
    if (this.#upgraded) throw new StateError("already-taken", "Cannot release: the socket was given away");
    if (this.#over) throw new StateError("closed", "Cannot release: the socket is closed", { cause: this.#refusal });
    if (transport === null) throw new StateError("not-ready", "Cannot release: the socket is not open yet");
    if (this.#queue.waiting || transport.reading) throw new StateError("busy", "Cannot release: a read is pending");
    if (transport.writing) throw new StateError("busy", "Cannot release: a write is pending");
    const { native } = transport;
    transport.detach();
    const readBuf = this.#queue.takeAll();
    const ended = this.#queue.ended;
    this.#end(new StateError("already-taken", "The socket was released"), false);
    return { native, readBuf, ended };
  }

  /**
   * Moves the connection into a new socket, behind everything written so far. This one is over at once for its holder,
   * and a read of it that is pending is refused.
   *
   * @throws {StateError} `already-taken`, `closed`.
   */
  surrender(): NetSocket {
    if (this.#upgraded) throw new StateError("already-taken", "Cannot start TLS: the socket was given away");
    if (this.#over || this.#writeEnd !== null) {
      throw new StateError("closed", "Cannot start TLS: the socket is closed", { cause: this.#refusal });
    }
    this.#upgraded = true;
    this.#writer = null;
    this.#reason = new StateError("already-taken", "The socket became a TLS socket");
    const heir = new NetSocket(this.#startTls, this.secureTransport);
    this.#queue.withdrawRead();
    heir.#queue = this.#queue;
    this.#queue = new ChunkQueue();
    this.#queue.fail(this.#reason);
    heir.host = this.host;
    this.#heir = heir;
    heir.#cancel = () => this.giveUp(heir.#reason);
    if (this.#transport !== null) this.#handOver(this.#transport, this.#info!);
    return heir;
  }

  // What the opener calls.

  /** What `abort()` and `close()` call while the socket is opening. */
  set cancel(cancel: () => void) {
    this.#cancel = cancel;
  }

  /**
   * Opens the socket.
   *
   * @returns `false` when it is over already; the transport has then been cut.
   */
  attach(transport: Transport, info: SocketInfo): boolean {
    if (this.#over) {
      transport.abort(this.#reason);
      return false;
    }
    this.#cancel = null;
    this.#transport = transport;
    for (const { bytes, written } of this.#earlyWrites) {
      this.#lastWrite = transport.write(bytes);
      this.#lastWrite.then(() => written.resolve(), (error) => written.reject(error));
    }
    this.#earlyWrites = [];
    this.#info = info;
    this.#opened.resolve(info);
    if (this.#heir !== null) {
      this.#handOver(transport, info);
      return true;
    }
    if (this.#writeEnd === null) this.#writer = transport;
    transport.sink = this;
    this.#queue.attach(transport);
    return true;
  }

  /** Ends a socket that is opening; the error names the place. */
  cannotOpen(error: unknown): void {
    this.#end(transportError(error, this.opening.doing, this.opening.place), true);
  }

  // What the transport calls.

  lend(chunk: Uint8Array): boolean {
    return this.#queue.lend(chunk);
  }

  received(chunk: Uint8Array): void {
    this.#queue.push(chunk);
    if (this.#watcher !== null) this.#queue.readAhead();
  }

  ended(): void {
    this.#queue.end();
    this.#watcher?.onPeerEnd(!this.#queue.empty);
    if (this.#over) return;
    if (this.#writeEnded) this.#transport?.close();
    else if (!this.#allowHalfOpen) this.closeWrite().catch(ignore);
  }

  failed(error: unknown): void {
    this.#end(error, true);
  }

  gone(): void {
    this.#end(this.#queue.ended ? undefined : closedError(), false);
  }

  #handOver(transport: Transport, info: SocketInfo): void {
    const heir = this.#heir!;
    this.#heir = null;
    heir.#lastWrite = this.#lastWrite;
    heir.attach(transport, info);
    this.#end(this.#reason, false);
  }

  #writeOutOfTurn(bytes: Uint8Array): Promise<void> {
    if (!isBytes(bytes)) return Promise.reject(wrongType("bytes", "a Uint8Array", bytes));
    if (this.#over || this.#upgraded) return Promise.reject(this.#refusal);
    if (this.#writeEnd !== null) {
      return Promise.reject(new TransportError("closed", "Cannot write: closeWrite() was called before"));
    }
    if (bytes.byteLength === 0) return accepted;
    if (this.#writer !== null) return this.#lastWrite = this.#writer.write(bytes); // of another realm
    const written = new Deferred<void>();
    this.#earlyWrites.push({ bytes, written });
    return written.promise;
  }

  async #endWriting(): Promise<void> {
    const transport = this.#transport;
    if (transport === null) throw this.#refusal;
    await transport.closeWrite();
    this.#writeEnded = true;
    if (this.#queue.ended) transport.close();
  }

  #close(): Promise<void> {
    if (!this.#over && !this.#upgraded) {
      const idle = this.#transport === null && this.#earlyWrites.length === 0 && this.#writeEnd === null;
      if (idle) {
        this.#end(new TransportError("closed", "The socket was closed before it was open"), false);
        this.#cancel?.();
      } else {
        const end = (): void => this.#transport?.close();
        this.closeWrite().then(end, end);
      }
    }
    return this.#closed.promise.catch(ignore);
  }

  /** Made when it is asked for: an error for each connection that ends well would cost more than ending it. */
  get #refusal(): unknown {
    return this.#reason ?? closedError();
  }

  #end(reason: unknown, failed: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#reason = reason;
    this.#transport = this.#writer = null;
    this.#queue.attach(null);
    this.#queue.fail(reason);
    for (const { written } of this.#earlyWrites) written.reject(reason);
    this.#earlyWrites = [];
    this.#opened.reject(reason);
    if (failed) this.#closed.reject(reason);
    else this.#closed.resolve();
    this.#watcher?.onPeerFailure(this.#refusal);
    this.#watcher = null;
    if (this.#heir !== null) this.#heir.#end(reason, failed);
  }
}

function closedError(): TransportError {
  return new TransportError("closed", "The socket is closed");
}

/**
 * Opens a socket in the background.
 *
 * @param socket Opening.
 * @param signal Aborts it until it is open.
 * @param open Ends with `attach()` or `failed()`; what it throws is the failure.
 * @returns The socket.
 */
export function openInBackground(
  socket: NetSocket,
  signal: AbortSignal | undefined,
  open: (socket: NetSocket) => Promise<unknown>,
): NetSocket {
  if (signal?.aborted) {
    socket.abort(signal.reason);
    return socket;
  }
  if (signal !== undefined) {
    const abort = (): void => socket.giveUp(signal.reason);
    const unlisten = (): void => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort, { once: true });
    socket.opened.then(unlisten, unlisten);
  }
  open(socket).catch((error) => socket.cannotOpen(error));
  return socket;
}

function ignore(): void {}
