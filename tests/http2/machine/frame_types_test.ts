/**
 * What each type of frame does, and errors: RFC 9113 §6, §5.4 and §7. Which may come in which state is in `stream_states_test.ts`.
 */

import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { StateError } from "../../../src/errors/state_error.ts";
import type { Http2ServerMachine } from "../../../src/http2/machine/server_machine.ts";
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
import {
  block,
  continuation,
  data,
  GET,
  goaway,
  headers,
  OK,
  padded,
  ping,
  POST,
  priority,
  pushPromise,
  raw,
  rstStream,
  settings,
  settingsAck,
  TYPES,
  unknown,
  windowUpdate,
  word,
} from "../../support/h2_wire.ts";
import { joined } from "../../support/switching.ts";

const get: Step<"client"> = (machine) => machine.sendRequest(REQUEST, true);
const post: Step<"client"> = (machine) => machine.sendRequest(UPLOAD, false);
const shut: Step = (machine) => machine.shutdown();

/** Stream 1, whose peer may send a body. */
function receiving(role: Role): Step[] {
  return role === "server" ? [headers(1, POST, "open")] : [post, headers(1, OK, "open")];
}

/** What the peer begins stream 1 with. */
const head = (role: Role): readonly string[] => role === "server" ? POST : OK;
const begun = (role: Role): Step[] => role === "server" ? [] : [post];

