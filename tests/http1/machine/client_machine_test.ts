/**
 * The client's machine from exchange to exchange: RFC 9112 §9, RFC 9110 §15.2.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { ClientMachine, type OutgoingRequestHead } from "../../../src/http1/machine/client_machine.ts";
import { ProtocolError } from "../../../src/errors/protocol_error.ts";
import { StateError } from "../../../src/errors/state_error.ts";
import type { Field } from "../../../src/semantics/fields.ts";
import { everyCut, text, wire } from "../../support/bytes.ts";
import { clientSays } from "./machine_says.ts";

const get: OutgoingRequestHead = { method: "GET", target: "/", fields: [["Host", "a"]] };
const post: OutgoingRequestHead = { method: "POST", target: "/", fields: [["Host", "a"]] };
const empty = "HTTP/1.1 204 x¶¶";
const hello = "HTTP/1.1 200 OK¶Content-Length: 5¶¶hello";

/** A machine that has sent a request without a body. */
function sent(request: OutgoingRequestHead = get): ClientMachine {
  const machine = new ClientMachine();
  machine.sendRequest(request, "none");
  machine.sendEnd(null);
  machine.take();
  return machine;
}

/** The code of what `call` throws. */
function refusal(call: () => unknown): string {
  return assertThrows(call, StateError).code;
}

test("ClientMachine takes the responses to one request after the other (RFC 9112 §9.3) [C5]", () => {
  const machine = sent();
  for (const status of [200, 404, 204]) {
    machine.receive(wire(`HTTP/1.1 ${status} x¶Content-Length: 0¶¶`));
    assertEquals((machine.next() as { head: { status: number } }).head.status, status);
    assertEquals(machine.next(), { type: "paused", until: "next-cycle" });
    assertEquals([machine.nextCycle(), machine.idle, machine.next().type], [true, true, "need-data"]);
    machine.sendRequest(get, "none");
    machine.sendEnd(null);
  }
});

test("ClientMachine reports informational responses and waits for the final one (RFC 9110 §15.2) [C5, D4]", () => {
  const informational = "HTTP/1.1 100 Continue¶¶HTTP/1.1 103 Early¶Link: a¶¶HTTP/1.1 199 x¶Content-Length: 7¶¶";
  const says = ["100 informational", "103 informational", "199 informational"];
  assertEquals(clientSays(informational), [...says, "waiting"]);
  assertEquals(clientSays(informational, { eof: true }), [...says, "502 truncated"]);
  assertEquals(clientSays(informational + hello), [
    ...says,
    '200 "OK" 1.1 length:5',
    "body hello",
    "reusable",
    "waiting",
  ]);
});

test("ClientMachine gives the fields of informational responses (RFC 9110 §15.2) [D4]", () => {
  const says = ["103 informational [Link: a]", '204 "x" 1.1 none []', "reusable", "waiting"];
  assertEquals(clientSays(`HTTP/1.1 103 Early¶Link: a¶¶${empty}`, { fields: true }), says);
});

/** Lines of Connection in a response to a request without any, and whether another request may follow. */
const persistence: readonly (readonly [response: string, reusable: boolean])[] = [
  ["1.1 204 x¶", true],
  ["1.1 204 x¶Connection: close¶", false],
  ["1.1 204 x¶Connection: CLOSE¶", false],
  ["1.1 204 x¶Connection: foo, close, bar¶", false],
  ["1.1 204 x¶Connection: close¶Connection: keep-alive¶", false],
  ["1.1 204 x¶Connection: keep-alive¶Connection: close¶", false],
  ["1.1 204 x¶Connection: closed¶", true],
  ["1.1 204 x¶Connection:¶", true],
  ["1.1 204 x¶Keep-Alive: close¶", true],
  ["1.0 204 x¶", false],
  ["1.0 204 x¶Connection: keep-alive¶", true],
  ["1.0 204 x¶Connection: foo, Keep-Alive, bar¶", true],
  ["1.0 204 x¶Connection: keep-alive, close¶", false],
];

for (const [response, reusable] of persistence) {
  test(`ClientMachine ${reusable ? "goes on" : "closes"} after HTTP/${response} (RFC 9112 §9.3) [C1, C2]`, () => {
    const end = reusable ? ["reusable", "waiting"] : ["closed"];
    assertEquals(clientSays(`HTTP/${response}¶`).slice(1), end);
  });
}

/** What a request says about the connection, and whether another one may follow a response that says nothing. */
const ownPersistence: readonly (readonly [name: string, request: OutgoingRequestHead, reusable: boolean])[] = [
  ["nothing", get, true],
  ["close", { ...get, fields: [["Connection", "close"]] }, false],
  ["keep-alive, Close", { ...get, fields: [["Connection", "keep-alive, Close"]] }, false],
  [
    "keep-alive and close in two lines",
    { ...get, fields: [["Connection", "keep-alive"], ["connection", "close"]] },
    false,
  ],
  ["nothing in HTTP/1.0", { ...get, version: "1.0" }, false],
  ["keep-alive in HTTP/1.0", { ...get, version: "1.0", fields: [["Connection", "Keep-Alive"]] }, true],
];

