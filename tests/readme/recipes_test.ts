import { rmSync } from "node:fs";
import * as nodeHttp from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Client, serve, UpgradeRejected, upgradeResponse, upgradeWebSocket, WebSocketStream } from "../../mod.ts";
import { Deferred } from "../../src/duplex/deferred.ts";
import { listen } from "../../src/net/mod.ts";
import * as nodeEntry from "../../src/net/node/mod.ts";
import { serverCert, serverKey } from "../support/certificates.ts";
import { chromium, startChromium } from "../support/chromium.ts";
import { isAtLeast, runtimeMajor, runtimeName, skipUnless, unlessNoTlsOverStreams } from "../support/runtime.ts";
import { isPending } from "../support/switching.ts";
import { manuals, play, readme } from "./manuals.ts";
import { anyPort, echoed, Examples, fetched, proxied, serving, stopped } from "./scene.ts";

const examples = new Examples(manuals.filter((manual) => manual !== readme));

test("manuals: through a proxy, TLS inside", unlessNoTlsOverStreams, async (t) => {
  const { server, port } = await serving(({ headers }) => new Response(headers.get("host")), {
    tls: { cert: serverCert, key: serverKey },
  });
  t.after(() => server.shutdown());
  const running = play(examples.take("Through a proxy, TLS inside"), await proxied(t, port));
  await running.ended;
  assertEquals(await running.told(2), [[200, `localhost:${port}`], [200, "api.example.com"]]);
});

test("manuals: interceptors of a client", async (t) => {
  let asked = 0;
  const { server, port } = await serving(({ headers }) => {
    return asked++ === 0 ? new Response(null, { status: 503 }) : new Response(headers.get("authorization"));
  });
  t.after(() => server.shutdown());
  const running = play(examples.take("Interceptors"), {
    replace: { "127.0.0.1:8080": `127.0.0.1:${port}`, "maxAttempts: 3": "maxAttempts: 3, baseDelayMs: 1" },
  });
  await running.ended;
  assertEquals(await running.told(3), [["GET", "/tea", 503], ["GET", "/tea", 200], ["Bearer t"]]);
});

test("manuals: Docker's hijacked connections, over a unix socket", async (t) => {
  const path = join(tmpdir(), `http-upgrade-readme-${process.pid}.sock`);
  const asked: unknown[] = [];
  const server = serve({ path }, async (request) => {
    asked.push(request.method, new URL(request.url).pathname, await request.json());
    return upgradeResponse(request, "tcp", {}, async (io) => {
      asked.push(await new Response(io.readable).text());
      await io.write(new TextEncoder().encode("bin etc"));
      await io.close();
    }).response;
  });
  await server.listening;
  t.after(() => rmSync(path, { force: true }));
  const running = play(examples.take("Docker's hijacked connections, over a unix socket"), {
    replace: { '"/var/run/docker.sock"': JSON.stringify(path) },
  });
  await running.ended;
  assertEquals(asked, ["POST", "/v1.50/exec/0123/start", { Detach: false, Tty: true }, "ls\n"]);
  assertEquals(await running.told(1), [["bin etc"]]);
  await server.shutdown();
});

test("manuals: a WebSocket with events", async (t) => {
  const { server, port } = await serving((request) => {
    assertEquals(request.headers.get("authorization"), "Bearer t");
    const { response, socket } = upgradeWebSocket(request);
    socket.opened.then(({ readable, writable }) => readable.pipeTo(writable));
    return response;
  });
  t.after(() => server.shutdown({ upgraded: "close" }));
  const running = play(examples.take("A WebSocket with events"), {
    replace: { "127.0.0.1:8080": `127.0.0.1:${port}` },
  });
  assertEquals(await running.told(2), [["hello"], [1000, true]]);
});

test("manuals: one message for many", async () => {
  const running = play(examples.take("One message for many"), { replace: anyPort });
  const port = await running.port;
  const [author, other] = await Promise.all([1, 2].map(async () => {
    return await new WebSocketStream(`ws://127.0.0.1:${port}/`).opened;
  }));
  await author!.write("hello");
  assertEquals(await other!.read(), "hello");
  await other!.write("hello yourself");
  assertEquals(await author!.read(), "hello yourself");
  await Promise.all([author!.close(), other!.close()]);
  await running.stop();
});

