import { once } from "node:events";
import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { Duplex } from "node:stream";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import * as nats from "@nats-io/transport-node";
import * as streams from "@std/streams";
import * as redis from "redis";
import { Client, UpgradeRejected, WebSocketStream } from "../../mod.ts";
import { Deferred } from "../../src/duplex/deferred.ts";
import { connect } from "../../src/net/mod.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { daemon } from "../support/daemon.ts";
import { kubernetes } from "../support/kubernetes.ts";
import { skipUnless, unlessNoTlsOverStreams, which } from "../support/runtime.ts";
import { readAll, readUntil, wire } from "../support/wire.ts";
import { manuals, play, type Scene, type Snippet } from "./manuals.ts";
import { anyPort, Examples, serving, stopped } from "./scene.ts";

/** Those that need packages of others, or modules of the runtime. */
const examples = new Examples(manuals, "js");

/** Two processes as far as it matters: the example twice, each with a topic and a connection to the broker of its own. */
async function checkBroker(example: Snippet, scene: Scene): Promise<void> {
  const processes = [play(example, scene), play(example, scene)];
  const [near, far] = await Promise.all(processes.map(async (running) => {
    return await new WebSocketStream(`ws://127.0.0.1:${await running.port}/`).opened;
  }));
  await near!.write("hello");
  assertEquals([await near!.read(), await far!.read()], ["hello", "hello"]);
  await far!.write("hello yourself: \u00e9");
  assertEquals([await near!.read(), await far!.read()], ["hello yourself: \u00e9", "hello yourself: \u00e9"]);
  await Promise.all([near!.close(), far!.close()]);
  await Promise.all(processes.map(stopped));
}

test("manuals: a chat with cookies, limits for each user and graceful shutdown", async () => {
  let terminate = (): Promise<void> => Promise.reject();
  const once = (signal: string, listener: () => Promise<void>): void => {
    assertEquals(signal, "SIGTERM");
    terminate = listener;
  };
  const running = play(examples.take("A chat: cookies, limits for each user, graceful shutdown"), {
    replace: anyPort,
    packages: { "node:process": { default: { once } } },
  });
  const here = `127.0.0.1:${await running.port}`;
  const joining = (headers: Record<string, string>) => new WebSocketStream(`ws://${here}/`, { headers }).opened;
  const refused = async (headers: Record<string, string>): Promise<unknown> => {
    const error: unknown = await joining(headers).catch((error: unknown) => error);
    assert(error instanceof UpgradeRejected);
    await error.response?.text();
    return error.status;
  };
  const cookie = "theme=dark; session=s3cret";
  assertEquals([await refused({}), await refused({ cookie: "xsession=s3cret" })], [401, 401]);
  assertEquals(await refused({ cookie, origin: "https://evil.example" }), 403);
  const [first, second, third] = await Promise.all([1, 2, 3].map(() => joining({ cookie })));
  assertEquals(await refused({ cookie }), 429);
  await first!.write("hello");
  assertEquals([await first!.read(), await second!.read()], ["ann: hello", "ann: hello"]);
  const kicked = third!.closed;
  for (let sent = 0; sent < 20; sent++) await third!.write("spam").catch(() => {}); // refused once it is closed
  while (await third!.read().catch(() => null) !== null);
  assertEquals((await kicked).closeCode, 1008);
  const over = terminate();
  for (const io of [first!, second!]) {
    while (await io.read() !== null);
    assertEquals((await io.closed).closeCode, 1001);
  }
  await over;
  await running.ended;
});

const anyPortOfItsOwn = { "port: 8080, reusePort: true": 'hostname: "127.0.0.1", port: 0' };
const [redisServer, natsServer] = [which("redis-server"), which("nats-server")];
const redisExample = examples.take("Topics across processes", 0);
const natsExample = examples.take("Topics across processes", 1);

