/**
 * The function that `upgradeResponse()`, `connectResponse()` and `upgradeWebSocket()` call behind the switch, for the light
 * requests of `serveConnection()`, over both versions of HTTP. Those of `serve()` have theirs in `tests/http/server/`.
 */

import { test } from "node:test";
import { assertEquals, assertStrictEquals } from "@std/assert";
import { duplexPair } from "../../src/duplex/pair.ts";
import type { OutgoingRequest } from "../../src/http1/outgoing_request.ts";
import { handshake as handshake1 } from "../../src/http1/client_connection.ts";
import { type Handler, serveConnection as serveConnection1 } from "../../src/http1/server_connection.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { handshake as handshake2 } from "../../src/http2/client_connection.ts";
import { serveConnection as serveConnection2 } from "../../src/http2/server_connection.ts";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";
import { webSocketOver } from "../../src/websocket/over.ts";
import { expectText } from "../support/switching.ts";
import { readAll, wire } from "../support/wire.ts";

const UPGRADE: OutgoingRequest = {
  method: "GET",
  target: "/",
  fields: [["Host", "a"], ["Connection", "upgrade"], ["Upgrade", "echo"]],
};
const CONNECT: OutgoingRequest = { method: "CONNECT", target: "a:443", fields: [["Host", "a:443"]] };

/** A server and a client of one version; what `onError` is told resolves `failed`. */
function between(version: "1.1" | "2", handler: Handler) {
  const [near, far] = duplexPair();
  let fail!: (error: unknown) => void;
  const failed = new Promise<unknown>((resolve) => fail = resolve);
  const { sender, connection } = version === "1.1" ? handshake1(near) : handshake2(near);
  const server = version === "1.1"
    ? serveConnection1(far, handler, { onError: fail })
    : serveConnection2(far, handler, { onError: fail, connectProtocol: true });
  return {
    failed,
    async switched(request: OutgoingRequest): Promise<Upgraded> {
      return await onUpgrade(await sender.send(request));
    },
    async ends(): Promise<void> {
      connection.abort();
      server.abort();
      await Promise.all([connection.closed, server.closed]);
    },
  };
}

async function echo(io: Upgraded): Promise<void> {
  await io.readable.pipeTo(io.writable);
}

for (const version of ["1.1", "2"] as const) {
  test(`upgradeResponse() and connectResponse() of a light request call back behind the switch, HTTP/${version}`, async () => {
    for (const request of [UPGRADE, CONNECT]) {
      const { switched, ends } = between(
        version,
        (request) =>
          request.method === "CONNECT"
            ? connectResponse(request, {}, echo).response
            : upgradeResponse(request, "echo", {}, echo).response,
      );
      const io = await switched(request);
      await io.write(wire("hello"));
      await io.closeWrite();
      assertEquals(await readAll(io), "hello");
      await ends();
    }
  });

  test(`what that callback throws goes to onError, cuts the connection and what it owns, HTTP/${version}`, async () => {
    const mistake = new Error("a mistake");
    const owned: unknown[] = [];
    const owns = { abort: (reason?: unknown) => void owned.push(reason) };
    const { switched, failed, ends } = between(
      version,
      (request) =>
        upgradeResponse(request, "echo", { owns }, async (io) => {
          await io.read();
          throw mistake;
        }).response,
    );
    const io = await switched(UPGRADE);
    await io.write(wire("hello"));
    assertStrictEquals(await failed, mistake);
    assertEquals(owned, [mistake]);
    assertEquals(await io.read().then(() => "end", () => "cut"), "cut");
    await ends();
  });

  test(`the callback of the answer that was made last counts, and of none that was refused, HTTP/${version}`, async () => {
    const called: string[] = [];
    const { switched, ends } = between(version, (request) => {
      upgradeResponse(request, "echo", {}, () => void called.push("first"));
      if (request.target === "/no") return { status: 403 };
      return upgradeResponse(request, "echo", {}, async (io) => {
        called.push("last");
        await echo(io);
      }).response;
    });
    assertEquals(
      await switched({ ...UPGRADE, target: "/no" }).then(() => "switched", () => "refused"),
      "refused",
    );
    const io = await switched(UPGRADE);
    await io.write(wire("x"));
    await expectText(io, "x");
    assertEquals(called, ["last"]);
    await io.close();
    await ends();
  });

  test(`upgradeWebSocket() of a light request calls onOpen, HTTP/${version}`, async () => {
    const { switched, ends } = between(version, (request) =>
      upgradeWebSocket(request, {}, async (socket) => {
        for await (const message of socket) await socket.write(message);
      }).response);
    const socket = webSocketOver(
      await switched({
        ...UPGRADE,
        fields: [
          ["Host", "a"],
          ["Connection", "upgrade"],
          ["Upgrade", "websocket"],
          ["Sec-WebSocket-Version", "13"],
          ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
        ],
      }),
      { role: "client" },
    );
    await socket.write("hello");
    assertEquals(await socket.read(), "hello");
    await socket.close();
    await ends();
  });
}
