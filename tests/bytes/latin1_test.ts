/**
 * One byte is one character, all 256 of them: RFC 9110 §5.5.
 */

import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { latin1, writeLatin1 } from "../../src/bytes/latin1.ts";

const all: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => byte);

test("latin1() gives every byte the character of its number, not that of windows-1252", () => {
  const text = latin1(all, 0, 256);
  assertEquals(text.length, 256);
  for (let byte = 0; byte < 256; byte++) assertEquals(text.charCodeAt(byte), byte);
});

test("latin1() reads any range, of every length modulo 8", () => {
  for (let start = 60; start < 70; start++) {
    for (let end = start; end < start + 20; end++) {
      assertEquals(latin1(all, start, end), String.fromCharCode(...all.subarray(start, end)));
    }
  }
});

test("writeLatin1() writes what latin1() reads", () => {
  const target = new Uint8Array(260);
  assertEquals(writeLatin1(target, 2, latin1(all, 0, 256)), 258);
  assertEquals(target.subarray(2, 258), all);
  assertEquals([target[0], target[1], target[258], target[259]], [0, 0, 0, 0]);
});

test("writeLatin1() refuses a character above U+00FF instead of cutting it to a byte", () => {
  for (const text of ["\u0100", "a\u010a", "\ud83d\udca9"]) assertEquals(writeLatin1(new Uint8Array(8), 0, text), -1);
});
