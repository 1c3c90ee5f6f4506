/**
 * A connection's handle as a transport, past Node's streams. `sockets.ts` makes it; `NetSocket` calls it. Once `native` is
 * looked at there is a `net.Socket`, and `transport.ts` goes on with that.
 *
 * @module
 */

import type { Socket as NetSocketOfNode } from "node:net";
import { NO_BYTES } from "../../bytes/no_bytes.ts";
import { ignore } from "../../duplex/deferred.ts";
import { accepted } from "../../duplex/held_channel.ts";
import type { NativeEnds } from "../address.ts";
import { transportError } from "../errors.ts";
import type { Transport, TransportSink } from "../transport.ts";
import { HandleEnds } from "./handle_ends.ts";
import { AS_IT_IS, socketOf } from "./handle_socket.ts";
import { LateWrites, type LateWritesOwner, refusal } from "./late_writes.ts";
import { LentChunks, NO_SINK } from "./lent_chunks.ts";
import { sharedReadBuffer } from "./lent_reads.ts";
import { leave, outsideHeap } from "./short_writes.ts";
import {
  type HandleRequest,
  type StreamHandle,
  type StreamHandles,
  streamHandles,
  systemError,
} from "./stream_handle.ts";
import { cutNodeSocket, NodeTransport } from "./transport.ts";

/** Where there are none, nothing of this is called. */
const { WriteWrap, state, readBytesOrError, lastWriteWasAsync } = (streamHandles ?? {}) as StreamHandles;

/** What libuv calls the end of a stream (uv.h). */
const END_OF_STREAM = -4095;

const TRANSPORT: unique symbol = Symbol("http-upgrade.transport");
type Carrier = StreamHandle & { [TRANSPORT]: HandleTransport };

/** The next write. Those that are done at once leave it as it is. */
let request: HandleRequest | null = null;

/** Reads into lent memory, and writes straight through. */
export class HandleTransport extends LentChunks implements Transport, TransportSink, LateWritesOwner {
  readonly #handle: StreamHandle;
  /** What is read into: the handle does not keep it. */
  #memory: Uint8Array = sharedReadBuffer;
  #flowing = false;
  #ended = false;
  #closing = false;
  /** What the system has not taken at once, once there is something. */
  #late: LateWrites | null = null;
  /** See {@linkcode LateWritesOwner}. Only this class writes it. */
  reason: unknown = undefined;
  /** What goes on with the handle since `native` was looked at. */
  #successor: NodeTransport | null = null;

  /** Takes a handle that is connected and that nothing reads. */
  constructor(handle: StreamHandle) {
    super(NO_SINK);
    this.#handle = handle;
    (handle as Carrier)[TRANSPORT] = this;
    handle.onread = onread;
    handle.useUserBuffer(sharedReadBuffer);
  }