for (const role of ROLES) {
  const { steps, last } = goesOn(role, 3);

  /** Where a machine goes on behind these steps; all that it found before. */
  const foundBefore = (before: readonly Step[]): string[] => {
    const { found, sent } = everyTalk(role, [...before, ...steps]);
    assertEquals([found.slice(-last.found.length), sent.slice(-1)], [last.found, last.sent]);
    return found.slice(0, -last.found.length);
  };

  const onConnection: Readonly<Record<string, Uint8Array>> = {
    "DATA": raw(TYPES.DATA, 0, 0, "a"),
    "HEADERS": headers(0, GET),
    "PRIORITY": priority(0),
    "RST_STREAM": rstStream(0),
    "CONTINUATION": continuation(0, []),
    "PUSH_PROMISE": pushPromise(0, 2),
  };
  for (const [what, frame] of Object.entries(onConnection)) {
    test(`${what} on stream 0 is an error of a ${role}'s connection [Y1, Y2, Y3, Y4, Y12]`, () => {
      assertEquals(verdict(everyTalk(role, [frame])), "connection PROTOCOL_ERROR");
    });
  }

  const onStream: Readonly<Record<string, Uint8Array>> = {
    "SETTINGS": raw(TYPES.SETTINGS, 0, 1),
    "an acknowledgement": raw(TYPES.SETTINGS, 1, 1),
    "PING": raw(TYPES.PING, 0, 1, "01234567"),
    "GOAWAY": raw(TYPES.GOAWAY, 0, 1, "01234567"),
  };
  for (const [what, frame] of Object.entries(onStream)) {
    test(`${what} on a stream is an error of a ${role}'s connection [Y5, Y8, Y9]`, () => {
      assertEquals(verdict(everyTalk(role, [...receiving(role), frame])), "connection PROTOCOL_ERROR");
    });
  }

  const wrongLengths: Readonly<Record<string, Uint8Array>> = {
    "RST_STREAM": raw(TYPES.RST_STREAM, 0, 1, "\0\0\0\0\0"),
    "SETTINGS": raw(TYPES.SETTINGS, 0, 0, "\0\0\0\0\0\0\0"),
    "an acknowledgement": raw(TYPES.SETTINGS, 1, 0, "\0\0\0\0\0\0"),
    "PING": raw(TYPES.PING, 0, 0, "012345678"),
    "WINDOW_UPDATE": raw(TYPES.WINDOW_UPDATE, 0, 1, "\0\0\0\0\0"),
    "WINDOW_UPDATE on the connection": raw(TYPES.WINDOW_UPDATE, 0, 0, "\0\0\0\0\0"),
  };
  for (const [what, frame] of Object.entries(wrongLengths)) {
    test(`${what} of a wrong length is FRAME_SIZE_ERROR of a ${role}'s connection [Y4, Y5, Y8, Y11]`, () => {
      assertEquals(verdict(everyTalk(role, [...receiving(role), frame])), "connection FRAME_SIZE_ERROR");
    });
  }

  test(`a PRIORITY of a wrong length is FRAME_SIZE_ERROR of a ${role}'s stream, idle ones aside [Y3, Y14]`, () => {
    for (const length of [0, 4, 6]) {
      const frame = raw(TYPES.PRIORITY, 0, 1, new Uint8Array(length));
      const found = foundBefore([...receiving(role), frame]);
      assertEquals(found.at(-1), "reset 1 frame-size by us");
      assertEquals(verdict(everyTalk(role, [...receiving(role), frame])), "stream FRAME_SIZE_ERROR");
      assertEquals(verdict(everyTalk(role, [frame])), "connection FRAME_SIZE_ERROR");
    }
  });

  test(`padding is taken off by a ${role}, and must be shorter than its frame [Y1, Y2]`, () => {
    const told = everyTalk(role, [
      ...receiving(role),
      padded(1, "abc", 0),
      padded(1, "", 3),
      padded(1, "d", 255, true),
    ]);
    assertEquals(told.found.slice(1), ["data 1 abc", "data 1 d", "end 1"]);
    const bytes = block(...head(role));
    const whole = joined(Uint8Array.of(2), bytes, new Uint8Array(2));
    assertEquals(everyTalk(role, [...begun(role), raw(TYPES.HEADERS, 0xd, 1, whole)]).found.length, 1);
    const prioritized = joined(Uint8Array.of(2), word(0), Uint8Array.of(7), bytes, new Uint8Array(2));
    assertEquals(everyTalk(role, [...begun(role), raw(TYPES.HEADERS, 0x2d, 1, prioritized)]).found.length, 1);
    for (const [padding, length] of [[1, 0], [5, 4], [255, 10]] as const) {
      const wrong = joined(Uint8Array.of(padding), new Uint8Array(length));
      const places: Step[][] = [
        [...receiving(role), raw(TYPES.DATA, 0x8, 1, wrong)],
        [...begun(role), raw(TYPES.HEADERS, 0xc, 1, wrong)],
      ];
      for (const place of places) assertEquals(verdict(everyTalk(role, place)), "connection PROTOCOL_ERROR");
    }
  });

  test(`priorities of RFC 7540 mean nothing to a ${role}, but a stream must not wait for itself [Y2, Y3]`, () => {
    const bytes = block(...head(role));
    const dependsOn = (id: number) => raw(TYPES.HEADERS, 0x25, 1, joined(word(id), Uint8Array.of(7), bytes));
    for (const id of [0, 3, 0x80000003]) {
      assertEquals(everyTalk(role, [...begun(role), dependsOn(id)]).found.length, 1);
    }
    assertEquals(verdict(everyTalk(role, [...begun(role), dependsOn(1)])), "stream PROTOCOL_ERROR");
    const found = foundBefore([priority(1, 3), priority(7, 1), ...receiving(role), priority(1, 3), priority(2, 0)]);
    assertEquals(found.length, 1);
    assertEquals(verdict(everyTalk(role, [...receiving(role), priority(1, 1)])), "stream PROTOCOL_ERROR");
  });

  const badSettings: Readonly<Record<string, readonly [id: number, value: number, code: string]>> = {
    "ENABLE_PUSH 2": [2, 2, "PROTOCOL_ERROR"],
    "ENABLE_PUSH 2^32-1": [2, 2 ** 32 - 1, "PROTOCOL_ERROR"],
    "INITIAL_WINDOW_SIZE 2^31": [4, 2 ** 31, "FLOW_CONTROL_ERROR"],
    "INITIAL_WINDOW_SIZE 2^32-1": [4, 2 ** 32 - 1, "FLOW_CONTROL_ERROR"],
    "MAX_FRAME_SIZE 16,383": [5, 16_383, "PROTOCOL_ERROR"],
    "MAX_FRAME_SIZE 2^24": [5, 2 ** 24, "PROTOCOL_ERROR"],
    "MAX_FRAME_SIZE 0": [5, 0, "PROTOCOL_ERROR"],
    "ENABLE_CONNECT_PROTOCOL 2": [8, 2, "PROTOCOL_ERROR"],
    "NO_RFC7540_PRIORITIES 2": [9, 2, "PROTOCOL_ERROR"],
  };
  for (const [what, [id, value, code]] of Object.entries(badSettings)) {
    test(`SETTINGS_${what} is an error of a ${role}'s connection [Y6, Z3, Z8]`, () => {
      assertEquals(verdict(everyTalk(role, [settings([id, value])])), `connection ${code}`);
      assertEquals(verdict(everyTalk(role, [settings([3, 1], [id, value], [3, 2])])), `connection ${code}`);
    });
  }

  test(`SETTINGS at the ends of their ranges are taken by a ${role} [Y6]`, () => {
    const push: (readonly [number, number])[] = role === "server" ? [[2, 0], [2, 1]] : [[2, 0]];
    const ends = [
      [1, 0],
      [1, 2 ** 32 - 1],
      [3, 0],
      [3, 2 ** 32 - 1],
      [4, 0],
      [4, 2 ** 31 - 1],
      [5, 16_384],
      [
        5,
        2 ** 24 - 1,
      ],
      [6, 0],
      [6, 2 ** 32 - 1],
      [8, 0],
      [8, 1],
      [9, 0],
      [9, 1],
      ...push,
    ] as const;
    for (const pair of ends) {
      const { found, sent } = everyTalk(role, [settings(pair)]);
      assertEquals([found, sent], [["settings"], ["SETTINGS ACK"]], pair.join());
    }
  });

  test(`the last value of a setting counts for a ${role}, and each is checked [Y7]`, () => {
    let peer = "";
    const look: Step = (machine) => peer = JSON.stringify(machine.peer);
    talk(role, [settings([3, 5], [4, 100], [5, 20_000], [1, 10], [6, 99], [3, 6], [4, 200]), look]);
    assertEquals(JSON.parse(peer), {
      fieldTableBytes: 10,
      maxConcurrentStreams: 6,
      streamWindowBytes: 200,
      maxFrameBytes: 20_000,
      maxFieldBytes: 99,
      connectProtocol: false,
    });
  });

  test(`a PING is answered by a ${role} with its payload, and an answer is not answered [Y8]`, () => {
    const { found, sent } = everyTalk(role, [ping("\0\x01\x02\x03\xfc\xfd\xfe\xff"), ping("abcdefgh", true)]);
    assertEquals([found, sent], [["pong abcdefgh"], ["PING ACK \0\x01\x02\x03\xfc\xfd\xfe\xff"]]);
    const own: Step = (machine) => machine.ping(new TextEncoder().encode("01234567"));
    assertEquals(talk(role, [own]).sent, ["PING 01234567"]);
    const short: Step = (machine) => assertThrows(() => machine.ping(new Uint8Array(7)), RangeError);
    assertEquals(talk(role, [short]).sent, []);
  });

  test(`PUSH_PROMISE is an error of a ${role}'s connection, on any stream [M16]`, () => {
    for (const [on, promised] of [[1, 2], [1, 3], [1, 0], [3, 2], [2, 4]] as const) {
      const told = everyTalk(role, [...receiving(role), pushPromise(on, promised)]);
      assertEquals(verdict(told), "connection PROTOCOL_ERROR");
    }
  });

  test(`a CONTINUATION without a block before it is an error of a ${role}'s connection [Y12]`, () => {
    for (const before of [[], receiving(role), [...receiving(role), data(1, "a")]]) {
      assertEquals(verdict(everyTalk(role, [...before, continuation(1, [])])), "connection PROTOCOL_ERROR");
    }
    const over = [...begun(role), headers(1, head(role), "unfinished"), continuation(1, []), continuation(1, [])];
    assertEquals(verdict(everyTalk(role, over)), "connection PROTOCOL_ERROR");
  });

  test(`an error of a ${role}'s connection is told once, and nothing is read, sent or begun behind it [Y13]`, () => {
    const after: Step = (machine) => {
      machine.consume(1, 10_000);
      assertEquals(machine.next().type, "closed");
      assertThrows(() => machine.sendData(1, new Uint8Array(1)), StateError);
      if ("canSend" in machine) {
        assertEquals(machine.canSend, false);
        assertThrows(() => machine.sendRequest(REQUEST, true), StateError);
      } else {
        assertThrows(() => machine.sendResponse(1, { status: 200, fields: [] }, true), StateError);
      }
      machine.resetStream(1, "cancel");
      machine.shutdown();
      machine.receiveEof();
    };
    const rest = joined(ping("01234567"), headers(3, GET), data(1, "a"), settings(), raw(0xfa, 0, 0));
    const told = everyTalk(role, [...receiving(role), joined(data(1, "abc"), data(0, "a"), rest), after, rest]);
    assertEquals(told.found.slice(1), ["data 1 abc", "error protocol", "closed"]);
    assertEquals(told.sent.slice(role === "server" ? 0 : 1), [
      role === "server" ? "GOAWAY 1 PROTOCOL_ERROR" : "GOAWAY 0 PROTOCOL_ERROR",
    ]);
  });

  test(`GOAWAY of a ${role}'s peer is told, and its last stream never rises [Y9, Y10, Y15]`, () => {
    const { found } = everyTalk(role, [
      ...receiving(role),
      goaway(2 ** 31 - 1, 0, "bye"),
      goaway(1, 0xfafa),
      data(1, "a"),
    ]);
    assertEquals(found.slice(1, 4), ["goaway 2147483647 no-error bye", "goaway 1 internal", "data 1 a"]);
    assertEquals(verdict(everyTalk(role, [...receiving(role), goaway(1), goaway(3)])), "connection PROTOCOL_ERROR");
  });

  test(`the end of the transport is the end of a ${role}'s connection, and of its streams [Y16]`, () => {
    const end: Step = (machine) => machine.receiveEof();
    const later: Step = (machine) => assertThrows(() => machine.sendEnd(1, null), StateError);
    const told = talk(role, [...receiving(role), data(1, "abc"), data(1, "cut").slice(0, 11), end, later]);
    assertEquals(told.found.slice(1), ["data 1 abc", "closed"]);
    assertEquals(talk(role, [end]), { found: ["closed"], sent: [] });
  });

  test(`what arrives with the end of the transport is found by a ${role} before it [Y16]`, () => {
    const all: Step = (machine) => {
      machine.receive(joined(data(1, "abc"), data(1, "d", true)));
      machine.receiveEof();
    };
    assertEquals(talk(role, [...receiving(role), all]).found.slice(1), ["data 1 abc", "data 1 d", "end 1", "closed"]);
  });

  test(`an acknowledgement that was not owed is an error of a ${role}'s connection [V3]`, () => {
    assertEquals(verdict(everyTalk(role, [settingsAck])), "connection PROTOCOL_ERROR");
  });

  test(`errors of streams are one RST_STREAM of a ${role} each, and the connection goes on [Y14]`, () => {
    const twice = [...receiving(role), windowUpdate(1, 0), windowUpdate(1, 0), data(1, "a"), rstStream(1), unknown(1)];
    const found = foundBefore(twice);
    assertEquals(found.slice(1), ["reset 1 protocol by us"]);
    const { sent } = everyTalk(role, twice);
    assertEquals(sent.filter((frame) => frame.startsWith("RST")), ["RST_STREAM 1 PROTOCOL_ERROR"]);
  });
}

