/**
 * Chromium's `WebSocket` and `WebSocketStream` against `upgradeWebSocket()`.
 */

import { after, test } from "node:test";
import { assertEquals } from "@std/assert";
import type { ServeHandler, ServeOptions } from "../../src/http/server/serve_options.ts";
import type { ServerTrace } from "../../src/http/server/server_trace.ts";
import type { UpgradeWebSocketOptions } from "../../src/websocket/upgrade.ts";
import { serverCert, serverKey } from "../support/certificates.ts";
import { type Browser, chromium, startChromium } from "../support/chromium.ts";
import { type Listening, listening } from "../support/http_server.ts";
import { skipUnless } from "../support/runtime.ts";
import { expectedEvents, playEvents } from "../support/websocket_events.ts";
import { talking } from "../support/websocket_talk.ts";

const options = { ...skipUnless(chromium !== undefined, "chromium is not installed"), timeout: 60_000 };
const tls = { cert: serverCert, key: serverKey };

/** A page without anything, what is posted, and the WebSockets of websocket_talk.ts. */
function pageAnd(webSockets: UpgradeWebSocketOptions): ServeHandler {
  const talk = talking(webSockets);
  return (request, info) =>
    request.headers.has("upgrade")
      ? talk(request, info)
      : request.method === "POST"
      ? new Response(request.body)
      : new Response("<!doctype html><title>WebSockets</title>", { headers: { "content-type": "text/html" } });
}

/** One for the file: it takes longer to start than the tests to run. */
let started: Promise<Browser> | null = null;

after(async () => await (await started)?.[Symbol.asyncDispose]());

/** Does something with a server, and pages of the browser. */
async function browsing(
  webSockets: UpgradeWebSocketOptions,
  serverOptions: ServeOptions,
  act: (browser: Browser, server: Listening) => Promise<void>,
  handler: ServeHandler = pageAnd(webSockets),
): Promise<void> {
  const server = await listening(handler, serverOptions);
  try {
    await act(await (started ??= startChromium()), server);
  } finally {
    // The pages keep connections.
    await server.server.shutdown({ signal: AbortSignal.timeout(100) });
  }
}

function play(url: string, extensions: string): string {
  return `(${playEvents})(WebSocket, ${JSON.stringify(url)}, ${JSON.stringify(extensions)})`;
}

const deflates: readonly [string, UpgradeWebSocketOptions["deflate"]][] = [
  ["", false],
  ["permessage-deflate", true],
  ["permessage-deflate", { thresholdBytes: 0 }],
  ["permessage-deflate; server_no_context_takeover; client_no_context_takeover", {
    thresholdBytes: 0,
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
  }],
  ["permessage-deflate; server_max_window_bits=9; client_max_window_bits=10", {
    thresholdBytes: 0,
    serverMaxWindowBits: 9,
    clientMaxWindowBits: 10,
  }],
];

const http2 = { tls, http2: { connectProtocol: true } };

/**
 * Notes each switch: the version, the protocol, and which connection of those with a request. Chromium may open one more
 * while the handshakes of the first take long, and ask nothing on it.
 */
function watching() {
  const connections: unknown[] = [];
  const switched: string[] = [];
  const trace: ServerTrace = {
    requestBegun({ exchange }) {
      if (!connections.includes(exchange.connection)) connections.push(exchange.connection);
    },
    switched({ exchange, protocol }) {
      switched.push(`${exchange.head.version} ${protocol} ${connections.indexOf(exchange.connection) + 1}`);
    },
  };
  return { trace, switched, connections };
}

for (const [scheme, serverOptions] of [["ws", {}], ["wss", { tls }]] as const) {
  for (const [extensions, deflate] of deflates) {
    if (scheme === "wss" && deflate !== true) continue;
    const name = extensions === "" ? "no deflate" : `${extensions}, ours ${JSON.stringify(deflate)}`;
    test(
      `upgradeWebSocket() and Chromium's WebSocket over ${scheme}: messages, closes, cuts; ${name}`,
      options,
      () =>
        browsing({ deflate }, serverOptions, async (browser, { port }) => {
          const origin = `${scheme}://localhost:${port}`;
          const page = await browser.open(origin.replace("ws", "http"));
          assertEquals(await page.evaluate<string[]>(play(origin, extensions)), expectedEvents);
        }),
    );
  }
}

