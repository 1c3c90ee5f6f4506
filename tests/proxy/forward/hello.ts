/**
 * ClientHellos, put together by hand.
 *
 * @module
 */

/** Bytes behind their number, in `size` bytes. */
export function sized(size: number, bytes: readonly number[]): number[] {
  return [...number(size, bytes.length), ...bytes];
}

/** A number in `size` bytes. */
export function number(size: number, value: number): number[] {
  return Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** (size - 1 - i)) % 256);
}

/** The bytes of a text. */
export function ascii(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0));
}

/** An extension. */
export function extension(type: number, data: readonly number[]): number[] {
  return [...number(2, type), ...sized(2, data)];
}

/** The extension that asks for a name. */
export function serverName(name: string): number[] {
  return extension(0, sized(2, [0, ...sized(2, ascii(name))]));
}

/** The message, without records around it. */
export function helloMessage(extensions: readonly number[] | null): number[] {
  const body = [3, 3, ...Array<number>(32).fill(7), ...sized(1, []), ...sized(2, [0x13, 0x01]), ...sized(1, [0])];
  if (extensions !== null) body.push(...sized(2, extensions));
  return [1, ...sized(3, body)];
}

/** A message in records of so many bytes. */
export function records(message: readonly number[], most: number = 16_384): Uint8Array {
  const bytes: number[] = [];
  for (let at = 0; at < message.length; at += most) bytes.push(22, 3, 1, ...sized(2, message.slice(at, at + most)));
  return Uint8Array.from(bytes);
}

/** A whole hello that asks for this name. */
export function helloFor(name: string): Uint8Array {
  return records(helloMessage(serverName(name)));
}
