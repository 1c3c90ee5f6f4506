/**
 * The socket that callers hold, the same on every runtime: from opening to over, and the hand-over to TLS or to its holder. A
 * runtime's adapter makes and opens it. What comes is in `read_side.ts`, what goes out in `write_side.ts`.
 *
 * ```text
 *  opening ── attach() ──▶ open ── release(), startTls(), both sides ended, failure ──▶ over
 *     └───────── cannotOpen(), abort(), close(), hand-over to a successor ───────────────▲
 * ```
 *
 * @module
 */

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
import { transportError } from "./errors.ts";
import { ReadSide, type ReadSideOwner } from "./read_side.ts";
import { SocketPromises } from "./socket_promises.ts";
import { becameTls, closedError, ENDED, OPEN, OPENING, type OpeningStep, type SocketState } from "./socket_state.ts";
import type { Transport } from "./transport.ts";
import { WriteSide, type WriteSideOwner } from "./write_side.ts";

/** A runtime's `startTls()`, which the method of the same name calls. */
export type StartTls = (socket: NetSocket, options?: StartTlsOptions, socketOptions?: SocketOptions) => Socket;

/** Asks the platform for what is known of both ends; `null` once the socket is over. */
export type AskInfo = (transport: Transport | null) => SocketInfo;

/** The socket of this package. */
export class NetSocket implements Socket, HeldChannel, Opening, Traffic, ReadSideOwner, WriteSideOwner {
  readonly secureTransport: "on" | "starttls";
  /** The name or address that was connected to. */
  readonly host: string | undefined;
  /** What a transport of this socket tells. */
  readonly readSide: ReadSide = new ReadSide(this);
  readonly #startTls: StartTls;
  readonly #allowHalfOpen: boolean;
  #promises: SocketPromises | null = null;
  readonly #writeSide: WriteSide = new WriteSide(this);
  #state: SocketState = OPENING;
  /** While it is open. */
  #transport: Transport | null = null;
  /** Since it is open; how to ask for it as long as it was not looked at, as most servers never do. */
  #info: SocketInfo | AskInfo | null = null;
  /** The socket that TLS goes on with. */
  #successor: NetSocket | null = null;
  #overListener: OverListener | null = null;

  /** Makes a socket that is opening; {@linkcode attach} opens it. */
  constructor(startTls: StartTls, secureTransport: "on" | "starttls", options: SocketOptions = {}, host?: string) {
    this.#startTls = startTls;
    this.secureTransport = secureTransport;
    this.host = host;
    this.#allowHalfOpen = options.allowHalfOpen ?? true;
  }

