/**
 * The list of field lines: RFC 9110 §5. Lists that came off the wire and lists that were made behave alike.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { type Field, Fields } from "../../src/semantics/fields.ts";
import { DEFAULT_LIMITS } from "../../src/http1/machine/limits.ts";
import { FieldLines } from "../../src/http1/machine/field_lines.ts";
import { wire } from "../support/bytes.ts";

/** The same lines as a parser gives them and as a caller makes them. */
function bothWays(lines: string): [how: string, fields: Fields][] {
  const bytes = wire(`xx${lines}¶`);
  const reader = new FieldLines("trailers", DEFAULT_LIMITS.maxTrailers, {});
  const end = reader.parse(bytes, 2, bytes.length);
  const parsed = () => reader.fields(bytes.subarray(2, end));
  return [["parsed", parsed()], ["made", new Fields(parsed())]];
}

/** `check` for both; each with fields of its own. */
function forBoth(lines: string, check: (fields: Fields, how: string) => void): void {
  for (const [how, fields] of bothWays(lines)) check(fields, how);
}

const lines = "Via: 1.1 a¶X-Tag: x¶VIA: 1.0 b, 1.1 c¶x-tag:¶Empty:¶";

test("Fields keeps spelling, order and repetitions (RFC 9110 §5.3)", () => {
  forBoth(lines, (fields, how) => {
    const expected = [["Via", "1.1 a"], ["X-Tag", "x"], ["VIA", "1.0 b, 1.1 c"], ["x-tag", ""], ["Empty", ""]];
    assertEquals([...fields], expected as unknown as Field[], how);
    assertEquals(fields.size, 5, how);
  });
});

test("Fields.get() joins the lines of a name, in any case (RFC 9110 §5.3)", () => {
  forBoth(lines, (fields, how) => {
    assertEquals(fields.get("via"), "1.1 a, 1.0 b, 1.1 c", how);
    assertEquals(fields.get("X-TAG"), "x, ", how);
    assertEquals(
      [fields.get("empty"), fields.get("other"), fields.get("vi"), fields.get("")],
      ["", null, null, null],
      how,
    );
  });
});

test("Fields.has() and getAll() find the lines of a name, in any case (RFC 9110 §5.1)", () => {
  forBoth(lines, (fields, how) => {
    assertEquals([fields.has("viA"), fields.has("empty"), fields.has("Vias"), fields.has("")], [
      true,
      true,
      false,
      false,
    ], how);
    assertEquals(fields.getAll("via"), ["1.1 a", "1.0 b, 1.1 c"], how);
    assertEquals(fields.getAll("other"), [], how);
  });
});

test("Fields finds a name among others of its length, and of its length plus 32", () => {
  const long = "a".repeat(33);
  forBoth(`${long}: 1¶b: 2¶c: 3¶`, (fields, how) => {
    assertEquals([fields.get("c"), fields.get("d"), fields.get(long), fields.get("b".repeat(33))], [
      "3",
      null,
      "1",
      null,
    ], how);
  });
});

/** List values and their elements. */
const listed: readonly (readonly [value: string, elements: readonly string[]])[] = [
  ["a", ["a"]],
  ["a,b", ["a", "b"]],
  [" a , \tb\t,c ", ["a", "b", "c"]],
  [",, a,,b ,", ["a", "b"]],
  ["", []],
  [",", []],
  ['"a,b",c', ['"a,b"', "c"]],
  ['a="b\\",c",d', ['a="b\\",c"', "d"]],
  ['"a', ['"a']],
  ['a,"b,c', ["a", '"b,c']],
  ['a,"b\\', ["a", '"b\\']],
  ["a\\,b", ["a\\", "b"]],
];

for (const [value, elements] of listed) {
  test(`Fields.list() reads ${JSON.stringify(value)} (RFC 9110 §5.6.1)`, () => {
    forBoth(`L: ${value}¶`, (fields, how) => assertEquals(fields.list("l"), elements, how));
    forBoth(`L: first¶M: x¶L: ${value}¶`, (fields, how) => assertEquals(fields.list("l"), ["first", ...elements], how));
  });
}

