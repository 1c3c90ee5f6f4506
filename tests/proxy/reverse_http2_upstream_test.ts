/**
 * `reverseProxy()` in front of servers that speak HTTP/2, which the test plays frame by frame; for clients of HTTP/1.1 and of HTTP/2.
 */

import { test } from "node:test";
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { readResponse } from "../../scripts/conformance/proxies/message.ts";
import type { Peer } from "../../scripts/conformance/proxies/peer.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Field } from "../../src/semantics/fields.ts";
import { acceptOf } from "../../src/websocket/mod.ts";
import { everyCut, text, wire } from "../support/bytes.ts";
import { manualStream } from "../support/client.ts";
import { rejection } from "../support/dialing.ts";
import { data, goaway, headers, rstStream, settings, windowUpdate } from "../support/h2_wire.ts";
import { ask } from "../support/http2_ask.ts";
import { type Http2Peer, playing } from "../support/http2_dialing.ts";
import { type Proxied, proxied, type ProxiedInit } from "../support/reverse.ts";
import { runtimeName } from "../support/runtime.ts";
import { joined } from "../support/switching.ts";
import { readUntil } from "../support/wire.ts";

const OK = [":status: 200"];
const [NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, HTTP_1_1_REQUIRED] = [0, 1, 7, 13];
const CONNECT_PROTOCOL = [8, 1] as const;

/** What a server does. */
type Server = Pick<Http2Peer, "until" | "send" | "end" | "cut">;

interface Scene extends Proxied, ReturnType<typeof playing> {
  /** The server of the first connection, as soon as there is one. It takes upgrades. */
  readonly server: Server;
}

/** A proxy in front of a server of HTTP/2 called `b.example`. */
async function before(act: (scene: Scene) => Promise<void>, init: ProxiedInit = {}): Promise<void> {
  const servers = playing();
  const { client } = servers;
  let first: Promise<Http2Peer> | null = null;
  const begun = () => first ??= servers.peer(0, CONNECT_PROTOCOL);
  const server: Server = {
    until: async (beginning) => await (await begun()).until(beginning),
    send: async (...frames) => await (await begun()).send(...frames),
    end: async () => await (await begun()).end(),
    cut: async () => (await begun()).cut(),
  };
  try {
    await proxied(
      {
        target: () => ({ url: "http://b.example", client }),
        ...init,
        serve: { http2: { h2c: true, connectProtocol: true }, onError: () => {}, ...init.serve },
      },
      (scene) => act({ ...scene, ...servers, server }),
    );
  } finally {
    await client.abort();
  }
}

/** Sends a request on a connection of its own. */
async function asks({ dial }: Proxied, request: string): Promise<Peer> {
  const peer = await dial();
  peer.send(request);
  return peer;
}

/** Answers a stream. */
function answer(server: Server, streamId: number, body = "ok"): Promise<void> {
  return server.send(headers(streamId, OK, "open"), data(streamId, body, true));
}

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const OK_ANSWER = { head: "HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶", body: "ok", trailers: "" };

test("reverseProxy() says a request of HTTP/1.1 in HTTP/2 and the answer in HTTP/1.1: body, trailers, 1xx, no fields of the connection (RFC 9113 §8)", () =>
  before(async (scene) => {
    const client = await asks(
      scene,
      "PATCH /a/../%2e?q=%20;x HTTP/1.1¶Host: A.example:81¶Cookie: a=1¶x-Two: 1¶TE: gzip, trailers¶Connection: TE, X-Hop¶" +
        "X-Hop: 1¶cookie: b=2¶X-TWO: 2¶Keep-Alive: 1¶Trailer: X-Sum¶Transfer-Encoding: chunked¶¶5¶hello¶0¶X-Sum: 5¶¶",
    );
    const server = scene.server;
    assertEquals(
      await server.until("HEADERS"),
      "HEADERS 1 :method: PATCH, :scheme: http, :authority: A.example:81, :path: /a/../%2e?q=%20;x, cookie: a=1, x-two: 1, " +
        "te: trailers, cookie: b=2, x-two: 2, trailer: X-Sum, via: 1.1 p",
    );
    assertEquals(await server.until("DATA"), "DATA 1 hello");
    assertEquals(await server.until("HEADERS"), "HEADERS 1 END x-sum: 5");
    await server.send(
      headers(1, [":status: 103", "link: </a>"], "open"),
      headers(1, [":status: 201", "x-answer: a, b", "set-cookie: a=1", "set-cookie: b=2", "trailer: x-sum"], "open"),
      data(1, "abc"),
      headers(1, ["x-sum: 3"]),
    );
    assertEquals(await readResponse(client, "PATCH"), {
      head:
        "HTTP/1.1 103 Early Hints¶link: </a>¶¶HTTP/1.1 201 Created¶x-answer: a, b¶set-cookie: a=1¶set-cookie: b=2¶" +
        "trailer: x-sum¶transfer-encoding: chunked¶¶",
      body: "abc",
      trailers: "x-sum: 3¶",
    });
  }));

