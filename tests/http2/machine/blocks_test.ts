/**
 * Frames in general and field blocks: RFC 9113 §4 and §5.5.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
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
  ping,
  POST,
  priority,
  priorityUpdate,
  pushPromise,
  raw,
  rstStream,
  settings,
  settingsAck,
  TYPES,
  unknown,
  windowUpdate,
} from "../../support/h2_wire.ts";
import { unhex } from "../../support/frames.ts";
import { joined } from "../../support/switching.ts";

/** A stream 1 whose peer may still send. */
function opened(role: Role): Step[] {
  if (role === "server") return [headers(1, POST, "open")];
  const ask: Step<"client"> = (machine) => machine.sendRequest(UPLOAD, false);
  return [ask];
}

/** What the peer begins stream 1 with. */
const head = (role: Role): readonly string[] => role === "server" ? POST : OK;

for (const role of ROLES) {
  test(`frames of unknown types are ignored by a ${role}, on every stream [V4]`, () => {
    const { steps, last } = goesOn(role, 3);
    const frames = [0, 1, 2, 7, 2 ** 31 - 1].map(unknown);
    const { found, sent } = everyTalk(role, [...opened(role), ...frames, ...steps]);
    assertEquals([found.slice(-last.found.length), sent.slice(-1)], [last.found, last.sent]);
    assertEquals(sent.filter((frame) => /GOAWAY|RST_STREAM/.test(frame)), []);
  });

  test(`flags without a meaning, and the reserved bit, are ignored by a ${role} [V5]`, () => {
    const odd = (frame: Uint8Array, flags: number) => {
      const copy = frame.slice();
      copy[4]! |= flags;
      copy[5]! |= 0x80;
      return copy;
    };
    const stream = role === "server" ? [] : opened(role);
    const { found, sent } = everyTalk(role, [
      ...stream,
      odd(headers(1, head(role), "open"), 0xd2),
      odd(data(1, "a"), 0xf6),
      odd(ping("01234567"), 0xfe),
      odd(windowUpdate(0, 2000), 0xff),
      odd(windowUpdate(1, 2000), 0xff),
      odd(priority(1), 0xff),
      odd(settings(), 0xfe),
      odd(data(1, "b", true), 0xf6),
    ]);
    assertEquals(found.slice(1), ["data 1 a", "settings", "data 1 b", "end 1"]);
    assertEquals(sent.slice(-2), ["PING ACK 01234567", "SETTINGS ACK"]);
  });

  test(`a frame above what a ${role} allows is an error of the connection, at its header [V6]`, () => {
    const large = raw(TYPES.DATA, 0, 1, new Uint8Array(16_385)).slice(0, 9);
    assertEquals(verdict(talk(role, [...opened(role), large])), "connection FRAME_SIZE_ERROR");
    const allowed = talk(role, [
      ...opened(role),
      ...(role === "server" ? [] : [headers(1, OK, "open")]),
      data(1, new Uint8Array(16_384)),
      raw(0xfa, 0, 0, new Uint8Array(16_384)),
    ]);
    assertEquals(allowed.found.at(-1), "data 1 (16384)");
    const more = talk(role, [
      ...opened(role),
      ...(role === "server" ? [] : [headers(1, OK, "open")]),
      data(1, new Uint8Array(20_000)),
    ], { limits: { maxFrameBytes: 20_000 } });
    assertEquals(more.found.at(-1), "data 1 (20000)");
  });

  test(`frames too small for what they must hold are errors of a ${role}'s connection [V7]`, () => {
    const small: Readonly<Record<string, Uint8Array>> = {
      "DATA": raw(TYPES.DATA, 0x8, 1),
      "HEADERS, padded": raw(TYPES.HEADERS, 0xc, 1),
      "HEADERS with priority": raw(TYPES.HEADERS, 0x24, 1, "\0\0\0\0"),
      "RST_STREAM": raw(TYPES.RST_STREAM, 0, 1, "\0\0\0"),
      "SETTINGS": raw(TYPES.SETTINGS, 0, 0, "\0\0\0\0\0"),
      "PING": raw(TYPES.PING, 0, 0, "0123456"),
      "GOAWAY": raw(TYPES.GOAWAY, 0, 0, "0123456"),
      "WINDOW_UPDATE": raw(TYPES.WINDOW_UPDATE, 0, 0, "\0\0\0"),
    };
    for (const [what, frame] of Object.entries(small)) {
      assertEquals(verdict(everyTalk(role, [...opened(role), frame])), "connection FRAME_SIZE_ERROR", what);
    }
  });

  const within: Readonly<Record<string, Uint8Array>> = {
    "DATA": data(1, "a"),
    "HEADERS of its stream": headers(1, GET),
    "HEADERS of another": headers(3, GET),
    "PRIORITY": priority(1),
    "a PRIORITY of a wrong length": raw(TYPES.PRIORITY, 0, 1, "\0\0\0\0"),
    "RST_STREAM": rstStream(1),
    "SETTINGS": settings(),
    "an acknowledgement": settingsAck,
    "PUSH_PROMISE": pushPromise(1, 2),
    "PING": ping("01234567"),
    "GOAWAY": goaway(0),
    "WINDOW_UPDATE": windowUpdate(0, 1),
    "a CONTINUATION of another stream": continuation(3, []),
    "PRIORITY_UPDATE": priorityUpdate(1, "u=1"),
    "a frame of an unknown type": unknown(0),
  };
  for (const [what, frame] of Object.entries(within)) {
    test(`${what} within a field block is an error of a ${role}'s connection [V8]`, () => {
      const begun = headers(1, head(role), "unfinished");
      const stream = role === "server" ? [] : opened(role);
      assertEquals(verdict(everyTalk(role, [...stream, begun, frame])), "connection PROTOCOL_ERROR");
      const further = [begun, continuation(1, ["x-a: 1"], false), frame];
      assertEquals(verdict(everyTalk(role, [...stream, ...further])), "connection PROTOCOL_ERROR");
    });
  }

  test(`a block may be cut at every point into HEADERS and CONTINUATIONs for a ${role} [V8]`, () => {
    const bytes = block(...head(role), "x-a: 1");
    const stream = role === "server" ? [] : opened(role);
    const wanted = role === "server" ? "request 1 POST / end" : "response 1 200 end";
    for (let at = 0; at <= bytes.length; at++) {
      const parts = [
        headers(1, bytes.slice(0, at), "unfinished"),
        continuation(1, [], false),
        continuation(1, bytes.slice(at, at + 3), false),
        continuation(1, bytes.slice(at + 3)),
      ];
      assertEquals(talk(role, [...stream, ...parts]).found, [wanted], String(at));
    }
  });

  test(`what a ${role} sends is in frames no longer than the peer allows [V9]`, () => {
    const value = "\x01".repeat(0) + "~".repeat(20_000);
    for (const allowed of [16_384, 30_000]) {
      const fields = [["x-a", value], ["x-b", value]] as const;
      const send: Step = (machine) => {
        if ("sendRequest" in machine) machine.sendRequest({ ...UPLOAD, fields }, false);
        else machine.sendResponse(1, { status: 200, fields }, false);
        machine.sendData(1, new Uint8Array(40_000));
      };
      const first: Step[] = role === "server" ? [headers(1, GET)] : [];
      const { sent } = talk(role, [...first, settings([5, allowed]), send]);
      const lengths = sent.flatMap((frame) => /\((\d+)\)$/.exec(frame)?.[1] ?? []).map(Number);
      assert(lengths.every((length) => length <= allowed) && lengths.includes(allowed), lengths.join());
      assert(sent.some((frame) => /^CONTINUATION 1.*x-b: ~/.test(frame)));
      assertEquals(lengths.filter((length) => length < 40_000).length >= 2, true);
    }
  });

  test(`settings and error codes that are not known have no effect on a ${role} [V10, Y15]`, () => {
    const { steps, last } = goesOn(role, 3);
    const odd = [settings([0xfafa, 2 ** 32 - 1], [0, 1], [0xffff, 0]), rstStream(1, 0xfafa)];
    const { found, sent } = everyTalk(role, [...opened(role), ...odd, ...steps]);
    const first = role === "server" ? ["request 1 POST /"] : [];
    assertEquals(found, [...first, "settings", "reset 1 internal", ...last.found]);
    assertEquals(sent.slice(-2), ["SETTINGS ACK", ...last.sent]);
  });

  const broken: Readonly<Record<string, string>> = {
    "the index 0": "80",
    "an index behind the tables": "be",
    "an integer that is too long": "7f8080808001",
    "a text that ends early": "400561",
    "EOS in a text": "40016184ffffffff",
    "a size update above the limit": "3fe21f",
    "a size update within a block": "8220",
  };
  for (const [what, digits] of Object.entries(broken)) {
    test(`a block with ${what} is an error of a ${role}'s connection, wherever it stands [N10]`, () => {
      const bytes = unhex(digits);
      const stream = role === "server" ? [] : opened(role);
      const places: Step<Role>[][] = [
        [...stream, headers(1, bytes)],
        [...stream, headers(1, bytes.slice(0, 1), "unfinished"), continuation(1, bytes.slice(1))],
        [...stream, headers(1, head(role), "open"), headers(1, bytes)],
        [...stream, headers(1, head(role), "open"), rstStream(1), headers(1, bytes)],
      ];
      for (const steps of places) {
        const told = talk(role, steps);
        assertEquals([told.sent.at(-1)?.split(" ")[2], told.found.at(-1)], ["COMPRESSION_ERROR", "closed"]);
      }
    });
  }

  test(`a smaller table that a ${role} told has to be confirmed by a size update [N11]`, () => {
    const limits = { fieldTableBytes: 0 };
    const stream = role === "server" ? [] : opened(role);
    const plain = talk(role, [...stream, headers(1, head(role))], { limits });
    assertEquals(plain.sent.at(-1)?.split(" ")[2], "COMPRESSION_ERROR");
    const updated = joined(Uint8Array.of(0x20), block(...head(role)));
    const { found } = talk(role, [...stream, headers(1, updated)], { limits });
    assertEquals(found, [role === "server" ? "request 1 POST / end" : "response 1 200 end"]);
  });

  test(`a ${role} tells the size of its table at the beginning of the next block when the peer changes it [N4]`, () => {
    const sends: string[] = [];
    const send: Step = (machine) => {
      if ("sendRequest" in machine) machine.sendRequest(REQUEST, true);
      else machine.sendResponse(1, { status: 200, fields: [] }, true);
      const block = joined(...machine.take()).slice(9);
      sends.push([...block].map((byte) => byte.toString(16).padStart(2, "0")).join(""));
    };
    const first: Step[] = role === "server" ? [headers(1, GET)] : [];
    talk(role, [...first, settings([1, 0]), send]);
    talk(role, [...first, settings([1, 0]), settings([1, 4096]), send]);
    assertEquals([sends[0]!.slice(0, 2), sends[1]!.slice(0, 8)], ["20", "203fe11f"]);
  });
}

