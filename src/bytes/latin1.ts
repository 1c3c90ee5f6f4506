/**
 * Bytes and text, one to one: byte 0xE9 is the character U+00E9 and the reverse, as the octets of HTTP require.
 *
 * Not `TextDecoder("latin1")`, which is windows-1252.
 *
 * @module
 */

/** Reads `bytes[start, end)` as text of one character per byte. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  let text = "";
  let i = start;
  for (; i + 8 <= end; i += 8) {
    text += String.fromCharCode(
      bytes[i]!,
      bytes[i + 1]!,
      bytes[i + 2]!,
      bytes[i + 3]!,
      bytes[i + 4]!,
      bytes[i + 5]!,
      bytes[i + 6]!,
      bytes[i + 7]!,
    );
  }
  if (end - i >= 4) {
    text += String.fromCharCode(bytes[i]!, bytes[i + 1]!, bytes[i + 2]!, bytes[i + 3]!);
    i += 4;
  }
  for (; i < end; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

/**
 * Writes `text` into `target` from `at`, one byte per character.
 *
 * @returns The offset behind the last byte, or -1 if a character is above U+00FF.
 */
export function writeLatin1(target: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff) return -1;
    target[at + i] = code;
  }
  return at + text.length;
}