test(
  "manuals: topics across processes, over Redis",
  skipUnless(redisServer !== undefined, "redis-server is not installed"),
  async (t) => {
    const broker = await daemon({
      command: redisServer!,
      args: (folder, port) => ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--dir", folder],
    });
    t.after(() => broker[Symbol.asyncDispose]());
    const replace = { ...anyPortOfItsOwn, "127.0.0.1:6379": `127.0.0.1:${broker.port}` };
    await checkBroker(redisExample, { replace, packages: { redis } });
  },
);

test(
  "manuals: topics across processes, over NATS",
  skipUnless(natsServer !== undefined, "nats-server is not installed"),
  async (t) => {
    const broker = await daemon({
      command: natsServer!,
      args: (_folder, port) => ["--addr", "127.0.0.1", "--port", `${port}`],
    });
    t.after(() => broker[Symbol.asyncDispose]());
    const replace = { ...anyPortOfItsOwn, "127.0.0.1:4222": `127.0.0.1:${broker.port}` };
    await checkBroker(natsExample, { replace, packages: { "@nats-io/transport-node": nats } });
  },
);

test("manuals: JSON-RPC in lines, over an upgrade of one's own", async () => {
  const heading = "JSON-RPC in lines, over an upgrade of your own";
  const server = play(examples.take(heading, 0), { replace: anyPort, packages: { "@std/streams": streams } });
  const port = await server.port;
  const client = play(examples.take(heading, 1), {
    replace: { "127.0.0.1:8080": `127.0.0.1:${port}` },
    packages: { "@std/streams": streams },
  });
  await client.ended;
  assertEquals(await client.told(3), [[0, 3], [1, "hello ann"], [2, "There is no such method"]]);
  const endless = await new Client().upgrade(`http://127.0.0.1:${port}/`, { protocol: "json-rpc/2.0" });
  await endless.write(new Uint8Array(70_000)).catch(() => {});
  assertEquals(await endless.read().catch(() => null), null); // it is cut
  await stopped(server);
});

test("manuals: kubectl exec and port-forward, as a client", unlessNoTlsOverStreams, async (t) => {
  const heading = "kubectl exec and port-forward";
  const { server, port } = await serving(kubernetes(), { tls: { cert: serverCert, key: serverKey } });
  t.after(() => server.shutdown({ upgraded: "close" }));
  const replace = { "127.0.0.1:6443": `localhost:${port}`, "caCerts: []": "caCerts: [authority]" };
  const exec = play(examples.take(heading, 0), { replace, names: { authority } });
  await exec.ended;
  assertEquals(await exec.told(3), [["stderr", "cat begins"], ["stdout", "hello"], ["Success"]]);

  const forward = play(examples.take(heading, 1), {
    replace: { ...replace, "port: 8080": "port: 0" },
    names: { authority },
  });
  for (let i = 0; i < 2; i++) {
    const socket = connect({ hostname: "127.0.0.1", port: await forward.port });
    await socket.write(wire("hello"));
    assertEquals(await readUntil(socket, "port 80: hello"), "port 80: hello");
    await socket.closeWrite();
    assertEquals(await readAll(socket), "");
    await socket.close();
  }
  await forward.stop();
  await forward.ended;
});

test("manuals: WebSocket over a stream of node:http2", async () => {
  const heading = "WebSocket over a stream of node:http2";
  const listening = new Deferred<http2.Http2Server>();
  const createServer = (options: http2.ServerOptions) => {
    const server = http2.createServer(options);
    server.on("listening", () => listening.resolve(server));
    return server;
  };
  const packages = { "node:http2": { ...http2, createServer }, "node:stream": { Duplex }, "node:events": { once } };
  const running = play(examples.take(heading, 0), { replace: { "listen(8080": "listen(0" }, packages });
  await running.ended;
  const server = await listening.promise;
  const { port } = server.address() as AddressInfo;
  const client = play(examples.take(heading, 1), { replace: { "127.0.0.1:8080": `127.0.0.1:${port}` }, packages });
  await client.ended;
  assertEquals(await client.told(1), [["hello over HTTP/2"]]);
  await new Promise<unknown>((resolve) => server.close(resolve));
});

test("manuals: every example with packages of others is played above", () => {
  assertEquals([...examples.left], []);
});