test(
  "upgradeWebSocket() over HTTP/2 and Chromium's WebSocket: messages, closes, cuts, on the connection of the page",
  options,
  () => {
    const seen = watching();
    return browsing({ deflate: true }, { ...http2, trace: seen.trace }, async (browser, { port }) => {
      const page = await browser.open(`https://localhost:${port}`);
      const lines = await page.evaluate<string[]>(play(`wss://localhost:${port}`, "permessage-deflate"));
      assertEquals(lines, expectedEvents);
      assertEquals([seen.connections.length, seen.switched], [1, Array(4).fill("2 websocket 1")]);
      await page.close();
    });
  },
);

test(
  "upgradeWebSocket() over TLS without connectProtocol: Chromium asks for its page over HTTP/2, and for WebSockets over HTTP/1.1",
  options,
  () => {
    const seen = watching();
    const asked = new Set<string>();
    const handler = pageAnd({ deflate: true });
    const noting: ServeHandler = (request, info) => {
      if (!request.headers.has("upgrade")) asked.add(info.head.version);
      return handler(request, info);
    };
    return browsing({ deflate: true }, { tls, trace: seen.trace }, async (browser, { port }) => {
      const page = await browser.open(`https://localhost:${port}`);
      const lines = await page.evaluate<string[]>(play(`wss://localhost:${port}`, "permessage-deflate"));
      assertEquals(lines, expectedEvents);
      assertEquals([[...asked], seen.switched.map((line) => line.slice(0, -2))], [
        ["2"],
        Array(4).fill("1.1 websocket"),
      ]);
      await page.close();
    }, noting);
  },
);

/** Talks on several WebSockets and fetches meanwhile. Runs in the page. */
async function playTogether(url: string): Promise<string[]> {
  async function talk(number: number): Promise<string> {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    let bytes = 0;
    const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
    socket.onmessage = ({ data }) => {
      bytes += new Uint8Array(data).filter((byte) => byte === number).length;
      if (bytes === 50 * 40_000) socket.close(3000);
    };
    for (let i = 0; i < 50; i++) socket.send(new Uint8Array(40_000).fill(number));
    return `${number}: ${(await closed).code} ${bytes}`;
  }
  async function ask(number: number): Promise<string> {
    const response = await fetch(`/${number}`, { method: "POST", body: new Uint8Array(100_000).fill(number) });
    return `${new Uint8Array(await response.arrayBuffer()).filter((byte) => byte === number).length}`;
  }
  const numbers = Array.from({ length: 12 }, (_, i) => i + 1);
  return await Promise.all([...numbers.map(talk), ...numbers.map(ask)]);
}

test(
  "upgradeWebSocket() over HTTP/2: Chromium's page, 12 WebSockets and 12 fetches at once are streams of one connection",
  options,
  () => {
    const seen = watching();
    return browsing({ deflate: false }, { ...http2, trace: seen.trace }, async (browser, { port }) => {
      const page = await browser.open(`https://localhost:${port}`);
      const lines = await page.evaluate<string[]>(`(${playTogether})("wss://localhost:${port}")`);
      const talks = Array.from({ length: 12 }, (_, i) => `${i + 1}: 3000 2000000`);
      assertEquals(lines, [...talks, ...Array(12).fill("100000")]);
      assertEquals([seen.connections.length, seen.switched], [1, Array(12).fill("2 websocket 1")]);
      await page.close();
    });
  },
);

test(
  "upgradeWebSocket() over HTTP/2: a shutdown closes Chromium's WebSockets with 1001",
  options,
  () =>
    browsing({ deflate: false }, http2, async (browser, { port, server }) => {
      const page = await browser.open(`https://localhost:${port}`);
      const closed = await page.evaluate<number[]>(`(async () => {
        const sockets = Array.from({ length: 3 }, () => new WebSocket("wss://localhost:${port}"));
        const closed = sockets.map((socket) => new Promise((resolve) => socket.onclose = ({ code }) => resolve(code)));
        await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.onopen = resolve)));
        globalThis.ended = Promise.all(closed);
        return [];
      })()`);
      assertEquals(closed, []);
      const finished = server.shutdown({ upgraded: "close" });
      assertEquals(await page.evaluate<number[]>("globalThis.ended"), [1001, 1001, 1001]);
      await finished;
    }),
);