test("reverseProxy() passes a request of HTTP/2 on over HTTP/2, trailers behind a length among it (RFC 9113 §8.1)", () =>
  before(async (scene) => {
    const informational: unknown[] = [];
    const asked = ask(scene.dialHttp2(), {
      method: "POST",
      authority: "a",
      path: "/x",
      fields: [["cookie", "a=1"], ["content-length", "5"], ["te", "trailers"]],
      body: "hello",
      trailers: { "x-sum": "5" },
      onInformational: ({ status }) => informational.push(status),
    });
    const server = scene.server;
    assertEquals(
      await server.until("HEADERS"),
      "HEADERS 1 :method: POST, :scheme: http, :authority: a, :path: /x, cookie: a=1, content-length: 5, te: trailers, via: 2 p",
    );
    assertEquals(await server.until("DATA"), "DATA 1 hello");
    assertEquals(await server.until("HEADERS"), "HEADERS 1 END x-sum: 5");
    await server.send(
      headers(1, [":status: 102"], "open"),
      headers(1, [":status: 200", "content-length: 3"], "open"),
      data(1, "abc"),
      headers(1, ["x-sum: 3"]),
    );
    const response = await asked;
    assertEquals([informational, response.status, [...response.fields]], [[102], 200, [["content-length", "3"]]]);
    assertEquals([await response.body.text(), [...await response.body.trailers]], ["abc", [["x-sum", "3"]]]);
  }));

/** How a client says its host, what options say, and what `:authority` becomes. */
const hosts: readonly (readonly [what: string, head: string, options: ProxiedInit["options"], authority: string])[] = [
  ["the client's", "GET / HTTP/1.1¶Host: a:1¶¶", {}, ":authority: a:1"],
  ["that of an absolute target", "GET http://c/ HTTP/1.1¶Host: c¶¶", {}, ":authority: c"],
  ["the server's with changeOrigin", GET, { changeOrigin: true }, ":authority: b.example"],
  ["the program's", GET, { rewrite: { host: "z" } }, ":authority: z"],
  ["the server's for HTTP/1.0 without one", "GET / HTTP/1.0¶¶", {}, ":authority: b.example"],
];

for (const [what, head, options = {}, authority] of hosts) {
  test(`reverseProxy() makes :authority of Host: ${what} (RFC 9113 §8.3.1)`, () =>
    before(async (scene) => {
      const client = await asks(scene, head);
      const server = scene.server;
      assertEquals((await server.until("HEADERS")).split(", ")[2], authority);
      await answer(server, 1);
      assertMatch((await readResponse(client, "GET")).head, / 200 OK/);
    }, { options }));
}

test("reverseProxy() sends HEAD, OPTIONS * and answers without a body through HTTP/2 as they are (RFC 9110 §9.3.2, §15.3.5, §15.4.5)", () =>
  before(async (scene) => {
    const exchanges = [
      ["HEAD", "/", "200", ["content-length: 12345"], "HTTP/1.1 200 OK¶content-length: 12345¶¶"],
      ["OPTIONS", "*", "204", ["x-a: 1"], "HTTP/1.1 204 No Content¶x-a: 1¶¶"],
      [
        "GET",
        "/",
        "304",
        ['etag: "a"', "content-length: 5"],
        'HTTP/1.1 304 Not Modified¶etag: "a"¶content-length: 5¶¶',
      ],
      ["GET", "/", "200", [], "HTTP/1.1 200 OK¶content-length: 0¶¶"],
    ] as const;
    const client = await scene.dial();
    const server = scene.server;
    for (const [i, [method, path, status, fields, expected]] of exchanges.entries()) {
      client.send(`${method} ${path} HTTP/1.1¶Host: a¶¶`);
      const streamId = 2 * i + 1;
      assertEquals(
        await server.until("HEADERS"),
        `HEADERS ${streamId} END :method: ${method}, :scheme: http, :authority: a, :path: ${path}, via: 1.1 p`,
      );
      await server.send(headers(streamId, [`:status: ${status}`, ...fields]));
      assertEquals((await readResponse(client, method)).head, expected);
    }
  }));

