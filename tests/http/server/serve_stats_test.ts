import { test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Deferred } from "../../../src/duplex/deferred.ts";
import { LightResponse } from "../../../src/http1/light_response.ts";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import type { Upgraded } from "../../../src/http1/upgraded.ts";
import { serverCert, serverKey } from "../../support/certificates.ts";
import { dial, listening, say } from "../../support/http_server.ts";
import { readAll, readUntil, turns, wire } from "../../support/wire.ts";

const NOTHING = { open: 0, opening: 0, idle: 0, active: 0, upgraded: 0, requests: 0 };

test("server.stats() tells connections that are idle, active and upgraded, and all requests so far", async () => {
  const answered = new Deferred<void>();
  const counted = new Deferred<void>();
  const onSwitched = (io: Upgraded) => counted.promise.then(() => io.close());
  const { server, port } = await listening(async (request) => {
    if (request.headers.has("upgrade")) return upgradeResponse(request, "echo", {}, onSwitched).response;
    if (request.url.endsWith("/slow")) await answered.promise;
    return LightResponse.of("hello");
  });
  assertEquals(server.stats(), NOTHING);

  const socket = dial(port);
  await socket.opened;
  while (server.connections === 0) await turns();
  assertEquals(server.stats(), { ...NOTHING, open: 1, idle: 1 });

  await socket.write(wire("GET /slow HTTP/1.1¶Host: a¶¶"));
  while (server.stats().requests === 0) await turns();
  assertEquals(server.stats(), { ...NOTHING, open: 1, active: 1, requests: 1 });

  answered.resolve();
  await readUntil(socket, (soFar) => soFar.endsWith("hello"));
  while (server.stats().active > 0) await turns();
  assertEquals(server.stats(), { ...NOTHING, open: 1, idle: 1, requests: 1 });

  assertStringIncludes(await say(port, "GET / HTTP/1.1¶Host: a¶Connection: close¶¶"), "hello");
  while (server.connections > 1) await turns();
  assertEquals(server.stats(), { ...NOTHING, open: 1, idle: 1, requests: 2 });

  await socket.write(wire("GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶"));
  await readUntil(socket, (soFar) => soFar.endsWith("¶¶"));
  while (server.stats().upgraded === 0) await turns();
  assertEquals(server.stats(), { ...NOTHING, open: 1, upgraded: 1, requests: 3 });

  counted.resolve();
  assertEquals(await readAll(socket), "");
  await socket.close();
  await server.shutdown();
  assertEquals(server.stats(), { ...NOTHING, requests: 3 });
});

test("server.stats() tells connections that are in their TLS handshake", async () => {
  const { server, port } = await listening(() => new Response(), { tls: { cert: serverCert, key: serverKey } });
  const socket = dial(port);
  await socket.write(wire("\x16")); // the first byte of a record, and no more
  while (server.connections === 0) await turns();
  assertEquals(server.stats(), { ...NOTHING, open: 1, opening: 1 });
  await server.shutdown();
  assertEquals(server.stats(), NOTHING);
  socket.abort();
});
