/**
 * A WebSocket's messages as web streams, made when they are touched. `WebSocketConnection` gives them out, and they call it.
 *
 * @module
 */

import { closed, type CloseOptions, type WebSocketClosed } from "./close_handshake.ts";
import type { Message } from "./message_inbox.ts";
import type { OutgoingMessage } from "./outgoing_message.ts";

/** What the streams call of a `WebSocketConnection`. */
export interface MessageChannel {
  readonly closed: Promise<WebSocketClosed>;
  read(): Promise<Message | null>;
  write(message: OutgoingMessage): Promise<void>;
  discard(): void;
  close(options?: CloseOptions): Promise<WebSocketClosed>;
}

/** The messages of the peer. Cancelling it closes. */
export function readableMessages(connection: MessageChannel): ReadableStream<Message> {
  return new ReadableStream<Message>({
    pull: async (controller) => {
      const message = await connection.read();
      if (message === null) controller.close();
      else controller.enqueue(message);
    },
    cancel: (reason) => {
      try {
        void closeFor(connection, reason);
      } finally {
        connection.discard();
      }
    },
  }, { highWaterMark: 0 });
}

/**
 * The messages for the peer. Closing it closes the WebSocket and waits for that; so does aborting it.
 *
 * @param onAbort Called when the stream is aborted, at once: the stream itself waits for the write that is under way.
 */
export function writableMessages(
  connection: MessageChannel,
  onAbort: () => void,
): WritableStream<OutgoingMessage> {
  return new WritableStream<OutgoingMessage>({
    start: (controller) => {
      // Bun before 1.4 (seen on 1.2 and 1.3) has no such signal: there an abort waits.
      const signal = controller.signal as AbortSignal | undefined;
      signal?.addEventListener("abort", onAbort, { once: true });
      // A pipe into the stream learns of the end without writing.
      void connection.closed.then(({ error }) => controller.error(error ?? closed()));
    },
    write: (message) => connection.write(message),
    close: async () => void await connection.close(),
    abort: (reason) => void closeFor(connection, reason),
  }, { highWaterMark: 1 });
}

/** Closes with the code that the reason of a stream has, if it has one; also if that may not be sent. */
function closeFor(connection: MessageChannel, reason: unknown): Promise<WebSocketClosed> {
  const { closeCode, reason: text } = (reason ?? {}) as { closeCode?: unknown; reason?: unknown };
  if (typeof closeCode !== "number") return connection.close();
  try {
    return connection.close({ closeCode, reason: typeof text === "string" ? text : "" });
  } catch (error) {
    void connection.close();
    throw error;
  }
}
