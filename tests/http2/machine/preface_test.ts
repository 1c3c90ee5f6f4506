/**
 * How a connection begins: RFC 9113 §3.4.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { everyTalk, REQUEST, ROLES, type Step, talk, verdict } from "../../support/h2_dialogue.ts";
import {
  continuation,
  data,
  GET,
  goaway,
  headers,
  ping,
  PREFACE,
  priority,
  rstStream,
  settings,
  settingsAck,
  unknown,
  windowUpdate,
} from "../../support/h2_wire.ts";
import { joined } from "../../support/switching.ts";
import { wire } from "../../support/bytes.ts";

test("a server sends SETTINGS first, without push, and acknowledges those of the client [V1, V3, M16]", () => {
  const { found, sent } = everyTalk("server", [PREFACE, settings([3, 7]), settingsAck, headers(1, GET)], {
    bare: true,
  });
  assertEquals(found, ["settings", "request 1 GET / end"]);
  assertEquals(sent, [
    "SETTINGS 4=262144 6=65536 3=100 9=1",
    "WINDOW_UPDATE 0 +983041",
    "SETTINGS ACK",
  ]);
});

test("a client sends the preface and SETTINGS first, with push disabled, and acknowledges the server's [V1, V3, M16]", () => {
  const { found, sent } = everyTalk("client", [settings([3, 7]), settingsAck], { bare: true });
  assertEquals(found, ["settings"]);
  assertEquals(sent, ["PREFACE", "SETTINGS 4=262144 6=65536 2=0", "WINDOW_UPDATE 0 +983041", "SETTINGS ACK"]);
});

test("a client may send requests before anything came, and a server reads what comes with the preface [V1]", () => {
  const ask: Step<"client"> = (machine) => machine.sendRequest(REQUEST, true);
  const { sent } = talk("client", [ask], { bare: true });
  assertEquals(sent.at(-1), "HEADERS 1 END :method: GET, :scheme: https, :authority: a, :path: /");
  const { found } = everyTalk("server", [joined(PREFACE, settings(), headers(1, GET))], { bare: true });
  assertEquals(found, ["settings", "request 1 GET / end"]);
});

test("each of several SETTINGS is acknowledged, and applies from then on [V3, Y7]", () => {
  for (const role of ROLES) {
    const { found, sent } = everyTalk(role, [settings([3, 1]), settings([3, 2], [3, 5]), settings()]);
    assertEquals(sent, ["SETTINGS ACK", "SETTINGS ACK", "SETTINGS ACK"]);
    assertEquals(found, ["settings", "settings", "settings"]);
    let allowed = 0;
    talk(role, [settings([3, 1]), settings([3, 2], [3, 5]), (machine) => allowed = machine.peer.maxConcurrentStreams]);
    assertEquals(allowed, 5);
  }
});

test("a wrong byte at any place of the preface is an error of the connection, as soon as it comes [V2]", () => {
  for (let at = 0; at < PREFACE.length; at++) {
    const wrong = PREFACE.slice(0, at + 1);
    wrong[at]! ^= 0x20;
    assertEquals(verdict(talk("server", [wrong], { bare: true })), "connection PROTOCOL_ERROR", String(at));
  }
  for (const other of ["GET / HTTP/1.1¶Host: a¶¶", "\x16\x03\x01", "¶", "PRI * HTTP/2.0¶¶XX¶¶"]) {
    const told = everyTalk("server", [wire(other), settings()], { bare: true });
    assertEquals(told.found, ["error protocol", "closed"]);
    assertEquals(told.sent.slice(2), ["GOAWAY 0 PROTOCOL_ERROR"]);
  }
});

const first: Readonly<Record<string, Uint8Array>> = {
  "PING": ping("01234567"),
  "WINDOW_UPDATE": windowUpdate(0, 1),
  "HEADERS": headers(1, GET),
  "DATA": data(1, ""),
  "RST_STREAM": rstStream(1),
  "PRIORITY": priority(1),
  "a PRIORITY of a wrong length": joined(Uint8Array.of(0, 0, 4, 2, 0, 0, 0, 0, 1), new Uint8Array(4)),
  "GOAWAY": goaway(0),
  "CONTINUATION": continuation(1, GET),
  "an acknowledgement": settingsAck,
  "a frame of an unknown type": unknown(0),
};

for (const role of ROLES) {
  for (const [what, frame] of Object.entries(first)) {
    test(`${what} as the first frame of a ${role}'s peer is an error of the connection [V2]`, () => {
      const preface = role === "server" ? [PREFACE] : [];
      assertEquals(verdict(everyTalk(role, [...preface, frame], { bare: true })), "connection PROTOCOL_ERROR");
    });
  }
}

test("an end within the preface, or right behind it, is the end [V2, Y16]", () => {
  const end: Step<"server"> = (machine) => machine.receiveEof();
  for (const before of [new Uint8Array(0), PREFACE.slice(0, 5), PREFACE, joined(PREFACE, settings().slice(0, 4))]) {
    assertEquals(talk("server", [before, end], { bare: true }).found, ["closed"]);
  }
});
