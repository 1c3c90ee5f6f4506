/**
 * What a WebSocket's machine finds in the bytes that come.
 *
 * @module
 */

/** What a message is made of. */
export type MessageKind = "text" | "binary";

/** As what text is given that was received. */
export type TextForm = "string" | "bytes";

/**
 * What `WebSocketMachine.next()` finds.
 *
 * - `text`, `binary`: a whole message; the bytes are the caller's.
 * - `text-bytes`: the same for a text, if the machine is told to give text as bytes; they are UTF-8.
 * - `compressed`: a whole message that has to be inflated (RFC 7692 §7.2.2), then checked if it is text.
 * - `ping`: its Pong is ready to be taken already. `pong`: the payload tells which Ping it answers.
 * - `close`: the peer sends nothing more; the answer is ready to be taken if we had not closed before, unless
 *   `answersClose` is false.
 * - `need-data`: call `receive()` or `receiveEof()`, then `next()` again.
 * - `end`: nothing comes any more; the last event before it was `close`, or the peer left without one.
 */
export type WebSocketEvent =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "binary"; readonly bytes: Uint8Array }
  | { readonly type: "text-bytes"; readonly bytes: Uint8Array }
  | { readonly type: "compressed"; readonly kind: MessageKind; readonly bytes: Uint8Array }
  | { readonly type: "ping"; readonly payload: Uint8Array }
  | { readonly type: "pong"; readonly payload: Uint8Array }
  | { readonly type: "close"; readonly closeCode: number; readonly reason: string }
  | { readonly type: "need-data" }
  | { readonly type: "end" };
