/**
 * Our client against `node:http`, a server that nobody here wrote, over real sockets: each runtime's own.
 */

import { test } from "node:test";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect as connectNode } from "node:net";
import { Duplex as NodeDuplex, type Duplex as NodeStream } from "node:stream";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { type ClientHandshake, handshake } from "../../src/http1/client_connection.ts";
import { UnsentError } from "../../src/errors/unsent_error.ts";
import type { ClientConnectionOptions } from "../../src/http1/options.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import type { Duplex } from "../../src/duplex/duplex.ts";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import * as net from "../../src/net/mod.ts";
import * as node from "../../src/net/node/mod.ts";
import { runtimeName, skipUnless } from "../support/runtime.ts";
import { rejection, streamOf } from "../support/client.ts";
import { expectText } from "../support/switching.ts";
import { readAll, text, wire } from "../support/wire.ts";

interface Door {
  readonly door: string;
  /** Only Node's own streams know the way. */
  readonly nodeOnly: boolean;
  open(port: number): Duplex;
}

const doors: readonly Door[] = [
  { door: "./net", nodeOnly: false, open: (port) => net.connect({ hostname: "127.0.0.1", port }) },
  { door: "./node", nodeOnly: false, open: (port) => node.connect({ hostname: "127.0.0.1", port }) },
  {
    door: "Duplex.toWeb()",
    nodeOnly: true,
    // Not half-open: on Node 20 and 22 its readable stream would not end before the writable one (nodejs/node#62394).
    open: (port) => NodeDuplex.toWeb(connectNode(port, "127.0.0.1")) as unknown as Duplex,
  },
];

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

interface Peer extends ClientHandshake {
  readonly server: Server;
}

/** Runs `use` with a client of ours and a server of theirs. */
async function withPeer(
  door: Door,
  configure: (server: Server) => void,
  use: (peer: Peer) => Promise<void>,
  options: ClientConnectionOptions = {},
): Promise<void> {
  const server = createServer();
  configure(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const peer = { ...handshake(door.open(port), options), server };
  try {
    await use(peer);
  } finally {
    peer.connection.abort();
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

/** A test over every door. */
function testOverDoors(name: string, run: (door: Door) => Promise<void>): void {
  for (const door of doors) {
    const options = skipUnless(!door.nodeOnly || runtimeName === "node", "Duplex.toWeb() is Node's");
    test(`${name}, over ${door.door}`, options, () => run(door));
  }
}

async function bodyOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  let all = "";
  for await (const chunk of stream) all += text(chunk);
  return all;
}

const echo: Listener = async (request, response) => {
  const body = await bodyOf(request);
  response.setHeader("x-method", request.method ?? "");
  response.setHeader("x-target", request.url ?? "");
  response.setHeader("x-framing", `${request.headers["content-length"] ?? request.headers["transfer-encoding"] ?? ""}`);
  response.end(body);
};

const HOST: [string, string] = ["Host", "a"];

testOverDoors("node:http answers many requests on one connection", (door) => {
  const ports = new Set<number | undefined>();
  return withPeer(door, (server) =>
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      ports.add(request.socket.remotePort);
      echo(request, response);
    }), async ({ sender, connection }) => {
    for (let i = 0; i < 50; i++) {
      const response = await sender.send({ method: "PUT", target: `/${i}?q`, fields: [HOST], body: `body ${i}` });
      assertEquals(response.status, 200);
      assertEquals(response.fields.get("x-target"), `/${i}?q`);
      assertEquals(await response.body.text(), `body ${i}`);
      assert(sender.isReady);
    }
    assertEquals(ports.size, 1);
    assertEquals(await connection.gracefulShutdown(), { reason: "shutdown" });
  });
});

testOverDoors(
  "node:http takes and sends chunks",
  (door) =>
    withPeer(door, (server) =>
      server.on("request", (_: IncomingMessage, response: ServerResponse) => {
        response.write("<");
        bodyOf(_).then((body) => {
          response.write(body);
          response.end(">");
        });
      }), async ({ sender }) => {
      const request = { method: "POST", target: "/", fields: [HOST], body: streamOf("foo", "bar", "baz") };
      const response = await sender.send(request);
      assertEquals(response.body.framing, { type: "chunked" });
      assertEquals(await response.body.text(), "<foobarbaz>");
      await sender.ready();
    }),
);

