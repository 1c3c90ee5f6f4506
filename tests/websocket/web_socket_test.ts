/** The expectations are those of web-platform-tests (websockets/). */
import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { WebSocketProtocolError } from "../../src/errors/web_socket_protocol_error.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { OpeningWebSocket } from "../../src/websocket/pending.ts";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";
import { WebSocket, type WebSocketInit } from "../../src/websocket/web_socket.ts";
import type { WebSocketEventMap } from "../../src/websocket/web_socket_events.ts";
import { withPeer } from "../support/frame_peer.ts";
import { turns, wire } from "../support/wire.ts";
import { OPCODES } from "../support/frames.ts";

type Speak = (socket: WebSocketConnection) => unknown;

/** A WebSocket whose server is `speak`. */
function connect(speak: Speak, init: WebSocketInit = {}, url = "ws://a.example/chat?x"): WebSocket {
  const dial = () => {
    const [near, far] = duplexPair();
    serveConnection(far, (request) => {
      const { response, socket } = upgradeWebSocket(request, { protocols: ["one", "two"], deflate: true });
      socket.opened.then(speak).catch(() => {});
      return response;
    });
    return near;
  };
  return new WebSocket(url, { dial, ...init });
}

const echo: Speak = ({ readable, writable }) => readable.pipeTo(writable);
const silent: Speak = async (socket) => {
  while (await socket.read() !== null);
};

function next<Name extends keyof WebSocketEventMap>(socket: WebSocket, name: Name) {
  return new Promise<WebSocketEventMap[Name]>((resolve) => {
    socket.addEventListener(name, (event) => resolve(event as never), { once: true });
  });
}

/** Everything that happens until it is over, by name. */
async function story(socket: WebSocket): Promise<string[]> {
  const told: string[] = [];
  for (const name of ["open", "message", "error"] as const) {
    socket.addEventListener(name, () => told.push(`${name} ${socket.readyState}`));
  }
  const { code, reason, wasClean } = await next(socket, "close");
  return [...told, `close ${code} ${reason} ${wasClean} ${socket.readyState}`];
}

function domException(name: string, act: () => unknown): void {
  const error = assertThrows(act);
  assert(error instanceof DOMException, String(error));
  assertEquals(error.name, name);
}

test("new WebSocket() refuses URLs that are none, relative, of other schemes or with a fragment", () => {
  const bad = [
    "",
    "/chat",
    "?x",
    "a.example",
    "ws://a b",
    "ws://",
    "mailto:a@b",
    "about:blank",
    "ftp://a/",
    "ws://a/#",
  ];
  for (const url of [...bad, "ws://a/#f", "wss://a:99999/"]) domException("SyntaxError", () => new WebSocket(url));
});

test("new WebSocket() shows no password of a URL that it refuses", () => {
  for (
    const url of ["wss://user:secret@a:99999/", "ws://user:secret@a b/", "ftp://user:secret@a/", "ws://u:secret@a/#"]
  ) {
    const error = assertThrows(() => new WebSocket(url)) as Error;
    assertEquals([error.name, error.message.includes("secret")], ["SyntaxError", false], url);
  }
});

test("new WebSocket() refuses subprotocols that are no tokens, or there twice", () => {
  for (const protocols of ["", "a b", "a,b", "é", "a\n", ["a", "a"], ["a", "b", "A"], ["a", ""], ["\u0000"]]) {
    domException("SyntaxError", () => new WebSocket("ws://a.example/", protocols));
  }
});

test("new WebSocket() refuses headers that belong to the handshake [W8]", () => {
  for (const name of ["Host", "upgrade", "Connection", "Sec-WebSocket-Key", "sec-websocket-anything"]) {
    assertThrows(() => new WebSocket("ws://a.example/", { headers: { [name]: "x" } }), TypeError, name.toLowerCase());
  }
});

test("WebSocket says where it is connected to, http and https meaning ws and wss", () => {
  const urls = { "ws://A.example": "ws://a.example/", "http://a.example:80/b": "ws://a.example/b" };
  for (const [given, url] of Object.entries({ ...urls, "https://a.example/?q": "wss://a.example/?q" })) {
    const socket = new WebSocket(given, { dial: () => new Promise(() => {}) });
    assertEquals(socket.url, url);
    socket.close();
  }
});

