/**
 * What the property tests feed to the machines: noise, near misses, and messages that are right.
 *
 * @module
 */

import fc from "fast-check";
import type { Field } from "../../../src/semantics/fields.ts";
import type { Leniency } from "../../../src/http1/machine/limits.ts";
import { wire } from "../../support/bytes.ts";

const hostile = '\r\n\t \0\x0b\x7f\xff:,;"\\=/0159aAfFx[]%#?*@';
const requestLines = [
  "GET / HTTP/1.1¶Host: a¶",
  "POST / HTTP/1.1¶Host: a¶",
  "OPTIONS * HTTP/1.1¶Host: a¶",
  "GET http://b/ HTTP/1.1¶Host: a¶",
  "CONNECT a:1 HTTP/1.1¶Host: a¶",
  "GET / HTTP/1.0¶",
  "GET / HTTP/2.0¶",
  "¶GET / HTTP/1.1¶",
];
const statusLines = [
  "HTTP/1.1 200 OK¶",
  "HTTP/1.1 204¶",
  "HTTP/1.0 200 x¶",
  "HTTP/1.1 101 x¶",
  "HTTP/1.1 103 x¶",
  "HTTP/1.1 407 x¶",
  "¶HTTP/1.1 200 x¶",
];
const fieldLines = [
  "Content-Length: 5¶",
  "Content-Length: 0¶",
  "Content-Length: 5, 5¶",
  "Transfer-Encoding: chunked¶",
  "Transfer-Encoding: gzip, chunked¶",
  "Connection: upgrade¶Upgrade: echo¶",
  "Connection: close¶",
  "Connection: keep-alive¶",
  "Expect: 100-continue¶",
  "Host: b¶",
  "X: y¶ z¶",
  "X:¶ ¶",
  "X : y¶",
  "X y: z¶",
  "X: y\n",
];
const contents = [
  "hello",
  "5¶hello¶",
  "5;a=b¶hello¶",
  '5 ; a = "\\"" ;b¶hello¶',
  '5;a="b¶hello¶',
  "5 ¶hello¶",
  "0¶¶",
  "0¶A: b¶Host: c¶¶",
  "¶",
  "0¶A: b\r",
];

/** A message that may be right, then often not quite; and sometimes noise alone. */
function hostileMessages(startLines: readonly string[]): fc.Arbitrary<Uint8Array> {
  const some = (texts: readonly string[], maxLength: number) => {
    return fc.array(fc.constantFrom(...texts), { maxLength }).map((parts) => parts.join(""));
  };
  const message = fc.tuple(fc.constantFrom(...startLines), some(fieldLines, 4), fc.constant("¶"), some(contents, 4));
  const messages = fc.array(message, { minLength: 1, maxLength: 3 }).map((all) => all.flat().join(""));
  const noise = fc.array(fc.constantFrom(...hostile), { minLength: 1, maxLength: 2 }).map((parts) => parts.join(""));
  const spoiled = fc.tuple(messages, fc.nat(), fc.nat(), noise).map(([text, at, drop, inserted]) => {
    const index = at % text.length;
    return text.slice(0, index) + inserted + text.slice(index + drop % 3);
  });
  const soup = fc.array(fc.constantFrom(...startLines, ...fieldLines, ...contents, ...hostile), { maxLength: 12 });
  return fc
    .oneof(
      { weight: 3, arbitrary: messages },
      { weight: 5, arbitrary: spoiled },
      { weight: 1, arbitrary: soup.map((parts) => parts.join("")) },
    )
    .map(wire);
}

/** What a client sends that knows the protocol and means no good. */
export const hostileRequests: fc.Arbitrary<Uint8Array> = hostileMessages(requestLines);

/** What such a server sends. */
export const hostileResponses: fc.Arbitrary<Uint8Array> = hostileMessages(statusLines);

const extensionParts = [
  ";",
  ";a",
  ";a=",
  "=",
  " ",
  "\t",
  '"',
  '"b"',
  "\\",
  "a",
  "c=d",
  ",",
  "[",
  "\xff",
  "\x01",
  "\x7f",
  "\n",
];

/** The line of a chunk of five bytes that may be right, without its end. */
export const chunkLine: fc.Arbitrary<string> = fc.array(fc.constantFrom(...extensionParts), { maxLength: 8 })
  .map((parts) => parts.join(""))
  .filter((text) => !/^[a-f0-9]/i.test(text))
  .map((behindSize) => `5${behindSize}`);

/** Bytes in chunks of any size. */
export function chunksOf(bytes: Uint8Array): fc.Arbitrary<Uint8Array[]> {
  return fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 8 }).map((cuts) => {
    const ends = [...new Set([...cuts, bytes.length])].filter((cut) => cut > 0).sort((a, b) => a - b);
    return ends.map((end, i) => bytes.slice(ends[i - 1] ?? 0, end));
  });
}

/** Any combination of what may be let pass. */
export const leniency: fc.Arbitrary<Leniency> = fc.record(
  {
    bareLf: fc.boolean(),
    spaceBeforeColon: fc.boolean(),
    obsoleteFold: fc.boolean(),
    invalidFields: fc.boolean(),
    multipleSpaces: fc.boolean(),
    emptyLineBeforeResponse: fc.boolean(),
    spaceBehindChunkSize: fc.boolean(),
    invalidChunkExtensions: fc.boolean(),
    anyHost: fc.boolean(),
    lengthWithChunked: fc.boolean(),
    connectContent: fc.boolean(),
    upgradeWithoutConnection: fc.boolean(),
    unaskedUpgrade: fc.boolean(),
    keepAfterRefusedConnect: fc.boolean(),
  },
  { requiredKeys: [] },
);

/** A text of these characters. */
function textOf(characters: string, constraints: { minLength?: number; maxLength?: number }): fc.Arbitrary<string> {
  return fc.array(fc.constantFrom(...characters), constraints).map((letters) => letters.join(""));
}

/** The characters with these codes. */
function range(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, i) => String.fromCharCode(from + i)).join("");
}

const tokenCharacters = "!#$%&'*+-.^_`|~09azAZ";
const visible = range(0x21, 0x7e) + range(0x80, 0xff);

/** A token. */
export const token: fc.Arbitrary<string> = textOf(tokenCharacters, { minLength: 1, maxLength: 12 });

/** A target in origin-form. */
export const target: fc.Arbitrary<string> = textOf(range(0x21, 0x7e).replace("#", ""), { maxLength: 30 })
  .map((path) => `/${path}`);

const value = textOf(`${visible} \t`, { maxLength: 20 }).map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ""));

/** Fields of no meaning to the protocol. */
export const fields: fc.Arbitrary<Field[]> = fc.array(fc.tuple(token.map((name) => `X-${name}`), value), {
  maxLength: 6,
});

/** A body in parts, and whether its length is known beforehand. */
export interface GeneratedBody {
  readonly parts: readonly Uint8Array[];
  readonly known: boolean;
}

/** A body. */
export const body: fc.Arbitrary<GeneratedBody> = fc.record({
  parts: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }),
  known: fc.boolean(),
});

/** A reason phrase. */
export const reason: fc.Arbitrary<string> = textOf(`${visible} \t`, { maxLength: 12 });
