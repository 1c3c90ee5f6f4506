/**
 * Messages on their streams: RFC 9113 §8. Which blocks are messages is in `read_message_test.ts`.
 */

import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { StateError } from "../../../src/errors/state_error.ts";
import type { OutgoingHttp2Request } from "../../../src/http2/machine/message.ts";
import { Fields } from "../../../src/semantics/fields.ts";
import {
  everyTalk,
  goesOn,
  REQUEST,
  type Role,
  ROLES,
  type Step,
  talk,
  UPLOAD,
  verdict,
} from "../../support/h2_dialogue.ts";
import { data, GET, headers, OK, POST, rstStream } from "../../support/h2_wire.ts";

const ask = (head: OutgoingHttp2Request = REQUEST, end = true): Step<"client"> => (machine) =>
  machine.sendRequest(head, end);
const reset = (code: "cancel" | "no-error"): Step => (machine) => machine.resetStream(1, code);

/** What the peer begins stream 1 with, and what comes before. */
const before = (role: Role): Step[] => role === "server" ? [] : [ask(UPLOAD, false)];
const head = (role: Role): readonly string[] => role === "server" ? POST : OK;

/** The last frames make the message malformed: an error of the stream, behind which the connection goes on. */
function malformed(role: Role, steps: readonly Step[], told: boolean, what?: string): void {
  const on = goesOn(role, 3);
  const { found, sent } = everyTalk(role, [...steps, ...on.steps]);
  assertEquals(sent.filter((frame) => /RST|GOAWAY/.test(frame)), ["RST_STREAM 1 PROTOCOL_ERROR"], what);
  const end = [...(told ? ["reset 1 protocol by us"] : []), ...on.last.found];
  assertEquals(found.slice(-end.length), end, what);
}

const badLines: Readonly<Record<string, readonly string[]>> = {
  "a name with a capital letter": ["X-A: 1"],
  "a value with CR": ["x-a: 1\rb"],
  "a value with NUL": ["x-a: \0"],
  "a value with a space in front": ["x-a:  1"],
  "Connection": ["connection: close"],
  "Transfer-Encoding": ["transfer-encoding: chunked"],
  "TE of more than trailers": ["te: gzip"],
  "a pseudo-field behind others": ["x-a: 1", ":path: /"],
  "a pseudo-field that is not known": [":x: 1"],
};