test("WebSocket begins with nothing but its URL", () => {
  const socket = connect(echo, { protocols: ["one"] });
  assertEquals([socket.readyState, socket.bufferedAmount, socket.binaryType], [0, 0, "blob"]);
  assertEquals([socket.protocol, socket.extensions], ["", ""]);
  assertEquals([socket.onopen, socket.onmessage, socket.onerror, socket.onclose], [null, null, null, null]);
  assertEquals([socket.CONNECTING, socket.OPEN, socket.CLOSING, socket.CLOSED], [0, 1, 2, 3]);
  assertEquals([WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED], [0, 1, 2, 3]);
  domException("InvalidStateError", () => socket.send("too early"));
  socket.close();
});

test("new WebSocket() takes its subprotocols from whatever can be iterated (Web IDL §3.2.21)", () => {
  for (const protocols of [new Set(["one", "a b"]), ["one", "ONE"].values()]) {
    domException("SyntaxError", () => new WebSocket("ws://a.example/", protocols as never));
  }
  const lost = new WebSocket("ws://127.0.0.1:1/", new Set(["one", "two"]) as never);
  assertEquals(lost.readyState, 0);
  lost.close();
});

test("WebSocket opens with what was agreed on, closes, and tells it in this order", async () => {
  const socket = connect(echo, { protocols: ["zero", "two"] });
  const told = story(socket);
  await next(socket, "open");
  assertEquals([socket.protocol, socket.extensions], ["two", "permessage-deflate"]);
  socket.send("hi");
  await next(socket, "message");
  socket.close(3000, "bye");
  assertEquals(socket.readyState, 2);
  assertEquals(await told, ["open 1", "message 1", "close 3000  true 3"]);
});

test("WebSocket.send() takes text, buffers, views of them and Blobs, in order", async () => {
  const socket = connect(echo);
  socket.binaryType = "arraybuffer";
  const seen: unknown[] = [];
  socket.onmessage = ({ data }) => {
    seen.push(typeof data === "string" ? data : [...new Uint8Array(data)].join());
    if (seen.length === 8) socket.close();
  };
  await next(socket, "open");
  socket.send("\ud800x");
  socket.send(new Uint8Array([1, 2, 3, 4]).subarray(1, 3));
  socket.send(new Blob(["ab"]));
  socket.send(new Uint8Array([5, 6]).buffer);
  socket.send(new DataView(new Uint8Array([7, 8, 9]).buffer, 1));
  socket.send(null as never);
  socket.send("");
  socket.send(new Uint8Array(0));
  await next(socket, "close");
  assertEquals(seen, ["\ufffdx", "2,3", "97,98", "5,6", "8,9", "null", "", ""]);
});

test("WebSocket.send() wants an argument, and none in shared memory (Web IDL §3.7.6, §3.2.25)", async () => {
  const socket = connect(echo);
  const send = socket.send as (...data: unknown[]) => void;
  assertThrows(() => send.call(socket), TypeError, "data must be");
  await next(socket, "open");
  assertThrows(() => send.call(socket), TypeError, "data must be");
  const shared = new SharedArrayBuffer(100);
  for (const wrong of [shared, new Uint8Array(shared), new Uint8Array(shared, 1, 2), new DataView(shared)]) {
    assertThrows(() => send.call(socket, wrong), TypeError, "data must be in memory that is not shared");
  }
  send.call(socket, undefined);
  assertEquals((await next(socket, "message")).data, "undefined");
  socket.close();
});

test("WebSocket.send() wants memory that keeps its size (Web IDL §3.2.25, without [AllowResizable])", async () => {
  const socket = connect(echo);
  await next(socket, "open");
  const memory = new ArrayBuffer(8, { maxByteLength: 16 });
  for (const wrong of [memory, new Uint8Array(memory), new Uint8Array(memory, 1, 2), new DataView(memory)]) {
    assertThrows(() => socket.send(wrong), TypeError, "data must be in memory that keeps its size");
  }
  assertEquals(socket.bufferedAmount, 0);
  socket.close();
});

test("WebSocket.send() of memory that was given away sends an empty message (Web IDL §3.2.26)", async () => {
  const socket = connect(echo);
  socket.binaryType = "arraybuffer";
  await next(socket, "open");
  const views = [(memory: ArrayBuffer) => memory, (memory: ArrayBuffer) => new Uint8Array(memory, 1)];
  for (const view of [...views, (memory: ArrayBuffer) => new DataView(memory)]) {
    const memory = new ArrayBuffer(8);
    const data = view(memory);
    structuredClone(memory, { transfer: [memory] });
    socket.send(data);
    socket.send("behind it");
    assertEquals((await next(socket, "message")).data, new ArrayBuffer(0));
    assertEquals((await next(socket, "message")).data, "behind it");
  }
  socket.close();
});

