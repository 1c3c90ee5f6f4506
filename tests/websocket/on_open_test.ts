import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { serve } from "../../src/http/server/serve.ts";
import type { ServeOptions } from "../../src/http/server/serve_options.ts";
import {
  type CheckOrigin,
  type OnOpen,
  upgradeWebSocket,
  type UpgradeWebSocketOptions,
} from "../../src/websocket/upgrade.ts";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";

/** A server whose WebSockets `onOpen` gets, and a way to it. */
async function served(onOpen: OnOpen, upgrade: UpgradeWebSocketOptions = {}, options: Partial<ServeOptions> = {}) {
  const server = serve(
    { port: 0, hostname: "127.0.0.1", ...options } as ServeOptions,
    (request) => upgradeWebSocket(request, upgrade, onOpen).response,
  );
  const [address] = await server.listening;
  const host = `127.0.0.1:${"port" in address ? address.port : 0}`;
  return {
    server,
    host,
    open: async (headers?: HeadersInit) => await new WebSocketStream(`ws://${host}/`, { headers }).opened,
  };
}

test("upgradeWebSocket() gives the open WebSocket to its callback, which may loop over its messages", async () => {
  const { server, open } = await served(async (socket) => {
    for await (const message of socket) await socket.write(`you said ${message}`);
  });
  const io = await open();
  for (const word of ["one", "two"]) {
    await io.write(word);
    assertEquals(await io.read(), `you said ${word}`);
  }
  assertEquals(await io.close({ closeCode: 1000 }), { closeCode: 1000, reason: "", wasClean: true });
  await server.shutdown();
});

test("a callback that fails closes with 1011, and onError is told; one that lost its peer is no failure", async () => {
  const errors: unknown[] = [];
  const failure = new Error("out of order");
  const outcomes: Promise<unknown>[] = [];
  const { server, open } = await served(
    async (socket) => {
      outcomes.push(socket.closed);
      if (await socket.read() === "fail") throw failure;
      await socket.read();
    },
    {},
    { onError: (error) => void errors.push(error) },
  );
  const io = await open();
  await io.write("fail");
  assertEquals(await io.read(), null);
  assertEquals((await io.closed).closeCode, 1011);
  const other = await open();
  await other.write("go on");
  other.abort();
  await Promise.all(outcomes);
  await server.shutdown();
  assertEquals(errors, [failure]);
});

test("server.shutdown() waits for the callback", async () => {
  let done = false;
  const { server, open } = await served(async (socket) => {
    await socket.read();
    done = true;
  });
  const io = await open();
  const finished = server.shutdown();
  await io.write("x");
  await io.close();
  await finished;
  assert(done);
});

for (
  const [name, check, allowed, refused] of [
    ["same-origin", "same-origin", ["http://HOST", "https://HOST", null], ["http://evil.example", "null", "HOST"]],
    ["a list", ["https://a.example"], ["https://a.example", null], ["http://a.example", "https://a.example:444"]],
    ["a function", (origin: string | null) => origin === "x:y", ["x:y"], [null, "x:z"]],
  ] as [string, CheckOrigin, (string | null)[], (string | null)[]][]
) {
  test(`checkOrigin by ${name} lets pages in or answers 403 [W6]`, async () => {
    const { server, host, open } = await served(() => {}, { checkOrigin: check });
    const headers = (origin: string | null): Record<string, string> =>
      origin === null ? {} : { origin: origin.replace("HOST", host) };
    for (const origin of allowed) await (await open(headers(origin))).close();
    for (const origin of refused) {
      const error = await open(headers(origin)).then(() => null, (error) => error);
      assert(error instanceof UpgradeRejected && error.status === 403, `${origin}: ${error}`);
      await (error.response as Response).text();
    }
    await server.shutdown();
  });
}

test("discard() drops messages, answers Pings and notices the end", async () => {
  const { server, open } = await served((socket) => socket.discard());
  const io = await open();
  for (let i = 0; i < 100; i++) await io.write("x".repeat(10_000));
  await io.ping();
  assertEquals((await io.close({ closeCode: 1000 })).wasClean, true);
  await server.shutdown();
});

test("write() sends bytes as text where that is said", async () => {
  const bytes = new TextEncoder().encode("für alle");
  const { server, open } = await served(async (socket) => {
    await socket.write(bytes, { kind: "text" });
    await socket.write(bytes);
  }, { deflate: { thresholdBytes: 1 } });
  const io = await open();
  assertEquals(await io.read(), "für alle");
  assertEquals(await io.read(), bytes);
  await io.close();
  await server.shutdown();
});

test("leaving a loop over messages leaves the WebSocket as it is", async () => {
  const { server, open } = await served(async (socket) => {
    for (const word of ["one", "two", "three"]) await socket.write(word);
  });
  const io = await open();
  for await (const message of io) if (message === "two") break;
  assertEquals(await io.read(), "three");
  await io.close();
  await server.shutdown();
});