for (const role of ROLES) {
  for (const [what, rows] of Object.entries(badLines)) {
    test(`a message to a ${role} with ${what} is an error of its stream, in a head and in trailers [M15]`, () => {
      malformed(role, [...before(role), headers(1, [...head(role), ...rows])], role === "client");
      malformed(role, [...before(role), headers(1, [...head(role), ...rows], "open")], role === "client");
      malformed(role, [...before(role), headers(1, head(role), "open"), headers(1, rows)], true);
    });
  }

  test(`pseudo-fields in trailers to a ${role} are an error of the stream [M5, M15]`, () => {
    for (const row of [":status: 200", ":path: /", ":method: GET"]) {
      malformed(role, [...before(role), headers(1, head(role), "open"), headers(1, [row])], true);
    }
  });

  test(`trailers to a ${role} that do not end the stream are an error of it [M13]`, () => {
    malformed(role, [...before(role), headers(1, head(role), "open"), headers(1, ["x-a: 1"], "open")], true);
    malformed(
      role,
      [...before(role), headers(1, head(role), "open"), data(1, "a"), headers(1, head(role), "open")],
      true,
    );
  });

  test(`a body to a ${role} that differs from Content-Length is an error of its stream [M12]`, () => {
    const long = (length: string) => [...head(role), `content-length: ${length}`];
    const begin = (length: string): Step[] => [...before(role), headers(1, long(length), "open")];
    malformed(role, [...before(role), headers(1, long("1"))], role === "client", "no body");
    malformed(role, [...begin("3"), data(1, "ab", true)], true, "too short");
    malformed(role, [...begin("3"), data(1, "", true)], true, "empty");
    malformed(role, [...begin("3"), data(1, "abcd")], true, "too long");
    malformed(role, [...begin("3"), data(1, "abc"), data(1, "d", true)], true, "too long at its end");
    malformed(role, [...begin("3"), data(1, "ab"), headers(1, ["x-a: 1"])], true, "too short before trailers");
    malformed(role, [...begin("0"), data(1, "a")], true, "more than none");
    for (const wrong of ["-1", "x", "1,2", "1 1", "", "99999999999999999999"]) {
      malformed(role, begin(wrong), role === "client", wrong);
    }
    const right = everyTalk(role, [...begin("3, 3"), data(1, "ab"), data(1, ""), data(1, "c"), headers(1, ["x-a: 1"])]);
    assertEquals(right.found.slice(1), ["data 1 ab", "data 1 c", "end 1 x-a: 1"]);
    assertEquals(everyTalk(role, [...before(role), headers(1, long("0"))]).found.length, 1);
  });

  test(`a ${role} sends no other body than it announced [M12]`, () => {
    const begin: Step = (machine) => {
      const fields = [["Content-Length", "3"]] as const;
      if ("sendRequest" in machine) machine.sendRequest({ ...UPLOAD, fields }, false);
      else machine.sendResponse(1, { status: 200, fields }, false);
    };
    const wrong: Step = (machine) => {
      assertThrows(() => machine.sendEnd(1, null), StateError);
      assertThrows(() => machine.sendData(1, new Uint8Array(4)), StateError);
      machine.sendData(1, new TextEncoder().encode("abc"));
      assertThrows(() => machine.sendData(1, new Uint8Array(1)), StateError);
      machine.sendEnd(1, null);
    };
    const { sent } = talk(role, [...(role === "server" ? [headers(1, GET)] : []), begin, wrong]);
    assertEquals(sent.slice(1), ["DATA 1 END abc"]);
    const head: Step = (machine) => {
      const fields = [["content-length", "3"]] as const;
      if ("sendRequest" in machine) assertThrows(() => machine.sendRequest({ ...UPLOAD, fields }, true), StateError);
      else assertThrows(() => machine.sendResponse(1, { status: 200, fields }, true), StateError);
    };
    assertEquals(talk(role, [...(role === "server" ? [headers(1, GET)] : []), head]).sent, []);
  });

  test(`a ${role} sends trailers as HEADERS that end the stream, without those that mean nothing there [M5, M13, B11]`, () => {
    const begin: Step = (machine) => {
      if ("sendRequest" in machine) machine.sendRequest(UPLOAD, false);
      else machine.sendResponse(1, { status: 200, fields: [] }, false);
      machine.sendData(1, new TextEncoder().encode("a"));
      machine.sendEnd(1, new Fields([["X-Sum", "1"], ["Content-Length", "1"]]));
    };
    const { sent } = talk(role, [...(role === "server" ? [headers(1, GET)] : []), begin]);
    assertEquals(sent.slice(1), ["DATA 1 a", "HEADERS 1 END x-sum: 1"]);
  });

  test(`what cannot be sent leaves a ${role}'s connection as it was [M17, M3]`, () => {
    const on = goesOn(role, role === "server" ? 3 : 1);
    const wrong: Step = (machine) => {
      for (const field of [["connection", "close"], ["x a", "1"], ["x-a", "\r\n"]] as const) {
        const fields = [["x-new", "1"], field] as const;
        if ("sendRequest" in machine) assertThrows(() => machine.sendRequest({ ...REQUEST, fields }, true), TypeError);
        else assertThrows(() => machine.sendResponse(1, { status: 200, fields }, true), TypeError);
      }
    };
    const { found, sent } = talk(role, [...(role === "server" ? [headers(1, GET)] : []), wrong, ...on.steps]);
    assertEquals([found.slice(-1), sent], [on.last.found, on.last.sent]);
  });
}

test("any number of informational responses come before the final one, and none ends the stream [M14]", () => {
  const { found } = everyTalk("client", [
    ask(),
    ...["100", "103", "103", "199"].map((status) => headers(1, [`:status: ${status}`], "open")),
    headers(1, OK),
  ]);
  assertEquals(found, [
    "informational 1 100",
    "informational 1 103",
    "informational 1 103",
    "informational 1 199",
    "response 1 200 end",
  ]);
  malformed("client", [ask(), headers(1, [":status: 100"])], true);
  malformed("client", [ask(), headers(1, [":status: 103"], "open"), headers(1, [":status: 103"])], true);
  malformed("client", [ask(), headers(1, [":status: 100"], "open"), data(1, "a")], true, "data without a final head");
  malformed(
    "client",
    [ask(), headers(1, OK, "open"), headers(1, [":status: 103"], "open")],
    true,
    "behind the final one",
  );
  malformed("client", [ask(), headers(1, [":status: 101"], "open")], true, "101");
});

test("a server sends informational responses before its final one only, and no 101 [M14, M11]", () => {
  const send: Step<"server"> = (machine) => {
    machine.sendInformational(1, { status: 100, fields: [] });
    machine.sendInformational(1, { status: 103, fields: [["Link", "</a>"]] });
    assertThrows(() => machine.sendInformational(1, { status: 101, fields: [] }), StateError);
    assertThrows(() => machine.sendInformational(1, { status: 200, fields: [] }), RangeError);
    assertThrows(() => machine.sendResponse(1, { status: 101, fields: [] }, true), RangeError);
    assertThrows(() => machine.sendData(1, new Uint8Array(1)), StateError);
    machine.sendResponse(1, { status: 200, fields: [] }, true);
    assertThrows(() => machine.sendInformational(1, { status: 103, fields: [] }), StateError);
    assertThrows(() => machine.sendResponse(1, { status: 200, fields: [] }, true), StateError);
  };
  assertEquals(talk("server", [headers(1, POST, "open"), send]).sent, [
    "HEADERS 1 :status: 100",
    "HEADERS 1 :status: 103, link: </a>",
    "HEADERS 1 END :status: 200",
  ]);
});

