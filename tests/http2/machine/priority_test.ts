/**
 * What a priority says: RFC 9218 §4, in the syntax of RFC 9651.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { DEFAULT_PRIORITY, readPriority } from "../../../src/http2/machine/priority.ts";
import { rounds } from "../../support/rounds.ts";

function priority(value: string | null): string {
  const { urgency, incremental } = readPriority(value);
  return `${urgency}${incremental ? " i" : ""}`;
}

test("urgency is 0 to 7, and incremental a boolean; 3 and false where nothing is said [Z4]", () => {
  const read: Readonly<Record<string, string>> = {
    "": "3",
    "u=0": "0",
    "u=7": "7",
    "i": "3 i",
    "i=?1": "3 i",
    "i=?0": "3",
    "u=5, i": "5 i",
    "i,u=1": "1 i",
    "u=1 \t, \ti": "1 i",
    "  u=2  ": "2",
    "u=2\t": "2",
    "u=07": "7",
    "u=-0": "0",
    "u=2;x=1;y": "2",
    'i;x="a"': "3 i",
    "u=1, u=6": "6",
    "i, i=?0": "3",
  };
  assertEquals(Object.fromEntries(Object.keys(read).map((value) => [value, priority(value)])), read);
  assertEquals(readPriority(null), DEFAULT_PRIORITY);
  assertEquals(Object.is(readPriority("u=-0").urgency, 0), true);
});

test("members that are unknown, of another type or out of range are ignored [Z4]", () => {
  const read: Readonly<Record<string, string>> = {
    "u=8": "3",
    "u=-1": "3",
    "u=1.0": "3",
    "u=1.5, i": "3 i",
    "u": "3",
    "u=?1": "3",
    'u="1"': "3",
    "u=a, i": "3 i",
    "u=(1 2), i": "3 i",
    "u=:AA==:": "3",
    "u=@1": "3",
    'u=%"a%c3%a9"': "3",
    "u=999999999999999, i": "3 i",
    "i=1": "3",
    "i=a": "3",
    "i=()": "3",
    "x=1, u=2": "2",
    "*=1, u=2": "2",
    "a-b_c.d*=token/*:;q=1, u=2": "2",
    'x=("a" b;c 1.5);d, u=2': "2",
    "x=( a  b ), u=2": "2",
    "u=1, u=9": "3",
    "i, i=1": "3",
  };
  assertEquals(Object.fromEntries(Object.keys(read).map((value) => [value, priority(value)])), read);
});

test("what is no dictionary says nothing at all [Z4]", () => {
  const broken = [
    "u=1,",
    "u=1,,i",
    ",u=1",
    "u=1 i",
    "u=1;",
    "u=1;=1",
    "u=",
    "u=1, U=2",
    "U=1",
    "u =1",
    "u= 1",
    "u=1.",
    "u=1.2345",
    "u=1, x=1234567890123456",
    "u=1, x=1234567890123.1",
    "u=--1",
    'u=1, x="a',
    'u=1, x="a\\b"',
    'u=1, x="é"',
    "u=1, x=:a",
    "u=1, x=?2",
    "u=1, x=(a",
    'u=1, x=("a""b")',
    "u=1, x=(a,b)",
    "u=1, x=(a\tb)",
    "u=1, x=@1.5",
    'u=1, x=%"%C3"',
    "\tu=1",
    "u=1\0",
    "u=1\r\n",
    "é",
  ];
  for (const value of broken) assertEquals(readPriority(value), DEFAULT_PRIORITY, JSON.stringify(value));
});

test("any text has a priority", () => {
  const part = fc.constantFrom(
    "u",
    "i",
    "=",
    "1",
    "9",
    ",",
    ";",
    " ",
    "(",
    ")",
    '"',
    "?",
    ":",
    ".",
    "-",
    "a",
    "\\",
    "%",
    "@",
  );
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.array(part, { maxLength: 20 }).map((parts) => parts.join(""))), (value) => {
      const { urgency, incremental } = readPriority(value);
      assertEquals([Number.isInteger(urgency) && urgency >= 0 && urgency <= 7, typeof incremental], [true, "boolean"]);
    }),
    rounds(1000),
  );
});