test("reverseProxy() sends the requests of all clients over one connection of HTTP/2, however many there are at once", () =>
  before(async (scene) => {
    const { server } = scene;
    const answering = (async () => {
      for (let i = 0; i < 40; i++) {
        const frame = await server.until("HEADERS");
        const [, streamId, path] = /^HEADERS (\d+) .*:path: ([^,]*)/.exec(frame)!;
        await answer(server, Number(streamId), path);
      }
    })();
    const http2 = scene.dialHttp2();
    const bodies = await Promise.all(Array.from({ length: 40 }, async (_, i) => {
      if (i % 2 === 0) return await (await ask(http2, { authority: "a", path: `/${i}` })).body.text();
      return (await scene.ask(`GET /${i} HTTP/1.1¶Host: a¶¶`)).body;
    }));
    await answering;
    assertEquals(bodies, Array.from({ length: 40 }, (_, i) => `/${i}`));
    assertEquals(scene.dialed.length, 1);
  }));

test("reverseProxy() understands an answer of HTTP/2 however it is cut (RFC 9113 §4)", () =>
  before(async (scene) => {
    const server = scene.server;
    const client = await scene.dial();
    const frames = (streamId: number) =>
      joined(
        headers(streamId, [":status: 103", "link: </a>"], "open"),
        headers(streamId, [":status: 200", "x-a: 1"], "open"),
        data(streamId, "hel"),
        data(streamId, "lo"),
        headers(streamId, ["x-sum: 5"]),
      );
    let streamId = 1;
    for (const { how, chunks } of everyCut(frames(1))) {
      client.send(GET);
      await server.until(`HEADERS ${streamId} `);
      const bytes = frames(streamId);
      let at = 0;
      for (const { length } of chunks) await server.send(bytes.subarray(at, at += length));
      assertEquals(await readResponse(client, "GET"), {
        head: "HTTP/1.1 103 Early Hints¶link: </a>¶¶HTTP/1.1 200 OK¶x-a: 1¶transfer-encoding: chunked¶¶",
        body: "hello",
        trailers: "x-sum: 5¶",
      }, how);
      streamId += 2;
    }
  }));

/** What a server says that has not looked at a request. */
const unseen: readonly (readonly [how: string, frame: (streamId: number) => Uint8Array])[] = [
  ["REFUSED_STREAM", (streamId) => rstStream(streamId, REFUSED_STREAM)],
  ["GOAWAY", (streamId) => goaway(streamId - 2)],
];

for (const [how, frame] of unseen) {
  test(`reverseProxy() sends a request again, whatever its method, that a server has not looked at: ${how} (RFC 9113 §8.7)`, () =>
    before(async (scene) => {
      const first = scene.server;
      const asking = scene.ask(GET);
      await first.until("HEADERS 1");
      await answer(first, 1);
      assertEquals(await asking, OK_ANSWER);
      const client = await asks(scene, "POST / HTTP/1.1¶Host: a¶Content-Length: 0¶¶");
      await first.until("HEADERS 3");
      await first.send(frame(3));
      const again = how === "GOAWAY" ? await scene.peer(1) : first;
      const streamId = how === "GOAWAY" ? 1 : 5;
      await again.until(`HEADERS ${streamId}`);
      await answer(again, streamId);
      assertEquals(await readResponse(client, "POST"), OK_ANSWER);
    }));
}

for (
  const [how, frame] of [
    ...unseen,
    ["HTTP_1_1_REQUIRED", (id: number) => rstStream(id, HTTP_1_1_REQUIRED)] as const,
  ]
) {
  test(`reverseProxy() sends a body again of which the beginning was sent to a server that has not looked at it: ${how} (RFC 9113 §8.7)`, () =>
    before(async (scene) => {
      const { server: first } = scene;
      const { stream, controller } = manualStream();
      controller.enqueue(wire("hel"));
      const fields: Field[] = [["te", "trailers"]];
      const trailers = { "x-sum": "5" };
      const asked = ask(scene.dialHttp2(), { method: "POST", authority: "a", fields, body: stream, trailers });
      assertEquals(await first.until("DATA"), "DATA 1 hel");
      await first.send(how === "GOAWAY" ? goaway(0) : frame(1));
      if (how === "HTTP_1_1_REQUIRED") {
        const { far } = await scene.connection(1);
        assertMatch(await readUntil(far, "hel¶"), /^POST \/ HTTP\/1\.1¶host: a¶.*¶3¶hel¶$/);
        controller.enqueue(wire("lo"));
        controller.close();
        assertEquals(await readUntil(far, "¶¶"), "2¶lo¶0¶x-sum: 5¶¶");
        await far.write(wire("HTTP/1.1 200 OK¶Content-Length: 2¶¶ok"));
      } else {
        const again = how === "GOAWAY" ? await scene.peer(1) : first;
        const streamId = how === "GOAWAY" ? 1 : 3;
        assertEquals(await again.until("DATA"), `DATA ${streamId} hel`);
        controller.enqueue(wire("lo"));
        assertEquals(await again.until("DATA"), `DATA ${streamId} lo`);
        controller.close();
        assertEquals(await again.until("HEADERS"), `HEADERS ${streamId} END x-sum: 5`);
        await answer(again, streamId);
      }
      const response = await asked;
      assertEquals([response.status, await response.body.text()], [200, "ok"]);
    }));
}

