/**
 * What comes before a final response, from the server's side: RFC 9110 §10.1.1 and §15.2.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { StateError } from "../../../src/errors/state_error.ts";
import { ServerMachine } from "../../../src/http1/machine/server_machine.ts";
import { text, wire } from "../../support/bytes.ts";
import { serverSays } from "./machine_says.ts";

/** A machine that has read the head of a request. */
function asked(request = "GET / HTTP/1.1¶Host: a¶¶"): ServerMachine {
  const machine = new ServerMachine();
  machine.receive(wire(request));
  assertEquals(machine.next().type, "request");
  return machine;
}

/** Answers without a body. */
function answer(machine: ServerMachine, status = 204): void {
  machine.sendResponse({ status, fields: [] }, "none", null);
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

test("ServerMachine.sendInformational() writes 1xx before the final response (RFC 9110 §15.2) [B7]", () => {
  const machine = asked();
  machine.sendInformational(100, []);
  machine.sendInformational(103, [["Link", "</a>"], ["Content-Length", "5"], ["Transfer-Encoding", "chunked"]]);
  machine.sendInformational(199, []);
  answer(machine);
  const informational = "HTTP/1.1 100 Continue¶¶HTTP/1.1 103 Early Hints¶Link: </a>¶¶HTTP/1.1 199 ¶¶";
  assertEquals(taken(machine), `${informational}HTTP/1.1 204 No Content¶¶`);
});

test("ServerMachine.sendInformational() refuses what is not informational, and HTTP/1.0 (RFC 9110 §15.2) [D6]", () => {
  for (const status of [0, 99, 101, 200, 404]) {
    const machine = asked();
    assertEquals([refusal(() => machine.sendInformational(status, [])), taken(machine)], ["bad-status", ""]);
  }
  const old = asked("GET / HTTP/1.0¶¶");
  assertEquals([refusal(() => old.sendInformational(100, [])), taken(old)], ["http10", ""]);
  assertEquals(refusal(() => new ServerMachine().sendInformational(100, [])), "head-sent");
  for (const status of [100.5, NaN]) assertThrows(() => asked().sendInformational(status, []), RangeError);
});

for (const status of [100, 102, 199]) {
  test(`ServerMachine.sendResponse() refuses ${status} as a final response (RFC 9110 §15.2)`, () => {
    const machine = asked();
    assertEquals([refusal(() => answer(machine, status)), taken(machine)], ["bad-status", ""]);
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