test("WebSocket.send() and close() take no symbol for text (Web IDL §3.2.10)", async () => {
  const socket = connect(silent);
  await next(socket, "open");
  assertThrows(() => socket.send(Symbol("x") as never), TypeError);
  assertThrows(() => socket.close(1000, Symbol("x") as never), TypeError);
  assertEquals([socket.bufferedAmount, socket.readyState], [0, 1]);
  socket.close();
});

test("WebSocket and its events say that they are what those of browsers are (Web IDL, class string)", async () => {
  const said = (object: unknown): string => Object.prototype.toString.call(object);
  const socket = connect(echo);
  assertEquals([said(socket), WebSocket.name], ["[object WebSocket]", "WebSocket"]);
  assertEquals(said(await next(socket, "open")), "[object Event]");
  socket.send("hi");
  assertEquals(said(await next(socket, "message")), "[object MessageEvent]");
  socket.close();
  // The event is the platform's where it has one, which does not say so on Deno.
  const { CloseEvent } = globalThis as unknown as { CloseEvent?: new (type: string) => Event };
  const close = CloseEvent === undefined ? "[object CloseEvent]" : said(new CloseEvent("close"));
  assertEquals(said(await next(socket, "close")), close);
  const refused = connect(silent, { dial: () => Promise.reject(new Error("no way")) });
  assertEquals(said(await next(refused, "error")), "[object ErrorEvent]");
});

test("WebSocket's constants are on the class and its prototype, and cannot be changed (Web IDL §3.7.5)", () => {
  for (const [value, name] of (["CONNECTING", "OPEN", "CLOSING", "CLOSED"] as const).entries()) {
    for (const owner of [WebSocket, WebSocket.prototype]) {
      const property = Object.getOwnPropertyDescriptor(owner, name);
      assertEquals(property, { value, writable: false, enumerable: true, configurable: false });
      assertThrows(() => void ((owner as unknown as Record<string, number>)[name] = 5), TypeError);
    }
  }
});

test("WebSocket keeps any object as a handler, and calls it only if it can be called (HTML §8.1.8.1)", async () => {
  const socket = connect(echo);
  for (const name of ["onopen", "onmessage", "onerror", "onclose"] as const) {
    const handlers = socket as unknown as Record<string, unknown>;
    const kept = { handleEvent: () => assert(false, "called") };
    for (
      const [given, found] of [[kept, kept], [5, null], [kept, kept], ["text", null], [undefined, null], [kept, kept]]
    ) {
      handlers[name] = given;
      assert(handlers[name] === found, name);
    }
  }
  await next(socket, "open");
  socket.close();
  await next(socket, "close");
});

test("WebSocket delivers bytes as Blob by default, as ArrayBuffer if asked, and ignores other wishes", async () => {
  const socket = connect(echo);
  await next(socket, "open");
  socket.send(new Uint8Array([1, 2]));
  const { data, origin } = await next(socket, "message");
  assert(data instanceof Blob);
  assertEquals([...new Uint8Array(await data.arrayBuffer())], [1, 2]);
  assertEquals(origin, "ws://a.example");
  socket.binaryType = "nodebuffer" as never;
  assertEquals(socket.binaryType, "blob");
  socket.binaryType = "arraybuffer";
  socket.send(new Uint8Array([3]));
  assertEquals((await next(socket, "message")).data, new Uint8Array([3]).buffer);
  socket.close();
});

test("WebSocket delivers messages as MessageEvents (HTML standard §9.1)", async () => {
  const socket = connect(echo);
  await next(socket, "open");
  socket.send("hi");
  const event = await next(socket, "message");
  assert(event instanceof MessageEvent && event instanceof Event);
  const { type, data, origin, lastEventId, source, ports, bubbles, cancelable } = event;
  assertEquals([type, data, origin, lastEventId, source], ["message", "hi", "ws://a.example", "", null]);
  assert(ports.length === 0 && Object.isFrozen(ports));
  assertEquals([bubbles, cancelable, event.target === socket], [false, false, true]);
  const named: string[] = [];
  for (const name in event) named.push(name);
  assert(["data", "origin", "lastEventId", "source", "ports"].every((name) => named.includes(name)), named.join());
  socket.close();
  await next(socket, "close");
});

test("WebSocket.bufferedAmount counts what was sent in this turn, in bytes, and what the transport has not taken", async () => {
  const socket = connect(silent);
  await next(socket, "open");
  socket.send("äx");
  assertEquals(socket.bufferedAmount, 3);
  socket.send(new Uint8Array(1000));
  socket.send(new Blob(["abcd"]));
  assertEquals(socket.bufferedAmount, 1007);
  socket.close();
  await next(socket, "close");
  assertEquals(socket.bufferedAmount, 0);
  socket.send("ab");
  socket.send(new Uint8Array(3));
  assertEquals(socket.bufferedAmount, 5);
});

