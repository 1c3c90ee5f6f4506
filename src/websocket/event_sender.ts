/**
 * What `WebSocket.send()` is given: sent in order, also behind a `Blob` that has to be read first, and counted as `bufferedAmount`
 * counts (WHATWG WebSockets standard). `WebSocket` calls it; it writes to the `WebSocketConnection`.
 *
 * @module
 */

import { accepted } from "../duplex/held_channel.ts";
import { utf8Length } from "./machine/utf8.ts";
import type { WebSocketConnection } from "./connection.ts";
import type { OutgoingMessage } from "./outgoing_message.ts";

/** Sends what a `WebSocket` is told to. */
export class EventSender {
  #connection: WebSocketConnection | null = null;
  /** What is sent while a `Blob` is being read waits for it. */
  #reading: Promise<void> | null = null;
  #unreadBytes = 0;
  #discardedBytes = 0;
  #turnStart: number | null = null;
  #endTurn: (() => void) | null = null;

  /** How many bytes were sent and not accepted by the transport, all of this turn among them; none is forgotten at the end. */
  get bufferedAmount(): number {
    const connection = this.#connection;
    if (connection === null) return this.#discardedBytes;
    const ofThisTurn = this.#turnStart === null ? 0 : connection.writtenBytes - this.#turnStart;
    return Math.max(connection.bufferedAmount, ofThisTurn) + this.#unreadBytes + this.#discardedBytes;
  }

  /** Sends a message. */
  send(connection: WebSocketConnection, message: Blob | OutgoingMessage): void {
    this.#connection = connection;
    if (this.#turnStart === null) this.#beginTurn(connection);
    if (isBlob(message) || this.#reading !== null) this.#sendInTurn(connection, message);
    else if (!this.#writes(connection, message)) this.discard(message);
  }

  /** Whether the connection takes the message: once it is over, what was not sent counts on here. */
  #writes(connection: WebSocketConnection, message: OutgoingMessage): boolean {
    const before = connection.writtenBytes;
    void connection.write(message);
    return connection.writtenBytes > before;
  }

  /** Counts a message that is not sent, as the WebSocket is closing. */
  discard(message: Blob | OutgoingMessage): void {
    this.#discardedBytes += sizeOf(message);
  }

  /** The connection is over. It is let go unless something of it still counts. */
  end(): void {
    if (this.#reading === null && this.bufferedAmount === this.#discardedBytes) this.#connection = null;
  }

  /** Does something behind what was sent so far. */
  afterwards(act: () => void): void {
    if (this.#reading === null) act();
    else this.#reading.then(act);
  }

  /** What was sent in this turn counts until its end, whatever became of it. */
  #beginTurn({ writtenBytes }: WebSocketConnection): void {
    this.#turnStart = writtenBytes;
    void accepted.then(this.#endTurn ??= this.#turnEnding()); // Node's `queueMicrotask()` makes a resource for each
  }

  #turnEnding(): () => void {
    return () => this.#turnStart = null;
  }

  /** A `Blob` that cannot be read ends the connection: what was sent behind it must not arrive without it. */
  #sendInTurn(connection: WebSocketConnection, message: Blob | OutgoingMessage): void {
    const bytes = sizeOf(message);
    this.#unreadBytes += bytes;
    const sent = (this.#reading ?? Promise.resolve()).then(async () => {
      try {
        const read = isBlob(message) ? await message.arrayBuffer() : message;
        if (this.#writes(connection, read)) this.#unreadBytes -= bytes;
      } catch (error) {
        connection.abort(error);
      }
      if (this.#reading === sent) this.#reading = null;
    });
    this.#reading = sent;
  }
}

/** Whether it is a `Blob`, which has to be read. */
export function isBlob(data: unknown): data is Blob {
  return data instanceof Blob;
}

function sizeOf(message: Blob | OutgoingMessage): number {
  if (typeof message === "string") return utf8Length(message);
  return isBlob(message) ? message.size : message.byteLength;
}
