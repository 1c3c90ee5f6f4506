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
import { Hono } from "hono";
import { compress } from "hono/compress";
import { cors } from "hono/cors";
import { etag } from "hono/etag";
import { secureHeaders } from "hono/secure-headers";
import type { PairEnd } from "../../src/duplex/pair.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import { StateError } from "../../src/errors/state_error.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import type { PendingWebSocket } from "../../src/websocket/pending.ts";
import { upgradeWebSocket, type UpgradeWebSocketOptions } from "../../src/websocket/upgrade.ts";
import { FramePeer, partWith } from "../support/frame_peer.ts";
import { closePayload, OPCODES, toward } from "../support/frames.ts";
import { dial, listening } from "../support/http_server.ts";
import { joined, serving } from "../support/switching.ts";
import { everyCut, FakeClock, readUntil, turns, wire } from "../support/wire.ts";

const { text, close, ping } = OPCODES;
const KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==¶";
const FIELDS = `Host: a¶Upgrade: websocket¶Connection: Upgrade¶${KEY}Sec-WebSocket-Version: 13¶`;
const REQUEST = `GET /chat HTTP/1.1¶${FIELDS}¶`;
const ACCEPT = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=¶";
const SWITCHED = `HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: websocket¶${ACCEPT}¶`;

interface Server {
  readonly client: PairEnd;
  readonly sockets: PendingWebSocket[];
}

/** A server at the connection level; requests that are no upgrade get `ok`. */
function server(options: UpgradeWebSocketOptions = {}): Server {
  const sockets: PendingWebSocket[] = [];
  const clock = new FakeClock();
  const { client } = serving((request) => {
    if (request.target === "/plain") return { status: 200, body: "ok" };
    const { response, socket } = upgradeWebSocket(request, { clock, ...options });
    sockets.push(socket);
    return response;
  });
  return { client, sockets };
}

async function headFor(request: string, options: UpgradeWebSocketOptions = {}): Promise<string> {
  const { client } = server(options);
  await client.write(wire(request));
  const answer = await readUntil(client, (soFar) => soFar.includes("¶¶"));
  return answer.slice(0, answer.indexOf("¶¶") + 2);
}

test("upgradeWebSocket() answers the request of RFC 6455 §1.2 as §1.3 has it [W1, W2]", async () => {
  assertEquals(await headFor(REQUEST), SWITCHED);
});

const PLAIN = "GET /plain HTTP/1.1¶Host: a¶¶";
const OK = "HTTP/1.1 200 OK¶content-length: 2¶¶ok";

test("upgradeWebSocket() refuses a bad handshake with 400, and later requests are served (RFC 6455 §4.2.1) [W1]", async () => {
  const bad: readonly string[] = [
    REQUEST.replace("Upgrade: websocket¶", ""),
    REQUEST.replace("Upgrade: websocket¶", "Upgrade: h2c¶"),
    REQUEST.replace("Connection: Upgrade¶", ""),
    REQUEST.replace("Connection: Upgrade¶", "Connection: keep-alive¶"),
    REQUEST.replace(KEY, ""),
    REQUEST.replace(KEY, KEY + KEY),
    REQUEST.replace(KEY, "Sec-WebSocket-Key: short==¶"),
    REQUEST.replace(KEY, "Sec-WebSocket-Key:¶"),
    REQUEST.replace("Sec-WebSocket-Version: 13¶", ""),
    REQUEST.replace("¶¶", "¶Sec-WebSocket-Protocol: a, a¶¶"),
    REQUEST.replace("GET", "POST").replace("¶¶", "¶Content-Length: 3¶¶abc"),
    REQUEST.replace("GET", "PUT").replace("¶¶", "¶Transfer-Encoding: chunked¶¶3¶abc¶0¶¶"),
  ];
  for (const request of bad) {
    const { client, sockets } = server();
    await client.write(wire(request + PLAIN));
    const output = await readUntil(client, OK);
    assertMatch(output, /^HTTP\/1\.1 400 Bad Request¶/, request);
    const [head, body] = output.slice(0, -OK.length).split("¶¶") as [string, string];
    assertMatch(body, /^No WebSocket: [ -~]+$/, request);
    assert(head.includes("Sec-WebSocket-Version: 13"), head);
    assert(!/accept|upgrade/i.test(head), head);
    const error = await assertRejects(() => sockets[0]!.opened, UpgradeRejected);
    assertEquals([error.status, error.code], [400, "refused"]);
    const closed = await sockets[0]!.closed;
    assertEquals([closed.closeCode, closed.wasClean, closed.error], [1006, false, error]);
    sockets[0]!.close();
  }
});

test("upgradeWebSocket() refuses HTTP/1.0 with 400 (RFC 6455 §4.1) [W1]", async () => {
  assertMatch(await headFor(REQUEST.replace("HTTP/1.1", "HTTP/1.0")), /^HTTP\/1\.[01] 400 /);
});

