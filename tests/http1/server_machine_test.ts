/**
 * The server's machine from exchange to exchange: RFC 9112 §9, RFC 9110 §10.1.1 and §15.2.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { ProtocolError, StateError } from "../../src/http1/errors.ts";
import type { Field } from "../../src/http1/fields.ts";
import { ServerMachine, type ServerMachineOptions } from "../../src/http1/server_machine.ts";
import { everyCut, text, wire } from "../support/bytes.ts";
import { serverSays } from "./machine_says.ts";

const get = "GET / HTTP/1.1¶Host: a¶¶";
const post = "POST / HTTP/1.1¶Host: a¶Content-Length: 5¶¶";

/** A machine that has read the head of a request. */
function asked(request = get, options: ServerMachineOptions = {}): ServerMachine {
  const machine = new ServerMachine(options);
  machine.receive(wire(request));
  assertEquals(machine.next().type, "request");
  return machine;
}

/** Answers without a body. */
function answer(machine: ServerMachine, status = 204, fields: readonly Field[] = []): void {
  machine.sendResponse({ status, fields }, "none", null);
  machine.sendEnd(null);
}

/** The text of what is ready to be sent. */
function taken(machine: ServerMachine): string {
  return machine.take().map(text).join("");
}

/** The code of what `call` throws. */
function refusal(call: () => unknown): string {
  return assertThrows(call, StateError).code;
}

test("ServerMachine answers pipelined requests in their order (RFC 9112 §9.3.2) [C4]", () => {
  const requests = `GET /1 HTTP/1.1¶Host: a¶¶${post}helloGET /3 HTTP/1.1¶Host: a¶Connection: close¶¶GET /4 HTTP/1.1¶`;
  const says = ["GET /1 1.1 none", "POST / 1.1 length:5", "body hello", "GET /3 1.1 none", "closed"];
  assertEquals(serverSays(requests), [...says, "rest GET /4 HTTP/1.1¶"]);
});

test("ServerMachine reads no request before the one at hand is answered (RFC 9112 §9.3.2) [C4]", () => {
  const machine = asked(get + get);
  const paused = { type: "paused", until: "next-cycle" };
  assertEquals([machine.next(), machine.next(), machine.hasBuffered], [paused, paused, true]);
  answer(machine);
  assertEquals([machine.next(), machine.nextCycle(), machine.next().type], [paused, true, "request"]);
});

/** Lines of Connection in a request, whether another one may follow, and what the response says about it. */
const persistence: readonly (readonly [request: string, reusable: boolean, says: string])[] = [
  ["1.1¶", true, ""],
  ["1.1¶Connection: keep-alive¶", true, ""],
  ["1.1¶Connection: close¶", false, "connection: close¶"],
  ["1.1¶Connection: CLOSE¶", false, "connection: close¶"],
  ["1.1¶Connection: foo, close, bar¶", false, "connection: close¶"],
  ["1.1¶Connection: close¶Connection: keep-alive¶", false, "connection: close¶"],
  ["1.1¶Connection: keep-alive¶Connection: close¶", false, "connection: close¶"],
  ["1.1¶Connection: closed¶", true, ""],
  ["1.0¶", false, ""],
  ["1.0¶Connection: keep-alive¶", true, "connection: keep-alive¶"],
  ["1.0¶Connection: foo, Keep-Alive¶", true, "connection: keep-alive¶"],
  ["1.0¶Connection: keep-alive, close¶", false, ""],
];

for (const [request, reusable, says] of persistence) {
  test(`ServerMachine ${reusable ? "goes on" : "closes"} after GET / HTTP/${request} (RFC 9112 §9.3) [C1] [C6]`, () => {
    const machine = asked(`GET / HTTP/${request.replace("¶", "¶Host: a¶")}¶`);
    answer(machine);
    assertEquals(taken(machine), `HTTP/${request.slice(0, 3)} 204 No Content¶${says}¶`);
    assertEquals([machine.persistent, machine.nextCycle()], [reusable, reusable]);
  });
}

