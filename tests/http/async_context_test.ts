/**
 * In which async context (`AsyncLocalStorage`) callbacks run: those that are kept in the one in which they were handed
 * over, and those that serve one call in the one of that call.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { inThisContext } from "../../src/duplex/async_context.ts";
import { handshake } from "../../src/http1/client_connection.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { Client } from "../../src/http/client/client.ts";
import { serve } from "../../src/http/server/serve.ts";
import type { ServeHandler, ServeOptions } from "../../src/http/server/serve_options.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import { tunnel } from "../../src/proxy/tunnel.ts";
import { connect, listen } from "../../src/net/mod.ts";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";
import { WebSocket } from "../../src/websocket/web_socket.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import { expectText, OK } from "../support/switching.ts";
import { readAll, turns, wire } from "../support/wire.ts";

const context: AsyncLocalStorage<string> = new AsyncLocalStorage();

/** What was called, and in which context. */
class Calls {
  readonly seen: string[] = [];

  note(what: string): void {
    this.seen.push(`${what}: ${context.getStore() ?? "lost"}`);
  }
}

/** A server that was started in the context "serve". */
async function served(handler: ServeHandler, options: ServeOptions = {}) {
  const server = context.run(
    "serve",
    () => serve({ hostname: "127.0.0.1", port: 0, onError() {}, ...options }, handler),
  );
  const [address] = await server.listening;
  return { server, port: address?.port ?? 0 };
}

test("inThisContext() calls back in the context in which it was called, and gives what comes of it", async () => {
  const keep = (answer: (word: string) => string | Promise<string>) =>
    context.run("kept", () => inThisContext((word: string) => answer(`${word} ${context.getStore()}`)));
  assertEquals(await context.run("other", () => keep((word) => word)("hello")), "hello kept");
  assertEquals(await keep((word) => Promise.resolve(word))("hello"), "hello kept");
  const failure = new Error("out of order");
  const failing = keep(() => {
    throw failure;
  });
  assertEquals(await failing("hello").catch((error) => error), failure);
});

test("the handler of serveConnection() runs in the context of that call, for every request of a socket", async () => {
  const calls = new Calls();
  const listener = await listen({ hostname: "127.0.0.1" });
  const client = connect(listener.address);
  const socket = (await listener.accept())!;
  const connection = context.run("connection", () =>
    serveConnection(socket, () => {
      calls.note("handler");
      return { status: 200, body: "ok" };
    }, { dateHeader: false }));
  for (let i = 0; i < 3; i++) {
    await client.write(wire("GET / HTTP/1.1¶Host: a¶¶"));
    await expectText(client, OK);
  }
  await client.close();
  assertEquals(await connection.closed, { reason: "eof" });
  await listener.close();
  assertEquals(calls.seen, Array(3).fill("handler: connection"));
});

test("the callback of upgradeResponse() runs in the context of the handler, whichever middleware is around it", async () => {
  const calls = new Calls();
  const { server, port } = await served((request) => {
    calls.note("handler");
    return context.run("middleware", async () => {
      await turns();
      return upgradeResponse(request, "echo", {}, async (io) => {
        calls.note("switched");
        await io.write(wire("hello"));
        calls.note("later");
        await io.close();
      }).response;
    });
  });
  const client = new Client();
  for (let i = 0; i < 2; i++) {
    const io = await client.upgrade(`http://127.0.0.1:${port}/`, { protocol: "echo" });
    assertEquals(await new Response(io.readable).text(), "hello");
    await io.close();
  }
  await client.close();
  await server.shutdown();
  const once = ["handler: serve", "switched: middleware", "later: middleware"];
  assertEquals(calls.seen, [...once, ...once]);
});

test("the callback of connectResponse() runs in the context of the hook", async () => {
  const calls = new Calls();
  const { server, port } = await served(() => new Response("no"), {
    connect(request) {
      calls.note("connect");
      return context.run(`hook ${request.hostname}`, () =>
        connectResponse(request, {}, async (io) => {
          calls.note("switched");
          await io.close();
        }).response);
    },
  });
  const client = new Client({ proxy: `http://127.0.0.1:${port}` });
  for (const host of ["a", "b"]) await (await client.connect(`${host}:1`)).close();
  await client.close();
  await server.shutdown();
  assertEquals(calls.seen, ["connect: serve", "switched: hook a", "connect: serve", "switched: hook b"]);
});

test("onOpen of upgradeWebSocket() runs in the context of the handler, and so does what it waits for", async () => {
  const calls = new Calls();
  const { server, port } = await served((request) =>
    context.run(new URL(request.url).pathname, () =>
      upgradeWebSocket(request, {}, async (socket) => {
        calls.note("open");
        for await (const message of socket) {
          calls.note(`message ${message}`);
          await socket.write(message);
        }
        calls.note("end");
      }).response)
  );
  for (const path of ["/a", "/b"]) {
    const io = await new WebSocketStream(`ws://127.0.0.1:${port}${path}`).opened;
    await io.write("hello");
    await io.read();
    await io.close();
  }
  await server.shutdown();
  const once = (path: string) => [`open: ${path}`, `message hello: ${path}`, `end: ${path}`];
  assertEquals(calls.seen, [...once("/a"), ...once("/b")]);
});