test("upgradeWebSocket() refuses another version with 426 and the one it speaks, and later requests are served (RFC 6455 §4.4) [W1]", async () => {
  for (const version of ["8", "0", "14", "13, 8", "foo"]) {
    const { client, sockets } = server();
    await client.write(wire(REQUEST.replace("Version: 13", `Version: ${version}`) + PLAIN));
    const output = await readUntil(client, OK);
    assertMatch(output, /^HTTP\/1\.1 426 Upgrade Required¶/);
    assert(/¶Sec-WebSocket-Version: 13¶/i.test(output), output);
    assert(/¶Upgrade: websocket¶/i.test(output) && /¶Connection: upgrade¶/i.test(output), output);
    assertStrictEquals((await assertRejects(() => sockets[0]!.opened, UpgradeRejected)).status, 426);
  }
});

test("checkOrigin refuses with 403 before anything is accepted, and sees null without Origin (RFC 6455 §4.2.2, §10.2) [W6]", async () => {
  const seen: (string | null)[] = [];
  const checkOrigin = (origin: string | null) => {
    seen.push(origin);
    return origin === null || origin === "https://good.example";
  };
  const from = (origin: string) => REQUEST.replace("¶¶", `¶Origin: ${origin}¶¶`);
  assertEquals(await headFor(from("https://good.example"), { checkOrigin }), SWITCHED);
  assertEquals(await headFor(REQUEST, { checkOrigin }), SWITCHED);
  const { client, sockets } = server({ checkOrigin });
  await client.write(wire(from("https://evil.example") + PLAIN));
  assertMatch(await readUntil(client, OK), /^HTTP\/1\.1 403 Forbidden¶/);
  assertStrictEquals((await assertRejects(() => sockets[0]!.opened, UpgradeRejected)).status, 403);
  assertEquals(seen, ["https://good.example", null, "https://evil.example"]);
  assertMatch(await headFor(REQUEST.replace(KEY, ""), { checkOrigin }), /^HTTP\/1\.1 400 /);
  assertEquals(seen.length, 3);
});

test("protocols: the first of ours that was offered, or what a function chooses (RFC 6455 §4.2.2) [W3]", async () => {
  const asks = REQUEST.replace("¶¶", "¶Sec-WebSocket-Protocol: a, b¶Sec-WebSocket-Protocol: c¶¶");
  const cases: readonly (readonly [choice: UpgradeWebSocketOptions["protocols"], chosen: string | null])[] = [
    [undefined, null],
    [[], null],
    [["x"], null],
    [["b", "a"], "b"],
    [["x", "c"], "c"],
    [["A"], null],
    [() => null, null],
    [(offered) => offered.at(-1)!, "c"],
  ];
  for (const [protocols, chosen] of cases) {
    const { client, sockets } = server({ protocols });
    await client.write(wire(asks));
    const head = await readUntil(client, "¶¶");
    assertEquals(/Sec-WebSocket-Protocol: (.*?)¶/.exec(head)?.[1] ?? null, chosen);
    assertEquals((await sockets[0]!.opened).protocol, chosen ?? "");
  }
  assert(!(await headFor(REQUEST, { protocols: ["a"] })).includes("Protocol:"));
  assertMatch(await headFor(asks, { protocols: () => "unoffered" }), /^HTTP\/1\.1 500 /);
});

test("deflate is agreed on if both want it, and said in the 101 (RFC 7692 §5.1) [K1]", async () => {
  const asks = (offer: string) => REQUEST.replace("¶¶", `¶Sec-WebSocket-Extensions: ${offer}¶¶`);
  const cases:
    readonly (readonly [offer: string, deflate: UpgradeWebSocketOptions["deflate"], agreed: string | null])[] = [
      ["permessage-deflate", undefined, null],
      ["permessage-deflate", false, null],
      ["permessage-deflate", true, "permessage-deflate"],
      ["permessage-deflate; client_max_window_bits", true, "permessage-deflate"],
      ["permessage-deflate; foo", true, null],
      ["permessage-deflate; foo, permessage-deflate", true, "permessage-deflate"],
      ["permessage-deflate;", true, null],
      ["foo", true, null],
      ["permessage-deflate", { serverNoContextTakeover: true }, "permessage-deflate; server_no_context_takeover"],
      ["permessage-deflate", { clientMaxWindowBits: 9 }, null],
      [
        "permessage-deflate; client_max_window_bits",
        { clientMaxWindowBits: 9 },
        "permessage-deflate; client_max_window_bits=9",
      ],
    ];
  for (const [offer, deflate, agreed] of cases) {
    const { client, sockets } = server({ deflate });
    await client.write(wire(asks(offer)));
    const head = await readUntil(client, "¶¶");
    assertEquals(/Sec-WebSocket-Extensions: (.*?)¶/.exec(head)?.[1] ?? null, agreed, offer);
    const io = await sockets[0]!.opened;
    assertEquals(io.extensions, agreed ?? "");
    if (agreed === null) continue;
    await client.write(
      toward("server", { opcode: text, rsv: 4, payload: new Uint8Array([0xf2, 0x48, 0xcd, 0xc9, 0xc9, 7, 0]) }),
    );
    assertEquals(await io.read(), "Hello");
  }
});

