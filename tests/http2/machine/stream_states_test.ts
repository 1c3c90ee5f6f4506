/**
 * The life of a stream: RFC 9113 §5.1.
 */

import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { StateError } from "../../../src/errors/state_error.ts";
import type { Streams } from "../../../src/http2/machine/streams.ts";
import { Http2ClientMachine } from "../../../src/http2/machine/client_machine.ts";
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
  continuation,
  data,
  GET,
  headers,
  OK,
  POST,
  priority,
  priorityUpdate,
  pushPromise,
  rstStream,
  settings,
  unknown,
  windowUpdate,
} from "../../support/h2_wire.ts";

const answer: Step<"server"> = (machine) => machine.sendResponse(1, { status: 200, fields: [] }, true);
const cancel: Step<Role> = (machine) => machine.resetStream(1, "cancel");
const get: Step<"client"> = (machine) => machine.sendRequest(REQUEST, true);
const post: Step<"client"> = (machine) => machine.sendRequest(UPLOAD, false);
const respond: Step<"server"> = (machine) => machine.sendResponse(1, { status: 200, fields: [] }, false);

/** How stream 1 comes into a state. */
const STATES: { readonly [R in Role]: Readonly<Record<string, readonly Step<R>[]>> } = {
  server: {
    "idle": [],
    "open": [headers(1, POST, "open")],
    "open, behind a head": [headers(1, POST, "open"), respond],
    "half-closed (local)": [headers(1, POST, "open"), answer],
    "half-closed (remote)": [headers(1, POST)],
    "closed, by the machine": [headers(1, POST), answer],
    "closed, by the peer": [headers(1, POST, "open"), answer, data(1, "", true)],
    "reset by the peer": [headers(1, POST, "open"), rstStream(1)],
    "reset by the machine": [headers(1, POST, "open"), cancel],
    "reset by the machine, behind the peer's end": [headers(1, POST), cancel],
  },
  client: {
    "idle": [],
    "open": [post],
    "open, behind a head": [post, headers(1, OK, "open")],
    "half-closed (local)": [get],
    "half-closed (local), behind a head": [get, headers(1, OK, "open")],
    "half-closed (remote)": [post, headers(1, OK)],
    "closed, by the peer": [get, headers(1, OK)],
    "closed, by the machine": [post, headers(1, OK), (machine) => machine.sendEnd(1, null)],
    "reset by the peer": [get, rstStream(1)],
    "reset by the machine": [get, cancel],
  },
};

const FRAMES: Readonly<Record<string, Uint8Array>> = {
  "HEADERS": headers(1, ["x-a: 1"]),
  "DATA": data(1, "a"),
  "PRIORITY": priority(1, 0),
  "RST_STREAM": rstStream(1),
  "WINDOW_UPDATE": windowUpdate(1, 2000),
  "unknown": unknown(1),
  "CONTINUATION": continuation(1, []),
  "PUSH_PROMISE": pushPromise(1, 2),
};

const PROTOCOL = "connection PROTOCOL_ERROR";
const GONE = "connection STREAM_CLOSED";
const LATE = "stream STREAM_CLOSED";
const MALFORMED = "stream PROTOCOL_ERROR";
const RESET = "reset 1 cancel";

