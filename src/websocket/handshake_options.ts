/**
 * What the handshakes of both roles check and read of their options: compression, further fields.
 *
 * @module
 */

import type { Field } from "../semantics/fields.ts";
import { checkDeflateOptions, type DeflateOptions } from "./machine/permessage_deflate.ts";
import { canDeflate } from "./platform.ts";

const RESERVED = /^(?:connection|host|upgrade|content-length|transfer-encoding|sec-websocket-.*)$/i;

/**
 * Whether messages may be compressed, and how.
 *
 * @param choice As it was given: `true` for the defaults.
 * @returns `null` if not: because that is not wanted, or because there is no zlib here.
 */
export function deflateChoice(choice: boolean | DeflateOptions): DeflateOptions | null {
  if (choice === false || !canDeflate()) return null;
  return choice === true ? {} : choice;
}

/**
 * Refuses what is no such choice.
 *
 * @throws {TypeError} It is neither a boolean nor an object, or one of its options is of another kind.
 * @throws {RangeError} A number is out of range.
 */
export function checkDeflate(value: unknown, name: string): void {
  if (typeof value !== "boolean") checkDeflateOptions(value as DeflateOptions, name);
}

/**
 * Further fields of a handshake, as pairs.
 *
 * @throws {TypeError} One of them belongs to the handshake itself.
 */
export function furtherFields(headers: HeadersInit | undefined): Field[] {
  const fields = Array.isArray(headers) ? headers as [string, string][] : [...new Headers(headers)];
  for (const [name] of fields) {
    if (RESERVED.test(name)) throw new TypeError(`Cannot set ${name}: it belongs to the handshake of the WebSocket`);
  }
  return fields;
}
