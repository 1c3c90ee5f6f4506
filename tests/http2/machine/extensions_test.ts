/**
 * Extended CONNECT (RFC 8441) and priorities (RFC 9218) on a connection.
 */

import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { StateError } from "../../../src/errors/state_error.ts";
import type { OutgoingHttp2Request } from "../../../src/http2/machine/message.ts";
import { everyTalk, REQUEST, type Step, talk, verdict } from "../../support/h2_dialogue.ts";
import {
  data,
  GET,
  headers,
  OK,
  PREFACE,
  priorityUpdate,
  raw,
  settings,
  TYPES,
  windowUpdate,
} from "../../support/h2_wire.ts";

const EXTENDED = [":method: CONNECT", ":protocol: websocket", ":scheme: https", ":path: /chat", ":authority: a"];
const WEB_SOCKET: OutgoingHttp2Request = { ...REQUEST, method: "CONNECT", protocol: "websocket", path: "/chat" };

test("a server tells that it takes extended CONNECT only where it is told so, and refuses it elsewhere [Z1]", () => {
  const on = everyTalk("server", [headers(1, EXTENDED, "open"), data(1, "a")], { connectProtocol: true });
  assertEquals(on.found, ["request 1 CONNECT /chat", "data 1 a"]);
  const off = everyTalk("server", [headers(1, EXTENDED, "open"), data(1, "a"), headers(3, GET)]);
  assertEquals(off.found, ["request 3 GET / end"]);
  assertEquals(off.sent, ["RST_STREAM 1 PROTOCOL_ERROR"]);
  const first = (connectProtocol: boolean) =>
    talk("server", [PREFACE, settings()], { connectProtocol, bare: true }).sent[0];
  assertEquals([first(true)?.endsWith(" 8=1"), first(false)?.includes(" 8=")], [true, false]);
});

test("an extended CONNECT that is accepted is a tunnel [Z2, M18]", () => {
  const accept: Step<"server"> = (machine) => {
    machine.sendResponse(1, { status: 200, fields: [["sec-websocket-protocol", "chat"]] }, false);
    machine.sendData(1, new TextEncoder().encode("hi"));
  };
  const told = everyTalk("server", [headers(1, EXTENDED, "open"), accept, data(1, "a"), headers(1, ["x-a: 1"])], {
    connectProtocol: true,
  });
  assertEquals(told.found, ["request 1 CONNECT /chat", "data 1 a", "reset 1 protocol by us"]);
  assertEquals(told.sent.slice(0, 2), ["HEADERS 1 :status: 200, sec-websocket-protocol: chat", "DATA 1 hi"]);
});

test("a client sends an extended CONNECT only once the server has told that it takes it [Z3]", () => {
  const ask: Step<"client"> = (machine) => machine.sendRequest(WEB_SOCKET, false);
  const no: Step<"client"> = (machine) => {
    assertEquals(assertThrows(() => machine.sendRequest(WEB_SOCKET, false), StateError).code, "no-switch");
  };
  talk("client", [no, settings([8, 0]), no]);
  const { found, sent } = everyTalk("client", [settings([8, 1]), ask, headers(1, OK, "open"), data(1, "hi")]);
  assertEquals(found, ["settings", "response 1 200", "data 1 hi"]);
  assertEquals(
    sent[1],
    "HEADERS 1 :method: CONNECT, :protocol: websocket, :scheme: https, :authority: a, :path: /chat",
  );
});

test("a server must not take back that it takes extended CONNECT [Z3]", () => {
  assertEquals(verdict(everyTalk("client", [settings([8, 1]), settings([8, 0])])), "connection PROTOCOL_ERROR");
  assertEquals(verdict(everyTalk("client", [settings([8, 1], [8, 0])])), "connection PROTOCOL_ERROR");
  assertEquals(everyTalk("client", [settings([8, 0]), settings([8, 1]), settings([8, 1])]).found.length, 3);
});