/** Lines of Connection in a response to HTTP/1.1 or 1.0 with keep-alive, and what goes on the wire. */
const ownPersistence: readonly (readonly [version: string, given: string, reusable: boolean, sent: string])[] = [
  ["1.1", "close", false, "Connection: close¶"],
  ["1.1", "foo, Close", false, "Connection: foo, Close¶"],
  ["1.1", "keep-alive", true, "Connection: keep-alive¶"],
  ["1.0", "close", false, "Connection: close¶"],
  ["1.0", "Keep-Alive", true, "Connection: Keep-Alive¶"],
  ["1.0", "foo", true, "Connection: foo¶connection: keep-alive¶"],
];

for (const [version, given, reusable, sent] of ownPersistence) {
  test(`ServerMachine ${reusable ? "goes on" : "closes"} after its ${given} to HTTP/${version} (RFC 9112 §9.6) [C1]`, () => {
    const machine = asked(`GET / HTTP/${version}¶Host: a¶Connection: keep-alive¶¶`);
    answer(machine, 204, [["Connection", given]]);
    assertEquals([taken(machine), machine.nextCycle()], [`HTTP/${version} 204 No Content¶${sent}¶`, reusable]);
  });
}

test("ServerMachine says close when it closes, whatever the response says (RFC 9112 §9.6) [C1]", () => {
  for (const version of ["1.0", "1.1"]) {
    const machine = asked(`GET / HTTP/${version}¶Host: a¶Connection: keep-alive¶¶`, { keepAlive: false });
    answer(machine, 204, [["Connection", "keep-alive"]]);
    const sent = `HTTP/${version} 204 No Content¶Connection: keep-alive¶connection: close¶¶`;
    assertEquals([taken(machine), machine.nextCycle()], [sent, false]);
  }
});

test("ServerMachine.disableKeepAlive() makes the exchange at hand the last one (RFC 9112 §9.6) [C11]", () => {
  const machine = asked(get + get);
  machine.disableKeepAlive();
  answer(machine);
  assertEquals([taken(machine), machine.nextCycle()], ["HTTP/1.1 204 No Content¶connection: close¶¶", false]);
  const late = asked();
  answer(late);
  late.disableKeepAlive();
  assertEquals([taken(late), late.nextCycle()], ["HTTP/1.1 204 No Content¶¶", false]);
});

test("ServerMachine.nextCycle() needs both messages to be over (RFC 9112 §9.3) [C3]", () => {
  const machine = asked(post);
  assertEquals(refusal(() => machine.nextCycle()), "busy");
  answer(machine);
  assertEquals([machine.requestComplete, refusal(() => machine.nextCycle())], [false, "busy"]);
  machine.receive(wire("hello"));
  assertEquals([machine.next().type, machine.next().type, machine.requestComplete], ["data", "end", true]);
  assertEquals(machine.nextCycle(), true);
  const closing = asked(post);
  closing.disableKeepAlive();
  answer(closing);
  assertEquals(closing.nextCycle(), false);
});

test("ServerMachine.requestComplete is so at once without a body, and with one of length 0", () => {
  assertEquals(asked().requestComplete, true);
  assertEquals(asked("POST / HTTP/1.1¶Host: a¶Content-Length: 0¶¶").requestComplete, true);
  assertEquals(asked(post).requestComplete, false);
});

test("ServerMachine.headBegun is so from the first byte of a head to its last one", () => {
  const machine = new ServerMachine();
  const begun: boolean[] = [];
  for (const part of ["¶", "G", "ET / HTTP/1.1¶Host: a¶", "¶"]) {
    machine.receive(wire(part));
    machine.next();
    begun.push(machine.headBegun);
  }
  assertEquals(begun, [false, true, true, false]);
  answer(machine);
  machine.nextCycle();
  assertEquals([machine.next().type, machine.headBegun], ["need-data", false]);
});

test("ServerMachine is closed when the client ends between two requests (RFC 9112 §9.5)", () => {
  assertEquals(serverSays("", { eof: true }), ["closed"]);
  assertEquals(serverSays(get, { eof: true }), ["GET / 1.1 none", "closed"]);
  assertEquals(serverSays(`${get}¶`, { eof: true }), ["GET / 1.1 none", "closed", "rest ¶"]);
});

