/**
 * What a client's machine puts on the wire: the head as it is given, and the framing of the body. RFC 9112 §3 and §6.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import {
  ClientMachine,
  type ClientMachineOptions,
  type OutgoingRequestHead,
} from "../../../src/http1/machine/client_machine.ts";
import { StateError } from "../../../src/errors/state_error.ts";
import type { Field } from "../../../src/semantics/fields.ts";
import type { BodySize } from "../../../src/http1/machine/send_framing.ts";
import { text, wire } from "../../support/bytes.ts";

/** Everything that is sent for a request. */
function sent(
  head: OutgoingRequestHead,
  body: BodySize = "none",
  parts: readonly string[] = [],
  options: ClientMachineOptions = {},
): string {
  const machine = new ClientMachine(options);
  machine.sendRequest(head, body);
  for (const part of parts) machine.sendData(wire(part));
  machine.sendEnd(null);
  return machine.take().map(text).join("");
}

for (const target of ["/a", "/", "http://hyper.local/a?b", "*", "a:443", "anything{}|"]) {
  test(`ClientMachine writes the target ${target} as it is, and no Host (hyper conn::get, uri_absolute_form)`, () => {
    assertEquals(sent({ method: "GET", target, fields: [] }), `GET ${target} HTTP/1.1¶¶`);
  });
}

test("ClientMachine writes method, version and fields as they are given (RFC 9110 §5, §9.1)", () => {
  const fields: Field[] = [["hOST", "a"], ["X-Empty", ""], ["x-b", " 1 "], ["X-b", "2"]];
  assertEquals(
    sent({ method: "get", target: "/", version: "1.0", fields }),
    "get / HTTP/1.0¶hOST: a¶X-Empty:¶x-b: 1¶X-b: 2¶¶",
  );
});

test("ClientMachine writes names in title case where that is asked for, also its own (hyper)", () => {
  const head = { method: "PUT", target: "/", fields: [["host", "a"], ["x-test-header", "b"]] as const };
  const expected = "PUT / HTTP/1.1¶Host: a¶X-Test-Header: b¶Content-Length: 1¶¶x";
  assertEquals(sent(head, 1, ["x"], { nameCase: "title" }), expected);
});

/** hyper's `client_*_req_body_*`: method and version, fields, size, parts, and what follows the request line. */
const framings: readonly (readonly [
  name: string,
  start: readonly [method: string, version: "1.0" | "1.1"],
  fields: readonly Field[],
  size: BodySize,
  parts: readonly string[],
  sent: string,
])[] = [
  ["GET without a body", ["GET", "1.1"], [], "none", [], "¶"],
  ["GET with an empty body", ["GET", "1.1"], [], 0, [], "¶"],
  ["GET with a body", ["GET", "1.1"], [], 5, ["hello"], "content-length: 5¶¶hello"],
  ["GET without a body but a coding", ["GET", "1.1"], [["Transfer-Encoding", "chunked"]], "none", [], "¶"],
  ["GET with a length of 0", ["GET", "1.1"], [["Content-Length", "0"]], "none", [], "Content-Length: 0¶¶"],
  [
    "GET chunked",
    ["GET", "1.1"],
    [["Transfer-Encoding", "chunked"]],
    "unknown",
    ["hello"],
    "Transfer-Encoding: chunked¶¶5¶hello¶0¶¶",
  ],
  [
    "GET of a known body, chunked",
    ["GET", "1.1"],
    [["Transfer-Encoding", "chunked"]],
    5,
    ["hello"],
    "Transfer-Encoding: chunked¶¶5¶hello¶0¶¶",
  ],
  [
    "GET with another coding",
    ["GET", "1.1"],
    [["Transfer-Encoding", "foo"]],
    "unknown",
    ["x"],
    "transfer-encoding: foo, chunked¶¶1¶x¶0¶¶",
  ],
  [
    "GET chunked in HTTP/1.0",
    ["GET", "1.0"],
    [["Transfer-Encoding", "chunked"]],
    5,
    ["hello"],
    "content-length: 5¶¶hello",
  ],
  [
    "GET of a stream with its length",
    ["GET", "1.1"],
    [["Content-Length", "5"]],
    "unknown",
    ["he", "llo"],
    "Content-Length: 5¶¶hello",
  ],
  ["POST of a known body", ["POST", "1.1"], [], 7, ["foo bar"], "content-length: 7¶¶foo bar"],
  ["POST with its length", ["POST", "1.1"], [["Content-Length", "7"]], 7, ["foo bar"], "Content-Length: 7¶¶foo bar"],
  [
    "POST chunked",
    ["POST", "1.1"],
    [["Transfer-Encoding", "chunked"]],
    "unknown",
    ["foo bar baz"],
    "Transfer-Encoding: chunked¶¶B¶foo bar baz¶0¶¶",
  ],
  [
    "POST of a stream",
    ["POST", "1.1"],
    [],
    "unknown",
    ["foo", "", "bar"],
    "transfer-encoding: chunked¶¶3¶foo¶3¶bar¶0¶¶",
  ],
  ["POST of an empty body", ["POST", "1.1"], [], 0, [], "content-length: 0¶¶"],
  ["POST without a body", ["POST", "1.1"], [], "none", [], "¶"],
  [
    "POST with both fields",
    ["POST", "1.1"],
    [["Content-Length", "1"], ["Transfer-Encoding", "chunked"]],
    1,
    ["x"],
    "Transfer-Encoding: chunked¶¶1¶x¶0¶¶",
  ],
  ["PUT of an empty body", ["PUT", "1.1"], [], 0, [], "content-length: 0¶¶"],
  ["PATCH of an empty body", ["PATCH", "1.1"], [], 0, [], "content-length: 0¶¶"],
  ["DELETE of an empty body", ["DELETE", "1.1"], [], 0, [], "¶"],
  [
    "CONNECT with framing",
    ["CONNECT", "1.1"],
    [["Content-Length", "5"], ["Transfer-Encoding", "chunked"]],
    "none",
    [],
    "¶",
  ],
];

