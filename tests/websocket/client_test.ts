import { test } from "node:test";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import type { PairEnd } from "../../src/duplex/pair.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import { WebSocketProtocolError } from "../../src/errors/web_socket_protocol_error.ts";
import { acceptOf } from "../../src/websocket/machine/handshake.ts";
import type { WebSocketStreamOptions } from "../../src/websocket/connect.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import { type Dialing, dialing } from "../support/dialing.ts";
import { FramePeer } from "../support/frame_peer.ts";
import { closePayload, OPCODES, toward } from "../support/frames.ts";
import { unlessNoDeflate, unlessTlsIsRefused } from "../support/runtime.ts";
import { joined } from "../support/switching.ts";
import { everyCut, FakeClock, readUntil, turns, wire } from "../support/wire.ts";

const { text, close, ping } = OPCODES;

/** A handshake under way, whose server the test plays. */
interface Asked {
  readonly socket: WebSocketStream;
  readonly far: PairEnd;
  readonly near: PairEnd;
  readonly request: string;
  readonly key: string;
  readonly dialed: Dialing;
}

async function ask(options: WebSocketStreamOptions = {}, url = "ws://a/chat"): Promise<Asked> {
  const dialed = dialing();
  const socket = new WebSocketStream(url, { client: dialed.client, clock: new FakeClock(), ...options });
  const { far, near } = await dialed.connection(0);
  const request = await readUntil(far, "¶¶");
  return { socket, far, near, request, key: /¶sec-websocket-key: (.*?)¶/i.exec(request)?.[1] ?? "", dialed };
}

/** The 101 that answers a key, with changes. */
function answer(key: string, changes: Readonly<Record<string, string | null>> = {}): string {
  const fields: Record<string, string | null> = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Accept": acceptOf(key),
    ...changes,
  };
  const lines = Object.entries(fields).map(([name, value]) => value === null ? "" : `${name}: ${value}¶`);
  return `HTTP/1.1 101 Switching Protocols¶${lines.join("")}¶`;
}

test("WebSocketStream asks as RFC 6455 §4.1 has it [W5]", unlessNoDeflate, async () => {
  const { request, key } = await ask({
    protocols: ["a", "b"],
    headers: { authorization: "Bearer t", origin: "http://o" },
  });
  assertMatch(request, /^GET \/chat HTTP\/1\.1¶host: a¶/i);
  for (
    const line of [
      "connection: upgrade",
      "upgrade: websocket",
      "sec-websocket-version: 13",
      "sec-websocket-protocol: a, b",
      "sec-websocket-extensions: permessage-deflate; client_max_window_bits",
      "authorization: bearer t",
      "origin: http://o",
    ]
  ) {
    assert(request.toLowerCase().includes(`¶${line}¶`), `${line} in ${request}`);
  }
  assertStrictEquals(request.match(/¶(?:connection|upgrade|host|sec-websocket-[a-z]+):/gi)?.length, 7);
  assertStrictEquals(atob(key).length, 16);
});

test("the key is another one for each connection (RFC 6455 §4.1) [W5]", async () => {
  const keys = new Set<string>();
  for (let i = 0; i < 20; i++) keys.add((await ask()).key);
  assertStrictEquals(keys.size, 20);
});

test("WebSocketStream opens with what the server chose, and talks [W4, L1]", unlessNoDeflate, async () => {
  for (
    const [changes, protocol, extensions] of [
      [{}, "", ""],
      [{ "Upgrade": "WebSocket", "Connection": "keep-alive, Upgrade" }, "", ""],
      [{ "Sec-WebSocket-Protocol": "b" }, "b", ""],
      [{ "Sec-WebSocket-Extensions": "permessage-deflate" }, "", "permessage-deflate"],
      [
        { "Sec-WebSocket-Extensions": 'permessage-deflate; server_max_window_bits="10"' },
        "",
        'permessage-deflate; server_max_window_bits="10"',
      ],
    ] as const
  ) {
    const { socket, far, key } = await ask({ protocols: ["a", "b"] });
    await far.write(wire(answer(key, changes)));
    const io = await socket.opened;
    assertEquals([io.protocol, io.extensions, socket.url], [protocol, extensions, "ws://a/chat"]);
    const peer = new FramePeer(far, "client");
    await io.write("hi");
    assertEquals(await peer.next(), 'text "hi"');
    await peer.text("there");
    assertEquals(await io.read(), "there");
    await peer.close(1000, "bye");
    await far.closeWrite();
    assertEquals(await peer.all(), ['close 1000 ""', "end"]);
    assertEquals(await socket.closed, { closeCode: 1000, reason: "bye", wasClean: true });
  }
});

