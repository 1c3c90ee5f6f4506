import { test } from "node:test";
import { type AddressInfo, createServer, type Socket as NodeSocket } from "node:net";
import { Duplex as NodeDuplex } from "node:stream";
import { assert, assertEquals } from "@std/assert";
import type { Duplex } from "../../src/duplex/duplex.ts";
import { Deferred } from "../../src/duplex/deferred.ts";
import type { Socket } from "../../src/duplex/socket.ts";
import type { ServerConnectionOptions } from "../../src/http1/options.ts";
import { type Handler, serveConnection, type ServerConnection } from "../../src/http1/server_connection.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import * as net from "../../src/net/mod.ts";
import * as node from "../../src/net/node/mod.ts";
import { runtimeMajor, runtimeName, skipUnless } from "../support/runtime.ts";
import { expectText, OK, rawEnd, SWITCHED, UPGRADE } from "../support/switching.ts";
import { readAll, text, wire } from "../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const LAST = "GET / HTTP/1.1¶Host: a¶Connection: close¶¶";
const OK_CLOSE = OK.replace("¶¶", "¶connection: close¶¶");
/** Of Node 20 and 22: `toWeb()` tells of the peer's end only when ours has come as well (nodejs/node#62394). */
const toWebHidesEnd = runtimeName === "node" && runtimeMajor < 24;

/** The text of bytes whose memory goes elsewhere. */
function transferred(bytes: Uint8Array): string {
  return text(structuredClone(bytes, { transfer: [bytes.buffer as ArrayBuffer] }));
}

const ok: Handler = () => ({ status: 200, body: "ok" });

interface Served {
  readonly client: Socket;
  readonly io: Duplex;
  readonly connection: ServerConnection;
}

/** A raw client over TCP on loopback, and a server behind it. */
interface Network {
  readonly over: string;
  serve(handler: Handler, options?: ServerConnectionOptions): Promise<Served>;
}

const networks: readonly Network[] = [{ over: "./net", ...net }, { over: "./node", ...node }].map((network) => ({
  over: network.over,
  async serve(handler, options = {}) {
    const listener = await network.listen({ hostname: "127.0.0.1" });
    const client = network.connect(listener.address);
    const io = (await listener.accept())!;
    await client.opened;
    await listener.close();
    return { client, io, connection: serveConnection(io, handler, { dateHeader: false, ...options }) };
  },
}));

/** A socket of `node:net` as the web streams that Node makes of it. */
const toWeb: Network = {
  over: "Duplex.toWeb()",
  async serve(handler, options = {}) {
    const server = createServer({ allowHalfOpen: true });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const accepted = new Promise<NodeSocket>((resolve) => server.once("connection", resolve));
    const client = node.connect({ hostname: "127.0.0.1", port: (server.address() as AddressInfo).port });
    const io = NodeDuplex.toWeb(await accepted) as Duplex;
    server.close();
    await client.opened;
    return { client, io, connection: serveConnection(io, handler, { dateHeader: false, ...options }) };
  },
};