test("reverseProxy() sends all of a body again to a server that answers before it has taken the beginning (RFC 9113 §8.7)", () =>
  before(async (scene) => {
    const { server } = scene;
    const { stream, controller } = manualStream();
    const asked = ask(scene.dialHttp2(), { method: "POST", authority: "a", body: stream });
    const parts = ["one", "two", "six", "ten"];
    for (const part of parts) {
      controller.enqueue(wire(part));
      assertEquals(await server.until("DATA"), `DATA 1 ${part}`);
    }
    const initialWindow = 4;
    await server.send(settings([initialWindow, 3]), rstStream(1, REFUSED_STREAM));
    assertEquals(await server.until("DATA"), "DATA 3 one");
    await server.send(headers(3, OK, "open"));
    const response = await asked;
    await server.send(windowUpdate(3, 100));
    controller.close();
    let again = "one";
    for (let frame = ""; !frame.startsWith("DATA 3 END");) {
      frame = await server.until("DATA");
      again += frame.replace(/^DATA 3 (?:END ?)?/, "");
    }
    assertEquals(again, parts.join(""));
    await server.send(data(3, "ok", true));
    assertEquals(await response.body.text(), "ok");
  }));

test("reverseProxy() answers 502 where a server refuses a request of whose body more was sent than is kept, and stops the client", () =>
  before(async (scene) => {
    const { server } = scene;
    const { stream, controller, canceled } = manualStream();
    for (let i = 0; i < 4; i++) controller.enqueue(new Uint8Array(20_000));
    const asked = ask(scene.dialHttp2(), { method: "POST", authority: "a", body: stream });
    for (let received = 0; received < 80_000;) {
      const length = Number(/\((\d+)\)/.exec(await server.until("DATA"))![1]);
      received += length;
      await server.send(windowUpdate(0, length), windowUpdate(1, length));
    }
    await server.send(rstStream(1, REFUSED_STREAM));
    const response = await asked;
    assertEquals([response.status, response.fields.get("proxy-status")], [502, "p; error=connection_terminated"]);
    await canceled;
  }));

test("reverseProxy() asks another server where one refuses a request four times, and counts that as a failure (RFC 9113 §8.7)", () => {
  const one = playing();
  const other = playing();
  const target = () => [{ url: "http://one", client: one.client }, { url: "http://other", client: other.client }];
  const failures: unknown[] = [];
  const onError = (error: unknown): void => void failures.push((error as Error).name);
  return proxied({ target, options: { onError, health: { maxFailures: 1 } } }, async ({ ask }) => {
    const answered = ask("DELETE / HTTP/1.1¶Host: a¶¶");
    const refusing = await one.peer(0);
    for (const streamId of [1, 3, 5, 7]) {
      await refusing.until(`HEADERS ${streamId}`);
      await refusing.send(rstStream(streamId, REFUSED_STREAM));
    }
    const taking = await other.peer(0);
    await taking.until("HEADERS 1");
    await answer(taking, 1);
    assertEquals(await answered, OK_ANSWER);
    for (const streamId of [3, 5]) {
      const next = ask(GET);
      await taking.until(`HEADERS ${streamId}`);
      await answer(taking, streamId);
      assertEquals(await next, OK_ANSWER);
    }
    assertEquals(failures, ["UnsentError"]);
  }).finally(() => Promise.all([one.client.abort(), other.client.abort()]));
});