for (const [name, [method, version], fields, size, parts, expected] of framings) {
  test(`ClientMachine sends ${name} (RFC 9112 §6) [B13]`, () => {
    const head = { method, target: "/", version, fields };
    assertEquals(sent(head, size, parts), `${method} / HTTP/${version}¶${expected}`);
  });
}

/** Requests whose body could not be delimited, or not as it is said. */
const wrong: readonly (readonly [name: string, head: OutgoingRequestHead, size: BodySize, code: string])[] = [
  ["GET with a stream", { method: "GET", target: "/", fields: [] }, "unknown", "body-length"],
  ["HEAD with a stream", { method: "HEAD", target: "/", fields: [] }, "unknown", "body-length"],
  ["a stream in HTTP/1.0", { method: "POST", target: "/", version: "1.0", fields: [] }, "unknown", "body-length"],
  [
    "a length that is not that of the body",
    { method: "POST", target: "/", fields: [["Content-Length", "4"]] },
    5,
    "body-length",
  ],
  [
    "a length without a body",
    { method: "POST", target: "/", fields: [["Content-Length", "4"]] },
    "none",
    "body-length",
  ],
  ["a length that is none", { method: "POST", target: "/", fields: [["Content-Length", "5,5"]] }, 5, "body-length"],
  [
    "chunked before another coding",
    { method: "POST", target: "/", fields: [["Transfer-Encoding", "chunked, x"]] },
    5,
    "body-length",
  ],
  [
    "chunked with a parameter",
    { method: "POST", target: "/", fields: [["Transfer-Encoding", "chunked;a=b"]] },
    5,
    "body-length",
  ],
  [
    "a malformed coding",
    { method: "POST", target: "/", fields: [["Transfer-Encoding", "gzip x, chunked"]] },
    5,
    "body-length",
  ],
  ["CONNECT with content", { method: "CONNECT", target: "a:1", fields: [] }, 5, "upgrade-body"],
  ["CONNECT with a stream", { method: "CONNECT", target: "a:1", fields: [] }, "unknown", "upgrade-body"],
];

for (const [name, head, size, code] of wrong) {
  test(`ClientMachine.sendRequest() refuses ${name}, and writes nothing (RFC 9112 §6)`, () => {
    const machine = new ClientMachine();
    const error = assertThrows(() => machine.sendRequest(head, size), StateError);
    assertEquals([error.code, machine.take(), machine.idle], [code, [], true]);
  });
}

test("ClientMachine.sendData() and sendEnd() keep to the announced length (RFC 9112 §6.3)", () => {
  const machine = new ClientMachine();
  machine.sendRequest({ method: "POST", target: "/", fields: [] }, 8);
  machine.sendData(wire("foo bar"));
  assertEquals(assertThrows(() => machine.sendData(wire("baz")), StateError).code, "body-length");
  assertEquals(assertThrows(() => machine.sendEnd(null), StateError).code, "body-length");
  machine.sendData(wire("b"));
  machine.sendEnd(null);
  assertEquals(machine.take().map(text), ["POST / HTTP/1.1¶content-length: 8¶¶foo barb"]);
});

test("ClientMachine writes no last chunk of a body that was given up (hyper aborted_body_isnt_completed)", () => {
  const machine = new ClientMachine();
  machine.sendRequest({ method: "POST", target: "/", fields: [] }, "unknown");
  machine.sendData(wire("hello"));
  machine.abandonRequest();
  assertEquals(machine.take().map(text), ["POST / HTTP/1.1¶transfer-encoding: chunked¶¶5¶hello¶"]);
});

test("ClientMachine sends head and body in one piece, and a large body without copying it", () => {
  const machine = new ClientMachine();
  machine.sendRequest({ method: "POST", target: "/", fields: [] }, "unknown");
  machine.sendData(wire("hello"));
  assertEquals(machine.take().length, 1);
  const large = new Uint8Array(100_000);
  machine.sendData(large);
  const parts = machine.take();
  assertEquals(parts.map((part) => part.length), [7, 100_000, 2]);
  assertEquals([parts[1]!.buffer === large.buffer, text(parts[0]!), text(parts[2]!)], [true, "186A0¶", "¶"]);
});