test("SETTINGS_ENABLE_PUSH 1 to a client is an error of the connection [Y6]", () => {
  assertEquals(verdict(everyTalk("client", [settings([2, 1])])), "connection PROTOCOL_ERROR");
});

test("behind a GOAWAY streams up to its last go on, those above were not processed, and none is opened [Y9, M20]", () => {
  const no: Step<"client"> = (machine) => {
    assertEquals(machine.canSend, false);
    assertEquals(assertThrows(() => machine.sendRequest(REQUEST, true), StateError).code, "closed");
  };
  const { found, sent } = everyTalk("client", [
    get,
    post,
    get,
    goaway(3),
    no,
    headers(1, OK),
    headers(3, OK, "open"),
    data(3, "a", true),
  ]);
  assertEquals(found, [
    "goaway 3 no-error",
    "reset 5 refused-stream unprocessed",
    "response 1 200 end",
    "response 3 200",
    "data 3 a",
    "end 3",
  ]);
  assertEquals(sent.length, 3);
  const over = everyTalk("client", [get, goaway(1), headers(1, OK)]);
  assertEquals(over.found, ["goaway 1 no-error", "response 1 200 end", "closed"]);
  assertEquals(everyTalk("client", [get, goaway(0, 2)]).found, [
    "goaway 0 internal",
    "reset 1 refused-stream unprocessed",
    "closed",
  ]);
});

