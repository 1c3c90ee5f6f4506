/**
 * Text messages as bytes, for those who hand them on or parse them from bytes. `MessageReceiver` makes them where the option `text`
 * asks for it; `MessageSender` sends them as text.
 *
 * @module
 */

import { readText } from "./coding.ts";
import { mostCopiedBytes } from "./platform.ts";

/**
 * A text message as its bytes, which are known to be UTF-8: what a WebSocket with the option `text: "bytes"` receives. The class
 * tells it from a message of bytes, and whatever sends it sends text: `write(message)` sends back what came. What is cut from it is
 * a plain `Uint8Array`.
 *
 * @example
 * ```ts
 * import { duplexPair, TextBytes, webSocketOver } from "@http-upgrade/http-upgrade";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const [near, far] = duplexPair();
 * const client = webSocketOver(near, { role: "client" });
 * const server = webSocketOver(far, { role: "server", text: "bytes" });
 * await client.write("hello");
 * const message = await server.read();
 * assert(message instanceof TextBytes && message.length === 5);
 * await server.write(message);
 * assertEquals(await client.read(), "hello");
 * near.abort();
 * ```
 */
export class TextBytes extends Uint8Array {
  /** What is cut from a text may end inside a character. With a getter V8 takes 4 us to make one (seen on Node 26). */
  static readonly [Symbol.species]: Uint8ArrayConstructor = Uint8Array;

  /** The text. */
  override toString(): string {
    return readText(this) ?? "";
  }
}

/** The same bytes, known to be UTF-8. They may still be in the memory of `bytes`. */
export function textBytes(bytes: Uint8Array): TextBytes {
  const { length } = bytes;
  if (length <= mostCopiedBytes) return new TextBytes(bytes);
  return new TextBytes(bytes.buffer as ArrayBuffer, bytes.byteOffset, length);
}
