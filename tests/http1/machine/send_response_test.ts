/**
 * What a server's machine puts on the wire: framing, fields that are added or left out. RFC 9112 §6, RFC 9110
 * §8.6 and §15.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { StateError } from "../../../src/errors/state_error.ts";
import type { Field } from "../../../src/semantics/fields.ts";
import type { BodySize } from "../../../src/http1/machine/send_framing.ts";
import { ServerMachine, type ServerMachineOptions } from "../../../src/http1/machine/server_machine.ts";
import type { OutgoingResponseHead } from "../../../src/http1/machine/write_response.ts";
import { text, wire } from "../../support/bytes.ts";

/** A machine that has read a request without a body. */
function asked(start = "GET / HTTP/1.1", lines = "", options: ServerMachineOptions = {}): ServerMachine {
  const machine = new ServerMachine(options);
  machine.receive(wire(`${start}¶Host: a¶${lines}¶`));
  assertEquals(machine.next().type, "request");
  return machine;
}

/** Everything that is sent for a response. */
function sent(
  machine: ServerMachine,
  head: OutgoingResponseHead,
  body: BodySize = "none",
  parts: readonly string[] = [],
): string {
  machine.sendResponse(head, body, null);
  for (const part of parts) machine.sendData(wire(part));
  machine.sendEnd(null);
  return machine.take().map(text).join("");
}

/** hyper's `response_body_lengths`, and what its notes say beyond: fields, size, parts, and what goes out. */
const lengths: readonly (readonly [
  name: string,
  version: "1.0" | "1.1",
  fields: readonly Field[],
  size: BodySize,
  parts: readonly string[],
  sent: string,
])[] = [
  [
    "a length and a known body",
    "1.1",
    [["Content-Length", "11"]],
    11,
    ["foo bar baz"],
    "Content-Length: 11¶¶foo bar baz",
  ],
  [
    "a length and a stream",
    "1.1",
    [["Content-Length", "11"]],
    "unknown",
    ["foo ", "bar baz"],
    "Content-Length: 11¶¶foo bar baz",
  ],
  ["a length of 0", "1.1", [["Content-Length", "0"]], "none", [], "Content-Length: 0¶¶"],
  [
    "chunked and a known body",
    "1.1",
    [["Transfer-Encoding", "chunked"]],
    11,
    ["foo bar baz"],
    "Transfer-Encoding: chunked¶¶B¶foo bar baz¶0¶¶",
  ],
  ["chunked and an empty body", "1.1", [["Transfer-Encoding", "chunked"]], 0, [], "Transfer-Encoding: chunked¶¶0¶¶"],
  ["chunked and no body", "1.1", [["Transfer-Encoding", "chunked"]], "none", [], "Transfer-Encoding: chunked¶¶0¶¶"],
  [
    "chunked and a stream",
    "1.1",
    [["transfer-encoding", "Chunked"]],
    "unknown",
    ["a", "", "b"],
    "transfer-encoding: Chunked¶¶1¶a¶1¶b¶0¶¶",
  ],
  [
    "another coding",
    "1.1",
    [["Transfer-Encoding", "gzip"]],
    "unknown",
    ["x"],
    "transfer-encoding: gzip, chunked¶¶1¶x¶0¶¶",
  ],
  ["an empty coding", "1.1", [["Transfer-Encoding", ""]], "unknown", ["x"], "transfer-encoding: chunked¶¶1¶x¶0¶¶"],
  ["an empty element", "1.1", [["Transfer-Encoding", "chunked,"]], 1, ["x"], "transfer-encoding: chunked¶¶1¶x¶0¶¶"],
  [
    "another coding and chunked",
    "1.1",
    [["Transfer-Encoding", "gzip, chunked"]],
    "unknown",
    ["x"],
    "Transfer-Encoding: gzip, chunked¶¶1¶x¶0¶¶",
  ],
  [
    "both fields",
    "1.1",
    [["Content-Length", "1"], ["Transfer-Encoding", "chunked"]],
    1,
    ["x"],
    "Transfer-Encoding: chunked¶¶1¶x¶0¶¶",
  ],
  [
    "no field and a stream",
    "1.1",
    [],
    "unknown",
    ["foo bar", "baz quux herp"],
    "transfer-encoding: chunked¶¶7¶foo bar¶D¶baz quux herp¶0¶¶",
  ],
  ["no field and a known body", "1.1", [], 11, ["foo bar baz"], "content-length: 11¶¶foo bar baz"],
  ["no field and an empty body", "1.1", [], 0, [], "content-length: 0¶¶"],
  ["no field and no body", "1.1", [], "none", [], "content-length: 0¶¶"],
  ["HTTP/1.0 and a stream [B14]", "1.0", [], "unknown", ["foo ", "bar"], "¶foo bar"],
  ["HTTP/1.0 and chunked [B14]", "1.0", [["Transfer-Encoding", "chunked"]], "unknown", ["foo"], "¶foo"],
  [
    "HTTP/1.0, chunked and a known body [B14]",
    "1.0",
    [["Transfer-Encoding", "chunked"]],
    3,
    ["foo"],
    "content-length: 3¶¶foo",
  ],
  ["HTTP/1.0 and a known body", "1.0", [], 3, ["foo"], "content-length: 3¶¶foo"],
];