for (const [name, request, reusable] of ownPersistence) {
  test(`ClientMachine ${reusable ? "goes on" : "closes"} after a request with ${name} (RFC 9112 §9.6) [C2]`, () => {
    const end = reusable ? ["reusable", "waiting"] : ["closed"];
    assertEquals(clientSays(empty, { requests: [request] }).slice(1), end);
  });
}

test("ClientMachine never takes bytes behind a response for the next one (RFC 9112 §9.2) [B15]", () => {
  const says = ['200 "OK" 1.1 length:5', "body hello", "reusable", "502 unexpected-message", `rest ${empty}`];
  assertEquals(clientSays(hello + empty), says);
  assertEquals(clientSays(`${empty}X`).slice(1), ["reusable", "502 unexpected-message", "rest X"]);
  assertEquals(clientSays(`${empty}¶`).slice(1), ["reusable", "502 unexpected-message", "rest ¶"]);
});

test("ClientMachine sends nothing while bytes wait that answer nothing (RFC 9112 §9.2) [B15]", () => {
  const machine = sent();
  machine.receive(wire(empty + empty));
  assertEquals([machine.next().type, machine.nextCycle(), machine.idle], ["response", true, false]);
  assertEquals([refusal(() => machine.sendRequest(get, "none")), machine.take()], ["not-ready", []]);
});

test("ClientMachine refuses bytes before the first request (RFC 9112 §9.2) [B15]", () => {
  for (const { how, chunks } of everyCut(wire(empty))) {
    const machine = new ClientMachine();
    assertEquals(machine.next().type, "need-data");
    for (const chunk of chunks) machine.receive(chunk);
    assertEquals(machine.idle, false, how);
    const error = assertThrows(() => machine.next(), ProtocolError);
    assertEquals([error.code, machine.next().type, machine.idle], ["unexpected-message", "closed", false], how);
  }
});

test("ClientMachine is closed when the peer ends between two exchanges (RFC 9112 §9.5)", () => {
  assertEquals(clientSays(empty, { eof: true, requests: [get] }).slice(1), ["reusable", "closed"]);
  const machine = new ClientMachine();
  machine.receiveEof();
  assertEquals([machine.idle, refusal(() => machine.sendRequest(get, "none"))], [false, "not-ready"]);
  assertEquals([machine.next().type, machine.persistent], ["closed", false]);
});

test("ClientMachine.sendRequest() waits for the exchange before to end", () => {
  const machine = new ClientMachine();
  machine.sendRequest(post, 5);
  assertEquals(refusal(() => machine.sendRequest(get, "none")), "not-ready");
  machine.sendData(wire("hello"));
  machine.sendEnd(null);
  machine.take();
  assertEquals(refusal(() => machine.sendRequest(get, "none")), "not-ready");
  assertEquals(refusal(() => machine.nextCycle()), "busy");
  machine.receive(wire(hello));
  machine.next();
  assertEquals(refusal(() => machine.sendRequest(get, "none")), "not-ready");
  assertEquals(machine.take(), []);
});

test("ClientMachine takes a response before its request is sent, and waits for that (RFC 9112 §9.5) [C8]", () => {
  const machine = new ClientMachine();
  machine.sendRequest(post, 5);
  machine.receive(wire(empty));
  assertEquals([machine.next().type, machine.responseComplete, machine.requestSent], ["response", true, false]);
  assertEquals(refusal(() => machine.nextCycle()), "busy");
  machine.sendData(wire("hello"));
  machine.sendEnd(null);
  assertEquals([machine.requestSent, machine.nextCycle()], [true, true]);
});

test("ClientMachine.abandonRequest() ends the connection with the response (RFC 9112 §9.5) [C8]", () => {
  const machine = new ClientMachine();
  machine.sendRequest(post, "unknown");
  machine.sendData(wire("hel"));
  machine.abandonRequest();
  machine.receive(wire(hello));
  assertEquals([machine.requestSent, machine.next().type, machine.next().type], [true, "response", "data"]);
  assertEquals([machine.next().type, machine.next().type, machine.nextCycle()], ["end", "paused", false]);
  assertEquals(refusal(() => machine.sendData(wire("lo"))), "done");
  assertEquals(machine.take().map(text).join("").endsWith("¶¶3¶hel¶"), true);
});

test("ClientMachine.sendData() and sendEnd() need a request", () => {
  const machine = new ClientMachine();
  assertEquals([refusal(() => machine.sendData(wire("x"))), refusal(() => machine.sendEnd(null))], ["done", "done"]);
  const after = sent();
  assertEquals([refusal(() => after.sendData(wire("x"))), refusal(() => after.sendEnd(null))], ["done", "done"]);
});

test("ClientMachine reads no more once the peer broke the protocol", () => {
  const machine = sent();
  machine.receive(wire("HTTP/1.1 x¶¶"));
  assertThrows(() => machine.next(), ProtocolError);
  machine.receive(wire(empty));
  assertEquals([machine.next().type, machine.persistent, machine.nextCycle()], ["closed", false, false]);
});

