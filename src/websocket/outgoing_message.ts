/**
 * What can be sent as a message, and what it is sent as.
 *
 * @module
 */

import { checkNotShared, checkObject, checkOneOf, isBytes, wrongType } from "../bytes/arguments.ts";
import type { MessageKind } from "./machine/web_socket_event.ts";
import { TextBytes } from "./text_bytes.ts";

/** A message that can be sent at once. */
export type OutgoingMessage = string | ArrayBuffer | ArrayBufferView;

/** What a message is. */
export interface MessageOptions {
  /**
   * `"text"` sends bytes as text, which must be UTF-8: for text that goes to many and is encoded once. By the message's
   * type by default.
   */
  readonly kind?: MessageKind | undefined;
}

/** A message that is sent as its parts come, one frame each: all of text or all of bytes. */
export type MessageParts = AsyncIterable<string> | AsyncIterable<ArrayBuffer | ArrayBufferView>;

/** Whether a message can come of it, part by part. */
export function isParts(parts: unknown): parts is MessageParts {
  return typeof (parts as Partial<MessageParts> | null)?.[Symbol.asyncIterator] === "function";
}

/** What a message is sent as. */
export function kindOf(message: unknown, options?: MessageOptions): MessageKind {
  if (options !== undefined) {
    checkObject(options, "options");
    if (options.kind !== undefined) {
      checkOneOf(options.kind, "options.kind", ["text", "binary"]);
      return options.kind;
    }
  }
  return typeof message === "string" || message instanceof TextBytes ? "text" : "binary";
}

/**
 * Nothing can change these any more when `write()` returns; and to look at the buffer of an array as short as this costs V8 more
 * than to send it.
 */
const COPIED_AT_ONCE_BYTES = 64;

/** Text, or the bytes of a message without copying them. */
export function plainOf(message: OutgoingMessage): string | Uint8Array {
  if (typeof message === "string") return message;
  if (!(isBytes(message) && message.length <= COPIED_AT_ONCE_BYTES)) checkNotShared(message, "message");
  if (isBytes(message)) return message;
  if (ArrayBuffer.isView(message)) return new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
  if (message instanceof ArrayBuffer) return new Uint8Array(message);
  throw wrongType("message", "text, an ArrayBuffer or a view of one", message);
}