/** What becomes of `HEADERS`, `DATA`, `RST_STREAM` and `WINDOW_UPDATE`; the others mean the same in each state. */
const OUTCOMES: {
  readonly [R in Role]: Readonly<Record<string, readonly [h: string, d: string, r: string, w: string]>>;
} = {
  server: {
    "idle": [MALFORMED, PROTOCOL, PROTOCOL, PROTOCOL],
    "open": ["end 1 x-a: 1", "data 1 a", RESET, "ignored"],
    "open, behind a head": ["end 1 x-a: 1", "data 1 a", RESET, "ignored"],
    "half-closed (local)": ["end 1 x-a: 1", "data 1 a", RESET, "ignored"],
    "half-closed (remote)": [LATE, LATE, RESET, "ignored"],
    "closed, by the machine": [GONE, GONE, "ignored", "ignored"],
    "closed, by the peer": [GONE, GONE, "ignored", "ignored"],
    "reset by the peer": [LATE, LATE, "ignored", "ignored"],
    "reset by the machine": ["ignored", "ignored", "ignored", "ignored"],
    "reset by the machine, behind the peer's end": ["ignored", "ignored", "ignored", "ignored"],
  },
  client: {
    "idle": [PROTOCOL, PROTOCOL, PROTOCOL, PROTOCOL],
    "open": [MALFORMED, MALFORMED, RESET, "ignored"],
    "open, behind a head": ["end 1 x-a: 1", "data 1 a", RESET, "ignored"],
    "half-closed (local)": [MALFORMED, MALFORMED, RESET, "ignored"],
    "half-closed (local), behind a head": ["end 1 x-a: 1", "data 1 a", RESET, "ignored"],
    "half-closed (remote)": [LATE, LATE, RESET, "ignored"],
    "closed, by the peer": [GONE, GONE, "ignored", "ignored"],
    "closed, by the machine": [GONE, GONE, "ignored", "ignored"],
    "reset by the peer": [LATE, LATE, "ignored", "ignored"],
    "reset by the machine": ["ignored", "ignored", "ignored", "ignored"],
  },
};

function expected(role: Role, state: string, frame: string): string {
  const [h, d, r, w] = OUTCOMES[role][state]!;
  switch (frame) {
    case "HEADERS":
      return h;
    case "DATA":
      return d;
    case "RST_STREAM":
      return r;
    case "WINDOW_UPDATE":
      return w;
    case "CONTINUATION":
    case "PUSH_PROMISE":
      return PROTOCOL;
    default:
      return "ignored";
  }
}

for (const role of ROLES) {
  for (const [state, before] of Object.entries(STATES[role]) as [string, readonly Step<Role>[]][]) {
    test(`a ${role}'s stream that is ${state}: what each frame means [X1, X2, X3, X4, X5, X6, X7, X20, Y14]`, () => {
      for (const [name, frame] of Object.entries(FRAMES)) {
        const wanted = expected(role, state, name);
        const start = talk(role, before);
        const told = everyTalk(role, [...before, frame]);
        const found = told.found.slice(start.found.length);
        const sent = told.sent.slice(start.sent.length).filter((frame) => !frame.startsWith("WINDOW_UPDATE"));
        assertEquals(verdict({ found, sent }), wanted, name);
        if (wanted.startsWith("connection")) continue;
        // The connection goes on, and the stream's own error is told once where it was known.
        const { steps, last } = goesOn(role, role === "client" && state === "idle" ? 1 : 3);
        const after = talk(role, [...before, frame, ...steps]);
        assertEquals([after.found.slice(-1), after.sent.slice(-1)], [last.found, last.sent], name);
      }
    });
  }

  test(`PRIORITY_UPDATE is not for a ${role}'s stream by the number of a frame [X1, Z5]`, () => {
    const frame = priorityUpdate(1, "u=1");
    frame[8] = 1;
    assertEquals(verdict(talk(role, [frame])), PROTOCOL);
  });

  test(`behind a RST_STREAM a ${role} sends nothing more on the stream [X6, X7, Y4]`, () => {
    for (const reset of [cancel, rstStream(1)]) {
      const begin: Step<Role>[] = role === "server" ? [headers(1, POST, "open"), respond] : [post];
      const send: Step<Role> = (machine) => {
        assertThrows(() => machine.sendData(1, new Uint8Array(5)), StateError);
        assertThrows(() => machine.sendEnd(1, null), StateError);
        machine.resetStream(1, "cancel");
        machine.consume(1, 100);
      };
      const { sent } = talk(role, [...begin, reset, send, windowUpdate(1, 5)]);
      assertEquals(sent.slice(1), reset === cancel ? ["RST_STREAM 1 CANCEL"] : []);
    }
  });

  test(`DATA that waits when its stream is reset is not sent by a ${role} [X6, X7]`, () => {
    for (const reset of [cancel, rstStream(1)]) {
      const begin: Step<Role>[] = role === "server" ? [headers(1, POST, "open"), respond] : [post];
      const send: Step<Role> = (machine) => {
        assertEquals(machine.sendData(1, new Uint8Array(5)), false);
        machine.sendEnd(1, null);
      };
      const { sent } = talk(role, [
        settings([4, 0]),
        ...begin,
        send,
        reset,
        settings([4, 100]),
        windowUpdate(0, 5000),
      ]);
      assertEquals(sent.filter((frame) => frame.startsWith("DATA")), []);
    }
  });
}