test("reverseProxy() sends a request over HTTP/1.1 that a server wants so (RFC 9113 §7), and the next one over HTTP/2 again", () =>
  before(async (scene) => {
    const server = scene.server;
    const answered = scene.ask(GET);
    await server.until("HEADERS 1");
    await server.send(rstStream(1, HTTP_1_1_REQUIRED));
    const { far } = await scene.connection(1);
    assertEquals(await readUntil(far, "¶¶"), "GET / HTTP/1.1¶Host: a¶Via: 1.1 p¶¶");
    await far.write(wire("HTTP/1.1 200 Fine¶Content-Length: 2¶¶ok"));
    assertEquals((await answered).head, "HTTP/1.1 200 Fine¶Content-Length: 2¶¶");
    const next = scene.ask(GET);
    await server.until("HEADERS 3");
    await answer(server, 3);
    assertEquals(await next, OK_ANSWER);
  }));

/** What a server does instead of answering, and what the client is told. */
const faults: readonly (readonly [what: string, fault: (server: Server) => unknown, error: string])[] = [
  ["resets the stream", (server) => server.send(rstStream(1, PROTOCOL_ERROR)), "connection_terminated"],
  ["cuts the connection", (server) => server.cut(), "connection_terminated"],
  ["ends the connection", (server) => server.end(), "connection_terminated"],
  [
    "goes away with an error",
    (server) => server.send(goaway(1, PROTOCOL_ERROR)).then(() => server.cut()),
    "connection_terminated",
  ],
  [
    "has a field of HTTP/1.1",
    (server) => server.send(headers(1, [":status: 200", "connection: a"])),
    "http_protocol_error",
  ],
  ["has no status", (server) => server.send(headers(1, ["x-a: 1"])), "http_protocol_error"],
  ["sends DATA first", (server) => server.send(data(1, "x")), "http_protocol_error"],
];

for (const [what, fault, error] of faults) {
  test(`reverseProxy() answers 502 with ${error} to a server of HTTP/2 that ${what} (RFC 9209 §2.3)`, () =>
    before(async (scene) => {
      const server = scene.server;
      for (const version of ["1.1", "2"]) {
        if (version === "2") break;
        const asking = scene.ask("POST / HTTP/1.1¶Host: a¶Content-Length: 0¶¶");
        await server.until("HEADERS 1");
        await fault(server);
        assertEquals((await asking).head.split("¶").slice(0, 2), [
          "HTTP/1.1 502 Bad Gateway",
          `Proxy-Status: p; error=${error}`,
        ]);
      }
    }));
}

test("reverseProxy() cuts an answer short that a server of HTTP/2 breaks off, and goes on over the same connection (RFC 9113 §8.1)", () =>
  before(async (scene) => {
    const server = scene.server;
    const http2 = scene.dialHttp2();
    const breaks = [
      (streamId: number) => rstStream(streamId),
      (streamId: number) => data(streamId, "more than was announced"),
    ];
    let streamId = 1;
    for (const breaking of breaks) {
      const client = await asks(scene, GET);
      const asked = ask(http2, { authority: "a" });
      for (const id of [streamId, streamId + 2]) {
        await server.until(`HEADERS ${id}`);
        await server.send(headers(id, [":status: 200", "content-length: 6"], "open"), data(id, "hel"));
      }
      await client.through("hel");
      const { body } = await asked;
      assertEquals(text((await body.read())!), "hel");
      await server.send(breaking(streamId), breaking(streamId + 2));
      assertEquals((await client.rest()).includes("announced"), false);
      await assertRejects(() => body.read());
      streamId += 4;
    }
    const next = scene.ask(GET);
    await server.until(`HEADERS ${streamId}`);
    await answer(server, streamId);
    assertEquals(await next, OK_ANSWER);
    assertEquals(scene.dialed.length, 1);
  }));

test("reverseProxy() resets the stream of a client that leaves, and no other one (RFC 9113 §7: CANCEL)", () =>
  before(async (scene) => {
    const server = scene.server;
    const http2 = scene.dialHttp2();
    const stays = asks(scene, GET);
    await server.until("HEADERS 1");
    const leaving = await asks(scene, GET);
    await server.until("HEADERS 3");
    leaving.reset();
    assertEquals(await server.until("RST_STREAM"), "RST_STREAM 3 CANCEL");

    const within = await asks(scene, GET);
    await server.until("HEADERS 5");
    await server.send(headers(5, OK, "open"), data(5, "hello"));
    await within.through("hello");
    within.reset();
    assertEquals(await server.until("RST_STREAM"), "RST_STREAM 5 CANCEL");

    const sending = await asks(scene, "POST / HTTP/1.1¶Host: a¶Content-Length: 10¶¶hello");
    assertEquals(await server.until("DATA"), "DATA 7 hello");
    sending.reset();
    assertEquals(await server.until("RST_STREAM"), "RST_STREAM 7 CANCEL");

    for (const [streamId, body] of [[9, null], [11, manualStream().stream]] as const) {
      const controller = new AbortController();
      const asked = rejection(ask(http2, { method: "POST", authority: "a", body, signal: controller.signal }));
      await server.until(`HEADERS ${streamId}`);
      controller.abort(new Error("enough"));
      await asked;
      assertEquals(await server.until("RST_STREAM"), `RST_STREAM ${streamId} CANCEL`);
    }
    await answer(server, 1);
    assertEquals(await readResponse(await stays, "GET"), OK_ANSWER);
  }));

