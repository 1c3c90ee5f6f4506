/**
 * The runtime's own sockets, to have something to compare with that does nothing.
 *
 * @module
 */

import net from "node:net";
import process from "node:process";
import { bun, type BunSocket, deno, type DenoConn } from "./platform.ts";
import { portOf } from "./ports.ts";

const NOTHING = new Uint8Array(0);
const answer = new TextEncoder().encode(
  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 15\r\n\r\nHello, World!\r\n",
);

/** What to send for bytes that have come, if anything. */
export type Respond = (bytes: Uint8Array) => Uint8Array | null;

/** Answers whatever comes with the same 80 bytes. */
export function fixedAnswer(): Promise<number> {
  return listen(() => () => answer);
}

/** Answers whatever comes with a body of 1 MiB. */
export function largeAnswer(): Promise<number> {
  const head = new TextEncoder().encode(
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1048576\r\n\r\n",
  );
  const large = new Uint8Array(head.length + 1_048_576);
  large.set(head);
  return listen(() => () => large);
}

/** Sends back whatever comes. */
export function echo(): Promise<number> {
  return listen(() => (bytes) => bytes);
}

/** Sends back whatever comes, with `pipe()`: a socket of `node:net`. */
export function pipe(): Promise<number> {
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  return portOfServer(server);
}

/**
 * Sends back whatever comes, read into one buffer (`onread`): a socket of `node:net` can do no less. Only while all that comes
 * is short: what the system does not take at once would be overwritten.
 */
export function onread(): Promise<number> {
  return listenOnread((socket, bytes) => socket.write(bytes));
}

/** Answers what comes first with a 101 and sends back the rest, on Node with `onread`: the least that a handshake takes. */
export function handshake(): Promise<number> {
  if (deno !== null || bun !== null) return listen(switching);
  const sockets = new WeakMap<net.Socket, Respond>();
  return listenOnread((socket, bytes) => {
    let respond = sockets.get(socket);
    if (respond === undefined) sockets.set(socket, respond = switching());
    socket.write(respond(bytes)!);
  });
}

function switching(): Respond {
  let switched = false;
  return (bytes) => {
    if (switched) return bytes;
    switched = true;
    return ECHO_SWITCH;
  };
}

/** A server whose sockets read into one buffer. */
function listenOnread(respond: (socket: net.Socket, bytes: Uint8Array) => void): Promise<number> {
  const buffer = new Uint8Array(64 * 1024);
  const server = net.createServer({ allowHalfOpen: true });
  const started = portOfServer(server, () => {
    const { _handle: handle } = server as unknown as { _handle: { onconnection(error: number, client: object): void } };
    handle.onconnection = (_error, client) => {
      const callback = (count: number): true => {
        respond(socket, buffer.subarray(0, count));
        return true;
      };
      const options = { handle: client, allowHalfOpen: true, noDelay: true, onread: { buffer, callback } };
      const socket = new net.Socket(options as net.SocketConstructorOpts).setNoDelay(true);
      socket.on("end", () => socket.end());
      socket.on("error", () => {});
      socket.resume();
    };
  });
  return started;
}

function portOfServer(server: net.Server, listening: () => void = () => {}): Promise<number> {
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => {
      listening();
      resolve(portOf(server.address()));
    })
  );
}

/**
 * Speaks as much WebSocket as it needs to be asked the same again and again: the first frame is read and sent back without
 * its mask, and then again whenever as many bytes have come. No server with sockets of this runtime can do less.
 */
export function frames(): Promise<number> {
  return listen(() => answeringFrames((frame) => frame));
}

/** The same, and makes a string of each message and bytes of that string: no server whose handlers get strings can do less. */
export function textFrames(): Promise<number> {
  return listen(() =>
    answeringFrames((frame, headerBytes) => {
      const payload = frame.subarray(headerBytes);
      encoder.encodeInto(decoder.decode(payload), payload);
      return frame;
    })
  );
}

/** What to send, if anything, for a frame that has come whole: made of one with the same payload, without a mask. */
type Made = (frame: Uint8Array, headerBytes: number) => Uint8Array | null;

