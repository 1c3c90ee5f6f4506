/**
 * What is made of the arguments of `WebSocket`, as Web IDL and the WHATWG WebSockets standard have it.
 *
 * @module
 */

import { checkNotShared, wrongType } from "../bytes/arguments.ts";
import { isResizable } from "../bytes/fixed_bytes.ts";
import type { CloseOptions } from "./close_handshake.ts";
import { isBlob } from "./event_sender.ts";
import { mayBeSent } from "./machine/close_code.ts";
import { checkClose } from "./machine/close_frame.ts";
import type { OutgoingMessage } from "./outgoing_message.ts";
import { TextBytes } from "./text_bytes.ts";

/**
 * What `send()` sends.
 *
 * @throws {TypeError} Its memory is shared with other threads or can be resized, or it cannot be made text.
 */
export function messageOf(data: unknown): Blob | OutgoingMessage {
  checkNotShared(data, "data");
  if (typeof data === "string" || isBlob(data)) return data;
  return isBytes(data) ? heldOf(data) : `${data as string}`;
}

function isBytes(data: unknown): data is ArrayBuffer | ArrayBufferView {
  return data instanceof ArrayBuffer || ArrayBuffer.isView(data);
}

/**
 * Of memory that was given away, to another thread or a stream, nothing is left to send (Web IDL §3.2.26). What can be resized is refused
 * without `[AllowResizable]`.
 */
function heldOf(data: ArrayBuffer | ArrayBufferView): OutgoingMessage {
  const memory = ArrayBuffer.isView(data) ? data.buffer : data;
  if (isResizable(memory)) throw wrongType("data", "in memory that keeps its size", data);
  if (memory.byteLength > 0) return data;
  return data instanceof TextBytes ? "" : new Uint8Array(0);
}

/**
 * What `close()` closes with.
 *
 * @throws {TypeError} One of both cannot be converted.
 * @throws {DOMException} `InvalidAccessError`: the code is not the application's. `SyntaxError`: the reason is too long.
 */
export function closeOf(code: unknown, given: unknown): CloseOptions {
  const closeCode = code === undefined ? undefined : clamped(Number(code));
  const reason = `${given as string}`;
  if (closeCode !== undefined && closeCode !== 1000 && !(closeCode >= 3000 && mayBeSent(closeCode))) {
    throw new DOMException(`Cannot close with code ${code}`, "InvalidAccessError");
  }
  try {
    checkClose(closeCode ?? 1000, reason);
  } catch {
    throw new DOMException("The reason is longer than 123 bytes", "SyntaxError");
  }
  return { closeCode, reason };
}

/** `[Clamp] unsigned short`: what is halfway is rounded to the even number (Web IDL §3.3.1). */
function clamped(code: number): number {
  if (Number.isNaN(code)) return 0;
  const within = Math.min(Math.max(code, 0), 65_535);
  const below = Math.floor(within);
  return within - below === 0.5 ? below + below % 2 : Math.round(within);
}