test("reverseProxy() gives a complete answer that comes before the request is complete, and stops both (RFC 9113 §8.1: NO_ERROR)", () =>
  before(async (scene) => {
    const server = scene.server;
    const { stream, controller, canceled } = manualStream();
    controller.enqueue(wire("some"));
    const asked = ask(scene.dialHttp2(), { method: "POST", authority: "a", body: stream });
    assertEquals(await server.until("DATA"), "DATA 1 some");
    await server.send(headers(1, [":status: 413"], "open"), data(1, "long", true), rstStream(1, NO_ERROR));
    const response = await asked;
    assertEquals([response.status, await response.body.text()], [413, "long"]);
    await canceled;
    const client = await asks(scene, "POST / HTTP/1.1¶Host: a¶Content-Length: 10¶¶hello");
    assertEquals(await server.until("DATA 3"), "DATA 3 hello");
    await server.send(headers(3, [":status: 413"], "open"), data(3, "long", true), rstStream(3, NO_ERROR));
    const { head, body } = await readResponse(client, "POST");
    assertMatch(head, /^HTTP\/1\.1 413 /);
    assertEquals(body, "long");
  }));

test("reverseProxy() answers 504 where a server of HTTP/2 does not answer in time, and resets that stream alone", () =>
  before(async (scene) => {
    const server = scene.server;
    const asking = scene.ask(GET);
    await server.until("HEADERS 1");
    assertEquals(await server.until("RST_STREAM"), "RST_STREAM 1 CANCEL");
    assertMatch((await asking).head, /^HTTP\/1\.1 504 Gateway Timeout¶Proxy-Status: p; error=http_response_timeout¶/);
    assertEquals(scene.dialed[0]!.near.closed instanceof Promise, true);
  }, { options: { responseTimeoutMs: 10 } }));

test("reverseProxy() answers 504 to a request that waits too long for a stream of HTTP/2, and not in its place later (RFC 9113 §5.1.2)", () =>
  before(async (scene) => {
    const peer = scene.peer(0, [3, 1]);
    const first = await asks(scene, GET);
    const server = await peer;
    await server.until("HEADERS 1");
    await server.send(headers(1, OK, "open"), data(1, "o"));
    await first.through("o");
    assertMatch((await scene.ask(GET)).head, /^HTTP\/1\.1 504 /);
    await server.send(data(1, "k", true));
    const next = scene.ask("GET /next HTTP/1.1¶Host: a¶¶");
    assertMatch(await server.until("HEADERS"), /^HEADERS 3 END .*:path: \/next/);
    await answer(server, 3);
    assertEquals(await next, OK_ANSWER);
  }, { options: { responseTimeoutMs: 100 } }));

test("reverseProxy() resets the stream of an answer that pauses for longer than idleTimeoutMs, and breaks the client's off", () =>
  before(async (scene) => {
    const client = await asks(scene, GET);
    const { server } = scene;
    await server.until("HEADERS 1");
    await server.send(headers(1, OK, "open"), data(1, "hello"));
    assertEquals(await server.until("RST_STREAM"), "RST_STREAM 1 CANCEL");
    assertEquals((await client.rest()).includes("0¶¶"), false);
  }, { options: { idleTimeoutMs: 10 } }));

test("reverseProxy() answers 413 to a body that is too long on its way over HTTP/2, and resets its stream (RFC 9110 §15.5.14)", () =>
  before(async (scene) => {
    const client = await asks(scene, "POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶3¶hel¶2¶lo¶");
    const { server } = scene;
    assertMatch(await server.until("RST_STREAM"), /^RST_STREAM 1 /);
    assertMatch((await readResponse(client, "POST")).head, /^HTTP\/1\.1 413 /);
  }, { options: { maxRequestBytes: 4 } }));

