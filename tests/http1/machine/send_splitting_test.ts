/**
 * Nothing that a caller gives can end a line early, whatever it is and wherever it goes: RFC 9112 §11.1.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { ClientMachine, type OutgoingRequestHead } from "../../../src/http1/machine/client_machine.ts";
import { type Field, Fields } from "../../../src/semantics/fields.ts";
import { ServerMachine } from "../../../src/http1/machine/server_machine.ts";
import type { OutgoingResponseHead } from "../../../src/http1/machine/write_response.ts";
import { text, wire } from "../../support/bytes.ts";

/** What could split a message, also once it is cut to bytes: U+010A and U+010D end in 0A and 0D. */
const splitters: readonly (readonly [name: string, inserted: string])[] = [
  ["CR LF and a field", "\r\nX-Evil: 1"],
  ["CR LF CR LF", "\r\n\r\n"],
  ["LF", "\n"],
  ["CR", "\r"],
  ["NUL", "\0"],
  ["U+010D U+010A", "\u010d\u010a"],
  ["U+560A", "\u560a"],
  ["an emoji", "\u{1f4a9}"],
  ["DEL", "\x7f"],
  ["a vertical tab", "\x0b"],
];

const request: OutgoingRequestHead = { method: "GET", target: "/", fields: [] };
const response: OutgoingResponseHead = { status: 200, fields: [] };

/** Places in a request. */
const requests: readonly (readonly [place: string, of: (evil: string) => OutgoingRequestHead])[] = [
  ["the method", (evil) => ({ ...request, method: `GET${evil}` })],
  ["the target", (evil) => ({ ...request, target: `/${evil}` })],
  ["the target of CONNECT", (evil) => ({ ...request, method: "CONNECT", target: `a:1${evil}` })],
  ["the version", (evil) => ({ ...request, version: `1.1${evil}` as "1.1" })],
  ["a field name", (evil) => ({ ...request, fields: [["Host", "a"], [`X${evil}`, "a"]] })],
  ["a field value", (evil) => ({ ...request, fields: [["Host", "a"], ["X", `a${evil}b`]] })],
  ["Upgrade", (evil) => ({ ...request, fields: [["Connection", "upgrade"], ["Upgrade", `a${evil}b`]] })],
  ["Connection", (evil) => ({ ...request, fields: [["Connection", `a${evil}b`]] })],
];

/** Places in a response, and the request that it answers. */
const responses: readonly (readonly [place: string, lines: string, of: (evil: string) => OutgoingResponseHead])[] = [
  ["the reason", "", (evil) => ({ ...response, reason: `OK${evil}` })],
  ["the status", "", (evil) => ({ ...response, status: `200${evil}` as unknown as number })],
  ["a field name", "", (evil) => ({ ...response, fields: [["X", "a"], [`X${evil}`, "a"]] })],
  ["a field value", "", (evil) => ({ ...response, fields: [["X", "a"], ["X", `a${evil}b`]] })],
  ["Transfer-Encoding", "", (evil) => ({ ...response, fields: [["Transfer-Encoding", `a${evil}b`]] })],
  ["a field of a 101", "Connection: upgrade¶Upgrade: e¶", (evil) => ({
    status: 101,
    fields: [["Upgrade", "e"], ["X", `a${evil}b`]],
  })],
  ["the reason of a 101", "Connection: upgrade¶Upgrade: e¶", (evil) => ({
    status: 101,
    reason: `x${evil}`,
    fields: [["Upgrade", "e"]],
  })],
];

/** A machine that has read a request. */
function asked(lines = ""): ServerMachine {
  const machine = new ServerMachine();
  machine.receive(wire(`GET / HTTP/1.1¶Host: a¶${lines}¶`));
  assertEquals(machine.next().type, "request");
  return machine;
}