test(
  "upgradeWebSocket() and six pages of Chromium at once",
  options,
  () =>
    browsing({ deflate: true }, {}, async (browser, { port, origin }) => {
      const pages = await Promise.all(Array.from({ length: 6 }, () => browser.open(origin)));
      const script = play(`ws://127.0.0.1:${port}`, "permessage-deflate");
      for (const lines of await Promise.all(pages.map((page) => page.evaluate<string[]>(script)))) {
        assertEquals(lines, expectedEvents);
      }
    }),
);

/** What is used of Chromium's `WebSocketStream`. */
interface PlatformStream {
  readonly opened: Promise<{
    readonly readable: ReadableStream<string | ArrayBuffer>;
    readonly writable: WritableStream<string | Uint8Array>;
    readonly protocol: string;
    readonly extensions: string;
  }>;
  readonly closed: Promise<{ readonly closeCode?: number; readonly reason?: string }>;
  close(options: { closeCode?: number; reason?: string }): void;
}

/** Runs in the page. */
async function playStreams(url: string): Promise<string[]> {
  const { WebSocketStream } = globalThis as unknown as {
    readonly WebSocketStream: new (url: string, options: { protocols: string[] }) => PlatformStream;
  };
  const lines: string[] = [];
  const first = new WebSocketStream(url, { protocols: ["chat"] });
  const { readable, writable, protocol, extensions } = await first.opened;
  lines.push(`protocol ${protocol}, extensions ${extensions}`);
  const reader = readable.getReader();
  const writer = writable.getWriter();
  for (const message of ["", "hé", new Uint8Array(0), "x".repeat(1_048_576), new Uint8Array(1_048_576).fill(7)]) {
    await writer.write(message);
    const { value } = await reader.read();
    const bytes = typeof value === "string" ? [] : new Uint8Array(value!);
    const same = typeof message === "string"
      ? value === message
      : bytes.length === message.length && bytes.every((byte) => byte === 7);
    lines.push(`${typeof message} of ${message.length}: ${same}`);
  }
  // 32 MiB, more than the buffers on the way hold: it goes on only as fast as it is read.
  const written = (async () => {
    for (let i = 0; i < 128; i++) await writer.write(new Uint8Array(262_144).fill(i));
  })();
  let inOrder = true;
  for (let i = 0; i < 128; i++) {
    const { value } = await reader.read();
    inOrder &&= new Uint8Array(value as ArrayBuffer)[262_143] === i;
  }
  await written;
  lines.push(`in order: ${inOrder}`);
  first.close({ closeCode: 3001, reason: "bye" });
  lines.push(`ours: ${(await first.closed).closeCode}, the end: ${(await reader.read()).done}`);
  for (const command of ["!close 4001 so", "!close", "!leave"]) {
    const socket = new WebSocketStream(url, { protocols: ["chat"] });
    const { writable } = await socket.opened;
    await writable.getWriter().write(command);
    lines.push(
      await socket.closed.then(
        ({ closeCode, reason }) => `${command}: ${closeCode} ${JSON.stringify(reason)}`,
        (error) => `${command}: ${error.name}`,
      ),
    );
  }
  return lines;
}

test(
  "upgradeWebSocket() and Chromium's WebSocketStream: messages, back-pressure, closes, cuts",
  options,
  () =>
    browsing({ deflate: true }, {}, async (browser, { port, origin }) => {
      const page = await browser.open(origin);
      assertEquals(await page.evaluate<string[]>(`(${playStreams})("ws://127.0.0.1:${port}")`), [
        "protocol chat, extensions permessage-deflate",
        "string of 0: true",
        "string of 2: true",
        "object of 0: true",
        "string of 1048576: true",
        "object of 1048576: true",
        "in order: true",
        "ours: 3001, the end: true",
        '!close 4001 so: 4001 "so"',
        '!close: 1005 ""',
        "!leave: WebSocketError",
      ]);
    }),
);
