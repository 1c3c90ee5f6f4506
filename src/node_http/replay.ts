/**
 * A request that `node:http` has parsed, as the bytes that it was, in front of the socket that it came on: so that the
 * connection of this package reads it as any other, with its limits, its strictness and its answers. `accept.ts` calls it.
 *
 * @module
 */

import { concat } from "../bytes/concat.ts";
import { writeLatin1 } from "../bytes/latin1.ts";
import { NO_BYTES } from "../bytes/no_bytes.ts";
import type { ByteChannel, DuplexLike } from "../duplex/duplex.ts";
import type { Socket, SocketInfo } from "../duplex/socket.ts";
import { IncomingBody } from "../http1/incoming_body.ts";
import { NodeBodySource } from "./body.ts";
import { type IncomingMessage, type NodeSocket, pairsOf } from "./messages.ts";
import { adoptNodeSocket } from "./platform.ts";

/** A request that is to be read once more. */
export interface Replay {
  /** The socket. */
  readonly socket: Socket;
  /** Where it leads. */
  readonly info: SocketInfo;
  /** What is to be read: the request, and what comes behind it on the socket. */
  readonly io: DuplexLike;
}

/** Puts a request back in front of its socket. */
export function replay(request: IncomingMessage, native: NodeSocket, behind: Uint8Array): Replay {
  const head = headBytes(request);
  if (!bodyWasTaken(request)) {
    const { socket, info } = adopt(request, native, concat([head, behind]));
    return { socket, info, io: socket };
  }
  const { socket, info } = adopt(request, native, NO_BYTES);
  const channel = new ReplayedChannel(socket, wholeRequest(request, head, behind));
  return { socket, info, io: channel as unknown as DuplexLike };
}

function adopt(
  request: IncomingMessage,
  native: NodeSocket,
  readBefore: Uint8Array,
): ReturnType<typeof adoptNodeSocket> {
  return adoptNodeSocket(native as unknown as Parameters<typeof adoptNodeSocket>[0], readBefore, request.socket);
}

function headBytes({ method = "GET", url = "/", httpVersion, rawHeaders }: IncomingMessage): Uint8Array {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (const [name, value] of pairsOf(rawHeaders)) text += `${name}: ${value}\r\n`;
  text += "\r\n";
  const bytes = new Uint8Array(text.length);
  // Node reads a head as one character for each byte, so that this fails for no request of a socket.
  if (writeLatin1(bytes, 0, text) < 0) throw new TypeError("req must have been received: a character is above U+00FF");
  return bytes;
}

/**
 * Whether the parser goes on with the body of a request that proposes a switch, so that `head` is what stands behind the
 * body: newer Node (seen on 26.12, not on 24.22), Deno and Bun. Else the body is the first part of `head`.
 *
 * Deno's stops with what has come of the body when it tells of the upgrade (seen on 2.9.6); the rest is lost, and such a
 * request ends with `bodyTimeoutMs`.
 */
function bodyWasTaken(request: IncomingMessage): boolean {
  return !request.complete || request.readableLength > 0;
}

/** The head, the body as it comes out of the parser, framed again, and what stood behind it. */
async function* wholeRequest(
  request: IncomingMessage,
  head: Uint8Array,
  behind: Uint8Array,
): AsyncGenerator<Uint8Array> {
  yield head;
  const chunked = pairsOf(request.rawHeaders).some(([name]) => name.toLowerCase() === "transfer-encoding");
  const body = new IncomingBody({ type: "chunked" }, new NodeBodySource(request));
  for await (const chunk of body) yield chunked ? framed(chunk) : chunk;
  if (chunked && request.complete) yield lastChunk(request);
  if (behind.byteLength > 0) yield new Uint8Array(behind);
}

const encoder = new TextEncoder();

function framed(chunk: Uint8Array): Uint8Array {
  return concat([encoder.encode(`${chunk.byteLength.toString(16)}\r\n`), chunk, encoder.encode("\r\n")]);
}

function lastChunk({ rawTrailers }: IncomingMessage): Uint8Array {
  const lines = pairsOf(rawTrailers).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const text = `0\r\n${lines}\r\n`;
  const bytes = new Uint8Array(text.length);
  writeLatin1(bytes, 0, text);
  return bytes;
}

/** A channel that begins with other bytes than those of its socket. */
class ReplayedChannel implements ByteChannel {
  readonly #socket: Socket;
  readonly #begin: AsyncGenerator<Uint8Array>;

  constructor(socket: Socket, begin: AsyncGenerator<Uint8Array>) {
    this.#socket = socket;
    this.#begin = begin;
  }

  /** How the socket ends. */
  get closed(): Promise<void> {
    return this.#socket.closed;
  }

  async read(): Promise<Uint8Array | null> {
    const { done, value } = await this.#begin.next();
    return done === true ? await this.#socket.read() : value;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#socket.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#socket.closeWrite();
  }

  abort(reason?: unknown): void {
    this.#begin.return(undefined);
    this.#socket.abort(reason);
  }

  close(): Promise<void> {
    this.#begin.return(undefined);
    return this.#socket.close();
  }
}
