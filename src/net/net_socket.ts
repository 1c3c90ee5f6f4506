/**
 * The socket that callers hold, the same on every runtime: opening, half-close, failure, hand-over. A runtime's adapter
 * makes and opens it; it calls a {@linkcode Transport} for the bytes, and a {@linkcode ChunkQueue} keeps what has come.
 *
 * ```text
 *  opening ── attach() ──▶ open ── release(), startTls(), both sides ended, failure ──▶ over
 *     └───────── cannotOpen(), abort(), close(), hand-over to a successor ───────────────▲
 * ```
 *
 * @module
 */

import { isBytes, wrongType } from "../bytes/arguments.ts";
import { onAbort } from "../duplex/abort.ts";
import { Deferred } from "../duplex/deferred.ts";
import { readableOf, writableOf } from "../duplex/channel_streams.ts";
import { ChunkQueue } from "./chunk_queue.ts";
import {
  accepted,
  type FastPath,
  type HeldChannel,
  type Opening,
  type OpenListener,
  type OverListener,
  type PeerWatcher,
} from "../duplex/held_channel.ts";
import type { SocketOptions, StartTlsOptions } from "../duplex/network.ts";
import type { ReleasedSocket, Socket, SocketInfo } from "../duplex/socket.ts";
import type { Traffic } from "../duplex/traffic.ts";
import { TransportError } from "../errors/transport_error.ts";
import { StateError } from "../errors/state_error.ts";
import { type Doing, transportError } from "./errors.ts";
import type { Transport, TransportSink } from "./transport.ts";

/** A runtime's `startTls()`, which the method of the same name calls. */
export type StartTls = (socket: NetSocket, options?: StartTlsOptions, socketOptions?: SocketOptions) => Socket;

/** What is being done while a socket is opening, and where; for the message if it fails. */
interface OpeningStep {
  readonly doing: Doing;
  readonly place?: string;
}

/** Asks the platform for what is known of both ends; `null` once the socket is over. */
export type AskInfo = (transport: Transport | null) => SocketInfo;

/** A write that waits for the socket to open. */
interface EarlyWrite {
  readonly bytes: Uint8Array;
  readonly written: Deferred<void>;
}

type State =
  | { readonly is: "opening"; writes: EarlyWrite[] | null; cancel: (() => void) | null }
  | { readonly is: "open" }
  /** `reason` says why calls are refused; `undefined` when it ended as it should. */
  | { readonly is: "over"; readonly reason: unknown; readonly failed: boolean };

/** Sockets share these. */
const OPEN: State = { is: "open" };
const ENDED: Extract<State, { is: "over" }> = { is: "over", reason: undefined, failed: false };
const CONNECTING: OpeningStep = { doing: "connect" };
/** The end of our side where nothing has to be waited for. */
const AT_ONCE = new Deferred<void>();
AT_ONCE.resolve();

/** The socket of this package. */
export class NetSocket implements Socket, HeldChannel, Opening, TransportSink, Traffic {
  readonly secureTransport: "on" | "starttls";
  /** The name or address that was connected to. */
  readonly host: string | undefined;
  /** See {@linkcode Traffic}. Only this class writes it. */
  receivedBytes = 0;
  /** See {@linkcode Traffic}. Only this class writes it. */
  sentBytes = 0;
  /** For {@linkcode cannotOpen}. */
  opening: OpeningStep = CONNECTING;
  readonly #startTls: StartTls;
  readonly #allowHalfOpen: boolean;
  /** The promises are made when they are asked for. */
  #opened: Deferred<SocketInfo> | null = null;
  #closed: Deferred<void> | null = null;
  readonly #queue: ChunkQueue = new ChunkQueue();
  #state: State = { is: "opening", writes: null, cancel: null };
  /** While it is open. */
  #transport: Transport | null = null;
  /** Since it is open; how to ask for it as long as it was not looked at, as most servers never do. */
  #info: SocketInfo | AskInfo | null = null;
  /** The transport, while `write()` may go straight to it: the hot path asks for nothing else. */
  #writer: Transport | null = null;
  #lastWrite: Promise<void> = accepted;
  /** Settles when our side has ended. */
  #writeEnd: Deferred<void> | null = null;
  /** Whether it has ended, or failed to. */
  #writeOver: "no" | "ended" | "failed" = "no";
  #closing: Deferred<void> | null = null;
  /** The socket that TLS goes on with. */
  #successor: NetSocket | null = null;
  #watcher: PeerWatcher | null = null;
  #openListener: OpenListener | null = null;
  #overListener: OverListener | null = null;
  #readable: ReadableStream<Uint8Array> | null = null;
  #writable: WritableStream<Uint8Array> | null = null;