  get #promised(): SocketPromises {
    return this.#promises ??= new SocketPromises();
  }

  get opened(): Promise<SocketInfo> {
    return this.#promised.opened(this.info, this.#state);
  }

  get closed(): Promise<void> {
    return this.#promised.closed(this.#state);
  }

  get upgraded(): boolean {
    return this.#successor !== null;
  }

  get native(): unknown {
    return this.#transport?.native ?? null;
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#promised.readable(this);
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#promised.writable(this);
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
    return this.#writeSide.lastWrite;
  }

  /** Whether the platform's object has all that the peer has sent: nothing is queued or being read ahead. */
  get untouched(): boolean {
    return this.#transport?.reading === false && this.readSide.queue.empty && !this.readSide.queue.ended;
  }

  get receivedBytes(): number {
    return this.readSide.receivedBytes;
  }

  get sentBytes(): number {
    return this.#writeSide.sentBytes;
  }

  get sendMark(): number | undefined {
    return this.#transport?.sendMark;
  }

  get fastPath(): FastPath {
    return this.readSide.queue;
  }

  read(): Promise<Uint8Array | null> {
    return this.readSide.queue.read();
  }

  readShared(): Promise<Uint8Array | null> {
    return this.readSide.queue.readShared();
  }

  withdrawRead(): boolean {
    return this.readSide.queue.withdrawRead();
  }

  watchPeer(watcher: PeerWatcher | null): boolean {
    this.readSide.watch(watcher);
    return true;
  }

  tellOver(listener: OverListener): void {
    this.#overListener = listener;
    if (this.over) queueMicrotask(() => this.#tellOver());
  }

  tellOpen(listener: OpenListener): void {
    const state = this.#state;
    if (state.is === "opening") this.#state = { ...state, listener };
    else if (state.is === "open") listener.onOpen();
    else listener.onOpenFailure(state.reason);
  }

  probePeer(): boolean {
    const transport = this.#transport;
    if (transport === null || transport.tellsReset) return false;
    if (this.readSide.queue.paused || this.readSide.queue.ended) transport.probe();
    return true;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#writeSide.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.closeAtOnce() ? accepted : this.#writeSide.end();
  }

  abort(reason?: unknown): void {
    if (!this.upgraded) this.cut(reason);
  }

  /** Aborts, also while the socket is opening on behalf of the TLS socket that it became. */
  cut(reason: unknown = new TransportError("closed", "The socket was aborted")): void {
    const state = this.#state;
    if (state.is === "over") return;
    const transport = this.#transport;
    this.readSide.queue.takeAll();
    this.#end(reason, true);
    if (state.is === "opening") state.cancel?.();
    else transport!.abort(reason);
  }

  close(): Promise<void> {
    if (this.#promised.beginClosing(this.#state)) this.#close();
    return this.#promised.closing;
  }

  closeAtOnce(): boolean {
    if (!this.readSide.queue.ended) return false;
    // Both sides have ended, which closes it; TLS may have something to say before.
    if (this.#writeSide.outcome === "ended" && this.secureTransport === "starttls") return true;
    // Nothing of the peer is unread in the system, which would answer with a reset.
    return this.#writeSide.endByClosing();
  }

  holdProgram(holds: boolean): void {
    this.#transport?.holdProgram(holds);
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (this.#writeSide.waits || this.#transport?.writing) this.abort();
    return this.close();
  }

  startTls(options?: StartTlsOptions): Socket {
    if (this.secureTransport === "on") throw new StateError("done", "Cannot start TLS: the socket has it already");
    return this.#startTls(this, options);
  }

  release(): ReleasedSocket {
    const transport = this.#transport;
    if (this.upgraded) throw new StateError("already-taken", "Cannot release: the socket was given away");
    if (this.over) throw new StateError("closed", "Cannot release: the socket is closed", { cause: this.refusal });
    if (transport === null) throw new StateError("not-ready", "Cannot release: the socket is not open yet");
    if (this.readSide.queue.waiting || transport.reading) {
      throw new StateError("busy", "Cannot release: a read is pending");
    }
    if (transport.writing) throw new StateError("busy", "Cannot release: a write is pending");
    const { native } = transport;
    transport.detach();
    const readBuf = this.readSide.queue.takeAll();
    const ended = this.readSide.queue.ended;
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
    if (this.over || this.#writeSide.ends) {
      throw new StateError("closed", "Cannot start TLS: the socket is closed", { cause: this.refusal });
    }
    const successor = new NetSocket(this.#startTls, this.secureTransport, {}, this.host);
    this.#successor = successor;
    this.#writeSide.stop();
    this.readSide.queue.moveTo(successor.readSide.queue, becameTls());
    const cancel = (): void => this.cut(successor.refusal);
    successor.cancel = cancel;
    if (this.#transport !== null) this.#handOver(this.#transport, this.#info!);
    return successor;
  }

  // What the opener calls.

  /** For {@linkcode cannotOpen}. */
  set opening(step: OpeningStep) {
    const state = this.#state;
    if (state.is === "opening") this.#state = { ...state, step };
  }

  /** What `abort()` and `close()` call while the socket is opening. */
  set cancel(cancel: () => void) {
    const state = this.#state;
    if (state.is === "opening") this.#state = { ...state, cancel };
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
      transport.abort(this.refusal);
      return false;
    }
    this.#state = OPEN;
    this.#transport = transport;
    this.#info = info;
    this.#writeSide.open(transport);
    if (this.#promises?.wantsInfo === true) this.#promises.open(this.info!);
    if (this.upgraded) {
      this.#handOver(transport, info);
      return true;
    }
    this.readSide.open(transport);
    state.listener?.onOpen();
    return true;
  }

  /** Ends a socket that is opening; the error names the place. */
  cannotOpen(error: unknown): void {
    const { doing, place } = this.#state.is === "opening" ? this.#state.step : OPENING.step;
    this.#end(transportError(error, doing, place), true);
  }

  // What its sides call.

  /** Made when it is asked for: an error for each connection that ends well would cost more than ending it. */
  get refusal(): unknown {
    if (this.#state.is === "over" && this.#state.reason !== undefined) return this.#state.reason;
    return this.upgraded ? becameTls() : closedError();
  }

  writesOver(ended: boolean): void {
    if (this.#promises?.isClosing === true || (ended && this.readSide.queue.ended)) this.#transport?.close();
  }

  peerEnded(): void {
    if (this.#writeSide.outcome === "ended") this.#transport?.close();
    else if (!this.#allowHalfOpen && !this.closeAtOnce()) this.#writeSide.begin();
  }

  failed(error: unknown): void {
    this.#end(error, true);
  }

  gone(): void {
    this.#end(this.readSide.queue.ended ? undefined : closedError(), false);
  }

  #tellOver(): void {
    const listener = this.#overListener;
    this.#overListener = null;
    listener?.onOver(this);
  }

  #close(): void {
    const state = this.#state;
    if (this.upgraded || state.is === "over") return;
    if (state.is === "opening" && !this.#writeSide.waits && !this.#writeSide.ends) {
      this.#end(new TransportError("closed", "The socket was closed before it was open"), false);
      state.cancel?.();
    } else if (this.#writeSide.outcome !== null) {
      this.#transport?.close();
    } else if (!this.closeAtOnce()) {
      this.#writeSide.begin();
    }
  }

  /** What comes next is not read before TLS asks for it: its platform's own would not know of it. */
  #handOver(transport: Transport, info: SocketInfo | AskInfo): void {
    transport.pause();
    this.#successor!.#writeSide.lastWrite = this.#writeSide.lastWrite;
    this.#successor!.attach(transport, info);
    this.#end(undefined, false);
  }

  #end(reason: unknown, failed: boolean): void {
    const state = this.#state;
    if (state.is === "over") return;
    const over = reason === undefined && !failed ? ENDED : { is: "over", reason, failed } as const;
    this.#state = over;
    this.#transport = null;
    this.#writeSide.refuse(reason);
    this.readSide.stop(reason);
    if (state.is === "opening") state.listener?.onOpenFailure(reason);
    this.#promises?.end(over);
    this.readSide.tellOver();
    this.#tellOver();
    const successor = this.#successor;
    if (successor !== null && successor.#state.is === "opening") successor.#end(reason, failed);
  }
}
