/**
 * The character classes of the grammar, byte by byte against what the RFCs list: RFC 9110 §5.5 and §5.6, RFC 9112 §3.2.
 */

import { assertEquals } from "@std/assert";
import { test } from "node:test";
import {
  bytesEqualIgnoringCase,
  equalsIgnoringCase,
  hexValue,
  isDigitByte,
  isFieldContentByte,
  isReasonByte,
  isTargetByte,
  isToken,
  isTokenByte,
  trimOws,
} from "../../src/bytes/ascii.ts";
import { wire } from "../support/bytes.ts";

const classes: readonly (readonly [name: string, is: (byte: number) => boolean, pattern: RegExp])[] = [
  ["isTokenByte() is tchar (RFC 9110 §5.6.2)", isTokenByte, /^[A-Za-z0-9!#$%&'*+\-.^_`|~]$/],
  ["isFieldContentByte() is VCHAR, obs-text, SP, HTAB (RFC 9110 §5.5)", isFieldContentByte, /^[\t\x20-\x7e\x80-\xff]$/],
  ["isReasonByte() is VCHAR, obs-text, SP, HTAB (RFC 9112 §4)", isReasonByte, /^[\t\x20-\x7e\x80-\xff]$/],
  ["isTargetByte() is VCHAR but # (RFC 9112 §3.2)", isTargetByte, /^[!"$-~]$/],
  ["isDigitByte() is DIGIT (RFC 5234 §B.1)", isDigitByte, /^[0-9]$/],
];

for (const [name, is, pattern] of classes) {
  test(name, () => {
    for (let byte = 0; byte < 256; byte++) {
      assertEquals(is(byte), pattern.test(String.fromCharCode(byte)), `byte ${byte}`);
    }
  });
}

test("hexValue() is the value of HEXDIG in either case, or -1 (RFC 5234 §B.1)", () => {
  for (let byte = 0; byte < 256; byte++) {
    const character = String.fromCharCode(byte);
    assertEquals(hexValue(byte), /^[0-9A-Fa-f]$/.test(character) ? Number.parseInt(character, 16) : -1, `byte ${byte}`);
  }
});

test("isToken() is so for a non-empty token and nothing else (RFC 9110 §5.6.2)", () => {
  for (const token of ["a", "X-Tag", "!#$%&'*+-.^_`|~"]) assertEquals(isToken(token), true, token);
  for (const text of ["", "a b", "a:", "a\n", "(a)", "\xe9", "\u0141", "a\u{1f4a9}"]) {
    assertEquals(isToken(text), false);
  }
});

test("equalsIgnoringCase() folds A to Z and nothing else (RFC 9110 §5.1)", () => {
  for (let code = 0; code < 0x250; code++) {
    for (const other of [code - 0x20, code, code + 0x20]) {
      if (other < 0) continue;
      const [left, right] = [String.fromCharCode(code), String.fromCharCode(other)];
      const letters = /^[A-Za-z]$/.test(left) && /^[A-Za-z]$/.test(right);
      assertEquals(equalsIgnoringCase(left, right), code === other || letters, `${code} and ${other}`);
    }
  }
  assertEquals(equalsIgnoringCase("Content-Length", "content-lengtH"), true);
  assertEquals(equalsIgnoringCase("Connection", "Connections"), false);
  assertEquals(equalsIgnoringCase("k", "\u212a"), false);
});

test("bytesEqualIgnoringCase() compares a range of bytes with a text in lower case", () => {
  const bytes = wire("xHoStx");
  assertEquals(bytesEqualIgnoringCase(bytes, 1, 5, "host"), true);
  assertEquals(bytesEqualIgnoringCase(bytes, 0, 5, "xhost"), true);
  assertEquals(bytesEqualIgnoringCase(bytes, 1, 5, "hos"), false);
  assertEquals(bytesEqualIgnoringCase(bytes, 1, 5, "hosu"), false);
  assertEquals(bytesEqualIgnoringCase(wire("@[`{"), 0, 4, "`{@["), false);
  assertEquals(bytesEqualIgnoringCase(bytes, 3, 3, ""), true);
});

test("trimOws() cuts spaces and tabs, and no other white space (RFC 9110 §5.6.3)", () => {
  assertEquals(trimOws(" \t a \t b\t "), "a \t b");
  assertEquals([trimOws("a"), trimOws(""), trimOws(" \t ")], ["a", "", ""]);
  for (const other of ["\r", "\n", "\x0b", "\x0c", "\xa0", "\u2003"]) {
    assertEquals(trimOws(`${other}a${other}`).length, 3);
  }
});
