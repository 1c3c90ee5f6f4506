/**
 * Reads DER (X.690), as far as the names in a certificate need it. `certificate.ts` calls it.
 *
 * @module
 */

/** One value: its tag, what is in it, and where it stands. */
export interface DerValue {
  /** The identifier octet. */
  readonly tag: number;
  /** What is in it. */
  readonly content: Uint8Array;
  /** All of it, tag and length included. */
  readonly whole: Uint8Array;
}

/** Tags that are used. */
export const OBJECT_IDENTIFIER = 0x06;
export const OCTET_STRING = 0x04;
export const SEQUENCE = 0x30;
export const SET = 0x31;

/**
 * The values that stand one behind the other.
 *
 * @throws {TypeError} It is no DER.
 */
export function derValues(bytes: Uint8Array): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.byteLength;) {
    const value = derValue(bytes, at);
    values.push(value);
    at += value.whole.byteLength;
  }
  return values;
}

/** What is in a value of this tag. */
export function contentOf(value: DerValue | undefined, tag: number): Uint8Array {
  if (value?.tag !== tag) throw notDer();
  return value.content;
}

function derValue(bytes: Uint8Array, at: number): DerValue {
  const tag = bytes[at]!;
  const first = bytes[at + 1];
  if ((tag & 0x1f) === 0x1f || first === undefined) throw notDer(); // tags of several octets: none in a certificate
  const lengthOctets = first < 0x80 ? 0 : first & 0x7f;
  if (first === 0x80 || lengthOctets > 4) throw notDer();
  const begin = at + 2 + lengthOctets;
  let length = lengthOctets === 0 ? first : 0;
  for (const octet of bytes.subarray(at + 2, begin)) length = length * 256 + octet;
  if (begin + length > bytes.byteLength) throw notDer();
  return { tag, content: bytes.subarray(begin, begin + length), whole: bytes.subarray(at, begin + length) };
}

/**
 * An object identifier as text: `2.5.4.3`.
 *
 * @throws {TypeError} It has no end, or is written in a longer way than it needs.
 */
export function oidText(content: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  let first = true;
  if (content.byteLength === 0 || content.at(-1)! >= 0x80) throw notDer();
  for (const octet of content) {
    if (first && octet === 0x80) throw notDer();
    first = octet < 0x80;
    arc = arc * 128 + (octet & 0x7f);
    if (!first) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [begin = 0, ...others] = arcs;
  const top = Math.min(Math.floor(begin / 40), 2);
  return [top, begin - top * 40, ...others].join(".");
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const utf16 = new TextDecoder("utf-16be", { fatal: true, ignoreBOM: true });

/** The text of a character string, or `null` when it is none. */
export function derText({ tag, content }: DerValue): string | null {
  switch (tag) {
    case 0x0c: // UTF8String
      return decoded(utf8, content);
    case 0x12: // NumericString
    case 0x13: // PrintableString
    case 0x16: // IA5String
    case 0x1a: // VisibleString
      return asciiText(content);
    case 0x1e: // BMPString
      return decoded(utf16, content);
    default: // T61String and UniversalString among them, which RFC 5280 lets no new certificate have
      return null;
  }
}

/** The text of octets that are to be ASCII, or `null` when one is not. */
export function asciiText(content: Uint8Array): string | null {
  return content.every((octet) => octet < 0x80) ? utf8.decode(content) : null;
}

function decoded(decoder: TextDecoder, content: Uint8Array): string | null {
  try {
    return decoder.decode(content);
  } catch {
    return null;
  }
}

function notDer(): TypeError {
  return new TypeError("Cannot read the certificate: it is no DER");
}