for (const { over, serve } of [...networks, toWeb]) {
  test(`serveConnection() answers 100 requests that came at once, and then one more, over ${over}`, async () => {
    const { client, connection } = await serve(({ target }) => ({ status: 200, body: target }));
    const targets = Array.from({ length: 100 }, (_, i) => `/${i}`);
    await client.write(wire(targets.map((target) => `GET ${target} HTTP/1.1¶Host: a¶¶`).join("")));
    await expectText(
      client,
      targets.map((target) => `HTTP/1.1 200 OK¶content-length: ${target.length}¶¶${target}`).join(""),
    );
    await client.write(wire(LAST));
    assertEquals(await readAll(client), "HTTP/1.1 200 OK¶content-length: 1¶connection: close¶¶/");
    await client.close();
    assertEquals(await connection.closed, { reason: "shutdown" });
  });

  test(`a body and the first bytes of a new protocol are memory of their own: transferred, they take no other request along, over ${over}`, async () => {
    const waits = new Deferred<void>();
    const first = await serve(async ({ fields }) => {
      await waits.promise;
      return { status: 200, body: fields.get("x-tag") };
    });
    await first.client.write(wire("GET / HTTP/1.1¶Host: a¶X-Tag: ok¶¶"));
    const body = await serve(async (request) => ({ status: 200, body: transferred((await request.body.read())!) }));
    await body.client.write(wire("POST / HTTP/1.1¶Host: a¶Content-Length: 2¶¶ok"));
    await expectText(body.client, OK);
    const speaking = await serve((request) => {
      const { response, upgraded } = upgradeResponse(request, "foobar");
      upgraded.then(async (io) => io.write(wire(transferred((await io.read())!)))).catch(() => {});
      return response;
    });
    await speaking.client.write(wire(`${UPGRADE}early`));
    await expectText(speaking.client, `${SWITCHED}early`);
    waits.resolve();
    await expectText(first.client, OK);
    for (const { client, connection } of [first, body, speaking]) {
      client.abort();
      connection.abort();
    }
  });

  test(`gracefulShutdown() of a connection that waits for a third request ends our side, and takes what the client still sends, over ${over} (RFC 9112 §9.6)`, async () => {
    const { client, connection } = await serve(ok);
    for (let i = 0; i < 2; i++) {
      await client.write(wire(GET));
      await expectText(client, OK);
    }
    const closed = connection.gracefulShutdown();
    if (over === toWeb.over && toWebHidesEnd) await client.closeWrite();
    assertEquals(await client.read(), null);
    if (over !== toWeb.over || !toWebHidesEnd) await client.write(wire("too late"));
    await client.close();
    assertEquals(await closed, { reason: "shutdown" });
  });

  test(`serveConnection() loses no byte of a refusal to a client that sends on and reads late, over ${over} (RFC 9112 §9.6) [C7]`, async () => {
    const { client, connection } = await serve(() => ({ status: 413, fields: [["Connection", "close"]], body: "no" }));
    await client.write(wire("POST / HTTP/1.1¶Host: a¶Content-Length: 900000¶¶"));
    for (let i = 0; i < 9; i++) await client.write(new Uint8Array(100_000));
    assertEquals(
      await readAll(client),
      "HTTP/1.1 413 Content Too Large¶Connection: close¶content-length: 2¶¶no",
    );
    await client.close();
    assertEquals(await connection.closed, { reason: "shutdown" });
  });

  test(`serveConnection() leaves a refusal to a client that sends 20 MB before it reads, over ${over} (RFC 9112 §9.6)`, async () => {
    const { client, connection } = await serve(() => ({ status: 413, body: "no" }));
    await client.write(wire("POST / HTTP/1.1¶Host: a¶Content-Length: 20000000¶¶"));
    for (let i = 0; i < 200; i++) await client.write(new Uint8Array(100_000));
    await expectText(client, "HTTP/1.1 413 Content Too Large¶content-length: 2¶connection: close¶¶no");
    await client.close();
    assertEquals(await connection.closed, { reason: "shutdown" });
  });

  test(`serveConnection() sends all of a large last response, over ${over} [C7]`, async () => {
    const body = new Uint8Array(5_000_000).fill(97);
    const { client, connection } = await serve(() => ({ status: 200, body }));
    await client.write(wire(LAST));
    let taken = 0;
    for (let chunk = await client.read(); chunk !== null; chunk = await client.read()) taken += chunk.length;
    assertEquals(taken, "HTTP/1.1 200 OK\r\ncontent-length: 5000000\r\nconnection: close\r\n\r\n".length + 5_000_000);
    await client.close();
    assertEquals(await connection.closed, { reason: "shutdown" });
  });

  test(`serveConnection() echoes 5 MB while they come, over ${over}`, async () => {
    const { client, connection } = await serve(({ body }) => ({
      status: 200,
      fields: [["Content-Length", "5000000"]],
      body,
    }));
    const sending = (async () => {
      await client.write(wire("POST / HTTP/1.1¶Host: a¶Connection: close¶Content-Length: 5000000¶¶"));
      for (let i = 0; i < 50; i++) await client.write(new Uint8Array(100_000).fill(i));
    })();
    const head = wire("HTTP/1.1 200 OK¶Content-Length: 5000000¶connection: close¶¶");
    let at = 0;
    while (at < head.length + 5_000_000) {
      for (const byte of (await client.read())!) {
        const expected = at < head.length ? head[at] : Math.floor((at - head.length) / 100_000);
        if (byte !== expected) throw new Error(`Byte ${at} is ${byte}`);
        at++;
      }
    }
    await sending;
    assertEquals(await client.read(), null);
    await client.close();
    assertEquals(await connection.closed, { reason: "shutdown" });
  });

  test(`gracefulShutdown() of an idle connection ends our side, and the client's end ends it, over ${over} [C11]`, async () => {
    const { client, connection } = await serve(ok);
    await client.write(wire(GET));
    await expectText(client, OK);
    const closed = connection.gracefulShutdown();
    assertEquals(await client.read(), null);
    await client.close();
    assertEquals(await closed, { reason: "shutdown" });
  });

  test(`headTimeoutMs answers 408 to half a head, over ${over} [C10]`, async () => {
    const { client, connection } = await serve(ok, { headTimeoutMs: 50 });
    await client.write(wire(GET.slice(0, 10)));
    assertEquals(await readAll(client), "HTTP/1.1 408 Request Timeout¶content-length: 0¶connection: close¶¶");
    await client.close();
    assertEquals((await connection.closed).reason, "error");
  });

  const told = skipUnless(
    over !== toWeb.over || !toWebHidesEnd,
    "toWeb() of Node 20 and 22 tells of the peer's end only after ours (nodejs/node#62394)",
  );
  test(`request.signal aborts when the client closes, over ${over}`, told, async () => {
    let asked!: () => void;
    const called = new Promise<void>((resolve) => asked = resolve);
    const { client, connection } = await serve(async ({ signal }) => {
      const gone = new Promise((resolve) => signal.addEventListener("abort", resolve));
      asked();
      await gone;
      return { status: 200 };
    });
    await client.write(wire(GET));
    await called;
    await client.close();
    await connection.closed;
  });

  test(`a client that cuts the connection stops the stream of its response, over ${over}`, async () => {
    let canceled!: (reason: unknown) => void;
    const cancellation = new Promise<unknown>((resolve) => canceled = resolve);
    const { client, connection } = await serve(() => ({
      status: 200,
      body: new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(10_000)),
        cancel: canceled,
      }),
    }));
    await client.write(wire(GET));
    await client.read();
    client.abort();
    assert(await cancellation instanceof Error);
    assertEquals((await connection.closed).reason, "error");
  });

  test(`abort() ends both sides at once, over ${over}`, async () => {
    const { client, connection } = await serve(() => new Promise(() => {}));
    await client.write(wire(GET));
    const reason = new Error("enough");
    connection.abort(reason);
    assertEquals(await readAll(client).catch(() => ""), "");
    assertEquals(await connection.closed, { reason: "error", error: reason });
    await client.close();
  });

  test(`withoutShutdown() gives the transport back unclosed behind the last response, over ${over}`, async () => {
    const { client, connection, io } = await serve(ok);
    const parts = connection.withoutShutdown();
    await client.write(wire(LAST));
    await expectText(client, OK_CLOSE);
    const given = await parts;
    assertEquals([given.io === io, given.readBuf.length, given.ended], [true, 0, false]);
    await expectBothWays(client, io);
  });

  test(`withoutShutdown() gives the transport back unclosed when it was idle, over ${over}`, async () => {
    const { client, connection, io } = await serve(ok);
    const parts = connection.withoutShutdown();
    await client.write(wire(GET));
    await expectText(client, OK);
    await connection.gracefulShutdown();
    assertEquals((await parts).io === io, true);
    await expectBothWays(client, io);
  });
}