test("ClientMachine.takeTrailing() gives what was not read, and the machine is closed", () => {
  const machine = sent();
  machine.receive(wire(empty));
  assertEquals(text(machine.takeTrailing().bytes), empty);
  assertEquals([machine.next().type, machine.takeTrailing()], ["closed", { bytes: new Uint8Array(0), eof: false }]);
});

test("ClientMachine.refusesRest() is so for an answer that closes before all was asked (RFC 9112 §9.5) [C8]", () => {
  const close: OutgoingRequestHead = { ...post, fields: [["Connection", "close"]] };
  for (
    const [request, line, status, refuses] of [
      [post, "", 200, false],
      [post, "", 413, false],
      [post, "Connection: close¶", 200, true],
      [close, "", 200, false],
      [close, "", 399, false],
      [close, "", 400, true],
    ] as const
  ) {
    const machine = new ClientMachine();
    machine.sendRequest(request, 5);
    machine.receive(wire(`HTTP/1.1 ${status} x¶${line}Content-Length: 0¶¶`));
    machine.next();
    assertEquals(machine.refusesRest(status), refuses, `${line}${status}`);
  }
});

test("ClientMachine gives the body of a response without waiting for all of it", () => {
  const machine = sent();
  machine.receive(wire("HTTP/1.1 200 OK¶Content-Length: 5¶¶he"));
  assertEquals(machine.next().type, "response");
  assertEquals(text((machine.next() as { bytes: Uint8Array }).bytes), "he");
  assertEquals([machine.next().type, machine.responseComplete], ["need-data", false]);
  machine.receive(wire("llo"));
  assertEquals(text((machine.next() as { bytes: Uint8Array }).bytes), "llo");
  assertEquals([machine.next().type, machine.responseComplete], ["end", true]);
});

test("ClientMachine takes content until the connection ends, and then it is over (RFC 9112 §6.3) [C9]", () => {
  const input = "HTTP/1.1 200 OK¶Connection: keep-alive¶¶a¶b";
  const says = ['200 "OK" 1.1 until-close', "body a¶b"];
  assertEquals(clientSays(input), [...says, "waiting"]);
  assertEquals(clientSays(input, { eof: true }), [...says, "closed"]);
});

test("ClientMachine sends no chunks to a server that answered with HTTP/1.0 (RFC 9112 §6.1) [B13]", () => {
  const old = "HTTP/1.0 204 x¶Connection: keep-alive¶¶";
  const machine = sent();
  machine.receive(wire(old));
  assertEquals([machine.next().type, machine.nextCycle()], ["response", true]);
  assertEquals(refusal(() => machine.sendRequest(post, "unknown")), "body-length");
  machine.sendRequest({ ...post, fields: [["Transfer-Encoding", "chunked"]] }, 2);
  machine.sendData(wire("hi"));
  machine.sendEnd(null);
  assertEquals(machine.take().map(text), ["POST / HTTP/1.1¶content-length: 2¶¶hi"]);
});

/** Requests that propose an upgrade or do not, answers, and whether `hijack` makes the answer a switch. */
const hijacks: readonly (readonly [name: string, upgrade: boolean, response: string, says: string])[] = [
  ["a 200 without a length", true, "1.1 200 OK¶", "200 switched null"],
  ["a 200 with a length", true, "1.1 200 OK¶Content-Length: 0¶", '200 "OK" 1.1 length:0'],
  ["a chunked 200", true, "1.1 200 OK¶Transfer-Encoding: chunked¶", '200 "OK" 1.1 chunked'],
  ["a 404 without a length", true, "1.1 404 x¶", '404 "x" 1.1 until-close'],
  ["a 200 to a plain request", false, "1.1 200 OK¶", '200 "OK" 1.1 until-close'],
];

for (const [name, upgrade, response, says] of hijacks) {
  test(`ClientMachine, told to hijack, reads ${name} as: ${says} (Docker)`, () => {
    const fields: Field[] = upgrade ? [["Connection", "upgrade"], ["Upgrade", "tcp"]] : [];
    const requests = [{ ...get, fields, hijack: true }];
    assertEquals(clientSays(`HTTP/${response}¶`, { requests })[0], says);
    const ordinary = says === "200 switched null" ? '200 "OK" 1.1 until-close' : says;
    assertEquals(clientSays(`HTTP/${response}¶`, { requests: [{ ...get, fields }] })[0], ordinary);
  });
}

test("ClientMachine takes a response to HEAD and then one to GET (RFC 9112 §6.3) [B6]", () => {
  const machine = sent({ ...get, method: "HEAD" });
  machine.receive(wire("HTTP/1.1 200 OK¶Content-Length: 5¶¶"));
  assertEquals([machine.next().type, machine.next().type, machine.nextCycle()], ["response", "paused", true]);
  machine.sendRequest(get, "none");
  machine.sendEnd(null);
  machine.receive(wire(hello));
  assertEquals([machine.next().type, machine.next().type, machine.next().type], ["response", "data", "end"]);
});
