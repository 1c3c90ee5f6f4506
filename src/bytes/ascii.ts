/**
 * Character classes of the HTTP grammar as tables over one byte, and comparisons that ignore ASCII case. Every reader and
 * writer of messages uses them.
 *
 * @module
 */

/** The bit of `CLASSES` for a `tchar`. */
export const TOKEN = 1;
/** The bit of `CLASSES` for what may stand in a field value. */
export const FIELD_CONTENT = 2;
/** The bit of `CLASSES` for what may stand in a request-target: VCHAR but `#`, which would begin a fragment (RFC 9112 §3.2). */
export const TARGET = 4;
/** The bit of `CLASSES` for `0`–`9`. */
export const DIGIT = 8;
const REASON = 16;
/** The bit of `CLASSES` for a `tchar` that is no capital letter: a field name of HTTP/2 is made of them. */
export const LOWER_TOKEN = 32;

/** Carriage return. */
export const CR = 0x0d;
/** Line feed. */
export const LF = 0x0a;
/** Space. */
export const SP = 0x20;
/** Horizontal tab. */
export const HTAB = 0x09;
/** Colon. */
export const COLON = 0x3a;

/** The classes of each byte, a bit each: for loops over every character of a head; elsewhere the functions read better. */
export const CLASSES: Uint8Array = classTable();
const HEX: Int8Array = hexTable();
const LOWER: Uint8Array = lowerTable();

function classTable(): Uint8Array {
  const table = new Uint8Array(256);
  const mark = (characters: string, bit: number) => {
    for (let i = 0; i < characters.length; i++) table[characters.charCodeAt(i)]! |= bit;
  };
  const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  mark(alphanumeric + "!#$%&'*+-.^_`|~", TOKEN);
  mark("0123456789abcdefghijklmnopqrstuvwxyz!#$%&'*+-.^_`|~", LOWER_TOKEN);
  mark("0123456789", DIGIT);
  for (let byte = 0x21; byte <= 0x7e; byte++) table[byte]! |= FIELD_CONTENT | TARGET | REASON;
  for (let byte = 0x80; byte <= 0xff; byte++) table[byte]! |= FIELD_CONTENT | REASON;
  mark(" \t", FIELD_CONTENT | REASON);
  table["#".charCodeAt(0)]! &= ~TARGET;
  return table;
}

function hexTable(): Int8Array {
  const table = new Int8Array(256).fill(-1);
  for (let digit = 0; digit < 16; digit++) {
    table[digit.toString(16).charCodeAt(0)] = digit;
    table[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
  }
  return table;
}

function lowerTable(): Uint8Array {
  const table = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) table[byte] = byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
  return table;
}

/** Whether the byte is a `tchar` (RFC 9110 §5.6.2). */
export function isTokenByte(byte: number): boolean {
  return (CLASSES[byte]! & TOKEN) !== 0;
}

/** Whether the byte may stand in a field value: VCHAR, obs-text, SP or HTAB (RFC 9110 §5.5). */
export function isFieldContentByte(byte: number): boolean {
  return (CLASSES[byte]! & FIELD_CONTENT) !== 0;
}

/** Whether the byte may stand in a request-target: VCHAR but `#`, which would begin a fragment (RFC 9112 §3.2). */
export function isTargetByte(byte: number): boolean {
  return (CLASSES[byte]! & TARGET) !== 0;
}

/** Whether the byte may stand in a reason phrase (RFC 9112 §4). */
export function isReasonByte(byte: number): boolean {
  return (CLASSES[byte]! & REASON) !== 0;
}

/** Whether the byte is `0`–`9`. */
export function isDigitByte(byte: number): boolean {
  return (CLASSES[byte]! & DIGIT) !== 0;
}

/** The value of a hexadecimal digit, or -1. */
export function hexValue(byte: number): number {
  return HEX[byte]!;
}

/** Whether `text` is a non-empty `token` (RFC 9110 §5.6.2). */
export function isToken(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0xff || (CLASSES[code]! & TOKEN) === 0) return false;
  }
  return text.length > 0;
}

/** Whether `bytes[start, end)` spells `lower`, a lower-case ASCII text, in any case. */
export function bytesEqualIgnoringCase(bytes: Uint8Array, start: number, end: number, lower: string): boolean {
  if (end - start !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    if (LOWER[bytes[start + i]!] !== lower.charCodeAt(i)) return false;
  }
  return true;
}

/** Whether `bytes[start, end)` spells `text`, one byte for each character, but for ASCII case. */
export function bytesSpell(bytes: Uint8Array, start: number, end: number, text: string): boolean {
  if (end - start !== text.length) return false;
  for (let i = 0; i < text.length; i++) {
    const byte = bytes[start + i]!;
    const code = text.charCodeAt(i);
    if (byte !== code && (code > 0x7f || LOWER[byte] !== LOWER[code])) return false;
  }
  return true;
}

/** Whether two texts are equal but for ASCII case. Cheap when their lengths differ. */
export function equalsIgnoringCase(left: string, right: string): boolean {
  if (left === right) return true;
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) {
    const a = left.charCodeAt(i);
    const b = right.charCodeAt(i);
    if (a === b) continue;
    if (a > 0x7f || b > 0x7f || LOWER[a] !== LOWER[b]) return false;
  }
  return true;
}

/** Cuts spaces and tabs from both ends (OWS, RFC 9110 §5.6.3); other white space stays. */
export function trimOws(text: string): string {
  let start = 0;
  let end = text.length;
  if (end === 0 || (text.charCodeAt(0) > SP && text.charCodeAt(end - 1) > SP)) return text;
  while (start < end && isOws(text.charCodeAt(start))) start++;
  while (end > start && isOws(text.charCodeAt(end - 1))) end--;
  return start === 0 && end === text.length ? text : text.slice(start, end);
}

/** Whether the code is a space or a tab. */
export function isOws(code: number): boolean {
  return code === SP || code === HTAB;
}