test("WebSocket.close() refuses codes that are not the application's", () => {
  const socket = connect(silent);
  const codes = [0, 500, 999, 1001, 1002, 1006, 1015, 2999, 5000, 65_536, NaN, -1, null, "x", 1001.2];
  for (const code of codes) domException("InvalidAccessError", () => socket.close(code as never));
  assertEquals(socket.readyState, 0);
  socket.close();
});

test("WebSocket.close() refuses a reason of more than 123 bytes", async () => {
  const socket = connect(silent);
  domException("SyntaxError", () => socket.close(1000, "x".repeat(124)));
  domException("SyntaxError", () => socket.close(3000, "ä".repeat(62)));
  domException("SyntaxError", () => socket.close(undefined, "x".repeat(124)));
  await next(socket, "open");
  socket.close(4999, "ä".repeat(61) + "x");
  assertEquals((await next(socket, "close")).code, 4999);
});

for (
  const [what, act, code] of [
    ["no code", (socket: WebSocket) => socket.close(), 1005],
    ["code undefined", (socket: WebSocket) => socket.close(undefined), 1005],
    ["a reason only", (socket: WebSocket) => socket.close(undefined, "r"), 1000],
    ["code 1000", (socket: WebSocket) => socket.close(1000), 1000],
    ["a code that is text", (socket: WebSocket) => socket.close("3456" as never), 3456],
    ["a code with a fraction", (socket: WebSocket) => socket.close(3000.4), 3000],
    ["a code halfway to the next, even ones first", (socket: WebSocket) => socket.close(1000.5), 1000],
    ["a code halfway to an even one", (socket: WebSocket) => socket.close(3001.5), 3002],
  ] as const
) {
  test(`WebSocket.close() with ${what} closes with ${code}`, async () => {
    const socket = connect(silent);
    await next(socket, "open");
    act(socket);
    const event = await next(socket, "close");
    assertEquals([event.code, event.wasClean, event.type, event.bubbles, event.cancelable], [
      code,
      true,
      "close",
      false,
      false,
    ]);
  });
}

test("WebSocket.close() sends what was sent before, Blobs too", async () => {
  const seen: unknown[] = [];
  const socket = connect(async (io) => {
    for (let message = await io.read(); message !== null; message = await io.read()) seen.push(message);
  });
  await next(socket, "open");
  socket.send(new Blob(["blob"]));
  socket.send("text");
  socket.close(1000);
  socket.close(3000);
  assertEquals((await next(socket, "close")).code, 1000);
  assertEquals(seen, [new TextEncoder().encode("blob"), "text"]);
  socket.close(1000);
  assertEquals(socket.readyState, 3);
});

test("WebSocket.close() before it is open gives up: error, then close with 1006, never open", async () => {
  for (const speak of [silent, echo]) {
    const socket = connect(speak);
    const told = story(socket);
    socket.close(1000, "never mind");
    assertEquals(socket.readyState, 2);
    assertEquals(await told, ["error 3", "close 1006  false 3"]);
  }
});

test("WebSocket.close() in the open event still closes cleanly", async () => {
  const socket = connect(silent);
  const told = story(socket);
  socket.onopen = () => socket.close();
  assertEquals(await told, ["open 1", "close 1005  true 3"]);
});

test("WebSocket delivers nothing once it is closing", async () => {
  let sent: Promise<void> = Promise.resolve();
  const socket = connect(async (io) => {
    if (await io.read() === "go") sent = io.write("late");
    await sent;
    await silent(io);
  });
  const told = story(socket);
  await next(socket, "open");
  socket.send("go");
  socket.close();
  assertEquals(await told, ["open 1", "close 1005  true 3"]);
});

test("WebSocket tells the code and the reason of a server that closes", async () => {
  const socket = connect((io) => io.close({ closeCode: 4001, reason: "kicked ä" }));
  assertEquals(await story(socket), ["open 1", "close 4001 kicked ä true 3"]);
});

test("WebSocket tells a connection that was lost: error, then close with 1006", async () => {
  const socket = connect((io) => io.abort());
  assertEquals(await story(socket), ["open 1", "error 3", "close 1006  false 3"]);
});

test("WebSocket tells why the handshake failed, with the answer [W7]", async () => {
  const dial = () => {
    const [near, far] = duplexPair();
    serveConnection(far, () => ({ status: 401, fields: [["WWW-Authenticate", "Basic"]], body: "who are you?" }));
    return near;
  };
  const socket = new WebSocket("ws://a.example/", { dial });
  const told = story(socket);
  const { error, message } = await next(socket, "error");
  assert(error instanceof UpgradeRejected && message === error.message);
  assertEquals(await (error.response as Response).text(), "who are you?");
  assertEquals(await told, ["error 3", "close 1006  false 3"]);
});