for (const [name, inserted] of splitters) {
  for (const [place, of] of requests) {
    test(`ClientMachine lets no ${name} into ${place}, and writes nothing (RFC 9112 §11.1) [H1]`, () => {
      const machine = new ClientMachine();
      assertThrows(() => machine.sendRequest(of(inserted), 0), TypeError);
      assertEquals([machine.take(), machine.idle], [[], true]);
      machine.sendRequest(request, "none");
      assertEquals(machine.take().map(text), ["GET / HTTP/1.1¶¶"]);
    });
  }

  for (const [place, lines, of] of responses) {
    test(`ServerMachine lets no ${name} into ${place}, and writes nothing (RFC 9112 §11.1) [H1]`, () => {
      const machine = asked(lines);
      assertThrows(() => machine.sendResponse(of(inserted), "none", null));
      assertEquals(machine.take(), []);
      machine.sendResponse(response, "none", null);
      assertEquals(machine.take().map(text), ["HTTP/1.1 200 OK¶content-length: 0¶¶"]);
    });
  }

  test(`Fields, and so trailers, take no ${name} (RFC 9112 §11.1) [H1]`, () => {
    const fields = new Fields([["A", "b"]]);
    const evil: Field[] = [[`X${inserted}`, "a"], ["X", `a${inserted}b`]];
    for (const [name, value] of evil) {
      assertThrows(() => new Fields([[name, value]]), TypeError);
      assertThrows(() => fields.append(name, value), TypeError);
      assertThrows(() => fields.set(name, value), TypeError);
    }
    assertEquals([...fields], [["A", "b"]]);
  });

  test(`ServerMachine.sendInformational() lets no ${name} into its fields (RFC 9112 §11.1) [H1]`, () => {
    const machine = asked();
    assertThrows(() => machine.sendInformational(103, [["Link", `a${inserted}b`]]), TypeError);
    assertEquals(machine.take(), []);
  });
}

test("ClientMachine writes no empty method, target or field name (RFC 9112 §3, §5)", () => {
  for (const head of [{ ...request, method: "" }, { ...request, target: "" }, { ...request, fields: [["", "a"]] }]) {
    const machine = new ClientMachine();
    assertThrows(() => machine.sendRequest(head as OutgoingRequestHead, "none"), TypeError);
    assertEquals(machine.take(), []);
  }
});

test("ClientMachine writes no white space in a method, target or field name (RFC 9112 §3, §5)", () => {
  for (const space of [" ", "\t", "\xa0"]) {
    for (const [place, of] of requests.slice(0, 5)) {
      const machine = new ClientMachine();
      assertThrows(() => machine.sendRequest(of(space), "none"), TypeError, undefined, place);
      assertEquals(machine.take(), []);
    }
  }
});

test("ServerMachine writes no status that is not a whole number from 100 to 999 (RFC 9112 §4)", () => {
  for (const status of [0, 99, 1000, 200.5, NaN, Infinity, -200]) {
    const machine = asked();
    assertThrows(() => machine.sendResponse({ status, fields: [] }, "none", null));
    assertEquals(machine.take(), []);
  }
});

test("the machines refuse what is no text where text belongs, instead of writing it (RFC 9112 §11.1) [H1]", () => {
  const evil = { toString: () => "a\r\nX-Evil: 1" };
  for (const value of [5, null, true, [], ["a"], evil] as unknown as string[]) {
    const fields: Field[] = [["X", value]];
    const client = new ClientMachine();
    assertThrows(() => client.sendRequest({ ...request, fields }, "none"), TypeError);
    assertThrows(() => client.sendRequest({ ...request, fields: [[value, "x"]] }, "none"), TypeError);
    assertThrows(() => client.sendRequest({ ...request, method: value }, "none"), TypeError);
    assertThrows(() => client.sendRequest({ ...request, target: value }, "none"), TypeError);
    const server = asked();
    assertThrows(() => server.sendResponse({ ...response, fields }, "none", null), TypeError);
    assertThrows(() => server.sendResponse({ ...response, reason: value }, "none", null), TypeError);
    assertThrows(() => new Fields(fields), TypeError);
    assertThrows(() => new Fields([[value, "x"]]), TypeError);
    assertEquals([client.take(), server.take()], [[], []]);
  }
});
