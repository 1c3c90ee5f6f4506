/**
 * Which heads can be sent over HTTP/2, and as which lines: RFC 9113 §8, RFC 8441 §4.
 */

import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { OutgoingHttp2Request } from "../../../src/http2/machine/message.ts";
import { readRequest, readResponse, readTrailers } from "../../../src/http2/machine/read_message.ts";
import { requestFields, responseFields, trailerFields } from "../../../src/http2/machine/write_message.ts";
import { type Field, Fields } from "../../../src/semantics/fields.ts";
import { blockOf } from "../../support/field_blocks.ts";
import { rounds } from "../../support/rounds.ts";

const GET: OutgoingHttp2Request = {
  method: "GET",
  scheme: "https",
  authority: "a.example",
  path: "/",
  protocol: null,
  fields: [],
};
const CONNECT = { ...GET, method: "CONNECT", scheme: null, path: null, authority: "a.example:443" };
const EXTENDED = { ...GET, method: "CONNECT", protocol: "websocket", path: "/chat" };

test("requestFields() writes pseudo-fields first, and names in lower case [M5, M17]", () => {
  assertEquals(requestFields({ ...GET, fields: [["X-A", " 1 "], ["accept", "*/*"]] }), [
    [":method", "GET"],
    [":scheme", "https"],
    [":authority", "a.example"],
    [":path", "/"],
    ["x-a", "1"],
    ["accept", "*/*"],
  ]);
  assertEquals(requestFields(CONNECT), [[":method", "CONNECT"], [":authority", "a.example:443"]]);
  assertEquals(requestFields({ ...EXTENDED, fields: new Fields({ Origin: "https://a" }) }), [
    [":method", "CONNECT"],
    [":protocol", "websocket"],
    [":scheme", "https"],
    [":authority", "a.example"],
    [":path", "/chat"],
    ["origin", "https://a"],
  ]);
});

test("responseFields() and trailerFields() do as well, and trailers only have what may stand there [M5, M17, B11]", () => {
  assertEquals(responseFields({ status: 204, fields: [["X-A", "1"]] }), [[":status", "204"], ["x-a", "1"]]);
  const trailers = new Fields([["X-Sum", "1"], ["Content-Length", "5"], ["grpc-status", "0"]]);
  assertEquals(trailerFields(trailers), [["x-sum", "1"], ["grpc-status", "0"]]);
});

test("names that no hop may remember are marked [N8]", () => {
  const fields: Field[] = [["X-Secret", "s"], ["x-open", "o"]];
  const marked = responseFields({ status: 200, fields, neverIndexed: ["x-secret"] });
  assertEquals(marked, [[":status", "200", false], ["x-secret", "s", true], ["x-open", "o", false]]);
  assertEquals(readResponse(blockOf(marked), 1).neverIndexed, ["x-secret"]);
  const path = requestFields({ ...GET, neverIndexed: [":path"] });
  assertEquals(readRequest(blockOf(path), 1, false).neverIndexed, [":path"]);
});

const badFields: Readonly<Record<string, unknown>> = {
  "a name that is no token": ["x a", "1"],
  "an empty name": ["", "1"],
  "a pseudo-field": [":path", "/"],
  "a name that is no text": [1, "1"],
  "a value with CR and LF": ["x-a", "1\r\nx-b: 2"],
  "a value with NUL": ["x-a", "\0"],
  "a value with a character above U+00FF": ["x-a", "€"],
  "a value that is no text": ["x-a", 1],
  "a line that is no pair": "x-a",
  "Connection": ["Connection", "close"],
  "Keep-Alive": ["Keep-Alive", "timeout=5"],
  "Proxy-Connection": ["Proxy-Connection", "close"],
  "Transfer-Encoding": ["Transfer-Encoding", "chunked"],
  "Upgrade": ["Upgrade", "websocket"],
  "TE of more than trailers": ["TE", "gzip"],
};

for (const [what, field] of Object.entries(badFields)) {
  test(`${what} cannot be sent [M3, M17, H1]`, () => {
    const fields = [field as Field];
    assertThrows(() => requestFields({ ...GET, fields }), TypeError);
    assertThrows(() => responseFields({ status: 200, fields }), TypeError);
    assertThrows(() => trailerFields(fields as unknown as Fields), TypeError);
  });
}