test("what setTrailers() was given runs in the context in which that happened", async () => {
  const calls = new Calls();
  const { server, port } = await served((_request, info) => {
    context.run("middleware", () =>
      info.setTrailers(() => {
        calls.note("trailers");
        return [["X-Sum", "7"]];
      }));
    return new Response("hello", { headers: { trailer: "X-Sum" } });
  });
  const client = new Client();
  const response = await client.fetch(`http://127.0.0.1:${port}/`, { headers: { te: "trailers", connection: "te" } });
  assertEquals(await response.text(), "hello");
  assertEquals([...await response.trailers], [["x-sum", "7"]]);
  await client.close();
  await server.shutdown();
  assertEquals(calls.seen, ["trailers: middleware"]);
});

test("handler and hooks of serve() run in the context of serve(), request after request", async () => {
  const calls = new Calls();
  const { server, port } = await served(async (request) => {
    calls.note("handler");
    if (new URL(request.url).pathname === "/fail") throw new Error("out of order");
    return await context.run("middleware", async () => {
      await turns();
      return new Response("ok");
    });
  }, {
    onResponse: () => calls.note("onResponse"),
    onError: () => {
      calls.note("onError");
      return new Response("failed", { status: 500 });
    },
  });
  const client = new Client();
  for (const path of ["/", "/fail", "/"]) {
    await context.run("client", async () => await (await client.fetch(`http://127.0.0.1:${port}${path}`)).text());
  }
  await client.close();
  await server.shutdown();
  const answered = ["handler: serve", "onResponse: serve"];
  assertEquals(calls.seen, [...answered, "handler: serve", "onError: serve", "onResponse: serve", ...answered]);
});

test("hooks of a client run in the context of the call that they serve, also where calls wait for each other", async () => {
  const calls = new Calls();
  const { server, port } = await served(() => new Response("ok", { headers: { connection: "close" } }));
  const client = context.run("new Client", () =>
    new Client({
      maxConnectionsPerOrigin: 1,
      proxy: () => {
        calls.note("proxy");
        return null;
      },
      dial: (address) => {
        calls.note("dial");
        return connect(address);
      },
    }));
  const fetches = ["one", "two", "three"].map((name) =>
    context.run(name, async () => {
      const body = async function* () {
        calls.note("body");
        yield wire("a");
        await turns();
        calls.note("body");
        yield wire("b");
      };
      const response = await client.fetch(`http://127.0.0.1:${port}/`, { method: "POST", body: body() });
      await response.text();
      assertEquals(context.getStore(), name);
    })
  );
  await Promise.all(fetches);
  await client.close();
  await server.shutdown();
  const expected = ["one", "two", "three"].flatMap((name) =>
    ["proxy", "dial", "body", "body"].map((what) => `${what}: ${name}`)
  );
  assertEquals(calls.seen.toSorted(), expected.toSorted());
});

test("callbacks of sender.send() run in the context of the call, on a connection that others have used", async () => {
  const calls = new Calls();
  const [near, far] = duplexPair();
  context.run("serveConnection", () =>
    serveConnection(far, async (request) => {
      calls.note("handler");
      await request.sendInformational(103, []);
      return { status: 200, body: await request.body.text() };
    }, { onResponse: () => calls.note("onResponse") }));
  const { sender, connection } = context.run("handshake", () => handshake(near));
  for (const name of ["one", "two"]) {
    await context.run(name, async () => {
      const request = {
        method: "POST",
        target: "/",
        fields: [["Host", "a"], ["Trailer", "X-Sum"], ["Transfer-Encoding", "chunked"]] as [string, string][],
        body: "hello",
        trailers: () => {
          calls.note("trailers");
          return [["X-Sum", "7"]] as [string, string][];
        },
      };
      const response = await sender.send(request, { onInformational: () => calls.note("onInformational") });
      assertEquals([await response.body.text(), context.getStore()], ["hello", name]);
    });
  }
  await connection.gracefulShutdown();
  const server = ["handler: serveConnection", "onResponse: serveConnection"];
  const expected = ["one", "two"].flatMap((name) => [`trailers: ${name}`, `onInformational: ${name}`, ...server]);
  assertEquals(calls.seen.toSorted(), expected.toSorted());
});

test("events of a WebSocket come in the context in which it was made, and onBytes in that of tunnel()", async () => {
  const calls = new Calls();
  const { server, port } = await served((request) =>
    context.run("handler", () => {
      const { response, socket } = upgradeWebSocket(request);
      const events = new WebSocket(request.url, { socket });
      events.onmessage = ({ data }) => {
        calls.note("server message");
        events.send(data);
      };
      return response;
    })
  );
  const events = context.run("new WebSocket", () => new WebSocket(`ws://127.0.0.1:${port}/`));
  await new Promise<void>((resolve) => {
    events.onopen = () => {
      calls.note("open");
      events.send("hello");
    };
    events.onmessage = () => {
      calls.note("message");
      events.close();
    };
    events.onclose = () => {
      calls.note("close");
      resolve();
    };
  });
  await server.shutdown({ upgraded: "close" });
  assertEquals(calls.seen.splice(0), [
    "open: new WebSocket",
    "server message: handler",
    "message: new WebSocket",
    "close: new WebSocket",
  ]);

  const [a, b] = [duplexPair(), duplexPair()];
  const copying = context.run("tunnel", () => tunnel(a[1], b[1], { onBytes: () => calls.note("onBytes") }));
  await a[0].write(wire("hello"));
  await a[0].closeWrite();
  assertEquals(await readAll(b[0]), "hello");
  await b[0].closeWrite();
  await copying;
  assertEquals([...new Set(calls.seen)], ["onBytes: tunnel"]);
});