test("Fields.hasToken() finds a token in any line, place and case (RFC 9110 §5.6.1)", () => {
  forBoth("Connection: keep-alive¶connection: Foo , UPGRADE¶", (fields, how) => {
    for (const token of ["upgrade", "Upgrade", "foo", "keep-alive"]) {
      assertEquals(fields.hasToken("Connection", token), true, how);
    }
    for (const token of ["up", "upgrades", "keep", "other"]) {
      assertEquals(fields.hasToken("connection", token), false, how);
    }
    assertEquals(fields.hasToken("upgrade", "upgrade"), false, how);
  });
  forBoth("Connection: keep-alive¶Connection: Upgrade¶", (fields, how) => {
    for (const token of ["UPGRADE", "keep-alive"]) assertEquals(fields.hasToken("connection", token), true, how);
    // A Kelvin sign becomes a k where more than ASCII is made lower case.
    for (const token of ["close", "upgrada", "\u212Aeep-alive"]) {
      assertEquals(fields.hasToken("connection", token), false, how);
    }
  });
});

test("Fields.append() adds at the end", () => {
  forBoth("A: 1¶", (fields, how) => {
    fields.append("b", " 2\t");
    fields.append("a", "3");
    assertEquals([...fields], [["A", "1"], ["b", "2"], ["a", "3"]], how);
    assertEquals(fields.get("A"), "1, 3", how);
  });
});

test("Fields.set() keeps the place of the first line and drops the others", () => {
  forBoth("A: 1¶B: 2¶a: 3¶C: 4¶", (fields, how) => {
    fields.set("a", "5");
    assertEquals([...fields], [["a", "5"], ["B", "2"], ["C", "4"]], how);
    fields.set("D", "6");
    assertEquals([fields.get("d"), fields.size], ["6", 4], how);
  });
});

test("Fields.delete() drops all lines of a name, in any case", () => {
  forBoth("A: 1¶B: 2¶a: 3¶", (fields, how) => {
    fields.delete("A");
    fields.delete("other");
    assertEquals([...fields], [["B", "2"]], how);
    assertEquals([fields.has("a"), fields.size], [false, 1], how);
  });
});

test("Fields can be changed while it is read", () => {
  forBoth("A: 1¶B: 2¶C: 3¶", (fields, how) => {
    const seen: string[] = [];
    for (const [name] of fields) {
      seen.push(name);
      fields.delete(name);
    }
    assertEquals([seen, fields.size], [["A", "B", "C"], 0], how);
  });
});

test("Fields is made from pairs, a record, Headers, other fields, or nothing; and is a copy", () => {
  const pairs: Field[] = [["A", "1"], ["b", "2"]];
  for (const init of [pairs, { A: "1", b: "2" }, new Fields(pairs), new Map(pairs)]) {
    assertEquals([...new Fields(init)], pairs);
  }
  assertEquals([...new Fields(new Headers(pairs.map(([name, value]) => [name, value])))], [["a", "1"], ["b", "2"]]);
  assertEquals([...new Fields()], []);
  const first = new Fields();
  const second = new Fields(first);
  first.append("a", "1");
  assertEquals([first.size, second.size, new Fields().size], [1, 0, 0]);
  const copy = new Fields(first);
  copy.set("a", "2");
  assertEquals(first.get("a"), "1");
});

test("Fields refuses what is no name or value, and stays as it was (RFC 9110 §5.1, §5.5)", () => {
  forBoth("A: 1¶", (fields, how) => {
    for (
      const [name, value] of [["", "a"], ["a b", "a"], ["a:", "a"], ["a", "b\r\nc"], ["a", "\0"], [
        "a",
        "\u0100",
      ]] as const
    ) {
      assertThrows(() => fields.append(name, value), TypeError);
      assertThrows(() => fields.set(name, value), TypeError);
      assertThrows(() => new Fields([[name, value]]), TypeError);
    }
    assertEquals([...fields], [["A", "1"]], how);
  });
});

test("Fields survives octets of any kind but CR, LF and NUL (RFC 9110 §5.5) [A12]", () => {
  let value = "";
  // 0x7f is a control character, and 0xb6 is how `wire` spells CR LF.
  for (let code = 0x20; code < 0x100; code++) if (code !== 0x7f && code !== 0xb6) value += String.fromCharCode(code);
  forBoth(`A: x${value}x¶`, (fields, how) => {
    assertEquals(fields.get("a"), `x${value}x`, how);
    assertEquals(new Fields([["B", `${value}x`]]).get("b"), `${value.trimStart()}x`, how);
  });
});