testOverDoors(
  "node:http sees the framing that we chose",
  (door) =>
    withPeer(door, (server) => server.on("request", echo), async ({ sender }) => {
      const framings: readonly (readonly [Parameters<typeof sender.send>[0], string])[] = [
        [{ method: "GET", target: "/" }, ""],
        [{ method: "POST", target: "/", body: "five!" }, "5"],
        [{ method: "POST", target: "/", body: "" }, "0"],
        [{ method: "POST", target: "/", body: streamOf("x") }, "chunked"],
        [{ method: "GET", target: "/", body: "five!" }, "5"],
      ];
      for (const [request, framing] of framings) {
        const response = await sender.send({ ...request, fields: [HOST] });
        assertEquals(response.fields.get("x-framing"), framing);
        await response.body.text();
      }
    }),
);

testOverDoors(
  "node:http echoes 8 MiB, both ways at once",
  (door) =>
    withPeer(
      door,
      (server) =>
        server.on("request", (request: IncomingMessage, response: ServerResponse) => void request.pipe(response)),
      async ({ sender }) => {
        const total = 8 * 1_048_576;
        const chunk = new Uint8Array(65_536).fill(0x61);
        let left = total;
        const body = new ReadableStream<Uint8Array>({
          pull(controller): void {
            if (left === 0) return controller.close();
            left -= chunk.length;
            controller.enqueue(chunk);
          },
        }, { highWaterMark: 0 });
        const response = await sender.send({ method: "POST", target: "/", fields: [HOST], body });
        let received = 0;
        for await (const part of response.body) received += part.length;
        assertEquals(received, total);
        await sender.ready();
      },
    ),
);

testOverDoors(
  "node:http answers HEAD, 204 and 304 without a body, and goes on",
  (door) =>
    withPeer(door, (server) =>
      server.on("request", (request: IncomingMessage, response: ServerResponse) => {
        response.statusCode = Number(request.url!.slice(1));
        if (response.statusCode === 200) response.setHeader("content-length", "5");
        response.end(response.statusCode === 200 ? "hello" : undefined);
      }), async ({ sender }) => {
      for (const [method, status] of [["HEAD", 200], ["GET", 204], ["GET", 304], ["GET", 200]] as const) {
        const response = await sender.send({ method, target: `/${status}`, fields: [HOST] });
        assertEquals(response.status, status);
        assertEquals(await response.body.text(), method === "GET" && status === 200 ? "hello" : "");
        assert(sender.isReady);
      }
    }),
);

testOverDoors(
  "node:http carries trailers both ways",
  (door) =>
    withPeer(door, (server) =>
      server.on("request", (request: IncomingMessage, response: ServerResponse) => {
        response.setHeader("Trailer", "echo");
        bodyOf(request).then((body) => {
          response.write(body);
          response.addTrailers({ echo: `${request.trailers.sum}` });
          response.end();
        });
      }), async ({ sender }) => {
      const response = await sender.send({
        method: "POST",
        target: "/",
        fields: [HOST, ["Trailer", "sum"], ["TE", "trailers"], ["Connection", "TE"]],
        body: streamOf("hello"),
        trailers: [["sum", "42"]],
      });
      assertEquals(await response.body.text(), "hello");
      assertEquals([...await response.body.trailers], [["echo", "42"]]);
    }),
);

testOverDoors(
  "node:http sends a 100, and the body follows",
  (door) =>
    withPeer(door, (server) => server.on("request", echo), async ({ sender }) => {
      const seen: number[] = [];
      const response = await sender.send({
        method: "POST",
        target: "/",
        fields: [HOST, ["Expect", "100-continue"]],
        body: streamOf("hello"),
      }, { onInformational: ({ status }) => void seen.push(status) });
      assertEquals(await response.body.text(), "hello");
      assertEquals(seen, [100]);
      await sender.ready();
    }, { continueTimeoutMs: 20_000 }),
);