test("WebSocket keeps no connection whose answer no handler has begun to read [W7]", async () => {
  const [near, far] = duplexPair();
  const socket = new WebSocket("ws://a.example/", { dial: () => near });
  const told = story(socket);
  assert(await far.read() !== null);
  await far.write(wire("HTTP/1.1 401 Unauthorized¶Content-Length: 4¶¶who?"));
  assertEquals(await told, ["error 3", "close 1006  false 3"]);
  assertEquals(await far.read(), null);
  const refused = new OpeningWebSocket(Promise.reject(new UpgradeRejected("refused", { status: 400 })));
  assertEquals(await story(new WebSocket("ws://a.example/", { socket: refused })), ["error 3", "close 1006  false 3"]);
  await turns();
});

test("WebSocket fails if its server takes none of the subprotocols (WHATWG WebSockets) [W3]", async () => {
  const speak: Speak = (io) => io.closed.then(({ wasClean }) => assertEquals(wasClean, false));
  for (const protocols of [["zero"], ["zero", "ONE"]]) {
    const socket = connect(speak, { protocols });
    const told = story(socket);
    const { error } = await next(socket, "error");
    assert(error instanceof WebSocketProtocolError && error.code === "handshake-protocol", String(error));
    assertEquals([socket.protocol, await told], ["", ["error 3", "close 1006  false 3"]]);
  }
});

test("WebSocket does not follow redirects", async () => {
  let asked = 0;
  const dial = () => {
    const [near, far] = duplexPair();
    asked++;
    serveConnection(far, () => ({ status: 302, fields: [["Location", "/elsewhere"]] }));
    return near;
  };
  assertEquals(await story(new WebSocket("ws://a.example/", { dial })), ["error 3", "close 1006  false 3"]);
  assertEquals(asked, 1);
});

test("a handler keeps its place among the listeners, is called on the WebSocket, and can be taken back", async () => {
  const socket = connect(silent);
  const order: string[] = [];
  socket.onopen = () => order.push("first");
  socket.addEventListener("open", () => order.push("second"));
  socket.onopen = function (event) {
    order.push(`replaced ${this === socket} ${event.target === socket}`);
  };
  socket.addEventListener("open", { handleEvent: () => order.push("object") });
  socket.onclose = () => order.push("never");
  socket.onclose = null;
  socket.onerror = 5 as never;
  assertEquals([socket.onclose, socket.onerror], [null, null]);
  await next(socket, "open");
  assertEquals(order, ["replaced true true", "second", "object"]);
  socket.close();
  await next(socket, "close");
  assertEquals(order.length, 3);
});

test("a handler that was taken back and is set again is behind all listeners (HTML §8.1.8.1)", async () => {
  const socket = connect(silent);
  const order: string[] = [];
  socket.onopen = () => order.push("taken back");
  socket.addEventListener("open", () => {
    order.push("listener");
    socket.onclose = null;
  });
  socket.onopen = null;
  socket.onopen = () => order.push("again");
  socket.onclose = () => order.push("never");
  await next(socket, "open");
  socket.onclose = () => order.push("closed");
  socket.close();
  await next(socket, "close");
  assertEquals(order, ["listener", "again", "closed"]);
});

test("a WebSocket gives events to the socket of a server", async () => {
  const socket = connect((io) => {
    const there = new WebSocket("ws://a.example/", {
      socket: { opened: Promise.resolve(io), closed: io.closed, close: (options) => void io.close(options) },
    });
    there.onmessage = ({ data }) => there.send(`you said ${data}`);
  });
  await next(socket, "open");
  socket.send("hi");
  assertEquals((await next(socket, "message")).data, "you said hi");
  socket.close();
  await next(socket, "close");
});

test("WebSocket delivers an ArrayBuffer of the message and nothing else, however many frames it came in", async () => {
  const { io, peer } = withPeer("client");
  const socket = new WebSocket("ws://a.example/", { socket: new OpeningWebSocket(Promise.resolve(io)) });
  socket.binaryType = "arraybuffer";
  await next(socket, "open");
  const message = next(socket, "message");
  await peer.send(
    { opcode: OPCODES.binary, fin: false, payload: new Uint8Array(100) },
    { opcode: OPCODES.continuation, payload: new Uint8Array(50) },
  );
  assertEquals(((await message).data as ArrayBuffer).byteLength, 150);
  io.abort();
});