test("headers go into the 101, except those of the handshake [W8]", async () => {
  const head = await headFor(REQUEST, { headers: { "Set-Cookie": "a=1", "X-Two": "2" } });
  assert(/¶set-cookie: a=1¶/i.test(head) && /¶x-two: 2¶/i.test(head), head);
  const several = await headFor(REQUEST, { headers: [["Set-Cookie", "a=1"], ["Set-Cookie", "b=2"]] });
  assert(/¶set-cookie: a=1¶set-cookie: b=2¶/i.test(several), several);
  const reserved = [
    "Connection",
    "upgrade",
    "Sec-WebSocket-Accept",
    "sec-websocket-protocol",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Version",
    "Content-Length",
    "Transfer-Encoding",
  ];
  for (const name of reserved) {
    assertMatch(await headFor(REQUEST, { headers: { [name]: "1" } }), /^HTTP\/1\.1 500 /, name);
  }
});

test("options that make no sense are refused before the switch", async () => {
  for (const options of [{ maxMessageBytes: -1 }, { pingIntervalMs: -1 }, { deflate: { serverMaxWindowBits: 7 } }]) {
    assertMatch(
      await headFor(REQUEST.replace("¶¶", "¶Sec-WebSocket-Extensions: permessage-deflate¶¶"), options),
      /^HTTP\/1\.1 500 /,
    );
  }
});

test("a body of the GET is no part of the WebSocket (RFC 9110 §7.8, RFC 6455 §4.1) [W1]", async () => {
  for (const [fields, body] of [["Content-Length: 5¶", "12345"], ["Transfer-Encoding: chunked¶", "5¶12345¶0¶¶"]]) {
    const { client, sockets } = server();
    const frames = toward("server", { opcode: text, payload: "first" });
    await client.write(joined(wire(REQUEST.replace("¶¶", `¶${fields}¶`) + body), frames));
    assertEquals(await readUntil(client, "¶¶"), SWITCHED);
    assertEquals(await (await sockets[0]!.opened).read(), "first");
  }
});

test("bytes right behind the request are the first frames, wherever they are cut [W5, E7]", async () => {
  const early = joined(
    toward("server", { opcode: text, payload: "early" }),
    toward("server", { opcode: ping, payload: "p" }),
    toward("server", { opcode: close, payload: closePayload(1000) }),
  );
  for (const { how, chunks } of everyCut(joined(wire(REQUEST), early))) {
    const { client, sockets } = server();
    for (const chunk of chunks) await client.write(chunk);
    assertEquals(await readUntil(client, "¶¶"), SWITCHED, how);
    const io = await sockets[0]!.opened;
    assertEquals([await io.read(), await io.read()], ["early", null], how);
    const peer = new FramePeer(client, "server");
    await client.closeWrite();
    assertEquals(await peer.all(), ["pong 70", 'close 1000 ""', "end"], how);
    assertStrictEquals((await io.closed).wasClean, true);
  }
});

test("the socket of an answer that was not sent is never open [E6]", async () => {
  const sockets: PendingWebSocket[] = [];
  const { client } = serving((request) => {
    if (request.target === "/plain") return { status: 200, body: "ok" };
    sockets.push(upgradeWebSocket(request).socket);
    return { status: 404, body: "no" };
  });
  await client.write(wire(REQUEST));
  assertMatch(await readUntil(client, "¶¶no"), /^HTTP\/1\.1 404 /);
  await assertRejects(() => sockets[0]!.opened, UpgradeRejected);
  assertStrictEquals((await sockets[0]!.closed).closeCode, 1006);
});

test("close() of a pending socket closes as soon as it is open, and refuses at once what may not be sent [W15]", async () => {
  const { client, sockets } = server();
  await client.write(wire(REQUEST));
  await readUntil(client, "¶¶");
  const [socket] = sockets as [PendingWebSocket];
  for (const options of [{ closeCode: 1006 }, { closeCode: 12 }, { reason: "x".repeat(124) }]) {
    assertThrows(() => socket.close(options), RangeError);
  }
  socket.close({ closeCode: 4000, reason: "at once" });
  const peer = new FramePeer(client, "server");
  assertEquals(await peer.next(), 'close 4000 "at once"');
  await peer.close(4000);
  await client.closeWrite();
  assertStrictEquals((await socket.closed).wasClean, true);
});