testOverDoors(
  "node:http refuses an expectation with a final response, and no body follows",
  (door) =>
    withPeer(door, (server) =>
      server.on("checkContinue", (_: IncomingMessage, response: ServerResponse) => {
        response.statusCode = 413;
        response.end("too large");
      }), async ({ sender, connection }) => {
      let pulled = false;
      const body = new ReadableStream<Uint8Array>({ pull: () => void (pulled = true) }, { highWaterMark: 0 });
      const response = await sender.send({
        method: "POST",
        target: "/",
        fields: [HOST, ["Expect", "100-continue"]],
        body,
      });
      assertEquals(response.status, 413);
      assertEquals(await response.body.text(), "too large");
      assertEquals((await connection.closed).reason, "shutdown");
      assert(!pulled);
    }, { continueTimeoutMs: 20_000 }),
);

testOverDoors(
  "node:http sends early hints and processing before its answer",
  (door) =>
    withPeer(door, (server) =>
      server.on("request", (_: IncomingMessage, response: ServerResponse) => {
        response.writeProcessing();
        response.writeEarlyHints({ link: "</a.css>; rel=preload" }, () => response.end("done"));
      }), async ({ sender }) => {
      const seen: [number, string | null][] = [];
      const response = await sender.send({ method: "GET", target: "/", fields: [HOST] }, {
        onInformational: ({ status, fields }) => void seen.push([status, fields.get("link")]),
      });
      assertEquals(await response.body.text(), "done");
      assertEquals(seen, [[102, null], [103, "</a.css>; rel=preload"]]);
      assert(sender.isReady);
    }),
);

testOverDoors(
  "node:http answers early and closes: the answer is delivered",
  (door) =>
    withPeer(door, (server) =>
      server.on("request", (_: IncomingMessage, response: ServerResponse) => {
        response.writeHead(413, { connection: "close" });
        response.end("too large");
      }), async ({ sender, connection }) => {
      let canceled = false;
      const chunk = new Uint8Array(65_536);
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(chunk),
        cancel: () => void (canceled = true),
      }, { highWaterMark: 0 });
      const response = await sender.send({ method: "POST", target: "/", fields: [HOST], body });
      assertEquals(response.status, 413);
      assertEquals(await response.body.text(), "too large");
      await connection.closed;
      assert(canceled);
    }),
);

testOverDoors("node:http cuts a response short: its body fails", (door) => {
  let cut!: () => void;
  return withPeer(door, (server) =>
    server.on("request", (_: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, { "content-length": "100" });
      response.write("hello");
      cut = () => void response.destroy();
    }), async ({ sender, connection }) => {
    const { body } = await sender.send({ method: "GET", target: "/", fields: [HOST] });
    assertEquals(text((await body.read())!), "hello");
    cut();
    const error = await rejection(body.read());
    assert(error instanceof ProtocolError ? error.code === "truncated" : error instanceof TransportError, `${error}`);
    assertEquals(await connection.closed, { reason: "error", error });
  });
});

testOverDoors("node:http ends an idle connection: requests are handed back", (door) =>
  withPeer(door, (server) => {
    server.keepAliveTimeout = 50;
    Object.assign(server, { keepAliveTimeoutBuffer: 0 });
    server.on("request", echo);
  }, async ({ sender, connection }) => {
    const request = { method: "GET", target: "/", fields: [HOST] };
    await (await sender.send(request)).body.text();
    assertEquals(await connection.closed, { reason: "eof" });
    const error = await rejection(sender.send(request));
    assertInstanceOf(error, UnsentError);
    assertStrictEquals(error.request, request);
  }));

testOverDoors("node:http sees a request that is aborted", (door) => {
  let gone!: () => void;
  const left = new Promise<void>((resolve) => gone = resolve);
  const abort = new AbortController();
  return withPeer(door, (server) =>
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      response.on("close", gone);
      request.on("error", () => {});
      request.resume();
      abort.abort(new Error("enough"));
    }), async ({ sender, connection }) => {
    const sending = sender.send({ method: "GET", target: "/", fields: [HOST] }, { signal: abort.signal });
    assertStrictEquals(await rejection(sending), abort.signal.reason);
    assertEquals(await connection.closed, { reason: "error", error: abort.signal.reason });
    await left;
  });
});

testOverDoors(
  "node:http answers HTTP/1.0 and closes",
  (door) =>
    withPeer(door, (server) => server.on("request", echo), async ({ sender, connection }) => {
      const response = await sender.send({
        method: "POST",
        target: "/",
        version: "1.0",
        fields: [HOST],
        body: "hello",
      });
      assertEquals(await response.body.text(), "hello");
      assert(["shutdown", "eof"].includes((await connection.closed).reason));
    }),
);

