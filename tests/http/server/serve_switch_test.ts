import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { UpgradeRejected } from "../../../src/errors/upgrade_rejected.ts";
import type { Upgraded } from "../../../src/http1/upgraded.ts";
import { offeredProtocols, wantsUpgrade } from "../../../src/http1/proposing.ts";
import { connectResponse, upgradeResponse } from "../../../src/http1/switch.ts";
import { onUpgrade } from "../../../src/http1/upgrade.ts";
import { dial, listening, say } from "../../support/http_server.ts";
import { readAll, readUntil, text, wire } from "../../support/wire.ts";

const UPGRADE = "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: foo, echo¶¶";

async function echo(io: Upgraded): Promise<void> {
  for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) await io.write(bytes);
  await io.close();
}

test("upgradeResponse() becomes a 101, and bytes that came early are read first [E1, E7]", async () => {
  const { server, port } = await listening((request) => {
    const { response, upgraded } = upgradeResponse(request, "echo", { headers: { "x-a": "1" } });
    upgraded.then(echo);
    assertEquals(response.status, 426);
    return response;
  });
  const output = await say(port, UPGRADE + "early");
  assertMatch(output, /^HTTP\/1\.1 101 Switching Protocols¶/);
  assertStringIncludes(output, "connection: upgrade¶");
  assertStringIncludes(output, "upgrade: echo¶");
  assertStringIncludes(output, "x-a: 1¶");
  assert(output.endsWith("¶¶early"));
  await server.shutdown();
});

test("upgradeResponse() throws for a protocol that was not offered, and the request goes on [E2, E4]", async () => {
  const { server, port } = await listening((request) => {
    assertThrows(() => upgradeResponse(request, "other"));
    return new Response("http");
  });
  assert((await say(port, UPGRADE)).endsWith("http"));
  await server.shutdown();
});

test("an upgrade survives middleware that makes a new response", async () => {
  const { server, port } = await listening(async (request) => {
    const { response, upgraded } = upgradeResponse(request, "echo");
    upgraded.then(echo);
    await Promise.resolve();
    const headers = new Headers(response.headers);
    headers.set("access-control-allow-origin", "*");
    return new Response(response.body, { status: response.status, headers });
  });
  const output = await say(port, UPGRADE + "x");
  assertMatch(output, /^HTTP\/1\.1 101 .*access-control-allow-origin: \*¶.*¶¶x$/s);
  await server.shutdown();
});

test("another status withdraws the upgrade and rejects it with that status [E13, E15]", async () => {
  let rejected: Promise<unknown> = Promise.resolve();
  const { server, port } = await listening((request) => {
    if (wantsUpgrade(request)) rejected = upgradeResponse(request, "echo").upgraded;
    return new Response("no", { status: 403 });
  });
  const output = await say(port, UPGRADE + "GET /2 HTTP/1.1¶Host: a¶¶");
  assertEquals(output.match(/HTTP\/1\.1 403/g)?.length, 2);
  const error = await assertRejects(() => rejected, UpgradeRejected);
  assertEquals([error.code, error.status], ["refused", 403]);
  await server.shutdown();
});

test("a body on the answer that switches is refused with 500 before anything is written", async () => {
  let rejected: Promise<unknown> = Promise.resolve();
  const { server, port } = await listening((request) => {
    const { response, upgraded } = upgradeResponse(request, "echo");
    rejected = upgraded;
    return new Response("a body", { status: 426, headers: response.headers });
  });
  assertMatch(await say(port, UPGRADE), /^HTTP\/1\.1 500 /);
  const error = await assertRejects(() => rejected, UpgradeRejected);
  assertEquals(error.code, "upgrade-body");
  await server.shutdown();
});

test("a handler may ignore every upgrade", async () => {
  const { server, port } = await listening((request) => new Response(offeredProtocols(request).join()));
  const output = await say(port, UPGRADE.replace("foo, echo", "h2c") + "GET / HTTP/1.1¶Host: a¶¶");
  assertMatch(output, /^HTTP\/1\.1 200 .*¶¶h2cHTTP\/1\.1 200 /s);
  await server.shutdown();
});