test("a stream that is refused was not processed; one that is reset otherwise may have been [M20]", () => {
  for (
    const [code, told] of [[7, "refused-stream unprocessed"], [8, "cancel"], [0, "no-error"], [2, "internal"]] as const
  ) {
    assertEquals(everyTalk("client", [get, rstStream(1, code)]).found, [`reset 1 ${told}`]);
  }
});

const respond = (id: number): Step<"server"> => (machine: Http2ServerMachine) =>
  machine.sendResponse(id, { status: 204, fields: [] }, true);

test("a server shuts down in two steps: a warning, and when it was read the last stream that it took up [Y10]", () => {
  const asked: Step<"server">[] = [headers(1, GET), shut, headers(3, GET)];
  const first = everyTalk("server", asked);
  assertEquals(first.found, ["request 1 GET / end", "request 3 GET / end"]);
  assertEquals(first.sent, ["GOAWAY 2147483647 NO_ERROR", "PING shutdown"]);
  const answered = [...asked, ping("shutdown", true)];
  const second = everyTalk("server", [
    ...answered,
    headers(5, POST, "open"),
    data(5, "a"),
    rstStream(5),
    windowUpdate(5, 5),
  ]);
  assertEquals(second.found, first.found);
  assertEquals(second.sent.slice(2), ["GOAWAY 3 NO_ERROR"]);
  const over = everyTalk("server", [...answered, headers(5, GET), respond(1), respond(3)]);
  assertEquals(over.found, [...first.found, "closed"]);
  assertEquals(over.sent.slice(3), ["HEADERS 1 END :status: 204", "HEADERS 3 END :status: 204"]);
});