test("TE: trailers can be sent [M3]", () => {
  assertEquals(requestFields({ ...GET, fields: [["TE", "trailers"]] }).at(-1), ["te", "trailers"]);
});

const badRequests: Readonly<Record<string, Partial<Record<keyof OutgoingHttp2Request, unknown>>>> = {
  "a method that is no token": { method: "G T" },
  "a method that is no text": { method: 1 },
  "no scheme": { scheme: null },
  "a scheme in capital letters": { scheme: "HTTPS" },
  "a scheme that is none": { scheme: "a b" },
  "no path": { path: null },
  "an empty path": { path: "" },
  "a path without a slash": { path: "a" },
  "a path with a space": { path: "/a b" },
  "a path with a fragment": { path: "/#a" },
  "a path with CR and LF": { path: "/\r\n" },
  "a path that is no text": { path: 1 },
  "an asterisk without OPTIONS": { path: "*" },
  "no authority": { authority: null },
  "an empty authority": { authority: "" },
  "an authority with a user": { authority: "u@a" },
  "an authority with a path": { authority: "a/b" },
  "a Host that differs": { fields: [["Host", "b.example"]] },
  "two Hosts": { fields: [["Host", "a.example"], ["host", "a.example"]] },
  "a protocol without CONNECT": { protocol: "websocket" },
  "a CONNECT with a path": { ...CONNECT, path: "/" },
  "a CONNECT with a scheme": { ...CONNECT, scheme: "https" },
  "a CONNECT without a port": { ...CONNECT, authority: "a.example" },
  "a CONNECT to port 0": { ...CONNECT, authority: "a.example:0" },
  "an extended CONNECT without a path": { ...EXTENDED, path: null },
  "an extended CONNECT without a scheme": { ...EXTENDED, scheme: null },
  "an extended CONNECT without an authority": { ...EXTENDED, authority: null },
  "an extended CONNECT whose protocol is no token": { ...EXTENDED, protocol: "a b" },
  "an extended CONNECT whose protocol has an empty version": { ...EXTENDED, protocol: "a/" },
};

for (const [what, change] of Object.entries(badRequests)) {
  test(`a request with ${what} cannot be sent [M17]`, () => {
    assertThrows(() => requestFields({ ...GET, ...change } as OutgoingHttp2Request), TypeError);
  });
}

test("a Host that does not differ can be sent, and one without :authority [M8]", () => {
  for (const host of ["a.example", "A.example:443"]) {
    assertEquals(requestFields({ ...GET, fields: [["Host", host]] }).at(-1), ["host", host]);
  }
  assertEquals(requestFields({ ...GET, authority: null, fields: [["Host", "b"]] }).at(-1), ["host", "b"]);
});

test("a status that is none, and 101, cannot be sent [M9, M11]", () => {
  for (const status of [0, 99, 1000, 200.5, NaN, -1, 101]) {
    assertThrows(() => responseFields({ status, fields: [] }), RangeError);
  }
  assertThrows(() => responseFields({ status: "200" as unknown as number, fields: [] }), TypeError);
});

test("what can be sent is read as it was meant [M1, M2, M17]", () => {
  const text = fc.string({ maxLength: 8 });
  const request = fc.record({
    method: fc.oneof(fc.constantFrom("GET", "CONNECT", "OPTIONS", "POST"), text),
    scheme: fc.constantFrom("http", "https", "ftp", null),
    authority: fc.oneof(fc.constantFrom("a", "a:1", "[::1]:80", null), text),
    path: fc.oneof(fc.constantFrom("/", "*", "/a?b", null), text),
    protocol: fc.constantFrom(null, null, "websocket"),
    fields: fc.array(fc.tuple(fc.oneof(fc.constantFrom("X-A", "Host", "x-b"), text), text), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(request, (head) => {
      let lines;
      try {
        lines = requestFields(head);
      } catch (error) {
        if (error instanceof TypeError) return;
        throw error;
      }
      const { fields, neverIndexed: _, ...control } = readRequest(blockOf(lines), 1, true);
      const { fields: given, ...wanted } = head;
      assertEquals(control, wanted);
      assertEquals([...fields].map(([name]) => name), given.map(([name]) => name.toLowerCase()));
      assertEquals([...readTrailers(blockOf(trailerFields(fields)), 1)].length <= fields.size, true);
    }),
    rounds(1000),
  );
});