test("a wrong 101 fails the handshake and the connection (RFC 6455 §4.1) [W4, W3]", async () => {
  const wrong:
    readonly (readonly [changes: Readonly<Record<string, string | null>>, options?: WebSocketStreamOptions])[] = [
      [{ "Sec-WebSocket-Accept": null }],
      [{ "Sec-WebSocket-Accept": acceptOf("AAAAAAAAAAAAAAAAAAAAAA==") }],
      [{ "Sec-WebSocket-Accept": "" }],
      [{ "Upgrade": null }],
      [{ "Upgrade": "h2c" }],
      [{ "Connection": null }],
      [{ "Connection": "keep-alive" }],
      [{ "Sec-WebSocket-Protocol": "unoffered" }],
      [{ "Sec-WebSocket-Protocol": "a" }, { protocols: [] }],
      [{ "Sec-WebSocket-Protocol": "a, b" }],
      [{ "Sec-WebSocket-Extensions": "foo" }],
      [{ "Sec-WebSocket-Extensions": "permessage-deflate" }, { deflate: false }],
      [{ "Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=7" }],
      [{ "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" }],
      [{ "Sec-WebSocket-Extensions": "permessage-deflate, permessage-deflate" }],
      [{ "Sec-WebSocket-Extensions": "permessage-deflate" }, { deflate: { serverNoContextTakeover: true } }],
    ];
  for (const [changes, options] of wrong) {
    const { socket, far, key } = await ask({ protocols: ["a", "b"], ...options });
    const early = toward("client", { opcode: text, payload: "early" });
    await far.write(joined(wire(answer(key, changes)), early));
    const error = await assertRejects(() => socket.opened) as Error;
    assertInstanceOf(error, Error, JSON.stringify(changes));
    const closed = await socket.closed;
    assertEquals([closed.closeCode, closed.reason, closed.wasClean, closed.error], [1006, "", false, error]);
    const ended = await far.read().then((chunk) => chunk === null ? "end" : "more", () => "cut");
    assert(ended !== "more", JSON.stringify(changes));
  }
});

test("what is wrong is a WebSocketProtocolError where HTTP finds no fault with it [W4]", async () => {
  for (
    const [changes, code] of [
      [{ "Sec-WebSocket-Accept": "x" }, "handshake-accept"],
      [{ "Sec-WebSocket-Protocol": "x" }, "handshake-protocol"],
      [{ "Sec-WebSocket-Extensions": "x" }, "handshake-extension"],
    ] as const
  ) {
    const { socket, far, key } = await ask();
    await far.write(wire(answer(key, changes)));
    const error = await assertRejects(() => socket.opened, WebSocketProtocolError);
    assertEquals([error.code, error.closeCode], [code, 1006]);
  }
});

test("another answer rejects with UpgradeRejected and the Response, body and all [W7]", async () => {
  for (
    const [status, fields] of [
      [200, ""],
      [401, "WWW-Authenticate: Basic¶"],
      [302, "Location: http://b/¶"],
      [404, ""],
      [407, "Proxy-Authenticate: Basic¶"],
      [426, "Upgrade: websocket¶Connection: upgrade¶Sec-WebSocket-Version: 12¶"],
      [503, "Retry-After: 1¶"],
    ] as const
  ) {
    const { socket, far } = await ask();
    const lines = `HTTP/1.1 ${status} x¶Content-Length: 5¶${fields}¶`;
    await far.write(wire(`${lines}sorry`));
    const error = await assertRejects(() => socket.opened, UpgradeRejected);
    assertStrictEquals(error.status, status);
    const response = error.response as Response;
    assertEquals([response.status, await response.text()], [status, "sorry"]);
    assertEquals([(await socket.closed).closeCode, (await socket.closed).error], [1006, error]);
  }
});

test("bytes right behind the 101 are the first frames, wherever they are cut [W5, E8]", async () => {
  const early = joined(
    toward("client", { opcode: text, payload: "early" }),
    toward("client", { opcode: ping, payload: "p" }),
    toward("client", { opcode: close, payload: closePayload(1000) }),
  );
  const length = wire(answer("AAAAAAAAAAAAAAAAAAAAAA==")).length + early.length;
  const cuts = [...everyCut(new Uint8Array(length))].map(({ how, chunks }) => ({
    how,
    sizes: chunks.map((c) => c.length),
  }));
  for (const { how, sizes } of cuts) {
    const { socket, far, key } = await ask();
    const bytes = joined(wire(answer(key)), early);
    let at = 0;
    for (const size of sizes) await far.write(bytes.slice(at, at += size));
    const io = await socket.opened;
    assertEquals([await io.read(), await io.read()], ["early", null], how);
    await far.closeWrite();
    assertEquals(await new FramePeer(far, "client").all(), ["pong 70", 'close 1000 ""', "end"], how);
    assertStrictEquals((await socket.closed).wasClean, true);
  }
});

