import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Field, Fields } from "../../src/semantics/fields.ts";
import { forwardedFields } from "../../src/proxy/forwarded_fields.ts";
import { timesAsLong } from "../support/growth.ts";

function forwarded(...fields: Field[]): Field[] {
  return [...forwardedFields({ version: "1.1", fields: new Fields(fields) }, "p")];
}

const VIA: Field = ["Via", "1.1 p"];

test("forwardedFields() keeps end-to-end fields in their order, spelling and number [E16]", () => {
  const fields: Field[] = [["ACCEPT", "a"], ["x-Tag", "1"], ["Cookie", "b=c"], ["X-Tag", "2"], ["Trailer", "Digest"]];
  assertEquals(forwarded(...fields), [...fields, VIA]);
});

test("forwardedFields() removes what belongs to one connection, named or not (RFC 9110 §7.6.1) [E16]", () => {
  const hopByHop: Field[] = [
    ["connection", "keep-alive"],
    ["Keep-Alive", "timeout=5"],
    ["Proxy-Connection", "keep-alive"],
    ["TE", "trailers"],
    ["Transfer-Encoding", "chunked"],
    ["UPGRADE", "websocket"],
    ["Proxy-Authorization", "Basic eDp5"],
    ["Proxy-Authenticate", "Basic"],
    ["Proxy-Authentication-Info", "a=b"],
  ];
  assertEquals(forwarded(...hopByHop, ["Host", "a"]), [["Host", "a"], VIA]);
});

test("forwardedFields() removes what any line of Connection names, in any case [E16]", () => {
  const fields: Field[] = [
    ["X-One", "1"],
    ["Connection", "x-one, , X-TWO"],
    ["x-two", "2"],
    ["X-Two", "22"],
    ["Connection", "close,x-three"],
    ["X-Three", "3"],
    ["X-Four", "4"],
  ];
  assertEquals(forwarded(...fields), [["X-Four", "4"], VIA]);
});

test("forwardedFields() is not moved by options that are no names of fields [E16]", () => {
  assertEquals(forwarded(["Connection", '"x y", upgrade, ==, '], ["A", "b"]), [["A", "b"], VIA]);
});

test("forwardedFields() takes the time of its fields and options added up, not of each with each (linear time)", () => {
  const options = Array.from({ length: 10_000 }, (_, i) => `o${i % 10}`).join(",");
  const message = (fields: number, connection: string) => {
    const lines = Array.from({ length: fields }, (_, i): Field => [`x${i % 10}`, "y"]);
    return { version: "1.1" as const, fields: new Fields([...lines, ["Connection", connection]]) };
  };
  const [both, fields, many] = [message(1000, options), message(1000, "close"), message(1, options)];
  const runs = [both, fields, many].map((message) => () => forwardedFields(message, "p")) as [() => unknown];
  const times = timesAsLong(runs[0], runs.slice(1));
  assert(times < 30, `${times} times as long`);
});

test("forwardedFields() removes Content-Length beside Transfer-Encoding, which overrides it (RFC 9112 §6.3)", () => {
  const lines: Field[] = [["Content-Length", "1"], ["A", "b"], ["content-length", "2"]];
  assertEquals(forwarded(...lines), [...lines, VIA]);
  for (const coding of ["chunked", "gzip, chunked", "x"]) {
    assertEquals(forwarded(...lines, ["transfer-encoding", coding]), [["A", "b"], VIA]);
    assertEquals(forwarded(["Transfer-Encoding", coding], ...lines), [["A", "b"], VIA]);
  }
});

test("forwardedFields() keeps a length once that was said several times (RFC 9110 §8.6)", () => {
  assertEquals(forwarded(["Content-Length", "3"], ["A", "b"], ["content-length", "3"]), [
    ["Content-Length", "3"],
    ["A", "b"],
    VIA,
  ]);
  assertEquals(forwarded(["Content-Length", "3, 3"]), [["Content-Length", "3"], VIA]);
  assertEquals(forwarded(["Content-Length", "3, 4"]), [["Content-Length", "3, 4"], VIA]);
});

test("forwardedFields() adds its own Via behind the others, with the version that was received (RFC 9110 §7.6.3)", () => {
  const fields = new Fields([["Via", "1.1 first"], ["A", "b"]]);
  assertEquals([...forwardedFields({ version: "1.0", fields }, "second:8080")], [
    ["Via", "1.1 first"],
    ["A", "b"],
    ["Via", "1.0 second:8080"],
  ]);
  assertEquals([...fields], [["Via", "1.1 first"], ["A", "b"]]);
});

test("forwardedFields() refuses a name for itself that would split the message [H1]", () => {
  assertThrows(() => forwardedFields({ version: "1.1", fields: new Fields() }, "p\r\nX: y"), TypeError);
});