test("reverseProxy() asks with Expect over HTTP/2 as the client does, and lets the server decide (RFC 9110 §10.1.1)", () =>
  before(async (scene) => {
    const server = scene.server;
    const client = await asks(scene, "POST / HTTP/1.1¶Host: a¶Expect: 100-continue¶Content-Length: 5¶¶");
    assertEquals(
      await server.until("HEADERS"),
      "HEADERS 1 :method: POST, :scheme: http, :authority: a, :path: /, expect: 100-continue, content-length: 5, via: 1.1 p",
    );
    assertEquals(client.received, "");
    await server.send(headers(1, [":status: 100"], "open"));
    assertEquals(await client.through("¶¶"), "HTTP/1.1 100 Continue¶¶");
    client.send("hello");
    assertEquals(await server.until("DATA"), "DATA 1 END hello");
    await answer(server, 1);
    assertEquals(await readResponse(client, "POST"), OK_ANSWER);
    const refused = await asks(scene, "POST / HTTP/1.1¶Host: a¶Expect: 100-continue¶Content-Length: 5¶¶");
    await server.until("HEADERS 3");
    await server.send(headers(3, [":status: 401", "content-length: 2"], "open"), data(3, "no", true));
    const { head, body } = await readResponse(refused, "POST");
    assertMatch(head, /^HTTP\/1\.1 401 /);
    assertEquals(body, "no");
  }));

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const WEBSOCKET =
  "GET /chat HTTP/1.1¶Host: a¶Connection: keep-alive, Upgrade¶Upgrade: websocket¶Sec-WebSocket-Version: 13¶" +
  `Sec-WebSocket-Protocol: a, b¶Sec-WebSocket-Key: ${KEY}¶¶`;

test("reverseProxy() makes an Upgrade to a WebSocket an extended CONNECT, answers its key, and copies both ways (RFC 8441 §5)", () =>
  before(async (scene) => {
    const client = await asks(scene, `${WEBSOCKET}early`);
    const server = scene.server;
    assertEquals(
      await server.until("HEADERS"),
      "HEADERS 1 :method: CONNECT, :protocol: websocket, :scheme: http, :authority: a, :path: /chat, sec-websocket-version: 13, " +
        "sec-websocket-protocol: a, b, via: 1.1 p",
    );
    await server.send(headers(1, [":status: 200", "sec-websocket-protocol: b", "x-a: 1"], "open"), data(1, "first"));
    assertEquals(
      (await readResponse(client, "GET")).head,
      `HTTP/1.1 101 Switching Protocols¶Connection: Upgrade¶Upgrade: websocket¶sec-websocket-protocol: b¶x-a: 1¶` +
        `Sec-WebSocket-Accept: ${acceptOf(KEY)}¶¶`,
    );
    assertEquals(await client.take(5), "first");
    assertEquals(await server.until("DATA"), "DATA 1 early");
    client.send("and more");
    assertEquals(await server.until("DATA"), "DATA 1 and more");
    client.end();
    assertEquals(await server.until("DATA"), "DATA 1 END ");
    await server.send(data(1, "late"));
    assertEquals(await client.take(4), "late");
    await server.send(data(1, "", true));
    assertEquals(await client.rest(), "");
    assertEquals(client.ended, "end");
  }));

test("reverseProxy() makes an Upgrade to any single protocol an extended CONNECT, and passes a refusal on with its body (RFC 8441 §4)", () =>
  before(async (scene) => {
    const server = scene.server;
    const client = await asks(scene, "GET / HTTP/1.1¶Host: a¶Connection: Upgrade¶Upgrade: Echo/1¶¶");
    assertEquals(
      await server.until("HEADERS"),
      "HEADERS 1 :method: CONNECT, :protocol: Echo/1, :scheme: http, :authority: a, :path: /, via: 1.1 p",
    );
    await server.send(headers(1, OK, "open"));
    assertEquals(
      (await readResponse(client, "GET")).head,
      "HTTP/1.1 101 Switching Protocols¶Connection: Upgrade¶Upgrade: Echo/1¶¶",
    );
    const refused = await asks(scene, WEBSOCKET);
    await server.until("HEADERS 3");
    await server.send(headers(3, [":status: 403", "content-length: 2"], "open"), data(3, "no", true));
    assertEquals(await readResponse(refused, "GET"), {
      head: "HTTP/1.1 403 Forbidden¶content-length: 2¶¶",
      body: "no",
      trailers: "",
    });
    refused.send(GET);
    await server.until("HEADERS 5");
    await answer(server, 5);
    assertEquals(await readResponse(refused, "GET"), OK_ANSWER);
  }));

