import { test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Deferred } from "../../../src/duplex/deferred.ts";
import { LightResponse } from "../../../src/http1/light_response.ts";
import type { Server, ServerStats } from "../../../src/http/server/serve_options.ts";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import type { Upgraded } from "../../../src/http1/upgraded.ts";
import { authority, serverCert, serverKey } from "../../support/certificates.ts";
import { dial, listening, say } from "../../support/http_server.ts";
import { readAll, readUntil, turns, wire } from "../../support/wire.ts";

const NOTHING = { open: 0, opening: 0, idle: 0, active: 0, upgraded: 0, requests: 0 };

/** All but the bytes. */
function counts(server: Server): Partial<ServerStats> {
  const { receivedBytes: _, sentBytes: __, ...counts } = server.stats();
  return counts;
}

function bytes(server: Server): readonly [received: number, sent: number] {
  const { receivedBytes, sentBytes } = server.stats();
  return [receivedBytes, sentBytes];
}

test("server.stats() tells connections that are idle, active and upgraded, and all requests so far", async () => {
  const answered = new Deferred<void>();
  const counted = new Deferred<void>();
  const onSwitched = (io: Upgraded) => counted.promise.then(() => io.close());
  const { server, port } = await listening(async (request) => {
    if (request.headers.has("upgrade")) return upgradeResponse(request, "echo", {}, onSwitched).response;
    if (request.url.endsWith("/slow")) await answered.promise;
    return LightResponse.of("hello");
  });
  assertEquals(counts(server), NOTHING);

  const socket = dial(port);
  await socket.opened;
  while (server.connections === 0) await turns();
  assertEquals(counts(server), { ...NOTHING, open: 1, idle: 1 });

  await socket.write(wire("GET /slow HTTP/1.1¶Host: a¶¶"));
  while (server.stats().requests === 0) await turns();
  assertEquals(counts(server), { ...NOTHING, open: 1, active: 1, requests: 1 });

  answered.resolve();
  await readUntil(socket, (soFar) => soFar.endsWith("hello"));
  while (server.stats().active > 0) await turns();
  assertEquals(counts(server), { ...NOTHING, open: 1, idle: 1, requests: 1 });

  assertStringIncludes(await say(port, "GET / HTTP/1.1¶Host: a¶Connection: close¶¶"), "hello");
  while (server.connections > 1) await turns();
  assertEquals(counts(server), { ...NOTHING, open: 1, idle: 1, requests: 2 });

  await socket.write(wire("GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶"));
  await readUntil(socket, (soFar) => soFar.endsWith("¶¶"));
  while (server.stats().upgraded === 0) await turns();
  assertEquals(counts(server), { ...NOTHING, open: 1, upgraded: 1, requests: 3 });

  counted.resolve();
  assertEquals(await readAll(socket), "");
  await socket.close();
  await server.shutdown();
  assertEquals(counts(server), { ...NOTHING, requests: 3 });
});

test("server.stats() tells connections that are in their TLS handshake", async () => {
  const { server, port } = await listening(() => new Response(), { tls: { cert: serverCert, key: serverKey } });
  const socket = dial(port);
  await socket.write(wire("\x16")); // the first byte of a record, and no more
  while (server.connections === 0) await turns();
  assertEquals(counts(server), { ...NOTHING, open: 1, opening: 1 });
  await server.shutdown();
  assertEquals(counts(server), NOTHING);
  socket.abort();
});

test("server.stats() counts bytes of connections that are open, over, upgraded and taken over", async () => {
  const request = wire("GET / HTTP/1.1¶Host: a¶¶");
  const upgrade = wire("GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶early");
  const { server, port } = await listening(async (request, info) => {
    if (request.headers.has("upgrade")) {
      return upgradeResponse(request, "echo", {}, async (io) => {
        assertEquals((await io.read())?.length, 5);
        await io.write(new Uint8Array(70_000));
        assertEquals((await io.read())?.length, 3);
        await io.close();
      }).response;
    }
    if (request.url.endsWith("/taken")) {
      await ((await info.takeOver()).io as unknown as { close(): Promise<void> }).close();
    }
    return LightResponse.of("hello");
  });
  assertEquals(bytes(server), [0, 0]);

  const socket = dial(port);
  await socket.write(request);
  let answered = (await readUntil(socket, (soFar) => soFar.endsWith("hello"))).replaceAll("¶", "\r\n").length;
  while (server.stats().active > 0) await turns();
  assertEquals(bytes(server), [request.length, answered]);

  await socket.write(upgrade);
  let received = request.length + upgrade.length;
  const isWhole = (soFar: string) => /¶¶\0{70000}$/.test(soFar);
  answered += (await readUntil(socket, isWhole)).replaceAll("¶", "\r\n").length;
  assertEquals(bytes(server), [received, answered]);
  await socket.write(new Uint8Array(3));
  received += 3;
  await readAll(socket);
  await socket.close();
  while (server.connections > 0) await turns();
  assertEquals(bytes(server), [received, answered]);

  const taken = "GET /taken HTTP/1.1¶Host: a¶¶";
  assertEquals(await say(port, taken), "");
  while (server.connections > 0) await turns();
  assertEquals(bytes(server), [received + wire(taken).length, answered]);
  await server.shutdown();
  assertEquals(bytes(server), [received + wire(taken).length, answered]);
});

test("server.stats() counts bytes above TLS", async () => {
  const { server, port } = await listening(() => LightResponse.of("hello"), {
    tls: { cert: serverCert, key: serverKey },
  });
  const socket = dial(port).startTls({ caCerts: [authority], serverName: "localhost" });
  const request = wire("GET / HTTP/1.1¶Host: a¶Connection: close¶¶");
  await socket.write(request);
  const answered = (await readAll(socket)).replaceAll("¶", "\r\n").length;
  await socket.close();
  await server.shutdown();
  assertEquals(bytes(server), [request.length, answered]);
});
