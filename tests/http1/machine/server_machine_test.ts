/**
 * The server's machine from exchange to exchange: RFC 9112 §9.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { ProtocolError } from "../../../src/errors/protocol_error.ts";
import { StateError } from "../../../src/errors/state_error.ts";
import type { Field } from "../../../src/semantics/fields.ts";
import { ServerMachine, type ServerMachineOptions } from "../../../src/http1/machine/server_machine.ts";
import { everyCut, text, wire } from "../../support/bytes.ts";
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
  assertEquals(machine.hasBuffered, false);
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
  test(`ServerMachine ${reusable ? "goes on" : "closes"} after GET / HTTP/${request} (RFC 9112 §9.3) [C1, C6]`, () => {
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

test("ServerMachine.sendResponse() owes nothing to the request before, when the next one is late (RFC 9110 §15.5.9)", () => {
  for (
    const before of [
      "HEAD / HTTP/1.0¶Connection: keep-alive¶",
      "CONNECT a:1 HTTP/1.1¶Host: a¶",
      "GET / HTTP/1.1¶Host: a¶",
    ]
  ) {
    const machine = asked(`${before}¶`, { leniency: { keepAfterRefusedConnect: true } });
    answer(machine, 403);
    taken(machine);
    assertEquals([machine.nextCycle(), machine.canRespond, machine.next().type], [true, true, "need-data"]);
    machine.disableKeepAlive();
    answer(machine, 408);
    assertEquals(taken(machine), "HTTP/1.1 408 Request Timeout¶content-length: 0¶connection: close¶¶", before);
  }
});

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