for (const [name, version, fields, size, parts, expected] of lengths) {
  test(`ServerMachine sends ${name} (RFC 9112 §6.3) [B13]`, () => {
    const head = `HTTP/${version} 200 OK¶`;
    assertEquals(sent(asked(`GET / HTTP/${version}`), { status: 200, fields }, size, parts), head + expected);
  });
}

test("ServerMachine delimits by close only where it must, and says so (RFC 9112 §6.3) [B14]", () => {
  const old = asked("GET / HTTP/1.0", "Connection: keep-alive¶");
  assertEquals(old.sendResponse({ status: 200, fields: [] }, "unknown", null), {
    type: "response",
    framing: { type: "until-close" },
  });
  assertEquals(old.endsByClose, true);
  old.sendEnd(null);
  assertEquals(old.nextCycle(), false);
  const machine = asked();
  machine.sendResponse({ status: 200, fields: [] }, "unknown", null);
  assertEquals(machine.endsByClose, false);
  machine.sendEnd(null);
  assertEquals(machine.nextCycle(), true);
});

/** Responses that have no content, whatever is said: the start of the request, status, fields, size, what goes out. */
const bodiless: readonly (readonly [
  name: string,
  start: string,
  status: number,
  fields: readonly Field[],
  size: BodySize,
  sent: string,
])[] = [
  ["204 with a length", "GET / HTTP/1.1", 204, [["Content-Length", "5"]], "none", ""],
  ["204 with a body", "GET / HTTP/1.1", 204, [], 5, ""],
  ["204 with a coding", "GET / HTTP/1.1", 204, [["Transfer-Encoding", "chunked"]], "unknown", ""],
  ["304 with a body", "GET / HTTP/1.1", 304, [], 3, ""],
  ["304 with the length of a 200", "GET / HTTP/1.1", 304, [["Content-Length", "5"]], "none", "Content-Length: 5¶"],
  ["304 with a coding", "GET / HTTP/1.1", 304, [["Transfer-Encoding", "chunked"]], "none", ""],
  ["HEAD without a body", "HEAD / HTTP/1.1", 200, [], "none", ""],
  ["HEAD with an empty body", "HEAD / HTTP/1.1", 200, [], 0, ""],
  ["HEAD with a body of one byte", "HEAD / HTTP/1.1", 200, [], 1, "content-length: 1¶"],
  ["HEAD with a body", "HEAD / HTTP/1.1", 200, [], 11, "content-length: 11¶"],
  ["HEAD with a length", "HEAD / HTTP/1.1", 200, [["Content-Length", "1024"]], "none", "Content-Length: 1024¶"],
  ["HEAD with a stream", "HEAD / HTTP/1.1", 200, [], "unknown", ""],
  ["HEAD with a coding", "HEAD / HTTP/1.1", 200, [["Transfer-Encoding", "chunked"]], "unknown", ""],
  ["HEAD with trailers", "HEAD / HTTP/1.1", 200, [["Trailer", "x"]], "none", ""],
];

for (const [name, start, status, fields, size, expected] of bodiless) {
  test(`ServerMachine sends no content for ${name} (RFC 9110 §6.4.1, §8.6) [B6, B7]`, () => {
    const machine = asked(start);
    const { framing } = machine.sendResponse({ status, reason: "x", fields }, size, null) as { framing: unknown };
    assertEquals(framing, { type: "none" });
    machine.sendEnd(null);
    assertEquals(machine.take().map(text), [`HTTP/1.1 ${status} x¶${expected}¶`]);
    assertEquals(machine.nextCycle(), true);
  });
}

/** Lengths and codings that cannot be meant. */
const wrong:
  readonly (readonly [name: string, start: string, status: number, fields: readonly Field[], size: BodySize])[] = [
    ["a length that is not that of the body", "GET / HTTP/1.1", 200, [["Content-Length", "10"]], 11],
    ["a length without a body", "GET / HTTP/1.1", 200, [["Content-Length", "10"]], "none"],
    ["a length that is none", "GET / HTTP/1.1", 200, [["Content-Length", "+1"]], 1],
    ["an empty length", "GET / HTTP/1.1", 200, [["Content-Length", ""]], "unknown"],
    ["two lengths", "GET / HTTP/1.1", 200, [["Content-Length", "1"], ["content-length", "1"]], 1],
    ["a length that is none, to HEAD", "HEAD / HTTP/1.1", 200, [["Content-Length", "x"]], "none"],
    ["a length that is not that of the body, to HEAD", "HEAD / HTTP/1.1", 200, [["Content-Length", "10"]], 11],
    ["a length that is none, with 304", "GET / HTTP/1.1", 304, [["Content-Length", "1, 1"]], "none"],
    ["chunked before another coding", "GET / HTTP/1.1", 200, [["Transfer-Encoding", "chunked, gzip"]], "unknown"],
    ["chunked with a parameter", "GET / HTTP/1.1", 200, [["Transfer-Encoding", "chunked;a=b"]], "unknown"],
    ["a malformed coding", "GET / HTTP/1.1", 200, [["Transfer-Encoding", "gz[ip"]], "unknown"],
    [
      "chunked twice",
      "GET / HTTP/1.1",
      200,
      [["Transfer-Encoding", "chunked"], ["Transfer-Encoding", "chunked"]],
      "unknown",
    ],
  ];