/** `x-a: 1`, indexed: what comes by it shows whether the block that brought it was read. */
const bring = (rows: readonly string[]): Uint8Array => joined(block(...rows), unhex("4003782d610131"));
const use = (rows: readonly string[]): Uint8Array => joined(block(...rows), Uint8Array.of(0xbe));

test("blocks of streams that are refused, reset or closed are read: those that follow refer to them [N12]", () => {
  const reset: Step<"server"> = (machine) => machine.resetStream(1, "cancel");
  const shut: Step<"server"> = (machine) => machine.shutdown(true);
  const seen: (string | null)[] = [];
  const ways: readonly (readonly [steps: Step<"server">[], id: number, limit?: number])[] = [
    [[headers(1, POST, "open"), headers(3, bring(GET))], 5, 1],
    [[headers(1, POST, "open"), reset, headers(1, bring([]))], 3],
    [[headers(1, POST, "open"), rstStream(1), headers(1, bring([]))], 3],
    [[headers(1, POST), headers(1, bring([]))], 3],
    [[headers(1, bring(["x: malformed"]))], 3],
  ];
  for (const [steps, id, maxConcurrentStreams = 100] of ways) {
    const free: Step<"server">[] = maxConcurrentStreams === 1 ? [rstStream(1)] : [];
    const { found } = everyTalk("server", [...steps, ...free, headers(id, use(GET))], {
      limits: { maxConcurrentStreams },
    });
    assertEquals(found.at(-1), `request ${id} GET / end`);
    const machine: Step<"server"> = (server: Http2ServerMachine) => {
      server.receive(headers(id, use(GET)));
      for (let event = server.next(); event.type !== "need-data"; event = server.next()) {
        if (event.type === "request") seen.push(event.head.fields.get("x-a"));
      }
    };
    talk("server", [...steps, ...free, machine], { limits: { maxConcurrentStreams } });
  }
  assertEquals(seen, ways.map(() => "1"));
  // Behind a shutdown nothing is taken up, and the blocks are read all the same.
  const after = everyTalk("server", [headers(1, POST, "open"), shut, headers(3, bring(GET)), headers(1, use([]))]);
  assertEquals(after.found, ["request 1 POST /", "end 1 x-a: 1"]);
});