  /** Node's socket: from now on that reads and writes. `null` once this closes. */
  get native(): NetSocketOfNode | null {
    if (this.#successor === null && !this.leaving) this.#successor = this.#succeed();
    return this.#successor?.native ?? null;
  }

  /** What the system tells of both ends. */
  get ends(): NativeEnds {
    if (this.#successor !== null) return this.#successor.ends;
    if (this.leaving) return {};
    return new HandleEnds(this.#handle);
  }

  get reading(): boolean {
    return false;
  }

  get tellsReset(): boolean {
    return false;
  }

  get writing(): boolean {
    return this.#late?.waiting === true || this.#successor?.writing === true;
  }

  get sendMark(): number {
    return this.#successor?.sendMark ?? this.#handle.writeQueueSize ?? 0;
  }

  get endsOnClose(): boolean {
    if (this.#successor !== null) return this.#successor.endsOnClose;
    return !this.leaving && this.#late?.idle !== false;
  }

  resume(): void {
    if (this.#successor !== null) return this.#successor.resume();
    if (this.#flowing || this.#ended || this.leaving) return;
    this.#flowing = true;
    const code = this.#handle.readStart();
    if (code !== 0) queueMicrotask(() => this.fail(code, "read"));
  }

  pause(): void {
    if (this.#successor !== null) return this.#successor.pause();
    if (!this.#flowing) return;
    this.#flowing = false;
    if (!this.leaving) this.#handle.readStop();
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.leaving || this.#successor !== null) return this.#writeElsewhere(bytes);
    request ??= new WriteWrap();
    const given = outsideHeap(bytes);
    const code = this.#handle.writeBuffer(request, given);
    // The kernel has taken it all: the usual case.
    if (code === 0 && state[lastWriteWasAsync] === 0) return accepted;
    leave(given);
    return this.#writeLater(code, given);
  }

  probe(): void {
    if (this.#successor !== null) return this.#successor.probe();
    if (this.#late?.idle !== false) this.write(NO_BYTES).catch(ignore);
  }

  closeWrite(): Promise<void> {
    if (this.#successor !== null) return this.#successor.closeWrite();
    if (this.leaving) return Promise.reject(refusal(this.reason));
    return this.#lateWrites.closeWrite();
  }

  get #lateWrites(): LateWrites {
    return this.#late ??= new LateWrites(this.#handle, this);
  }

  close(): void {
    if (this.#successor !== null) return this.#successor.close();
    if (this.leaving) return;
    this.#closing = true;
    this.#handle.close(onClose);
  }

  abort(reason: unknown): void {
    if (this.over) return;
    this.over = true;
    this.reason = reason;
    this.#late?.refuseEnd();
    if (this.#successor !== null) this.#successor.abort(reason);
    else if (!this.#closing) this.#cut();
  }

  holdProgram(holds: boolean): void {
    if (this.#successor !== null) this.#successor.holdProgram(holds);
    else if (this.leaving) return;
    else if (holds) this.#handle.ref();
    else this.#handle.unref();
  }

  detach(): void {
    this.over = true;
    this.#successor?.detach();
  }

  /** See `cutNodeSocket()`: a FIN that is on its way has all bytes before it, and a reset fails and leaves the handle open. */
  #cut(): void {
    const handle = this.#handle;
    if (this.#late?.end === "begun" || typeof handle.reset !== "function" || handle.reset() !== 0) handle.close();
  }

  #succeed(): NodeTransport {
    const handle = this.#handle;
    if (this.#flowing) handle.readStop();
    const writable = this.#late === null || this.#late.end === "none";
    const successor = new NodeTransport(socketOf(handle, AS_IT_IS, writable), this, cutNodeSocket);
    if (this.#flowing && !this.#ended) successor.resume();
    return successor;
  }

  #writeElsewhere(bytes: Uint8Array): Promise<void> {
    if (this.#successor !== null) return this.#successor.write(bytes);
    return Promise.reject(refusal(this.reason));
  }

  #writeLater(code: number, bytes: Uint8Array): Promise<void> {
    const write = request!;
    request = null;
    if (code !== 0) {
      queueMicrotask(() => this.fail(code, "write"));
      return Promise.reject(transportError(systemError(code, "write"), "write"));
    }
    return this.#lateWrites.add(write, bytes);
  }

  /** Whether it is closing, or over. */
  get leaving(): boolean {
    return this.over || this.#closing;
  }

  /** A system call has failed. */
  fail(code: number, doing: "read" | "write"): void {
    if (this.leaving) return;
    this.#handle.close();
    this.failed(transportError(systemError(code, doing), doing));
  }

  /** What the handle tells: how much was read, or why nothing was. */
  onHandleRead(count: number): Uint8Array | undefined {
    if (count > 0) {
      const { buffer, byteOffset } = this.#memory;
      const next = this.onRead(new Uint8Array(buffer as ArrayBuffer, byteOffset, count));
      if (next !== undefined) this.#memory = next;
      return next;
    }
    if (count === END_OF_STREAM) this.#end();
    else if (count < 0) this.fail(count, "read");
    return undefined;
  }

  #end(): void {
    this.#flowing = false;
    if (!this.leaving) this.ended();
  }

  /** The handle is closed. */
  onHandleClosed(): void {
    if (!this.over) this.gone();
  }

  // What the successor tells.

  lend(chunk: Uint8Array): boolean {
    return this.sink.lend(chunk);
  }

  received(chunk: Uint8Array): void {
    this.sink.received(chunk);
  }

  ended(): void {
    if (this.#ended) return; // a socket that was made behind the end reads it again
    this.#ended = true;
    this.sink.ended();
  }

  failed(error: unknown): void {
    this.over = true;
    this.reason = error;
    this.#late?.refuseEnd();
    this.sink.failed(error);
  }

  gone(): void {
    this.over = true;
    this.#late?.refuseEnd();
    this.sink.gone();
  }
}

// One function of each kind for all handles.

function onread(this: StreamHandle): Uint8Array | undefined {
  return (this as Carrier)[TRANSPORT].onHandleRead(state[readBytesOrError]!);
}

function onClose(this: StreamHandle): void {
  (this as Carrier)[TRANSPORT].onHandleClosed();
}