test("upgradeWebSocket() throws for a request that is a copy [E6]", async () => {
  let error: unknown;
  const { server, port } = await listening((request) => {
    try {
      upgradeWebSocket(new Request(request.url, { headers: request.headers }));
    } catch (thrown) {
      error = thrown;
    }
    return new Response("no");
  });
  const client = dial(port);
  await client.write(wire(REQUEST));
  await readUntil(client, "no");
  await client.close();
  assertInstanceOf(error, StateError);
  await server.shutdown();
});

async function echo(io: WebSocketConnection): Promise<void> {
  await io.readable.pipeTo(io.writable);
}

test("upgradeWebSocket() survives Hono's cors, etag, compress, secureHeaders and headers set after next() [W1]", async () => {
  const app = new Hono();
  app.use(cors(), etag(), compress(), secureHeaders());
  app.use(async (c, next) => {
    await next();
    c.header("x-after", "1");
    c.res.headers.set("x-later", "2");
  });
  app.get("/chat", (c) => {
    const { response, socket } = upgradeWebSocket(c.req.raw, { protocols: ["v1"], deflate: true });
    socket.opened.then(echo, () => {});
    return response;
  });
  const { server, port } = await listening(app.fetch);
  const client = dial(port);
  const fields =
    "Origin: http://b¶Accept-Encoding: gzip¶Sec-WebSocket-Protocol: v1¶Sec-WebSocket-Extensions: permessage-deflate¶";
  const early = toward("server", { opcode: text, payload: "early" });
  await client.write(joined(wire(REQUEST.replace("¶¶", `¶${fields}¶`)), early));
  const head = await readUntil(client, (soFar) => soFar.includes("¶¶"));
  assertMatch(head, /^HTTP\/1\.1 101 Switching Protocols¶/);
  for (
    const line of [
      "access-control-allow-origin: *",
      "x-after: 1",
      "x-later: 2",
      "sec-websocket-protocol: v1",
      "sec-websocket-extensions: permessage-deflate",
    ]
  ) {
    assert(head.toLowerCase().includes(`¶${line}¶`), `${line} in ${head}`);
  }
  const behind = wire(head.slice(head.indexOf("¶¶") + 2));
  const peer = new FramePeer({ ...raw(client), read: firstThen(behind, client) }, "server");
  assertEquals(await peer.next(), 'text "early"');
  await peer.close(1000);
  assertEquals(await peer.all(), ['close 1000 ""', "end"]);
  await client.close();

  const refused = dial(port);
  await refused.write(wire(REQUEST.replace("Version: 13", "Version: 8")));
  assertMatch(await readUntil(refused, (soFar) => soFar.includes("13")), /^HTTP\/1\.1 426 /);
  await refused.close();
  await server.shutdown();
});

function raw(socket: ReturnType<typeof dial>) {
  return { write: (bytes: Uint8Array) => socket.write(bytes), closeWrite: () => socket.closeWrite() };
}

function firstThen(first: Uint8Array, socket: ReturnType<typeof dial>): () => Promise<Uint8Array | null> {
  let left: Uint8Array | null = first;
  return () => {
    const bytes = left;
    left = null;
    return bytes !== null && bytes.length > 0 ? Promise.resolve(bytes) : socket.read();
  };
}

test("at the platform level every refusal has its status, and the connection goes on [W1, W6]", async () => {
  const { server, port } = await listening((request) => {
    if (new URL(request.url).pathname === "/plain") return new Response("ok");
    return upgradeWebSocket(request, { checkOrigin: (origin) => origin !== "http://evil" }).response;
  });
  for (
    const [request, status] of [
      [REQUEST.replace(KEY, ""), 400],
      [REQUEST.replace("Version: 13", "Version: 7"), 426],
      [REQUEST.replace("¶¶", "¶Origin: http://evil¶¶"), 403],
    ] as const
  ) {
    const client = dial(port);
    await client.write(wire(request + PLAIN));
    const output = await readUntil(client, (soFar) => soFar.endsWith("¶¶ok"));
    assert(output.startsWith(`HTTP/1.1 ${status} `), output);
    await client.close();
  }
  await server.shutdown();
});

test("partWith() leaves no timer behind an upgraded WebSocket", async () => {
  const clock = new FakeClock();
  let socket!: PendingWebSocket;
  const { client } = serving((request) => {
    const upgrade = upgradeWebSocket(request, { clock, pingIntervalMs: 1000, idleTimeoutMs: 5000 });
    socket = upgrade.socket;
    return upgrade.response;
  });
  await client.write(wire(REQUEST));
  await readUntil(client, "¶¶");
  const io = await socket.opened;
  assert(clock.pending > 0);
  await partWith({ io, peer: new FramePeer(client, "server"), clock });
  await turns();
  assertStrictEquals(clock.pending, 0);
});