test("a client reads the blocks of streams that it has reset [N12]", () => {
  const ask: Step<"client"> = (machine) => machine.sendRequest(REQUEST, true);
  const reset: Step<"client"> = (machine) => machine.resetStream(1, "cancel");
  const { found } = everyTalk("client", [
    ask,
    ask,
    reset,
    headers(1, bring(OK)),
    headers(3, OK, "open"),
    headers(3, use([])),
  ]);
  assertEquals(found, ["response 3 200", "end 3 x-a: 1"]);
});

test("however its bytes are cut, a dialogue comes to the same [V11]", () => {
  const respond: Step<"server"> = (machine) => {
    machine.sendInformational(1, { status: 103, fields: [["link", "</a>"]] });
    machine.sendResponse(1, { status: 200, fields: [["x-a", "1"]] }, false);
    machine.sendData(1, new Uint8Array(5));
    machine.sendEnd(1, null);
  };
  const { found, sent } = everyTalk("server", [
    joined(
      settings([4, 100]),
      headers(1, POST, "open"),
      ping("abcdefgh"),
      data(1, "hello"),
      headers(3, bring(GET), "unfinished"),
      continuation(3, ["x-b: 2"]),
      windowUpdate(0, 5000),
      data(1, ""),
      priority(3, 1),
      headers(1, ["x-t: 1"]),
      unknown(5),
    ),
    respond,
    rstStream(3),
  ]);
  assertEquals(found, [
    "settings",
    "request 1 POST /",
    "data 1 hello",
    "request 3 GET / end",
    "end 1 x-t: 1",
    "reset 3 cancel",
  ]);
  assertEquals(sent, [
    "SETTINGS ACK",
    "PING ACK abcdefgh",
    "HEADERS 1 :status: 103, link: </a>",
    "HEADERS 1 :status: 200, x-a: 1",
    "DATA 1 END \0\0\0\0\0",
  ]);
});
