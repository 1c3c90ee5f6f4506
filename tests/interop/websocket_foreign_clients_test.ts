/**
 * The clients of others against `upgradeWebSocket()`: those of `ws` and of Python's websockets.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { UpgradeWebSocketOptions } from "../../src/websocket/upgrade.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { listening } from "../support/http_server.ts";
import { pythonWith } from "../support/peers.ts";
import { projectFile, skipUnless, spawn } from "../support/runtime.ts";
import { expectSame, noise, PARTS, SIZES, talking, textOf, zeros } from "../support/websocket_talk.ts";
import { WsClient, type WsDeflate, type WsSocket } from "../support/ws.ts";

const timeout = { timeout: 30_000 };
const decoder = new TextDecoder();
const everyMessage = { thresholdBytes: 0 };

/** Messages and the end of a client of `ws`, to be waited for. */
class Listener {
  readonly closed: Promise<[number, string]>;
  readonly #messages: (string | Uint8Array)[] = [];
  readonly #waiting: ((message: string | Uint8Array) => void)[] = [];

  constructor(socket: WsSocket) {
    socket.on("error", () => {});
    socket.on("message", (data, binary) => {
      const message = binary ? new Uint8Array(data) : decoder.decode(data);
      const waiter = this.#waiting.shift();
      if (waiter === undefined) this.#messages.push(message);
      else waiter(message);
    });
    this.closed = new Promise((resolve) => {
      socket.on("close", (code, reason) => resolve([code, decoder.decode(reason)]));
    });
  }

  next(): Promise<string | Uint8Array> {
    const message = this.#messages.shift();
    return message === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(message);
  }
}

async function wsClient(url: string, theirs: boolean | WsDeflate): Promise<{ socket: WsSocket; listener: Listener }> {
  const socket = new WsClient(url, ["soap", "chat"], { perMessageDeflate: theirs, ca: authority });
  const listener = new Listener(socket);
  await new Promise<void>((resolve, reject) => socket.on("open", resolve).on("error", reject));
  return { socket, listener };
}

async function expectWs(url: string, theirs: boolean | WsDeflate, deflate: boolean): Promise<void> {
  const { socket, listener } = await wsClient(url, theirs);
  assertEquals([socket.protocol, socket.extensions.startsWith("permessage-deflate")], ["chat", deflate]);
  for (const size of SIZES) {
    for (const message of [textOf(size), zeros(size), noise(size)]) {
      socket.send(message);
      expectSame(await listener.next(), message);
    }
  }
  PARTS.forEach((part, index) => socket.send(part, { fin: index === PARTS.length - 1 }));
  assertEquals(await listener.next(), PARTS.join(""));
  for (let i = 0; i < 200; i++) socket.send(`${i}`);
  for (let i = 0; i < 200; i++) assertEquals(await listener.next(), `${i}`);
  const pong = new Promise((resolve) => socket.on("pong", (payload) => resolve(decoder.decode(payload))));
  socket.ping(new TextEncoder().encode("hello?"));
  assertEquals(await pong, "hello?");
  for (const [command, answer] of [["!ping", "ponged"], ["!parts", PARTS.join("")]] as const) {
    socket.send(command);
    assertEquals(await listener.next(), answer);
  }
  socket.send("last");
  socket.close(3001, "bye");
  assertEquals(await listener.next(), "last");
  assertEquals(await listener.closed, [3001, ""]);
  for (const [command, end] of [["!close 4001 so", [4001, "so"]], ["!close", [1005, ""]], ["!leave", [1006, ""]]]) {
    const { socket, listener } = await wsClient(url, theirs);
    socket.send(command as string);
    assertEquals(await listener.closed, end as [number, string]);
  }
}

const wsKinds: readonly [string, UpgradeWebSocketOptions["deflate"], boolean | WsDeflate, boolean][] = [
  ["no deflate", false, true, false],
  ["deflate that only we want", true, false, false],
  ["deflate", true, true, true],
  ["deflate of every message", everyMessage, { threshold: 0 }, true],
  [
    "no context takeover, as the client wants it",
    everyMessage,
    { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
    true,
  ],
  [
    "no context takeover, as the server wants it",
    { ...everyMessage, serverNoContextTakeover: true, clientNoContextTakeover: true },
    { threshold: 0 },
    true,
  ],
  [
    "small windows, as the client wants them",
    everyMessage,
    { threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 10 },
    true,
  ],
  [
    "small windows, as the server wants them",
    { ...everyMessage, serverMaxWindowBits: 10, clientMaxWindowBits: 9 },
    { threshold: 0 },
    true,
  ],
];

for (const [name, ours, theirs, deflate] of wsKinds) {
  test(`upgradeWebSocket() and the client of ws: messages, parts, pings, closes, cuts; ${name}`, timeout, async () => {
    const { server, port } = await listening(talking({ deflate: ours }));
    await expectWs(`ws://127.0.0.1:${port}`, theirs, deflate);
    await server.shutdown();
  });
}

test("upgradeWebSocket() and the client of ws over TLS", timeout, async () => {
  const { server, port } = await listening(talking({ deflate: true }), { tls: { cert: serverCert, key: serverKey } });
  await expectWs(`wss://localhost:${port}`, true, true);
  await server.shutdown();
});

test("the client of ws gets a 401 with its body, and leaves without a word", timeout, async () => {
  const { server, port } = await listening(talking());
  const refused = new WsClient(`ws://127.0.0.1:${port}/secret`, []);
  const [status, body] = await new Promise<[number | undefined, string]>((resolve) => {
    refused.on("unexpected-response", (_request, response) => {
      let body = "";
      response.on("data", (chunk: Uint8Array) => body += decoder.decode(chunk));
      response.on("end", () => resolve([response.statusCode, body]));
    });
  });
  assertEquals([status, body], [401, "who are you?"]);
  await server.shutdown();
});

const python = pythonWith("websockets");

const pythonKinds: readonly [string, UpgradeWebSocketOptions["deflate"]][] = [
  ["plain", false],
  ["deflate", everyMessage],
  ["no-context", everyMessage],
  ["full-window", everyMessage],
  ["small-windows", everyMessage],
  ["deflate", { ...everyMessage, serverNoContextTakeover: true, clientNoContextTakeover: true }],
  ["deflate", { ...everyMessage, serverMaxWindowBits: 10, clientMaxWindowBits: 9 }],
];

for (const [mode, deflate] of pythonKinds) {
  const ours = JSON.stringify(deflate);
  test(
    `upgradeWebSocket() and Python's websockets: messages, parts, pings, closes, cuts, a 401; ${mode}, ours ${ours}`,
    { ...skipUnless(python !== undefined, "python3-websockets is not installed"), ...timeout },
    async () => {
      const { server, port } = await listening(talking({ deflate }));
      const client = projectFile("tests/interop/peers/websockets_client.py");
      const { stdout, stderr } = await spawn(python!, [client, `ws://127.0.0.1:${port}`, mode], { timeoutMs: 20_000 });
      assertEquals({ stdout, stderr }, { stdout: "ok\n", stderr: "" });
      await server.shutdown();
    },
  );
}