test("reverseProxy() passes an extended CONNECT on as it is, to HTTP/2 (RFC 8441 §4)", () =>
  before(async (scene) => {
    const fields: Field[] = [["connection", "upgrade"], ["upgrade", "websocket"], ["sec-websocket-version", "13"]];
    const asked = ask(scene.dialHttp2(), { authority: "a", path: "/chat", fields });
    const server = scene.server;
    assertEquals(
      await server.until("HEADERS"),
      "HEADERS 1 :method: CONNECT, :protocol: websocket, :scheme: http, :authority: a, :path: /chat, sec-websocket-version: 13, " +
        "via: 2 p",
    );
    await server.send(headers(1, [":status: 200", "x-a: 1"], "open"), data(1, "first"));
    const response = await asked;
    assertEquals([response.status, [...response.fields]], [200, [["x-a", "1"]]]);
    const io = await onUpgrade(response);
    assertEquals(text((await io.read())!), "first");
    await io.write(wire("hello"));
    assertEquals(await server.until("DATA"), "DATA 1 hello");
    io.abort();
    assertEquals(await server.until("RST_STREAM"), "RST_STREAM 1 CANCEL");
  }));

/** Upgrades that extended CONNECT cannot say. */
const unsayable: readonly (readonly [what: string, request: string])[] = [
  ["several protocols", "GET / HTTP/1.1¶Host: a¶Connection: Upgrade¶Upgrade: a, b¶¶"],
  ["another method", "POST / HTTP/1.1¶Host: a¶Connection: Upgrade¶Upgrade: tcp¶Content-Length: 0¶¶"],
  ["a body", "GET / HTTP/1.1¶Host: a¶Connection: Upgrade¶Upgrade: tcp¶Content-Length: 2¶¶hi"],
  [
    "a WebSocket without a key",
    "GET / HTTP/1.1¶Host: a¶Connection: Upgrade¶Upgrade: websocket¶Sec-WebSocket-Version: 13¶¶",
  ],
  ["a WebSocket with a key that is none", WEBSOCKET.replace(KEY, "x")],
];

for (const [what, request] of unsayable) {
  test(`reverseProxy() proposes an upgrade over HTTP/1.1 that extended CONNECT cannot say: ${what}`, () =>
    before(async (scene) => {
      await asks(scene, request);
      const { far } = await scene.connection(0);
      assertMatch(
        await readUntil(far, request.endsWith("hi") ? "hi" : "¶¶"),
        /^(?:GET|POST) \/\S* HTTP\/1\.1¶Host: a¶Connection: Upgrade¶Upgrade: /,
      );
    }));
}

test("reverseProxy() proposes an upgrade over HTTP/1.1 to a server of HTTP/2 that takes none, and everything else over HTTP/2 (RFC 8441 §3)", () =>
  before(async (scene) => {
    const client = await asks(scene, WEBSOCKET);
    const server = await scene.peer(0);
    const { far } = await scene.connection(1);
    assertMatch(await readUntil(far, "¶¶"), /^GET \/chat HTTP\/1\.1¶/);
    await far.write(
      wire(`HTTP/1.1 101 Yes¶Upgrade: websocket¶Connection: Upgrade¶Sec-WebSocket-Accept: ${acceptOf(KEY)}¶¶`),
    );
    assertMatch((await readResponse(client, "GET")).head, /^HTTP\/1\.1 101 Yes¶Upgrade: websocket¶/);
    const asking = scene.ask(GET);
    await server.until("HEADERS 1");
    await answer(server, 1);
    assertEquals(await asking, OK_ANSWER);
    assertEquals(scene.dialed.length, 2);
  }));

test("reverseProxy() passes a cut behind a switch on in both directions: RST and RST_STREAM", {
  skip: runtimeName === "deno" && "Deno has no way to reset a connection",
}, () =>
  before(async (scene) => {
    const server = scene.server;
    for (const [streamId, who] of [[1, "client"], [3, "server"]] as const) {
      const client = await asks(scene, WEBSOCKET);
      await server.until(`HEADERS ${streamId}`);
      await server.send(headers(streamId, OK, "open"));
      await readResponse(client, "GET");
      if (who === "client") {
        client.reset();
        assertEquals(await server.until("RST_STREAM"), "RST_STREAM 1 CANCEL");
      } else {
        await server.send(rstStream(streamId));
        assertEquals(await client.untilEnd(), "reset");
      }
    }
  }));