/** Reads the first frame, and then counts. */
export function answeringFrames(made: Made): Respond {
  let frame: Uint8Array | null = null;
  let switched = false;
  let missing = 0;
  return (bytes) => {
    if (!switched) {
      switched = true;
      return SWITCH;
    }
    if (missing === 0) missing = (frame ??= answerTo(bytes)).length + MASK_BYTES;
    missing -= bytes.length;
    return missing === 0 ? made(frame!, headerBytesOf(frame!)) : null;
  };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const ECHO_SWITCH = new TextEncoder().encode(
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
);
const SWITCH = new TextEncoder().encode(
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
);
/** What a frame of a client is longer. */
export const MASK_BYTES = 4;

/** A frame of the same length that is not masked, of nothing but spaces. */
export function answerTo(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const short = bytes[1]! & 0x7f;
  const length = short < 126 ? short : short === 126 ? view.getUint16(2) : Number(view.getBigUint64(2));
  const header = headerBytesOf(bytes);
  const frame = new Uint8Array(header + length).fill(0x20);
  frame.set(bytes.subarray(0, header));
  frame[1] = short;
  return frame;
}

/** Without a mask. */
function headerBytesOf(frame: Uint8Array): number {
  const short = frame[1]! & 0x7f;
  return short < 126 ? 2 : short === 126 ? 4 : 10;
}

/** Writes to one connection. */
type WriteFrame = (frame: Uint8Array) => void;

/**
 * Sends one frame, made once, to everybody whenever somebody has sent something: no server with sockets of this runtime can
 * broadcast for less. Who is behind is not looked at.
 */
export function readyFrame(): Promise<number> {
  return listenReady((socket) => (frame) => void socket.write(frame));
}

/** The same below `node:net`, without its streams: one request to libuv for each write. Node only. */
export function bareFrame(): Promise<number> {
  return listenReady((socket) => {
    const { _handle: handle } = socket as unknown as {
      _handle: { writeBuffer(request: object, data: Uint8Array): void };
    };
    const { WriteWrap } = (process as unknown as { binding(name: string): { WriteWrap: new () => object } }).binding(
      "stream_wrap",
    );
    return (frame) => handle.writeBuffer(Object.assign(new WriteWrap(), { oncomplete() {} }), frame);
  });
}

async function listenReady(writer: (socket: net.Socket) => WriteFrame): Promise<number> {
  const everybody: Set<WriteFrame> = new Set();
  let frame: Uint8Array | null = null;
  /** What to do with what comes: the first bytes are a handshake. */
  const join = (write: WriteFrame): (bytes: Uint8Array) => void => {
    let switched = false;
    return (bytes) => {
      if (switched) {
        frame ??= answerTo(bytes);
        for (const one of everybody) one(frame);
      } else {
        switched = true;
        everybody.add(write);
        write(SWITCH);
      }
    };
  };
  if (deno !== null) {
    return await listenOnDeno((conn) => readOnDeno(conn, join((frame) => void conn.write(frame).catch(() => {}))));
  }
  if (bun !== null) {
    const socket = {
      binaryType: "uint8array",
      open: (native: BunSocket) =>
        void ((native as { data: unknown }).data = join((frame) => void native.write(frame))),
      data: (native: BunSocket, bytes: Uint8Array) => (native.data as unknown as (bytes: Uint8Array) => void)(bytes),
      end: (native: BunSocket) => native.shutdown(),
      error() {},
    };
    return bun.listen({ hostname: "127.0.0.1", port: 0, allowHalfOpen: true, socket: socket as never }).port;
  }
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    socket.on("data", join(writer(socket)));
    socket.on("end", () => socket.end());
    socket.on("error", () => {});
  });
  return await portOfServer(server);
}

async function readOnDeno(conn: DenoConn, receive: (bytes: Uint8Array) => void): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    receive(buffer.subarray(0, count));
  }
}

/**
 * Sends back whatever comes, in memory of its own, as a server must have it whose handlers keep what they read: short chunks are copied,
 * and long ones leave with the buffer. Deno only; the sockets of others give such memory.
 */
export function ownMemory(): Promise<number> {
  return listenOnDeno(echoOwn);
}

async function echoOwn(conn: DenoConn): Promise<void> {
  let buffer = new Uint8Array(64 * 1024);
  for (let count = await conn.read(buffer); count !== null; count = await conn.read(buffer)) {
    const long = count > buffer.length / 4;
    const chunk = long ? buffer.subarray(0, count) : buffer.slice(0, count);
    if (long) buffer = new Uint8Array(buffer.length);
    await writeAllOnDeno(conn, chunk);
  }
}

/** A server that has something made for each connection, which says what to send. */
export async function listen(make: () => Respond): Promise<number> {
  if (deno !== null) return await listenOnDeno((conn) => serveOnDeno(conn, make()));
  if (bun !== null) return listenOnBun(make);
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const respond = make();
    socket.on("data", (bytes: Uint8Array) => {
      const response = respond(bytes);
      if (response !== null && !socket.write(response)) socket.pause();
    });
    socket.on("drain", () => socket.resume());
    socket.on("end", () => socket.end());
    socket.on("error", () => {});
  });
  return portOfServer(server);
}

/** Listens on Deno: speaks on each connection, and closes it then. */
export function listenOnDeno(speak: (conn: DenoConn) => Promise<void>): Promise<number> {
  const listener = deno!.listen({ hostname: "127.0.0.1", port: 0 });
  acceptOnDeno(listener, speak);
  return Promise.resolve(listener.addr.port);
}

async function acceptOnDeno(conns: AsyncIterable<DenoConn>, speak: (conn: DenoConn) => Promise<void>): Promise<void> {
  for await (const conn of conns) {
    conn.setNoDelay();
    speak(conn).catch(() => {}).finally(() => conn.close());
  }
}

async function serveOnDeno(conn: DenoConn, respond: Respond): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  while (true) {
    const count = await conn.read(buffer);
    if (count === null) return;
    await writeAllOnDeno(conn, respond(buffer.subarray(0, count)) ?? NOTHING);
  }
}

/** Writes until the system has all. */
export async function writeAllOnDeno(conn: DenoConn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await conn.write(sent === 0 ? bytes : bytes.subarray(sent));
}

function listenOnBun(make: () => Respond): number {
  const socket = {
    binaryType: "uint8array",
    open(native: BunSocket) {
      native.data = { waiting: [], respond: make() };
    },
    data(native: BunSocket, bytes: Uint8Array) {
      const { waiting, respond } = native.data;
      const response = respond(bytes);
      if (response === null) return;
      const taken = waiting.length > 0 ? 0 : native.write(response);
      if (taken === response.length || taken < 0) return;
      waiting.push(response.subarray(taken));
      native.pause();
    },
    drain(native: BunSocket) {
      const { waiting } = native.data;
      while (waiting.length > 0) {
        const bytes = waiting[0]!;
        const taken = native.write(bytes);
        if (taken < bytes.length) {
          waiting[0] = bytes.subarray(Math.max(taken, 0));
          return;
        }
        waiting.shift();
      }
      native.resume();
    },
    end: (native: BunSocket) => native.shutdown(),
    error() {},
  };
  return bun!.listen({ hostname: "127.0.0.1", port: 0, allowHalfOpen: true, socket }).port;
}