test("PRIORITY_UPDATE about stream 0 or a stream of the server, or too short, ends the connection [Z5]", () => {
  for (const id of [0, 2, 4]) {
    assertEquals(verdict(everyTalk("server", [priorityUpdate(id, "u=1")])), "connection PROTOCOL_ERROR");
  }
  assertEquals(
    verdict(everyTalk("server", [raw(TYPES.PRIORITY_UPDATE, 0, 0, "\0\0\0")])),
    "connection FRAME_SIZE_ERROR",
  );
  for (const value of ["u=1", "", "i", "u=9, \xff", ",,,"]) {
    assertEquals(everyTalk("server", [headers(1, GET), priorityUpdate(1, value), headers(3, GET)]).found.length, 2);
  }
});

test("PRIORITY_UPDATE to a client ends the connection [Z6]", () => {
  const ask: Step<"client"> = (machine) => machine.sendRequest(REQUEST, true);
  assertEquals(verdict(everyTalk("client", [ask, priorityUpdate(1, "u=1")])), "connection PROTOCOL_ERROR");
});

/** Responses that wait for the connection's window, and then go as it opens; the streams of the frames in order. */
function order(steps: readonly Step<"server">[], ids: readonly number[]): string {
  const respond: Step<"server"> = (machine) => {
    for (const id of ids) {
      machine.sendResponse(id, { status: 200, fields: [] }, false);
      machine.sendData(id, new Uint8Array(40));
    }
  };
  const fill: Step<"server"> = (machine) => {
    machine.sendResponse(99, { status: 200, fields: [] }, false);
    machine.sendData(99, new Uint8Array(65_535));
  };
  const begin = [...steps, headers(99, GET), fill, respond];
  const windows = Array.from({ length: 20 }, () => windowUpdate(0, 10));
  const { sent } = talk("server", [settings([4, 1_000_000]), ...begin, ...windows]);
  const turns = sent.filter((frame) => frame.startsWith("DATA") && !frame.startsWith("DATA 99")).map((frame) =>
    frame.split(" ")[1]
  );
  return turns.filter((id, i) => id !== turns[i - 1]).join(" ");
}

const asking = (id: number, priority?: string): Uint8Array =>
  headers(id, priority === undefined ? GET : [...GET, `priority: ${priority}`]);

test("of responses that wait the more urgent goes first, and those that are not incremental go whole [Z9]", () => {
  assertEquals(order([asking(1, "u=5"), asking(3, "u=1"), asking(5, "u=3")], [1, 3, 5]), "3 5 1");
  assertEquals(order([asking(1, "u=3"), asking(3, "u=3")], [1, 3]), "1 3");
  assertEquals(order([asking(1, "u=3, i"), asking(3, "u=3, i")], [1, 3]), "1 3 1 3 1 3 1 3");
  assertEquals(order([asking(1, "u=3, i"), asking(3, "u=0")], [1, 3]), "3 1");
});

test("a PRIORITY_UPDATE changes the turn of a stream, one that is not open yet included [Z7, Z9]", () => {
  assertEquals(order([asking(1), asking(3), priorityUpdate(3, "u=0")], [1, 3]), "3 1");
  assertEquals(order([priorityUpdate(3, "u=0"), asking(1), asking(3)], [1, 3]), "3 1");
  assertEquals(order([priorityUpdate(3, "u=0"), asking(1, "u=5"), asking(3, "u=7")], [1, 3]), "3 1");
  assertEquals(order([asking(1, "u=7"), asking(3, "u=5"), priorityUpdate(1, "u=1")], [1, 3]), "1 3");
});

test("a PRIORITY_UPDATE for a stream that is closed, or for more than may be open, has no effect [Z7]", () => {
  const answer: Step<"server"> = (machine) => machine.sendResponse(1, { status: 204, fields: [] }, true);
  const limits = { maxConcurrentStreams: 2 };
  const many = Array.from({ length: 100 }, (_, i) => priorityUpdate(2 * i + 5, "u=1"));
  const { found } = talk("server", [headers(1, GET), answer, priorityUpdate(1, "u=1"), ...many, headers(3, GET)], {
    limits,
  });
  assertEquals(found, ["request 1 GET / end", "request 3 GET / end"]);
});