test("ServerMachine says truncated when the client ends within a head (RFC 9112 §8)", () => {
  for (let length = 1; length < wire(get).length; length++) {
    const part = wire(get).subarray(0, length);
    const machine = new ServerMachine();
    machine.receive(part);
    machine.receiveEof();
    assertEquals(assertThrows(() => machine.next(), ProtocolError).code, "truncated", text(part));
  }
});

test("ServerMachine answers a request that broke the protocol, and closes (RFC 9112 §9.6) [C1]", () => {
  for (const bad of ["GE T / HTTP/1.1¶¶", "GET / HTTP/1.1¶¶", "GET / HTTP/1.1¶Host: a¶Content-Length: x¶¶"]) {
    const machine = new ServerMachine();
    machine.receive(wire(bad + get));
    const { status } = assertThrows(() => machine.next(), ProtocolError);
    assertEquals([machine.canRespond, machine.next().type], [true, "closed"]);
    answer(machine, status);
    assertEquals(taken(machine), "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶");
    assertEquals([machine.canRespond, machine.persistent, machine.nextCycle()], [false, false, false]);
  }
});

test("ServerMachine answers a broken HEAD without a body, and HTTP/1.0 with its version (RFC 9110 §9.3.2)", () => {
  const machine = new ServerMachine();
  machine.receive(wire("HEAD / HTTP/1.0¶Host: a b¶¶"));
  assertThrows(() => machine.next(), ProtocolError);
  machine.sendResponse({ status: 400, fields: [] }, 5, null);
  machine.sendEnd(null);
  assertEquals(taken(machine), "HTTP/1.0 400 Bad Request¶content-length: 5¶¶");
});

test("ServerMachine answers when the body broke the protocol, unless a head went out (RFC 9112 §7.1)", () => {
  const broken = "POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶X¶";
  const machine = asked(broken);
  assertThrows(() => machine.next(), ProtocolError);
  assertEquals([machine.canRespond, machine.persistent], [true, false]);
  answer(machine, 400);
  assertEquals(machine.nextCycle(), false);
  const late = asked(broken);
  late.sendResponse({ status: 200, fields: [] }, 2, null);
  assertThrows(() => late.next(), ProtocolError);
  assertEquals(late.canRespond, false);
  late.sendData(wire("ok"));
  late.sendEnd(null);
  assertEquals([taken(late).endsWith("¶¶ok"), late.nextCycle()], [true, false]);
});

test("ServerMachine.sendResponse() answers once (RFC 9110 §15)", () => {
  const machine = asked();
  answer(machine);
  taken(machine);
  assertEquals(refusal(() => answer(machine)), "head-sent");
  assertEquals(refusal(() => machine.sendInformational(103, [])), "head-sent");
  assertEquals(refusal(() => machine.sendData(wire("x"))), "done");
  assertEquals([refusal(() => machine.sendEnd(null)), taken(machine)], ["done", ""]);
});

test("ServerMachine.sendResponse() may answer before a request came, as for 408 (RFC 9110 §15.5.9) [C10]", () => {
  const machine = new ServerMachine();
  machine.receive(wire("GET / HT"));
  machine.next();
  machine.disableKeepAlive();
  answer(machine, 408);
  assertEquals(taken(machine), "HTTP/1.1 408 Request Timeout¶content-length: 0¶connection: close¶¶");
  assertEquals(machine.nextCycle(), false);
});

test("ServerMachine.sendInformational() writes 1xx before the final response (RFC 9110 §15.2) [B7]", () => {
  const machine = asked();
  machine.sendInformational(100, []);
  machine.sendInformational(103, [["Link", "</a>"], ["Content-Length", "5"], ["Transfer-Encoding", "chunked"]]);
  answer(machine);
  const informational = "HTTP/1.1 100 Continue¶¶HTTP/1.1 103 Early Hints¶Link: </a>¶¶";
  assertEquals(taken(machine), `${informational}HTTP/1.1 204 No Content¶¶`);
});

