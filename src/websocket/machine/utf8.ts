/**
 * UTF-8 (RFC 3629): checked piece by piece, read and written without the platform's coders, which text this short does
 * not pay for.
 *
 * @module
 */

/** Below these, no byte but ASCII is met at once. */
const ALL_ASCII = 0x80808080 | 0;

/**
 * Checks text that comes in pieces, and finds the first byte with which it cannot be UTF-8 any more: no overlong forms,
 * no surrogates, nothing above U+10FFFF.
 */
export class Utf8Validator {
  /** Continuation bytes that are missing. */
  #missing = 0;
  #lowest = 0x80;
  #highest = 0xbf;

  /** Whether `bytes[start, end)` may go on what came before. Once it said no, it is of no use until `reset()`. */
  accepts(bytes: Uint8Array, start: number, end: number): boolean {
    for (let i = start; i < end; i++) {
      if (this.#missing === 0) {
        i = skipAscii(bytes, i, end);
        if (i === end) return true;
        if (!this.#begin(bytes[i]!)) return false;
        continue;
      }
      const byte = bytes[i]!;
      if (byte < this.#lowest || byte > this.#highest) return false;
      this.#missing--;
      this.#lowest = 0x80;
      this.#highest = 0xbf;
    }
    return true;
  }

  /** Whether the text may end here. */
  get complete(): boolean {
    return this.#missing === 0;
  }

  /** Begins a new text. */
  reset(): void {
    this.#missing = 0;
    this.#lowest = 0x80;
    this.#highest = 0xbf;
  }

  /** The first byte of a sequence bounds the second one (RFC 3629 §4). */
  #begin(byte: number): boolean {
    if (byte < 0xc2 || byte > 0xf4) return false;
    this.#missing = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    if (byte === 0xe0) this.#lowest = 0xa0;
    else if (byte === 0xed) this.#highest = 0x9f;
    else if (byte === 0xf0) this.#lowest = 0x90;
    else if (byte === 0xf4) this.#highest = 0x8f;
    return true;
  }
}

/** How many bytes at the end of `bytes[0, end)` begin a character that is not complete there: 0–3. */
export function incompleteTail(bytes: Uint8Array, end: number): number {
  for (let back = 1; back <= 3 && back <= end; back++) {
    const byte = bytes[end - back]!;
    if ((byte & 0xc0) === 0x80) continue;
    const size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return size > back ? back : 0;
  }
  return 0;
}

/** Whether the bytes are UTF-8. */
export function isUtf8(bytes: Uint8Array): boolean {
  const validator = new Utf8Validator();
  return validator.accepts(bytes, 0, bytes.length) && validator.complete;
}

/** The first byte from `start` that is not ASCII, or `end`. */
function skipAscii(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  if (end - start >= 64) {
    while (((bytes.byteOffset + i) & 3) !== 0 && bytes[i]! < 0x80) i++;
    if (((bytes.byteOffset + i) & 3) === 0) {
      const words = new Int32Array(bytes.buffer, bytes.byteOffset + i, (end - i) >>> 2);
      let word = 0;
      const eights = words.length & ~7;
      for (; word < eights; word += 8) {
        const any = words[word]! | words[word + 1]! | words[word + 2]! | words[word + 3]! |
          words[word + 4]! | words[word + 5]! | words[word + 6]! | words[word + 7]!;
        if ((any & ALL_ASCII) !== 0) break;
      }
      while (word < words.length && (words[word]! & ALL_ASCII) === 0) word++;
      i += word * 4;
    }
  }
  while (i < end && bytes[i]! < 0x80) i++;
  return i;
}

/**
 * Reads text.
 *
 * @returns The text, or `null` if the bytes are not UTF-8. A byte order mark is a character like others.
 */
export function readUtf8(bytes: Uint8Array): string | null {
  if (!isUtf8(bytes)) return null;
  let text = "";
  for (let i = 0; i < bytes.length;) {
    const byte = bytes[i++]!;
    let point = byte;
    if (byte >= 0xf0) point = (byte & 0x07) << 18 | (bytes[i++]! & 0x3f) << 12 | nextTwo(bytes, (i += 2) - 2);
    else if (byte >= 0xe0) point = (byte & 0x0f) << 12 | nextTwo(bytes, (i += 2) - 2);
    else if (byte >= 0xc0) point = (byte & 0x1f) << 6 | (bytes[i++]! & 0x3f);
    text += String.fromCodePoint(point);
  }
  return text;
}

function nextTwo(bytes: Uint8Array, at: number): number {
  return (bytes[at]! & 0x3f) << 6 | (bytes[at + 1]! & 0x3f);
}

/** How many bytes the text takes. A surrogate without its other half counts as U+FFFD, which it is written as. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) continue;
    if (code < 0x800) length += 1;
    else if (isPair(text, i, code)) {
      length += 2;
      i++;
    } else length += 2;
  }
  return length;
}

/** Writes text into `target`, which has room, from `at`; false at the first character that is not ASCII. */
export function writeAscii(target: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) return false;
    target[at + i] = code;
  }
  return true;
}

/** Writes text into `target`, which has room, from `at`. */
export function writeUtf8(target: Uint8Array, at: number, text: string): void {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x80) {
      target[at++] = code;
    } else if (code < 0x800) {
      target[at++] = 0xc0 | code >> 6;
      target[at++] = 0x80 | code & 0x3f;
    } else if (isPair(text, i, code)) {
      const point = text.codePointAt(i++)!;
      target[at++] = 0xf0 | point >> 18;
      target[at++] = 0x80 | point >> 12 & 0x3f;
      target[at++] = 0x80 | point >> 6 & 0x3f;
      target[at++] = 0x80 | point & 0x3f;
    } else {
      const point = code >= 0xd800 && code <= 0xdfff ? 0xfffd : code;
      target[at++] = 0xe0 | point >> 12;
      target[at++] = 0x80 | point >> 6 & 0x3f;
      target[at++] = 0x80 | point & 0x3f;
    }
  }
}

/** Writes as much of `text` as has room, whole characters, as `TextEncoder.encodeInto()` does. */
export function encodeUtf8(text: string, target: Uint8Array): { read: number; written: number } {
  const written = utf8Length(text);
  if (written > target.length) return { read: 0, written: 0 };
  writeUtf8(target, 0, text);
  return { read: text.length, written };
}

function isPair(text: string, at: number, code: number): boolean {
  if (code < 0xd800 || code > 0xdbff) return false;
  const next = text.charCodeAt(at + 1);
  return next >= 0xdc00 && next <= 0xdfff;
}