test("manuals: a client that connects again, through a proxy with TLS inside", unlessNoTlsOverStreams, async (t) => {
  let connections = 0;
  const { server, port } = await serving((request) => {
    if (++connections === 2) return new Response("later", { status: 503 });
    return upgradeWebSocket(request, {}, async (io) => {
      await io.write(`connection ${connections}`);
      if (connections === 1) io.abort();
      else await io.close({ closeCode: connections === 3 ? 1001 : 1000 });
    }).response;
  }, { tls: { cert: serverCert, key: serverKey } });
  t.after(() => server.shutdown({ upgraded: "close" }));
  const { replace = {}, names = {} } = await proxied(t, port);
  const proxy = '"http://user:pw@proxy.example:3128"';
  const running = play(examples.take("A client that connects again, through a corporate proxy with TLS inside"), {
    replace: {
      [proxy]: replace[proxy]!,
      "wss://api.example.com/": `wss://localhost:${port}/`,
      "1000 * 2 ** failures": "1",
    },
    names,
  });
  await running.ended;
  const told = await running.told(4);
  const isLost = (line: readonly unknown[]): boolean => line[0] instanceof Error;
  assertEquals(told.filter(isLost).length, 1);
  // An abort may overtake what was written before it.
  assertEquals(told.filter((line) => !isLost(line) && line[0] !== "connection 1"), [
    [503, "later"],
    ["connection 3"],
    ["connection 4"],
  ]);
});

test(
  "manuals: a client that connects again gives up where the answer stays the same",
  unlessNoTlsOverStreams,
  async (t) => {
    const { server, port } = await serving(() => new Response("who are you?", { status: 401 }), {
      tls: { cert: serverCert, key: serverKey },
    });
    t.after(() => server.shutdown());
    const { replace = {}, names = {} } = await proxied(t, port);
    const proxy = '"http://user:pw@proxy.example:3128"';
    const running = play(examples.take("A client that connects again, through a corporate proxy with TLS inside"), {
      replace: { [proxy]: replace[proxy]!, "wss://api.example.com/": `wss://localhost:${port}/` },
      names,
    });
    const error: unknown = await running.ended.catch((error: unknown) => error);
    assert(error instanceof UpgradeRejected);
    assertEquals(await running.told(1), [[401, "who are you?"]]);
  },
);

const devTools = examples.take("Chromium's DevTools protocol");

test(
  "manuals: Chromium's DevTools protocol",
  skipUnless(
    chromium !== undefined && (runtimeName !== "node" || runtimeMajor >= 26),
    "Chromium is not installed, or an older Node plays this, which leaves out the peers",
  ),
  async (t) => {
    const page = "<!doctype html><title>hello from here</title>";
    const { server, port } = await serving(() => new Response(page, { headers: { "content-type": "text/html" } }));
    const browser = await startChromium();
    t.after(async () => {
      await browser[Symbol.asyncDispose](); // it has connections to spare, for which shutdown() would wait
      await server.shutdown();
    });
    const running = play(devTools, {
      replace: { "127.0.0.1:9222": browser.devTools, "https://example.com/": `http://127.0.0.1:${port}/` },
    });
    await running.ended;
    assertEquals(await running.told(1), [["hello from here"]]);
  },
);

test("manuals: a server one level down", async () => {
  const running = play(examples.take("A server of which you see every byte"), { replace: anyPort });
  const port = await running.port;
  assertEquals(await fetched(`http://127.0.0.1:${port}/`), [426, ""]);
  assertEquals(await echoed(port, "hello"), "hello");
  await stopped(running);
});

test("manuals: a client that takes the transport itself", async () => {
  const listener = await listen({ hostname: "127.0.0.1" });
  const { port } = listener.address;
  const running = play(examples.take("A client that takes the transport itself"), {
    replace: { "127.0.0.1:8080": `127.0.0.1:${port}` },
  });
  const socket = (await listener.accept())!;
  assertMatch(new TextDecoder().decode((await socket.read())!), /^GET \/ HTTP\/1\.1\r\n/);
  const head = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo/1\r\n\r\n";
  await socket.write(new TextEncoder().encode(`${head}early`));
  await running.ended;
  assertEquals(await running.told(1), [[5]]);
  assertEquals(await socket.read(), null);
  await socket.close();
  await listener.close();
});