  /** Makes a socket that is opening; {@linkcode attach} opens it. */
  constructor(startTls: StartTls, secureTransport: "on" | "starttls", options: SocketOptions = {}, host?: string) {
    this.#startTls = startTls;
    this.secureTransport = secureTransport;
    this.host = host;
    this.#allowHalfOpen = options.allowHalfOpen ?? true;
  }

  get opened(): Promise<SocketInfo> {
    if (this.#opened === null) {
      this.#opened = new Deferred();
      const { info } = this;
      if (info !== null) this.#opened.resolve(info);
      else if (this.#state.is === "over") this.#opened.reject(this.#state.reason);
    }
    return this.#opened.promise;
  }

  get closed(): Promise<void> {
    if (this.#closed === null) {
      this.#closed = new Deferred();
      if (this.#state.is === "over") settle(this.#closed, this.#state);
    }
    return this.#closed.promise;
  }

  get upgraded(): boolean {
    return this.#successor !== null;
  }

  get native(): unknown {
    return this.#transport?.native ?? null;
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#readable ??= readableOf(this);
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#writable ??= writableOf(this);
  }

  /** What `opened` tells, if it has opened. The system is asked when this is looked at first: that is a system call or two. */
  get info(): SocketInfo | null {
    const info = this.#info;
    return typeof info === "function" ? this.#info = info(this.#transport) : info;
  }

  /** Whether it is closed, failed or given away. */
  get over(): boolean {
    return this.#state.is === "over";
  }

  /** Settles as the last write does. */
  get written(): Promise<void> {
    return this.#lastWrite;
  }

  /** Whether the platform's object has all that the peer has sent: nothing is queued or being read ahead. */
  get untouched(): boolean {
    return this.#transport?.reading === false && this.#queue.empty && !this.#queue.ended;
  }

  get fastPath(): FastPath {
    return this.#queue;
  }

  read(): Promise<Uint8Array | null> {
    return this.#queue.read();
  }

  readShared(): Promise<Uint8Array | null> {
    return this.#queue.readShared();
  }

  withdrawRead(): boolean {
    return this.#queue.withdrawRead();
  }

  watchPeer(watcher: PeerWatcher | null): boolean {
    this.#watcher = watcher;
    if (watcher === null) return true;
    if (this.over || this.#queue.ended) queueMicrotask(() => this.#tellWatcher(watcher));
    else this.#queue.readAhead();
    return true;
  }

  tellOver(listener: OverListener): void {
    this.#overListener = listener;
    if (this.over) queueMicrotask(() => this.#tellOver());
  }

  tellOpen(listener: OpenListener): void {
    if (this.#state.is === "opening") this.#openListener = listener;
    else if (this.#state.is === "open") listener.onOpen();
    else listener.onOpenFailure(this.#state.reason);
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
    const { byteLength } = bytes;
    if (byteLength === 0) return accepted;
    this.sentBytes += byteLength;
    return this.#lastWrite = writer.write(bytes);
  }

  closeWrite(): Promise<void> {
    if (this.#writeEnd === null) {
      if (this.over || this.upgraded) return Promise.reject(this.#refusal);
      if (!this.closeAtOnce()) this.#beginWriteEnd();
    }
    return this.#writeEnd === AT_ONCE ? accepted : this.#writeEnd!.promise;
  }

  abort(reason?: unknown): void {
    if (!this.upgraded) this.cut(reason);
  }

  /** Aborts, also while the socket is opening on behalf of the TLS socket that it became. */
  cut(reason: unknown = new TransportError("closed", "The socket was aborted")): void {
    const state = this.#state;
    if (state.is === "over") return;
    const transport = this.#transport;
    this.#queue.takeAll();
    this.#end(reason, true);
    if (state.is === "opening") state.cancel?.();
    else transport!.abort(reason);
  }

  close(): Promise<void> {
    if (this.#closing === null) {
      this.#closing = new Deferred();
      this.#close();
    }
    return this.#closing.promise;
  }

  closeAtOnce(): boolean {
    // Both sides have ended, which closes it; TLS may have something to say before.
    if (this.#queue.ended && this.#writeOver === "ended" && this.secureTransport === "starttls") return true;
    if (!this.#endsOnClose) return false;
    this.#writeEnd = AT_ONCE;
    this.#writeOver = "ended";
    this.#writer = null;
    this.#transport!.close();
    return true;
  }

  /** Behind the peer's end nothing of it is unread in the system, which would answer with a reset. */
  get #endsOnClose(): boolean {
    return this.#queue.ended && this.#writeEnd === null && this.#transport?.endsOnClose === true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    const state = this.#state;
    if (state.is === "opening" ? state.writes !== null : this.#transport?.writing) this.abort();
    return this.close();
  }

  startTls(options?: StartTlsOptions): Socket {
    if (this.secureTransport === "on") throw new StateError("done", "Cannot start TLS: the socket has it already");
    return this.#startTls(this, options);
  }

  release(): ReleasedSocket {
    const transport = this.#transport;
    if (this.upgraded) throw new StateError("already-taken", "Cannot release: the socket was given away");
    if (this.over) throw new StateError("closed", "Cannot release: the socket is closed", { cause: this.#refusal });
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
  moveToSuccessor(): NetSocket {
    if (this.upgraded) throw new StateError("already-taken", "Cannot start TLS: the socket was given away");
    if (this.over || this.#writeEnd !== null) {
      throw new StateError("closed", "Cannot start TLS: the socket is closed", { cause: this.#refusal });
    }
    const successor = new NetSocket(this.#startTls, this.secureTransport, {}, this.host);
    this.#successor = successor;
    this.#writer = null;
    this.#queue.moveTo(successor.#queue, becameTls());
    const cancel = (): void => this.cut(successor.#refusal);
    successor.cancel = cancel;
    if (this.#transport !== null) this.#handOver(this.#transport, this.#info!);
    return successor;
  }

  // What the opener calls.

  /** What `abort()` and `close()` call while the socket is opening. */
  set cancel(cancel: () => void) {
    if (this.#state.is === "opening") this.#state.cancel = cancel;
  }

  /**
   * Opens the socket.
   *
   * @param info What is known of both ends, or how to ask for it.
   * @returns `false` when it is over already; the transport has then been cut.
   */
  attach(transport: Transport, info: SocketInfo | AskInfo): boolean {
    const state = this.#state;
    if (state.is !== "opening") {
      transport.abort(this.#refusal);
      return false;
    }
    this.#state = OPEN;
    this.#transport = transport;
    this.#info = info;
    for (const { bytes, written } of state.writes ?? []) {
      this.sentBytes += bytes.byteLength;
      this.#lastWrite = transport.write(bytes);
      this.#lastWrite.then(() => written.resolve(), (error) => written.reject(error));
    }
    this.#opened?.resolve(this.info!);
    if (this.upgraded) {
      this.#handOver(transport, info);
      return true;
    }
    if (this.#writeEnd === null) this.#writer = transport;
    transport.sink = this;
    this.#queue.attach(transport);
    if (this.#openListener !== null) this.#tellOpen();
    return true;
  }

  /** Ends a socket that is opening; the error names the place. */
  cannotOpen(error: unknown): void {
    this.#end(transportError(error, this.opening.doing, this.opening.place), true);
  }

  // What the transport calls.

  lend(chunk: Uint8Array): boolean {
    const { byteLength } = chunk; // of memory that its reader may give away
    this.receivedBytes += byteLength;
    if (this.#queue.lend(chunk)) return true;
    this.receivedBytes -= byteLength; // until it is received
    return false;
  }

  received(chunk: Uint8Array): void {
    this.receivedBytes += chunk.byteLength;
    this.#queue.push(chunk);
    if (this.#watcher !== null) this.#queue.readAhead();
  }

  ended(): void {
    this.#queue.end();
    this.#watcher?.onPeerEnd(!this.#queue.empty);
    if (this.#writeOver === "ended") this.#transport?.close();
    else if (!this.#allowHalfOpen && !this.over) this.closeWrite();
  }

  failed(error: unknown): void {
    this.#end(error, true);
  }

  gone(): void {
    this.#end(this.#queue.ended ? undefined : closedError(), false);
  }

  /** Made when it is asked for: an error for each connection that ends well would cost more than ending it. */
  get #refusal(): unknown {
    if (this.#state.is === "over" && this.#state.reason !== undefined) return this.#state.reason;
    return this.upgraded ? becameTls() : closedError();
  }

  #tellOpen(): void {
    const listener = this.#openListener;
    this.#openListener = null;
    listener!.onOpen();
  }

  #tellOver(): void {
    const listener = this.#overListener;
    this.#overListener = null;
    listener?.onOver(this);
  }

  #tellWatcher(watcher: PeerWatcher): void {
    if (watcher !== this.#watcher) return;
    if (this.over) watcher.onPeerFailure(this.#refusal);
    else watcher.onPeerEnd(!this.#queue.empty);
  }

  #writeOutOfTurn(bytes: Uint8Array): Promise<void> {
    if (!isBytes(bytes)) return Promise.reject(wrongType("bytes", "a Uint8Array", bytes));
    const state = this.#state;
    if (state.is === "over" || this.upgraded) return Promise.reject(this.#refusal);
    if (this.#writeEnd !== null) {
      return Promise.reject(new TransportError("closed", "Cannot write: closeWrite() was called before"));
    }
    if (bytes.byteLength === 0) return accepted;
    if (state.is === "open") { // of another realm
      this.sentBytes += bytes.byteLength;
      return this.#lastWrite = this.#transport!.write(bytes);
    }
    const written = new Deferred<void>();
    (state.writes ??= []).push({ bytes, written });
    return written.promise;
  }

  #beginWriteEnd(): void {
    const end = this.#writeEnd = new Deferred<void>();
    this.#writer = null;
    if (this.#transport !== null) this.#endWriting(this.#transport, end);
    else this.opened.then(() => this.#endWritingOnceOpen(end), (error) => end.reject(error));
  }

  #endWritingOnceOpen(end: Deferred<void>): void {
    const transport = this.#transport;
    if (transport === null) end.reject(this.#refusal);
    else this.#endWriting(transport, end);
  }

  #endWriting(transport: Transport, end: Deferred<void>): void {
    transport.closeWrite().then(() => {
      this.#writeOver = "ended";
      end.resolve();
      if (this.#queue.ended || this.#closing !== null) transport.close();
    }, (error) => {
      this.#writeOver = "failed";
      end.reject(error);
      if (this.#closing !== null) transport.close();
    });
  }

  #close(): void {
    const state = this.#state;
    if (state.is === "over") {
      this.#closing!.resolve();
    } else if (state.is === "opening" && !this.upgraded && state.writes === null && this.#writeEnd === null) {
      this.#end(new TransportError("closed", "The socket was closed before it was open"), false);
      state.cancel?.();
    } else if (!this.upgraded) {
      if (this.#writeEnd !== null) {
        if (this.#writeOver !== "no") this.#transport?.close();
      } else if (!this.closeAtOnce()) {
        this.#beginWriteEnd();
      }
    }
  }

  /** What comes next is not read before TLS asks for it: its platform's own would not know of it. */
  #handOver(transport: Transport, info: SocketInfo | AskInfo): void {
    transport.pause();
    this.#successor!.#lastWrite = this.#lastWrite;
    this.#successor!.attach(transport, info);
    this.#end(undefined, false);
  }

  #end(reason: unknown, failed: boolean): void {
    const state = this.#state;
    if (state.is === "over") return;
    const over = reason === undefined && !failed ? ENDED : { is: "over", reason, failed } as const;
    this.#state = over;
    this.#writer = this.#transport = null;
    this.#queue.attach(null);
    this.#queue.fail(reason);
    if (state.is === "opening") {
      for (const { written } of state.writes ?? []) written.reject(reason);
      this.#opened?.reject(reason);
      this.#openListener?.onOpenFailure(reason);
    }
    if (this.#closed !== null) settle(this.#closed, over);
    this.#closing?.resolve();
    this.#watcher?.onPeerFailure(this.#refusal);
    this.#watcher = null;
    this.#tellOver();
    const successor = this.#successor;
    if (successor !== null && successor.#state.is === "opening") successor.#end(reason, failed);
  }
}

function settle(closed: Deferred<void>, { reason, failed }: Extract<State, { is: "over" }>): void {
  if (failed) closed.reject(reason);
  else closed.resolve();
}

function becameTls(): StateError {
  return new StateError("already-taken", "The socket became a TLS socket");
}

function closedError(): TransportError {
  return new TransportError("closed", "The socket is closed");
}

/**
 * Opens a socket in the background, unless the signal aborts before it is open.
 *
 * @param open Ends with `attach()` or `failed()`; what it throws is the failure.
 * @returns The socket.
 */
export function openInBackground(
  socket: NetSocket,
  signal: AbortSignal | undefined,
  open: () => void | Promise<void>,
): NetSocket {
  if (signal?.aborted) {
    socket.abort(signal.reason);
    return socket;
  }
  if (signal !== undefined) {
    const unlisten = onAbort(signal, () => socket.cut(signal.reason));
    socket.opened.then(unlisten, unlisten);
  }
  try {
    open()?.catch((error) => socket.cannotOpen(error));
  } catch (error) {
    socket.cannotOpen(error);
  }
  return socket;
}