test("the numbers of a client's streams are odd and rise; another is an error of the connection [X8]", () => {
  const wrong: readonly Step<"server">[][] = [
    [headers(2, GET)],
    [headers(1, GET), headers(4, GET)],
    [headers(5, GET, "open"), headers(3, GET)],
    [headers(5, GET, "open"), data(3, "a")],
    [headers(5, GET, "open"), headers(2, GET)],
    [headers(0x7fffffff, GET), headers(1, GET)],
  ];
  for (const steps of wrong) assertEquals(verdict(everyTalk("server", steps)), PROTOCOL);
  const closed: Step<"server"> = (machine) => machine.sendResponse(3, { status: 204, fields: [] }, true);
  assertEquals(verdict(everyTalk("server", [headers(3, GET), closed, headers(5, GET), headers(3, GET)])), GONE);
  const { found } = everyTalk("server", [
    headers(1, GET),
    headers(3, GET),
    headers(101, GET),
    headers(0x7fffffff, GET),
  ]);
  assertEquals(found.map((event) => event.split(" ")[1]), ["1", "3", "101", "2147483647"]);
});

test("a client numbers its streams 1, 3, 5, and takes no stream of the server [X8]", () => {
  const { sent } = talk("client", [get, get, get]);
  assertEquals(sent.map((frame) => frame.split(" ")[1]), ["1", "3", "5"]);
  for (const id of [2, 3, 4, 0x7fffffff]) {
    assertEquals(verdict(everyTalk("client", [get, headers(id, OK)])), PROTOCOL, String(id));
    assertEquals(verdict(everyTalk("client", [get, data(id, "a")])), PROTOCOL, String(id));
  }
});

test("behind the last number a client opens no stream [X9]", () => {
  const machine = new Http2ClientMachine();
  const { streams } = Reflect.get(machine, "connection") as { readonly streams: Streams };
  streams.use(2 ** 31 - 3);
  assertEquals(machine.sendRequest(REQUEST, true), 2 ** 31 - 1);
  assertEquals(machine.canSend, false);
  assertEquals(assertThrows(() => machine.sendRequest(REQUEST, true), StateError).code, "closed");
});

test("more streams than were allowed are refused, half-closed ones count, and closed ones do not [X10]", () => {
  const limits = { maxConcurrentStreams: 2 };
  const open = [headers(1, GET), headers(3, POST, "open")];
  const { found, sent } = everyTalk("server", [...open, headers(5, GET), headers(7, POST, "open"), data(7, "a")], {
    limits,
  });
  assertEquals(found, ["request 1 GET / end", "request 3 POST /"]);
  assertEquals(sent.filter((frame) => frame.startsWith("RST")), [
    "RST_STREAM 5 REFUSED_STREAM",
    "RST_STREAM 7 REFUSED_STREAM",
  ]);
  for (const free of [answer, rstStream(1), cancel]) {
    const after = everyTalk("server", [...open, free, headers(5, GET), headers(7, GET)], { limits });
    assertEquals(after.found.filter((event) => event.startsWith("request")).length, 3);
    assertEquals(after.sent.at(-1), "RST_STREAM 7 REFUSED_STREAM");
  }
});

test("a client opens no more streams than the server allows, and more once it allows more [X11]", () => {
  const busy: Step<"client"> = (machine: Http2ClientMachine) => {
    assertEquals(machine.canSend, false);
    assertEquals(assertThrows(() => machine.sendRequest(REQUEST, true), StateError).code, "busy");
  };
  const { sent } = talk("client", [
    settings([3, 1]),
    get,
    busy,
    headers(1, OK),
    get,
    busy,
    settings([3, 2]),
    get,
    busy,
  ]);
  assertEquals(sent.filter((frame) => frame.startsWith("HEADERS")).length, 3);
  talk("client", [settings([3, 0]), busy]);
  // Fewer than are open: those go on.
  const fewer = talk("client", [get, get, settings([3, 1]), busy, headers(1, OK), busy, headers(3, OK), get]);
  assertEquals(fewer.found, ["settings", "response 1 200 end", "response 3 200 end"]);
});