test("manuals: reverse proxies as routes of an application", async (t) => {
  const behind = async (name: string): Promise<number> => {
    const { server, port } = await serving((request) => {
      if (request.headers.get("upgrade") === null) return new Response(`${name} ${new URL(request.url).pathname}`);
      const { response, socket } = upgradeWebSocket(request, { protocols: ["vite-hmr"] });
      socket.opened.then(({ readable, writable }) => readable.pipeTo(writable));
      return response;
    });
    t.after(() => server.shutdown({ upgraded: "close" }));
    return port;
  };
  const vite = await behind("vite");
  const api = await behind("api");
  const running = play(examples.take("In an application"), {
    replace: { ...anyPort, "localhost:5173": `127.0.0.1:${vite}`, "127.0.0.1:3000": `127.0.0.1:${api}` },
  });
  const here = `127.0.0.1:${await running.port}`;
  assertEquals(await fetched(`http://${here}/hello`), [200, "from here"]);
  assertEquals(await fetched(`http://${here}/api/users`), [200, "api /users"]);
  assertEquals(await fetched(`http://${here}/src/main.js`), [200, "vite /src/main.js"]);
  const io = await new WebSocketStream(`ws://${here}/`, { protocols: ["vite-hmr"] }).opened;
  await io.write("update");
  assertEquals([io.protocol, await io.read()], ["vite-hmr", "update"]);
  await io.close();
  await stopped(running);
});

const unlessNeverEnds = skipUnless(
  runtimeName !== "deno" || isAtLeast("2.9.0"),
  "the node:http of Deno 2.1 ends no side of what has switched",
);

test(
  "manuals: what has switched on a server of node:http is ended as its protocol wants",
  unlessNeverEnds,
  async () => {
    const [started, signaled] = [new Deferred<number>(), new Deferred<() => Promise<void>>()];
    const running = play(examples.take("Ending what has switched"), {
      replace: { "listen(8080)": 'listen(0, "127.0.0.1", () => started(server.address().port))' },
      names: { started: (port: number) => started.resolve(port) },
      packages: {
        "node:http": nodeHttp,
        "node:process": { default: { once: (_: string, end: () => Promise<void>) => signaled.resolve(end) } },
        "@http-upgrade/http-upgrade/node": nodeEntry,
      },
    });
    await running.ended;
    const [end, url] = [await signaled.promise, `//127.0.0.1:${await started.promise}/`];
    assertEquals(await fetched(`http:${url}`), [200, "hello"]);
    const socket = new WebSocketStream(`ws:${url}`);
    const messages = await socket.opened;
    await messages.write("hello");
    assertEquals(await messages.read(), "hello");
    const client = new Client();
    const bytes = await client.upgrade(`http:${url}`, { protocol: "echo/1" });
    await bytes.write(new TextEncoder().encode("hello"));
    assertEquals(new TextDecoder().decode((await bytes.read())!), "hello");
    const ended = end();
    const [told, { closeCode, wasClean }] = await Promise.all([bytes.read(), socket.closed, messages.read()]);
    assertEquals([told, closeCode, wasClean], [null, 1001, true]);
    assertEquals(await isPending(ended), true);
    await bytes.write(new TextEncoder().encode("not echoed"));
    await bytes.close();
    await ended;
    await client.close();
  },
);

test("manuals: two sockets, and an end of one side", async () => {
  const running = play(examples.take("Sockets"));
  await running.ended;
  assertEquals(await running.told(1), [["hello", null]]);
});

test("manuals: a forward proxy with rules", async () => {
  const running = play(examples.take("forwardProxy(rules)"), { replace: { "port: 3128": "port: 0" } });
  const port = await running.port;
  const asked = async (authority: string, user: string) => {
    const client = new Client({ proxy: `http://${user}127.0.0.1:${port}` });
    const error: unknown = await client.connect(authority).catch((error: unknown) => error);
    assert(error instanceof UpgradeRejected);
    return [error.status, await (error.response as Response).text()];
  };
  assertEquals((await asked("registry.npmjs.org:443", ""))[0], 407);
  assertEquals(await asked("ADMIN.npmjs.org.:443", "ci:secret@"), [
    403,
    'This proxy does not lead to admin.npmjs.org:443: the rule "admin.npmjs.org" denies it\n',
  ]);
  assertEquals((await running.told(4)).length, 4);
  await running.stop();
});

test("manuals: every example is played above", unlessNoTlsOverStreams, () => {
  assertEquals([...examples.left], []);
});