test("close() before it is open gives up, and so does the signal [L1]", async () => {
  const given = await ask();
  given.socket.close({ closeCode: 1000 });
  const error = await assertRejects(() => given.socket.opened) as DOMException;
  assertStrictEquals(error.name, "AbortError");
  assertStrictEquals((await given.socket.closed).closeCode, 1006);
  const controller = new AbortController();
  const signaled = await ask({ signal: controller.signal });
  const reason = new Error("too late");
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => signaled.socket.opened), reason);
});

test("the signal has no effect once it is open", async () => {
  const controller = new AbortController();
  const { socket, far, key } = await ask({ signal: controller.signal });
  await far.write(wire(answer(key)));
  const io = await socket.opened;
  controller.abort();
  await turns();
  await io.write("still");
  assertEquals(await new FramePeer(far, "client").next(), 'text "still"');
  assertStrictEquals(io.state, "open");
});

test("close() refuses at once what may not be sent [W15]", async () => {
  const { socket, far, key } = await ask();
  for (const options of [{ closeCode: 1006 }, { closeCode: 0 }, { reason: "x".repeat(124) }]) {
    assertThrows(() => socket.close(options), RangeError);
  }
  await far.write(wire(answer(key)));
  await socket.opened;
  assertThrows(() => socket.close({ closeCode: 1005 }), RangeError);
  socket.close({ closeCode: 4000, reason: "done" });
  assertEquals(await new FramePeer(far, "client").next(), 'close 4000 "done"');
});

test("close() of a WebSocketStream that is open closes at once: nothing is sent behind it (RFC 6455 §5.5.1) [W16]", async () => {
  const { socket, far, key } = await ask();
  await far.write(wire(answer(key)));
  const io = await socket.opened;
  socket.close({ closeCode: 4000 });
  assertEquals(io.state, "closing");
  await assertRejects(() => io.write("late"), StateError);
  assertEquals(await new FramePeer(far, "client").next(), 'close 4000 ""');
});

test("headers cannot take the place of what belongs to the handshake [W8]", () => {
  for (
    const name of [
      "Upgrade",
      "connection",
      "Host",
      "Sec-WebSocket-Key",
      "sec-websocket-version",
      "Sec-WebSocket-Protocol",
      "Sec-WebSocket-Extensions",
      "Content-Length",
      "Transfer-Encoding",
    ]
  ) {
    for (const headers of [{ [name]: "x" }, [[name, "x"]] as [string, string][], new Headers({ [name]: "x" })]) {
      if (headers instanceof Headers && !headers.has(name)) continue;
      assertThrows(() => new WebSocketStream("ws://127.0.0.1:1/", { headers }), TypeError, undefined, name);
    }
  }
});

/** Has a WebSocketStream refused with a body of which the end is missing, and gives the answer. */
async function refused(): Promise<Asked & { readonly response: Response; readonly clock: FakeClock }> {
  const clock = new FakeClock();
  const asked = await ask({ clock });
  await asked.far.write(wire("HTTP/1.1 403 Forbidden¶Content-Length: 5¶¶so"));
  const error = await asked.socket.opened.catch((error: unknown) => error);
  assertInstanceOf(error, UpgradeRejected);
  return { ...asked, clock, response: error.response as Response };
}

test("WebSocketStream lets go of an answer that is not read in time, and of its connection", async () => {
  const { far, socket, clock, response, dialed } = await refused();
  await clock.advance(29_999);
  assertEquals(response.bodyUsed, false);
  await clock.advance(1);
  assertEquals(response.bodyUsed, true);
  await assertRejects(() => response.text(), TypeError);
  await far.write(wire("rry"));
  await dialed.client.close();
  assertInstanceOf((await socket.closed).error, UpgradeRejected);
});

test("WebSocketStream leaves an answer to a reader that has begun in time", async () => {
  for (const begin of [(r: Response) => r.text(), (r: Response) => new Response(r.body).text()]) {
    const { far, clock, response, dialed } = await refused();
    const reading = begin(response);
    await clock.advance(30_000);
    await far.write(wire("rry"));
    assertEquals(await reading, "sorry");
    await dialed.client.close();
  }
});