for (const [name, start, status, fields, size] of wrong) {
  test(`ServerMachine.sendResponse() refuses ${name}, and writes nothing (RFC 9112 §6)`, () => {
    const machine = asked(start);
    const error = assertThrows(() => machine.sendResponse({ status, fields }, size, null), StateError);
    assertEquals([error.code, machine.take(), machine.canRespond], ["body-length", [], true]);
    sent(machine, { status: 500, fields: [] });
  });
}

test("ServerMachine.sendData() and sendEnd() keep to the announced length (RFC 9112 §6.3)", () => {
  const machine = asked();
  machine.sendResponse({ status: 200, fields: [] }, 8, null);
  machine.sendData(wire("foo bar"));
  assertEquals(assertThrows(() => machine.sendData(wire("baz")), StateError).code, "body-length");
  assertEquals(assertThrows(() => machine.sendEnd(null), StateError).code, "body-length");
  machine.sendData(wire("b"));
  machine.sendEnd(null);
  assertEquals(machine.take().map(text), ["HTTP/1.1 200 OK¶content-length: 8¶¶foo barb"]);
});

test("ServerMachine.sendData() refuses data where no content may be (RFC 9110 §6.4.1)", () => {
  for (const [start, status] of [["HEAD / HTTP/1.1", 200], ["GET / HTTP/1.1", 204], ["GET / HTTP/1.1", 304]] as const) {
    const machine = asked(start);
    machine.sendResponse({ status, fields: [] }, 3, null);
    assertEquals(assertThrows(() => machine.sendData(wire("foo")), StateError).code, "body-length");
    machine.sendEnd(null);
  }
});

test("ServerMachine writes the reason: the registered one, its own, or none with the space (RFC 9112 §4) [A13]", () => {
  assertEquals(sent(asked(), { status: 404, fields: [] }).split("¶")[0], "HTTP/1.1 404 Not Found");
  assertEquals(
    sent(asked(), { status: 200, reason: "Al right\t\xe9", fields: [] }).split("¶")[0],
    "HTTP/1.1 200 Al right\t\xe9",
  );
  assertEquals(sent(asked(), { status: 200, reason: "", fields: [] }).split("¶")[0], "HTTP/1.1 200 ");
  assertEquals(sent(asked(), { status: 299, fields: [] }).split("¶")[0], "HTTP/1.1 299 ");
});

test("ServerMachine adds Date unless it is there (RFC 9110 §6.6.1)", () => {
  const date = "Sun, 06 Nov 1994 08:49:37 GMT";
  const added = asked();
  added.sendResponse({ status: 204, fields: [] }, "none", date);
  assertEquals(added.take().map(text), [`HTTP/1.1 204 No Content¶date: ${date}¶¶`]);
  const given = asked();
  given.sendResponse({ status: 204, fields: [["DATE", "x"]] }, "none", date);
  assertEquals(given.take().map(text), ["HTTP/1.1 204 No Content¶DATE: x¶¶"]);
});

test("ServerMachine writes fields in their order and spelling, empty values without a space (RFC 9110 §5)", () => {
  const fields: Field[] = [["X-Empty", "a"], ["x-EMPTY", ""], ["weird--header", " \tb c\t "], ["Y", "caf\xc3\xa9"]];
  const expected = "HTTP/1.1 204 No Content¶X-Empty: a¶x-EMPTY:¶weird--header: b c¶Y: caf\xc3\xa9¶¶";
  assertEquals(sent(asked(), { status: 204, fields }), expected);
});

test("ServerMachine writes names in title case where that is asked for, also its own (hyper)", () => {
  const fields: Field[] = [["x-test-header", "a"], ["weird--header", "b"], ["eTag", "c"]];
  const machine = asked("GET / HTTP/1.1", "Connection: close¶", { nameCase: "title" });
  const expected = "X-Test-Header: a¶Weird--Header: b¶ETag: c¶Content-Length: 0¶Connection: close¶";
  assertEquals(sent(machine, { status: 200, fields }), `HTTP/1.1 200 OK¶${expected}¶`);
});

for (const size of ["none", 0, 3, "unknown"] as const) {
  test(`ServerMachine.sendResponse() gives a 205 no content and a length of 0, whatever its body (${size}) (RFC 9110 §15.3.6)`, () => {
    const fields: Field[] = [["Content-Length", "3"], ["Transfer-Encoding", "chunked"], ["X-A", "1"]];
    assertEquals(
      sent(asked(), { status: 205, fields }, size),
      "HTTP/1.1 205 Reset Content¶X-A: 1¶content-length: 0¶¶",
    );
  });
}