test("a server that shuts down at once says the last stream, and drops what comes on later ones [Y10, X6]", () => {
  const now: Step<"server"> = (machine) => machine.shutdown(true);
  const { found, sent } = everyTalk("server", [
    headers(1, GET),
    now,
    shut,
    now,
    headers(3, POST, "open"),
    data(3, "a", true),
    respond(1),
  ]);
  assertEquals(found, ["request 1 GET / end", "closed"]);
  assertEquals(sent, ["GOAWAY 1 NO_ERROR", "HEADERS 1 END :status: 204"]);
  assertEquals(talk("server", [now]), { found: ["closed"], sent: ["GOAWAY 0 NO_ERROR"] });
});

test("the last stream of a GOAWAY for an error is the last that a server took up, refused ones aside [Y10, Y13]", () => {
  const limits = { maxConcurrentStreams: 1 };
  const { sent } = everyTalk("server", [headers(1, GET), headers(3, GET), windowUpdate(0, 0)], { limits });
  assertEquals(sent, ["RST_STREAM 3 REFUSED_STREAM", "GOAWAY 1 PROTOCOL_ERROR"]);
});

test("a client that shuts down opens no more, and is over behind its last stream [Y9]", () => {
  const no: Step<"client"> = (machine) => assertEquals(machine.canSend, false);
  const { found, sent } = everyTalk("client", [get, shut, no, headers(1, OK)]);
  assertEquals([found, sent.slice(1)], [["response 1 200 end", "closed"], ["GOAWAY 0 NO_ERROR"]]);
});