test("responses to HEAD, 204 and 304 have no body, whatever Content-Length says [M12]", () => {
  const head = ask({ ...REQUEST, method: "HEAD" });
  const long = (status: string) => [`:status: ${status}`, "content-length: 5"];
  const bodiless: readonly (readonly [step: Step<"client">, status: string])[] = [[head, "200"], [ask(), "204"], [
    ask(),
    "304",
  ]];
  for (const [step, status] of bodiless) {
    assertEquals(everyTalk("client", [step, headers(1, long(status))]).found, [`response 1 ${status} end`]);
    const late = everyTalk("client", [step, headers(1, long(status), "open"), data(1, "", true)]);
    assertEquals(late.found, [`response 1 ${status}`, "end 1"]);
    malformed("client", [step, headers(1, long(status), "open"), data(1, "hello", true)], true, status);
  }
});

const CONNECT: OutgoingHttp2Request = { ...REQUEST, method: "CONNECT", scheme: null, path: null, authority: "a:1" };

test("on a tunnel nothing comes but DATA and what is about the stream [M18, M10]", () => {
  const asked = [":method: CONNECT", ":authority: a:1"];
  const accept: Step<"server"> = (machine) => machine.sendResponse(1, { status: 200, fields: [] }, false);
  const server: Step[] = [headers(1, asked, "open"), accept];
  const client: Step[] = [ask(CONNECT, false), headers(1, [":status: 200", "content-length: 3"], "open")];
  assertEquals(everyTalk("server", [...server, data(1, "abcd"), data(1, "", true)]).found, [
    "request 1 CONNECT null",
    "data 1 abcd",
    "end 1",
  ]);
  assertEquals(everyTalk("client", [...client, data(1, "abcd", true)]).found, [
    "response 1 200",
    "data 1 abcd",
    "end 1",
  ]);
  malformed("server", [...server, headers(1, ["x-a: 1"])], true);
  malformed("client", [...client, headers(1, ["x-a: 1"])], true);
  // A refusal is an ordinary response.
  const refused = everyTalk("client", [
    ask(CONNECT, false),
    headers(1, [":status: 407", "content-length: 1"], "open"),
    data(1, "a"),
    headers(1, ["x-a: 1"]),
  ]);
  assertEquals(refused.found, ["response 1 407", "data 1 a", "end 1 x-a: 1"]);
});

test("each end of a tunnel ends by itself, and a reset ends both [M18]", () => {
  const end: Step = (machine) => machine.sendEnd(1, null);
  const send: Step = (machine) => machine.sendData(1, new TextEncoder().encode("x"));
  const client: Step[] = [ask(CONNECT, false), headers(1, OK, "open")];
  const half = everyTalk("client", [...client, end, data(1, "a"), data(1, "", true)]);
  assertEquals([half.found.slice(1), half.sent.slice(1)], [["data 1 a", "end 1"], ["DATA 1 END "]]);
  const other = everyTalk("client", [...client, data(1, "", true), send, end]);
  assertEquals(other.sent.slice(1), ["DATA 1 x", "DATA 1 END "]);
  assertEquals(everyTalk("client", [...client, rstStream(1, 10)]).found.slice(1), ["reset 1 connect"]);
});

test("a response may end before its request: what follows is RST_STREAM NO_ERROR, and it is not lost by that [M19]", () => {
  const answer: Step<"server"> = (machine) => machine.sendResponse(1, { status: 413, fields: [] }, true);
  const early = everyTalk("server", [
    headers(1, POST, "open"),
    data(1, "a"),
    answer,
    reset("no-error"),
    data(1, "b"),
    data(1, "c", true),
  ]);
  assertEquals(early.sent, ["HEADERS 1 END :status: 413", "RST_STREAM 1 NO_ERROR"]);
  assertEquals(early.found, ["request 1 POST /", "data 1 a"]);
  const client = everyTalk("client", [
    ask(UPLOAD, false),
    headers(1, OK, "open"),
    data(1, "abc", true),
    rstStream(1, 0),
  ]);
  assertEquals(client.found, ["response 1 200", "data 1 abc", "end 1", "reset 1 no-error"]);
});

test("a head above the limits is answered by a server with 431, and refused by a client [M15]", () => {
  const limits = { maxFieldBytes: 300 };
  const large = ["x-a: " + "v".repeat(300)];
  const told = everyTalk("server", [headers(1, [...GET, ...large]), headers(3, GET)], { limits });
  assertEquals(told.found, ["request 3 GET / end"]);
  assertEquals(told.sent, ["HEADERS 1 END :status: 431"]);
  const open = everyTalk("server", [headers(1, [...POST, ...large], "open"), data(1, "a", true), headers(3, GET)], {
    limits,
  });
  assertEquals([open.found, open.sent], [["request 3 GET / end"], [
    "HEADERS 1 END :status: 431",
    "RST_STREAM 1 NO_ERROR",
  ]]);
  const client = everyTalk("client", [ask(), headers(1, [...OK, ...large])], { limits });
  assertEquals(verdict(client), "stream ENHANCE_YOUR_CALM");
});