const UPGRADE: [string, string][] = [HOST, ["Connection", "Upgrade"], ["Upgrade", "echo"]];
const SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";

/** Speaks in both directions behind a switch, and ends both. */
async function speak(
  peer: Peer,
  head: string,
  request: { method: string; target: string; fields: [string, string][] },
) {
  const theirs = new Promise<NodeStream>((resolve) => {
    const take = (_: IncomingMessage, socket: NodeStream) => {
      socket.write(head, "latin1");
      resolve(socket);
    };
    peer.server.on("upgrade", take);
    peer.server.on("connect", take);
  });
  const response = await peer.sender.send(request);
  const socket = await theirs;
  const upgraded = await onUpgrade(response);
  assertEquals(await peer.connection.closed, { reason: "upgrade" });
  await expectText(upgraded, "ready");
  const heard = new Promise<string>((resolve) => {
    let all = "";
    socket.on("data", (chunk: Uint8Array) => {
      all += text(chunk);
      if (all === "foo=bar") resolve(all);
    });
  });
  await upgraded.write(wire("foo=bar"));
  assertEquals(await heard, "foo=bar");
  socket.end("bar=foo");
  assertEquals(await readAll(upgraded), "bar=foo");
  await upgraded.close();
  return { response, upgraded };
}

testOverDoors(
  "node:http accepts an upgrade, with bytes right behind the 101",
  (door) =>
    withPeer(door, () => {}, async (peer) => {
      const { response, upgraded } = await speak(peer, `${SWITCHING}ready`, {
        method: "GET",
        target: "/",
        fields: UPGRADE,
      });
      assertEquals(response.status, 101);
      assertEquals(upgraded.protocol, "echo");
    }),
);

testOverDoors(
  "node:http opens a tunnel, with bytes right behind the 200",
  (door) =>
    withPeer(door, () => {}, async (peer) => {
      const { response, upgraded } = await speak(peer, "HTTP/1.1 200 Connection Established\r\n\r\nready", {
        method: "CONNECT",
        target: "example.com:443",
        fields: [["Host", "example.com:443"]],
      });
      assertEquals(response.reason, "Connection Established");
      assertEquals(upgraded.protocol, null);
    }),
);

testOverDoors("node:http gets bytes that we send right behind a switch", (door) => {
  let hear!: (said: Promise<string>) => void;
  const heard = new Promise<string>((resolve) => hear = resolve);
  return withPeer(door, (server) =>
    server.on("upgrade", (_: IncomingMessage, socket: NodeStream, head: Uint8Array) => {
      // Half-open: since Node 24.22 the end of a `for await` no longer ends the other side as well (nodejs/node#64275).
      hear(bodyOf(socket).then((rest) => text(head) + rest).finally(() => socket.end()));
      socket.write(SWITCHING);
    }), async ({ sender }) => {
    const upgraded = await onUpgrade(await sender.send({ method: "GET", target: "/", fields: UPGRADE }));
    await upgraded.write(wire("at once"));
    await upgraded.closeWrite();
    assertEquals(await heard, "at once");
    await upgraded.close();
  });
});

testOverDoors(
  "node:http that ignores an upgrade answers, and the connection goes on",
  (door) =>
    withPeer(door, (server) => server.on("request", echo), async ({ sender }) => {
      for (let i = 0; i < 2; i++) {
        const response = await sender.send({ method: "GET", target: "/", fields: UPGRADE });
        assertEquals(response.status, 200);
        const error = await rejection(onUpgrade(response));
        assertInstanceOf(error, UpgradeRejected);
        assertEquals([error.code, error.status], ["refused", 200]);
        await response.body.text();
        await sender.ready();
      }
    }),
);

testOverDoors(
  "node:http that refuses a tunnel is heard out",
  (door) =>
    withPeer(door, (server) =>
      server.on("connect", (_: IncomingMessage, socket: NodeStream) => {
        socket.on("error", () => {});
        socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno");
      }), async ({ sender }) => {
      const response = await sender.send({ method: "CONNECT", target: "a:443", fields: [["Host", "a:443"]] });
      assertEquals(response.status, 407);
      assertEquals(await response.body.text(), "no");
      assertInstanceOf(await rejection(onUpgrade(response)), UpgradeRejected);
    }),
);