test("ServerMachine.sendInformational() refuses what is not informational, and HTTP/1.0 (RFC 9110 §15.2) [D6]", () => {
  for (const status of [0, 99, 101, 200, 404]) {
    const machine = asked();
    assertEquals([refusal(() => machine.sendInformational(status, [])), taken(machine)], ["no-switch", ""]);
  }
  const old = asked("GET / HTTP/1.0¶¶");
  assertEquals([refusal(() => old.sendInformational(100, [])), taken(old)], ["no-switch", ""]);
  assertEquals(refusal(() => new ServerMachine().sendInformational(100, [])), "head-sent");
  for (const status of [100.5, NaN]) assertThrows(() => asked().sendInformational(status, []), RangeError);
});

for (const status of [100, 102, 199]) {
  test(`ServerMachine.sendResponse() refuses ${status} as a final response (RFC 9110 §15.2)`, () => {
    const machine = asked();
    assertEquals([refusal(() => answer(machine, status)), taken(machine)], ["no-switch", ""]);
    answer(machine);
  });
}

/** What a request expects, and what the machine makes of it. */
const expectations: readonly (readonly [name: string, request: string, says: string])[] = [
  [
    "100-continue with a length [D1]",
    "POST / HTTP/1.1¶Expect: 100-continue¶Content-Length: 5¶",
    "POST / 1.1 length:5 expects-100",
  ],
  [
    "100-continue with chunks [D1]",
    "POST / HTTP/1.1¶Expect: 100-continue¶Transfer-Encoding: chunked¶",
    "POST / 1.1 chunked expects-100",
  ],
  ["100-Continue [D1]", "POST / HTTP/1.1¶Expect: 100-Continue¶Content-Length: 5¶", "POST / 1.1 length:5 expects-100"],
  ["100-continue without a body [D2]", "POST / HTTP/1.1¶Expect: 100-continue¶", "POST / 1.1 none"],
  [
    "100-continue with a length of 0 [D2]",
    "POST / HTTP/1.1¶Expect: 100-continue¶Content-Length: 0¶",
    "POST / 1.1 length:0",
  ],
  ["100-continue from HTTP/1.0 [D2]", "POST / HTTP/1.0¶Expect: 100-continue¶Content-Length: 5¶", "POST / 1.0 length:5"],
  ["nothing in particular", "POST / HTTP/1.1¶Expect:¶Content-Length: 5¶", "POST / 1.1 length:5"],
  ["something else [D3]", "POST / HTTP/1.1¶Expect: 200-ok¶Content-Length: 5¶", "417 unknown-expectation"],
  ["something else as well [D3]", "POST / HTTP/1.1¶Expect: 100-continue, x=y¶", "417 unknown-expectation"],
  ["something else from HTTP/1.0 [D2]", "POST / HTTP/1.0¶Expect: 200-ok¶", "POST / 1.0 none"],
  [
    "100-continue with Upgrade [E6]",
    "POST / HTTP/1.1¶Expect: 100-continue¶Content-Length: 5¶Connection: upgrade¶Upgrade: e¶",
    "POST / 1.1 length:5 upgrade(e) expects-100",
  ],
];

for (const [name, request, says] of expectations) {
  test(`ServerMachine reads Expect: ${name} (RFC 9110 §10.1.1)`, () => {
    assertEquals(serverSays(`${request.replace("¶", "¶Host: a¶")}¶`)[0], says);
  });
}

test("ServerMachine gives the body of a request without waiting for all of it", () => {
  for (const { how, chunks } of everyCut(wire("hello"))) {
    const machine = asked(post);
    let body = "";
    for (const chunk of chunks) {
      assertEquals(machine.next().type, "need-data", how);
      machine.receive(chunk);
      body += text((machine.next() as { bytes: Uint8Array }).bytes);
    }
    assertEquals([body, machine.next().type], ["hello", "end"], how);
  }
});

test("ServerMachine.takeTrailing() gives what was not read, and the machine is closed", () => {
  const machine = new ServerMachine();
  machine.receive(wire(get));
  assertEquals(text(machine.takeTrailing().bytes), get);
  assertEquals([machine.next().type, machine.takeTrailing()], ["closed", { bytes: new Uint8Array(0), eof: false }]);
});
