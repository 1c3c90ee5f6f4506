/**
 * Our `WebSocketStream` against the servers of others: `ws`, Python's websockets, Deno, Bun.
 */

import http from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { WebSocket as OurWebSocket } from "../../src/websocket/web_socket.ts";
import type { DeflateOptions } from "../../src/websocket/machine/permessage_deflate.ts";
import { daemon } from "../support/daemon.ts";
import { pythonWith, runtimeCommand } from "../support/peers.ts";
import { projectFile, skipUnless } from "../support/runtime.ts";
import { expectedEvents, playEvents, type WebSocketConstructor } from "../support/websocket_events.ts";
import { expectTalk, PARTS } from "../support/websocket_talk.ts";
import { type WsDeflate, WsServer, type WsSocket } from "../support/ws.ts";

const decoder = new TextDecoder();
const timeout = { timeout: 30_000 };

/** What the two ends say of compression, and whether they agree on it. */
interface Kind {
  readonly name: string;
  readonly ours: boolean | DeflateOptions;
  readonly theirs: boolean | WsDeflate;
  readonly deflate: boolean;
}

const kinds: readonly Kind[] = [
  { name: "deflate", ours: true, theirs: true, deflate: true },
  { name: "deflate of every message", ours: { thresholdBytes: 0 }, theirs: { threshold: 0 }, deflate: true },
  { name: "deflate that only we want", ours: true, theirs: false, deflate: false },
  { name: "deflate that only they want", ours: false, theirs: true, deflate: false },
  {
    name: "no context takeover, as the server wants it",
    ours: { thresholdBytes: 0 },
    theirs: { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
    deflate: true,
  },
  {
    name: "no context takeover, as the client wants it",
    ours: { thresholdBytes: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
    theirs: { threshold: 0 },
    deflate: true,
  },
  {
    name: "small windows, as the server wants them",
    ours: { thresholdBytes: 0 },
    theirs: { threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 10 },
    deflate: true,
  },
  {
    name: "small windows, as the client wants them",
    ours: { thresholdBytes: 0, serverMaxWindowBits: 10, clientMaxWindowBits: 9 },
    theirs: { threshold: 0 },
    deflate: true,
  },
];

/** The protocol of websocket_talk.ts on the events of `ws`. */
function talkOn(socket: WsSocket): void {
  socket.on("error", () => {});
  socket.on("pong", () => socket.send("ponged"));
  socket.on("message", (data, binary) => {
    const command = binary ? "" : decoder.decode(data);
    if (!command.startsWith("!")) return socket.send(data, { binary });
    if (command === "!leave") return socket.terminate();
    if (command === "!ping") return socket.ping();
    if (command === "!parts") {
      return PARTS.forEach((part, index) => socket.send(part, { fin: index === PARTS.length - 1 }));
    }
    const [, code, ...reason] = command.split(" ");
    if (code === undefined) socket.close();
    else socket.close(Number(code), reason.join(" "));
  });
}

/** A server of `ws` that speaks the protocol, and does not listen yet. */
function wsServer(deflate: Kind["theirs"]): http.Server {
  const server = http.createServer();
  new WsServer({
    server,
    perMessageDeflate: deflate,
    handleProtocols: (offered) => offered.has("chat") && "chat",
    verifyClient: ({ req }, answer) =>
      req.url === "/secret" && req.headers.authorization === undefined
        ? answer(false, 401, "who are you?", { "WWW-Authenticate": "Basic" })
        : answer(true),
  }).on("connection", talkOn);
  return server;
}

for (const { name, ours, theirs, deflate } of kinds) {
  test(
    `WebSocketStream and a server of ws: messages, parts, pings, closes, cuts, a 401; ${name}`,
    timeout,
    async () => {
      const server = wsServer(theirs);
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      try {
        await expectTalk(`ws://127.0.0.1:${port}`, { deflate: ours }, { deflate });
      } finally {
        await new Promise((resolve) => server.close(resolve));
      }
    },
  );
}

test("our WebSocket and a server of ws: messages, parts, closes, cuts, a 401", timeout, async () => {
  const server = wsServer(true);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const Socket = OurWebSocket as unknown as WebSocketConstructor;
  const seen = await playEvents(Socket, `ws://127.0.0.1:${port}`, "permessage-deflate");
  // ws sends back the reason as well.
  assertEquals(seen, expectedEvents.map((line) => line === 'ours: 3001 ""' ? 'ours: 3001 "bye"' : line));
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
});

const python = pythonWith("websockets");

for (const mode of ["plain", "deflate", "no-context", "small-windows"]) {
  test(
    `WebSocketStream and a server of Python's websockets: messages, parts, pings, closes, cuts, a 401; ${mode}`,
    { ...skipUnless(python !== undefined, "python3-websockets is not installed"), ...timeout },
    async () => {
      const server = await daemon({
        command: python!,
        args: (_folder, port) => [projectFile("tests/interop/peers/websockets_server.py"), `${port}`, mode],
      });
      try {
        await expectTalk(`ws://127.0.0.1:${server.port}`, { deflate: { thresholdBytes: 0 } }, {
          deflate: mode !== "plain",
          answersLast: false,
        });
      } finally {
        await server[Symbol.asyncDispose]();
      }
    },
  );
}

const deno = runtimeCommand("deno");

test(
  "WebSocketStream and Deno.upgradeWebSocket: messages, closes, cuts, a 401",
  { ...skipUnless(deno !== undefined, "deno is not installed"), ...timeout },
  async () => {
    const server = await daemon({
      command: deno!,
      args: (
        _folder,
        port,
      ) => ["run", "-A", "--no-check", projectFile("tests/interop/peers/deno_server.ts"), `${port}`],
    });
    try {
      await expectTalk(`ws://127.0.0.1:${server.port}`, {}, { deflate: false, pings: false, parts: false });
    } finally {
      await server[Symbol.asyncDispose]();
    }
  },
);

const bun = runtimeCommand("bun");

for (const mode of ["plain", "deflate"]) {
  test(
    `WebSocketStream and Bun.serve: messages, pings, closes, cuts, a 401; ${mode}`,
    { ...skipUnless(bun !== undefined, "bun is not installed"), ...timeout },
    async () => {
      const server = await daemon({
        command: bun!,
        args: (_folder, port) => [projectFile("tests/interop/peers/bun_server.ts"), `${port}`, mode],
      });
      try {
        const talker = { deflate: mode === "deflate", parts: false };
        await expectTalk(`ws://127.0.0.1:${server.port}`, { deflate: { thresholdBytes: 0 } }, talker);
      } finally {
        await server[Symbol.asyncDispose]();
      }
    },
  );
}