async function expectBothWays(client: Socket, io: Duplex): Promise<void> {
  const server = rawEnd(io);
  await client.write(wire("from the client"));
  await expectText(server, "from the client");
  await server.write(wire("from the server"));
  await expectText(client, "from the server");
  await Promise.all([client.closeWrite(), server.closeWrite()]);
  assertEquals([await client.read(), await server.read()], [null, null]);
  await Promise.all([client.close(), server.close()]);
}

for (const { over, serve } of networks) {
  test(`withoutShutdown() gives the transport back while a third request is waited for, and no byte is lost, over ${over}`, async () => {
    const { client, io, connection } = await serve(ok);
    for (let i = 0; i < 2; i++) {
      await client.write(wire(GET));
      await expectText(client, OK);
    }
    const given = connection.withoutShutdown();
    connection.gracefulShutdown();
    const parts = await given;
    assertEquals([parts.io === io, parts.readBuf.length, parts.ended], [true, 0, false]);
    await client.write(wire("something else"));
    await expectText(io as Socket, "something else");
    await client.close();
    await (io as Socket).close();
  });

  test(`serveConnection() tells of a client that cuts the connection while a third request is waited for, over ${over}`, async () => {
    const { client, connection } = await serve(ok);
    for (let i = 0; i < 2; i++) {
      await client.write(wire(GET));
      await expectText(client, OK);
    }
    client.abort();
    // Deno's sockets cannot reset: that is an end.
    assertEquals((await connection.closed).reason, over === "./net" && runtimeName === "deno" ? "eof" : "error");
  });
}