test("WebSocketStream says that it is one, as Deno's does (Web IDL, class string)", () => {
  const socket = new WebSocketStream("ws://a/", { dial: () => new Promise(() => {}) });
  assertEquals(Object.prototype.toString.call(socket), "[object WebSocketStream]");
  socket.close();
});

test("WebSocketStream refuses bad URLs, subprotocols and limits at once", () => {
  for (const url of ["", "chat", "ftp://a/", "ws://", "ws://a/#x", "ws://a/#", "mailto:a@b"]) {
    const error = assertThrows(() => new WebSocketStream(url)) as Error;
    assertStrictEquals(error.name, "SyntaxError", url);
  }
  for (const protocols of [["a", "a"], ["echo", "eCho"], [""], ["a b"], ["a,b"], ["ü"]]) {
    assertStrictEquals(
      (assertThrows(() => new WebSocketStream("ws://127.0.0.1:1/", { protocols })) as Error).name,
      "SyntaxError",
    );
  }
  for (const options of [{ maxMessageBytes: -1 }, { closeTimeoutMs: NaN }, { deflate: { clientMaxWindowBits: 16 } }]) {
    assertThrows(() => new WebSocketStream("ws://127.0.0.1:1/", options), RangeError);
  }
});

test("the URL's query is asked for, its scheme may be http", async () => {
  const { request, socket } = await ask({}, "http://a:81/p%20q?x=1&y");
  assertMatch(request, /^GET \/p%20q\?x=1&y HTTP\/1\.1¶host: a:81¶/i);
  assertStrictEquals(socket.url, "ws://a:81/p%20q?x=1&y");
});

test("a server that leaves during the handshake rejects", async () => {
  for (const bytes of ["", "HTTP/1.1 101 Switching Pro", "HTTP/1.1 101 x¶Upgrade: websocket¶"]) {
    const { socket, far } = await ask();
    await far.write(wire(bytes));
    await far.closeWrite();
    await assertRejects(() => socket.opened);
    assertStrictEquals((await socket.closed).wasClean, false);
  }
});

test("WebSockets to one host and port wait until those before them are open or have failed (RFC 6455 §4.1)", async () => {
  const dialed = dialing();
  const { client } = dialed;
  const open = (url: string, options: WebSocketStreamOptions = {}): WebSocketStream =>
    new WebSocketStream(url, { client, clock: new FakeClock(), ...options });
  const first = open("ws://a/1");
  const leaving = open("ws://a:80/never");
  const second = open("ws://a/2");
  const third = open("http://A/3");
  const elsewhere = open("ws://a:81/");
  const other = open("ws://b/");
  await turns();
  assertEquals(dialed.dialed.map(({ address }) => `${address.hostname}:${address.port}`), ["a:80", "a:81", "b:80"]);
  for (const socket of [elsewhere, other]) socket.close();
  const gone = new AbortController();
  gone.abort(new Error("enough"));
  await assertRejects(() => open("ws://a/", { signal: gone.signal }).opened, Error, "enough");
  leaving.close();
  await assertRejects(() => leaving.opened, DOMException, "closed before");

  const { far } = await dialed.connection(0);
  const request = await readUntil(far, "¶¶");
  assertEquals(dialed.dialed.length, 3);
  await far.write(wire(answer(/sec-websocket-key: (.*?)¶/i.exec(request)![1]!)));
  await first.opened;
  const failing = await dialed.connection(3);
  assertMatch(await readUntil(failing.far, "¶¶"), /^GET \/2 /);
  await turns();
  assertEquals(dialed.dialed.length, 4);
  await failing.far.closeWrite();
  await assertRejects(() => second.opened);
  assertMatch(await readUntil((await dialed.connection(4)).far, "¶¶"), /^GET \/3 /);
  third.close();
  await assertRejects(() => third.opened, DOMException);
  const last = open("ws://a/4");
  assertMatch(await readUntil((await dialed.connection(5)).far, "¶¶"), /^GET \/4 /);
  last.close();
});

test(
  "ws and wss to one host go to two ports, and do not wait for each other (RFC 6455 §3, §4.1)",
  unlessTlsIsRefused,
  async () => {
    const { client, connection, dialed } = dialing();
    const sockets = ["ws://a/", "wss://a/", "ws://a:443/", "wss://a:80/"].map((url) =>
      new WebSocketStream(url, { client })
    );
    await connection(1);
    await turns();
    assertEquals(dialed.map(({ address }) => address.port), [80, 443]);
    for (const socket of sockets) socket.close();
    for (const socket of sockets) await assertRejects(() => socket.opened, DOMException);
    await client.abort();
  },
);
