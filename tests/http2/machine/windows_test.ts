/**
 * Flow control: RFC 9113 §5.2 and §6.9.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import {
  everyTalk,
  goesOn,
  type Role,
  ROLES,
  type Step,
  talk,
  type TalkOptions,
  UPLOAD,
  verdict,
} from "../../support/h2_dialogue.ts";
import {
  data,
  headers,
  OK,
  padded,
  POST,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from "../../support/h2_wire.ts";

const MAX = 2 ** 31 - 1;
/** What holds before anything is told. */
const FIRST = 65_535;

/** A stream on which the machine sends a body, with so much of a window. */
function sending(role: Role, window: number, id = 1): Step<Role>[] {
  const respond: Step<"server"> = (machine) => machine.sendResponse(id, { status: 200, fields: [] }, false);
  const ask: Step<"client"> = (machine) => machine.sendRequest(UPLOAD, false);
  const begin = role === "server" ? [headers(id, POST, "open"), respond] : [ask];
  return [settings([4, window]), ...begin];
}

/** A stream on which the peer sends a body. */
function receiving(role: Role): Step<Role>[] {
  const ask: Step<"client"> = (machine) => machine.sendRequest(UPLOAD, false);
  return role === "server" ? [headers(1, POST, "open")] : [ask, headers(1, OK, "open")];
}

const send = (text: string, id = 1): Step<Role> => (machine) => {
  machine.sendData(id, Uint8Array.from(text, (character) => character.charCodeAt(0)));
};
const sendBytes = (length: number, id = 1): Step<Role> => (machine) => machine.sendData(id, new Uint8Array(length));
const end: Step<Role> = (machine) => machine.sendEnd(1, null);
const consume = (bytes: number, id = 1): Step<Role> => (machine) => machine.consume(id, bytes);

/** The DATA and WINDOW_UPDATE frames that were sent. */
function flow(role: Role, steps: readonly Step<Role>[], options?: TalkOptions): string[] {
  return everyTalk(role, steps, options).sent.filter((frame) => /^(?:DATA|WINDOW_UPDATE)/.test(frame));
}

/** How many bytes of DATA were sent. */
function sentBytes(frames: readonly string[]): number {
  let sum = 0;
  for (const frame of frames) {
    const payload = /^DATA \d+ (?:END )?(.*)$/.exec(frame)?.[1] ?? "";
    sum += Number(/^\((\d+)\)$/.exec(payload)?.[1] ?? payload.length);
  }
  return sum;
}