test("wantsUpgrade(), offeredProtocols() and onUpgrade() take a platform request", async () => {
  const { server, port } = await listening((request) => {
    const told = [
      wantsUpgrade(request),
      wantsUpgrade(request, "ECHO"),
      wantsUpgrade(request, "x"),
      ...offeredProtocols(request),
    ];
    onUpgrade(request).then((io) => io.write(wire("late claim")).then(() => io.close()));
    assertEquals(told, [true, true, false, "foo", "echo"]);
    return upgradeResponse(request, ["none", "echo"]).response;
  });
  assert((await say(port, UPGRADE)).endsWith("¶¶late claim"));
  assertEquals(wantsUpgrade(new Request("http://a/")), false);
  await assertRejects(() => onUpgrade(new Request("http://a/")), UpgradeRejected);
  await server.shutdown();
});

test("the callback of upgradeResponse() gets the connection, and what it throws goes to onError", async () => {
  const errors: string[] = [];
  const { server, port } = await listening((request) => {
    return upgradeResponse(request, "echo", {}, async (io) => {
      await io.write(wire("hi"));
      throw new Error("boom");
    }).response;
  }, { onError: (error) => void errors.push((error as Error).message) });
  const socket = dial(port);
  await socket.write(wire(UPGRADE));
  await readUntil(socket, "hi");
  await socket.read().catch(() => {});
  socket.abort();
  await server.shutdown();
  assertEquals(errors, ["boom"]);
});

test("an upgrade request with a body: handler reads it, the tunnel gets the rest [E5]", async () => {
  const { server, port } = await listening(async (request) => {
    const body = await request.text();
    return upgradeResponse(request, "tcp", {}, (io) => io.write(wire(`[${body}]`)).then(() => echo(io))).response;
  });
  const head = "POST / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: tcp¶Content-Length: 2¶¶{}raw";
  assert((await say(port, head)).endsWith("¶¶[{}]raw"));
  await server.shutdown();
});

test("serve({ connect }) opens tunnels and refuses them (RFC 9110 §9.3.6)", async () => {
  const { server, port } = await listening(() => new Response("never"), {
    connect(request) {
      if (request.port !== 443) return new Response("blocked", { status: 403 });
      return connectResponse(request, {}, (io) => io.write(wire(`to ${request.hostname}`)).then(() => echo(io)))
        .response;
    },
  });
  const open = await say(port, "CONNECT b.example:443 HTTP/1.1¶Host: b.example:443¶¶early");
  assertEquals(open, "HTTP/1.1 200 OK¶¶to b.exampleearly");
  const refused = await say(port, "CONNECT b:80 HTTP/1.1¶Host: b:80¶¶GET / HTTP/1.1¶Host: a¶¶");
  assertMatch(refused, /^HTTP\/1\.1 403 Forbidden¶.*connection: close¶.*blocked$/s);
  await server.shutdown();
});

test("serve() without a connect hook answers CONNECT with 405 and closes (RFC 9931) [O3]", async () => {
  const { server, port } = await listening(() => new Response("never"));
  const output = await say(port, "CONNECT b:80 HTTP/1.1¶Host: b:80¶¶GET / HTTP/1.1¶Host: a¶¶");
  assertMatch(output, /^HTTP\/1\.1 405 Method Not Allowed¶/);
  assertEquals(output.match(/HTTP\/1\.1/g)?.length, 1);
  await server.shutdown();
});

test("server.shutdown() waits for upgraded connections, closes them, or ignores them, as told", async () => {
  for (const upgraded of ["wait", "close", "ignore"] as const) {
    const { server, port } = await listening((request) => upgradeResponse(request, "echo", {}, echo).response);
    const socket = dial(port);
    await socket.write(wire(UPGRADE + "x"));
    await readUntil(socket, "¶¶x");
    assertEquals(server.connections, 1);
    let over = false;
    const finished = server.shutdown({ upgraded }).then(() => over = true);
    if (upgraded === "close") assertEquals(await readAll(socket), "");
    if (upgraded === "wait") {
      await socket.write(wire("y"));
      assertEquals(text((await socket.read())!), "y");
      assertEquals(over, false);
    }
    if (upgraded === "ignore") await finished;
    await socket.close();
    await finished;
  }
});
