/**
 * What is below Node's `net.Socket`: a handle of libuv's. Reading and writing through it leaves out Node's streams, which cost a
 * connection as much as its HTTP, and a small message as much as understanding it.
 *
 * That is no public API. It is looked for by `process.binding()`, which has been deprecated for years and is there (the same on Node 20
 * to 26). Where it is not, is not allowed (`--permission`), or would be complained about (`--pending-deprecation`), or has another
 * shape, sockets are `net.Socket`s.
 *
 * @module
 */

import process from "node:process";
import { getSystemErrorName } from "node:util";

/** As much of a handle as is used: of a TCP connection, or of one by a unix socket. */
export interface StreamHandle {
  /** Called when something was read, or cannot be. It may return memory for the next read. */
  onread: (this: StreamHandle) => Uint8Array | undefined;
  /** Reads into this from now on. */
  useUserBuffer(memory: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  /** Writes; the rest waits for the peer, if the state of all handles says so. */
  writeBuffer(request: HandleRequest, bytes: Uint8Array): number;
  /** How many bytes wait that the system has not taken. */
  readonly writeQueueSize?: number;
  shutdown(request: HandleRequest): number;
  close(callback?: (this: StreamHandle) => void): void;
  /** Keeps the program alive, as handles do at first. */
  ref(): void;
  /** Does not. */
  unref(): void;
  /** Closes with a reset. TCP only. */
  reset?(callback?: () => void): number;
  setNoDelay?(on: boolean): number;
  getpeername?(address: HandleAddress): number;
  getsockname?(address: HandleAddress): number;
}

/** Something that a handle does, until it tells of its end. */
export interface HandleRequest {
  /** Keeps the handle, and the memory that it writes from. */
  handle?: StreamHandle;
  buffer?: Uint8Array;
  oncomplete?: (status: number) => void;
}

/** A handle that is not connected. */
export interface TcpHandle extends StreamHandle {
  /** Connects to an IPv4 address. */
  connect(request: HandleRequest, address: string, port: number): number;
  /** Connects to an IPv6 address. */
  connect6(request: HandleRequest, address: string, port: number): number;
}

/** Makes handles. */
export interface TcpHandles {
  readonly TCP: new (kind: number) => TcpHandle;
  readonly TCPConnectWrap: new () => HandleRequest;
  /** The kind that connects. */
  readonly kind: number;
}

/** Is filled in by the system. */
export interface HandleAddress {
  address?: string;
  port?: number;
}

/** What all handles of a process share. */
export interface StreamHandles {
  /** Makes what a write is. One that was done at once can be used again. */
  readonly WriteWrap: new () => HandleRequest;
  /** Makes what an end of our side is. */
  readonly ShutdownWrap: new () => HandleRequest;
  /** Says of the last call what this does not return, by the places below. */
  readonly state: Int32Array;
  /** How much was read, or why nothing was. */
  readonly readBytesOrError: number;
  /** Whether something is left to be written. */
  readonly lastWriteWasAsync: number;
  /** Makes handles that connect; `null` where that cannot be had. */
  readonly tcp: TcpHandles | null;
}

/** As much of `process` as is used. */
export interface HandleProcess {
  readonly execArgv: readonly string[];
  readonly env: { readonly [name: string]: string | undefined };
  /** Gives what Node is built of. */
  binding?(name: string): object;
}

/** What handles share; `null` where that is not to be had, or not without a complaint. */
export function streamHandlesOf(process: HandleProcess): StreamHandles | null {
  if (complains(process)) return null;
  try {
    if (process.binding === undefined) return null;
    return readBinding(process.binding("stream_wrap"), process.binding("tcp_wrap"));
  } catch {
    return null; // --permission
  }
}

/** What a part of Node has. */
interface Binding {
  readonly [name: string]: unknown;
}

function readBinding(stream: object, tcp: object): StreamHandles | null {
  const { WriteWrap, ShutdownWrap, streamBaseState: state, kReadBytesOrError, kLastWriteWasAsync } = stream as Binding;
  if (typeof WriteWrap !== "function" || typeof ShutdownWrap !== "function") return null;
  if (!(state instanceof Int32Array) || typeof kReadBytesOrError !== "number") return null;
  if (typeof kLastWriteWasAsync !== "number") return null;
  return {
    WriteWrap: WriteWrap as StreamHandles["WriteWrap"],
    ShutdownWrap: ShutdownWrap as StreamHandles["ShutdownWrap"],
    state,
    readBytesOrError: kReadBytesOrError,
    lastWriteWasAsync: kLastWriteWasAsync,
    tcp: readTcp(tcp),
  };
}

function readTcp(tcp: object): TcpHandles | null {
  const { TCP, TCPConnectWrap, constants } = tcp as Binding;
  const { SOCKET } = Object(constants) as Binding;
  if (typeof TCP !== "function" || typeof TCPConnectWrap !== "function" || typeof SOCKET !== "number") return null;
  const { connect, connect6 } = Object(TCP.prototype) as Partial<TcpHandle>;
  if (typeof connect !== "function" || typeof connect6 !== "function") return null;
  return { TCP, TCPConnectWrap, kind: SOCKET } as unknown as TcpHandles;
}

/** Whether Node was asked to complain about what only its manual calls deprecated. */
function complains({ execArgv, env }: HandleProcess): boolean {
  const asked = /--(?:pending|throw)-deprecation/;
  return env.NODE_PENDING_DEPRECATION === "1" || asked.test(env.NODE_OPTIONS ?? "") ||
    execArgv.some((arg) => asked.test(arg));
}

/** What the handles of this process share. */
export const streamHandles: StreamHandles | null = "Bun" in globalThis || "Deno" in globalThis
  ? null
  : streamHandlesOf(process as HandleProcess);

const METHODS = ["useUserBuffer", "readStart", "readStop", "writeBuffer", "shutdown", "close", "ref", "unref"] as const;

/** Whether an object is a handle as it is known. */
export function isStreamHandle(object: object): object is StreamHandle {
  const handle = object as Partial<StreamHandle>;
  return METHODS.every((name) => typeof handle[name] === "function");
}

/** An error as Node makes it of what a system call has returned. */
export function systemError(errno: number, syscall: string, details = ""): Error {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`${syscall} ${code}${details}`), { errno, code, syscall });
}