for (const role of ROLES) {
  test(`a ${role} sends no more DATA than the stream's window allows, and the rest as it opens [X12]`, () => {
    const told = everyTalk(role, [
      ...sending(role, 3),
      send("abcdef"),
      windowUpdate(1, 1),
      windowUpdate(1, 10),
      send("g"),
      end,
    ]);
    assertEquals(told.sent.filter((frame) => frame.startsWith("DATA")), [
      "DATA 1 abc",
      "DATA 1 d",
      "DATA 1 ef",
      "DATA 1 g",
      "DATA 1 END ",
    ]);
    assertEquals(told.found.filter((event) => event.startsWith("drained")), ["drained 1"]);
  });

  test(`a ${role} sends no more DATA than the connection's window allows, whatever the streams' are [X12]`, () => {
    const steps = [...sending(role, MAX), sendBytes(FIRST + 10)];
    assertEquals(sentBytes(flow(role, steps)), FIRST);
    assertEquals(sentBytes(flow(role, [...steps, windowUpdate(1, 5), windowUpdate(0, 4)])), FIRST + 4);
    assertEquals(sentBytes(flow(role, [...steps, windowUpdate(0, 100)])), FIRST + 10);
  });

  test(`closed windows hold back neither a ${role}'s heads nor an end without data [X12, X21]`, () => {
    const trailers: Step<Role> = (machine) => machine.sendEnd(1, null);
    assertEquals(flow(role, [...sending(role, 0), trailers]), ["DATA 1 END "]);
    const waiting = [...sending(role, 0), send("a"), end];
    assertEquals(flow(role, waiting), []);
    assertEquals(flow(role, [...waiting, windowUpdate(1, 1)]), ["DATA 1 END a"]);
  });

  test(`SETTINGS_INITIAL_WINDOW_SIZE moves a ${role}'s windows of streams, below 0 too [X15]`, () => {
    const steps = [...sending(role, 10), send("0123456789"), send("ab"), settings([4, 3])]; // -7
    assertEquals(flow(role, steps), ["DATA 1 0123456789"]);
    assertEquals(flow(role, [...steps, windowUpdate(1, 7)]), ["DATA 1 0123456789"]);
    assertEquals(flow(role, [...steps, windowUpdate(1, 8)]), ["DATA 1 0123456789", "DATA 1 a"]);
    assertEquals(flow(role, [...steps, settings([4, 11])]), ["DATA 1 0123456789", "DATA 1 a"]);
    assertEquals(flow(role, [...steps, settings([4, 100])]), ["DATA 1 0123456789", "DATA 1 ab"]);
    // Not the connection's: what it lets go is as much as before.
    const whole = [...sending(role, MAX), sendBytes(FIRST), settings([4, 0]), settings([4, MAX]), sendBytes(1)];
    assertEquals(sentBytes(flow(role, whole)), FIRST);
  });

  test(`data of a ${role} that waits for the connection waits for its stream as well, if SETTINGS close that [X15]`, () => {
    const steps = [...sending(role, MAX), sendBytes(FIRST + 10), settings([4, 0]), windowUpdate(0, 100)];
    const sent = (more: readonly Step[]): number => {
      const frames = talk(role, [...steps, ...more]).sent.filter((frame) => frame.startsWith("DATA"));
      assertEquals(frames.filter((frame) => frame === "DATA 1 "), [], "no empty frame");
      return sentBytes(frames);
    };
    assertEquals([sent([]), sent([windowUpdate(1, FIRST)]), sent([windowUpdate(1, FIRST + 4)])], [
      FIRST,
      FIRST,
      FIRST + 4,
    ]);
    assertEquals(sent([settings([4, FIRST + 20])]), FIRST + 10);
  });

  test(`a window above 2^31-1 is an error of a ${role}'s stream, or of its connection [X13]`, () => {
    const { steps, last } = goesOn(role, 3);
    const over = [...sending(role, FIRST), windowUpdate(1, MAX), ...steps];
    const told = everyTalk(role, over);
    assertEquals(verdict({ found: told.found, sent: told.sent }), "stream FLOW_CONTROL_ERROR");
    assertEquals(told.found.slice(-1 - last.found.length), ["reset 1 flow-control by us", ...last.found]);
    assertEquals(
      verdict(everyTalk(role, [...sending(role, FIRST), windowUpdate(0, MAX)])),
      "connection FLOW_CONTROL_ERROR",
    );
    const most = [...sending(role, FIRST), windowUpdate(0, MAX - FIRST), windowUpdate(1, MAX - FIRST), ...steps];
    assertEquals(everyTalk(role, most).found.slice(-last.found.length), last.found);
  });

  test(`an increment of 0 is an error of a ${role}'s stream, or of its connection [X14]`, () => {
    const { steps, last } = goesOn(role, 3);
    const told = everyTalk(role, [...sending(role, FIRST), windowUpdate(1, 0), ...steps]);
    assertEquals(verdict(told), "stream PROTOCOL_ERROR");
    assertEquals(told.found.slice(-1 - last.found.length), ["reset 1 protocol by us", ...last.found]);
    assertEquals(verdict(everyTalk(role, [windowUpdate(0, 0)])), "connection PROTOCOL_ERROR");
    const reserved = windowUpdate(0, 0);
    reserved[9] = 0x80;
    assertEquals(verdict(everyTalk(role, [reserved])), "connection PROTOCOL_ERROR");
  });

  test(`SETTINGS that make a window exceed 2^31-1 are an error of a ${role}'s connection [X16]`, () => {
    const steps = [...sending(role, 10), windowUpdate(1, MAX - 10)];
    assertEquals(verdict(everyTalk(role, [...steps, settings([4, 11])])), "connection FLOW_CONTROL_ERROR");
    assertEquals(everyTalk(role, [...steps, settings([4, 10])]).sent.at(-1), "SETTINGS ACK");
  });

  test(`more DATA than a ${role} allows is an error: padding counts [X17]`, () => {
    const limits = { streamWindowBytes: 10 };
    const begin = receiving(role);
    const { steps, last } = goesOn(role, 3);
    for (const over of [[data(1, "01234567890")], [data(1, "0123456789"), data(1, "a")], [padded(1, "01234", 5)]]) {
      const told = everyTalk(role, [...begin, ...over, ...steps], { limits });
      assertEquals(verdict(told), "stream FLOW_CONTROL_ERROR");
      assertEquals(told.found.slice(-1 - last.found.length), ["reset 1 flow-control by us", ...last.found]);
    }
    const just = everyTalk(role, [...begin, padded(1, "0123", 5), data(1, "", true)], { limits });
    assertEquals(just.found.slice(-2), ["data 1 0123", "end 1"]);
  });

  test(`more DATA than a ${role}'s connection allows is an error of the connection [X17]`, () => {
    const limits = { connectionWindowBytes: FIRST, streamWindowBytes: 2 * FIRST };
    const full = Array.from({ length: 4 }, () => data(1, new Uint8Array(16_000)));
    const begin = [...receiving(role), ...full, data(1, new Uint8Array(FIRST - 64_000))];
    assertEquals(verdict(talk(role, [...begin, data(1, "a")], { limits })), "connection FLOW_CONTROL_ERROR");
    assertEquals(talk(role, [...begin, data(1, "", true)], { limits }).found.at(-1), "end 1");
  });

  test(`a ${role} opens windows as data is consumed, not on receipt [X18]`, () => {
    const limits = { connectionWindowBytes: FIRST, streamWindowBytes: 100 };
    const begin = [...receiving(role), data(1, "x".repeat(100))];
    assertEquals(flow(role, begin, { limits }), []);
    assertEquals(flow(role, [...begin, consume(49)], { limits }), []);
    assertEquals(flow(role, [...begin, consume(49), consume(1)], { limits }), ["WINDOW_UPDATE 1 +50"]);
    assertEquals(flow(role, [...begin, consume(100)], { limits }), ["WINDOW_UPDATE 1 +100"]);
    // More than came, or twice, opens nothing more.
    assertEquals(flow(role, [...begin, consume(1000), consume(100)], { limits }), ["WINDOW_UPDATE 1 +100"]);
    const again = everyTalk(role, [...begin, consume(60), data(1, "y".repeat(60)), data(1, "z")], { limits });
    assertEquals(verdict(again), "stream FLOW_CONTROL_ERROR");
  });

  test(`a ${role}'s connection window opens by what is consumed on streams that have ended, too [X18]`, () => {
    const limits = { connectionWindowBytes: FIRST, streamWindowBytes: FIRST };
    const half = data(1, new Uint8Array(16_384));
    const begin = [...receiving(role), half, half, data(1, "", true)];
    const finish: Step<Role> = (machine) => {
      if ("sendResponse" in machine) machine.sendResponse(1, { status: 204, fields: [] }, true);
      else machine.sendEnd(1, null);
    };
    for (const before of [[], [finish]]) {
      assertEquals(flow(role, [...begin, ...before], { limits }).filter((frame) => frame.startsWith("W")), []);
      const opened = flow(role, [...begin, ...before, consume(32_768)], { limits });
      assertEquals(opened.filter((frame) => frame.startsWith("W")), ["WINDOW_UPDATE 0 +32768"]);
    }
  });

  test(`behind a ${role}'s switch only the stream's window bounds what comes, what came before it too (RFC 9113 §5.2.2) [X18]`, () => {
    const limits = { connectionWindowBytes: FIRST, streamWindowBytes: FIRST };
    const proposed = [":method: CONNECT", ":authority: a:1"];
    const connect = { ...UPLOAD, method: "CONNECT", scheme: null, path: null, authority: "a:1" };
    const ask: Step<"client"> = (machine) => machine.sendRequest(connect, false);
    const accept: Step<"server"> = (machine) => machine.sendResponse(1, { status: 200, fields: [] }, false);
    const half = data(1, new Uint8Array(16_384));
    const parts: Record<Role, readonly Step<Role>[][]> = {
      server: [[headers(1, proposed, "open"), half, half, accept], [headers(1, proposed, "open"), accept, half, half]],
      client: [[ask, headers(1, OK, "open"), half, half]],
    };
    for (const begin of parts[role]) {
      assertEquals(flow(role, begin, { limits }), ["WINDOW_UPDATE 0 +32768"]);
      assertEquals(flow(role, [...begin, consume(32_768)], { limits }).slice(1), ["WINDOW_UPDATE 1 +32768"]);
      const more = talk(role, [...begin, half, data(1, new Uint8Array(16_383)), data(1, "a")], { limits });
      assertEquals(verdict(more), "stream FLOW_CONTROL_ERROR");
    }
  });

  test(`what a ${role} drops opens the connection's window at once: of reset streams, and padding [X18, X6]`, () => {
    const limits = { connectionWindowBytes: FIRST, streamWindowBytes: FIRST };
    const half = data(1, new Uint8Array(16_384));
    const cancel: Step<Role> = (machine) => machine.resetStream(1, "cancel");
    for (const reset of [cancel, rstStream(1)]) {
      const before = flow(role, [...receiving(role), half, half, reset], { limits });
      assertEquals(before, ["WINDOW_UPDATE 0 +32768"]);
    }
    const late = flow(role, [...receiving(role), cancel, half, half, half, half, half, half], { limits });
    assertEquals(late, ["WINDOW_UPDATE 0 +32768", "WINDOW_UPDATE 0 +32768", "WINDOW_UPDATE 0 +32768"]);
    const padding = Array.from({ length: 200 }, () => padded(1, "a", 255));
    const opened = talk(role, [...receiving(role), ...padding], { limits }).sent;
    assert(opened.some((frame) => frame.startsWith("WINDOW_UPDATE 0")), opened.join());
    assert(opened.some((frame) => frame.startsWith("WINDOW_UPDATE 1")), opened.join());
  });

  test(`a smaller window that a ${role} tells holds once it is acknowledged [X19]`, () => {
    const limits = { streamWindowBytes: 10 };
    const preface = role === "server" ? [new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")] : [];
    const begin = [...preface, settings(), ...receiving(role)];
    const before = talk(role, [...begin, data(1, "0123456789a"), settingsAck], { limits, bare: true });
    assertEquals(before.found.at(-1), "data 1 0123456789a");
    const behind = talk(role, [...begin, data(1, "0123456789a"), settingsAck, data(1, "b")], { limits, bare: true });
    assertEquals(verdict(behind), "stream FLOW_CONTROL_ERROR");
    const consumed = [data(1, "0123456789a"), settingsAck, consume(11), data(1, "0123456789")];
    const later = talk(role, [...begin, ...consumed], { limits, bare: true });
    assertEquals(later.found.at(-1), "data 1 0123456789");
  });

  test(`empty DATA needs no window of a ${role} [X17]`, () => {
    const limits = { streamWindowBytes: 0 };
    const { found } = everyTalk(role, [...receiving(role), data(1, ""), data(1, "", true)], { limits });
    assertEquals(found.at(-1), "end 1");
  });
}

test("DATA on a window that is closed by SETTINGS and opened by the peer goes out in order, stream by stream [X12, X15]", () => {
  const steps = [
    ...sending("server", 0, 1),
    ...sending("server", 0, 3).slice(1),
    send("aaaa", 1),
    send("bbbb", 3),
    windowUpdate(3, 2),
    windowUpdate(1, 4),
    windowUpdate(3, 2),
  ];
  assertEquals(flow("server", steps), ["DATA 3 bb", "DATA 1 aaaa", "DATA 3 bb"]);
});
