import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test, type TestContext } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  Client,
  connectResponse,
  serve,
  type ServeHandler,
  type ServeOptions,
  type Server,
  UpgradeRejected,
  upgradeResponse,
  upgradeWebSocket,
  WebSocketStream,
} from "../../mod.ts";
import { tunnel } from "../../src/proxy/mod.ts";
import { connect, listen } from "../../src/net/mod.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { deflates, unlessNoTlsOverStreams } from "../support/runtime.ts";
import { play, type Running, type Scene, type Snippet, snippets } from "./readme.ts";

const examples = snippets.filter(({ language }) => language === "ts");
const played = new Set<Snippet>();

/** The example below a heading; `nth` where there are several. */
function example(heading: string, nth = 0): Snippet {
  const snippet = examples.filter((snippet) => snippet.heading === heading)[nth];
  assert(snippet !== undefined, `README.md has no example below ${heading}`);
  played.add(snippet);
  return snippet;
}

async function serving(handler: ServeHandler, options: ServeOptions = {}): Promise<{ server: Server; port: number }> {
  const server = serve({ hostname: "127.0.0.1", port: 0, ...options }, handler);
  const [{ port }] = await server.listening;
  return { server, port: port! };
}

const echoing: ServeHandler = (request) => {
  if (request.headers.get("authorization") !== "Bearer t") return new Response("who are you?", { status: 401 });
  return upgradeResponse(request, "echo/1", {}, (io) => io.readable.pipeTo(io.writable)).response;
};

/** Says something in `echo/1`, ends its side, and gives what came back. */
async function echoed(port: number, text: string): Promise<string> {
  const client = new Client();
  const io = await client.upgrade(`http://127.0.0.1:${port}/`, { protocol: "echo/1" });
  await io.write(new TextEncoder().encode(text));
  await io.closeWrite();
  const back = await new Response(io.readable).text();
  await client.close();
  return back;
}

async function fetched(url: string): Promise<[number, string]> {
  const client = new Client({ keepAlive: false });
  const response = await client.fetch(url);
  const answer: [number, string] = [response.status, await response.text()];
  await client.close();
  return answer;
}

/** A proxy that wants what the examples say, and passes on to loopback. */
async function proxied(t: TestContext, reaches: number): Promise<Scene> {
  const { server, port } = await serving(() => new Response(null, { status: 405 }), {
    async connect(request) {
      const allowed = request.headers.get("proxy-authorization") === `Basic ${btoa("user:pw")}`;
      if (!allowed) return new Response(null, { status: 407, headers: { "proxy-authenticate": "Basic" } });
      const target = connect(request);
      await target.opened;
      return connectResponse(request, { owns: target }, async (io) => void await tunnel(io, target)).response;
    },
  });
  t.after(() => server.shutdown({ upgraded: "close" }));
  return {
    replace: {
      "api.example.com:443": `localhost:${reaches}`,
      "https://api.example.com/": `https://localhost:${reaches}/`,
      'serverName: "api.example.com"': 'serverName: "localhost", caCerts: [authority]',
      '"http://user:pw@proxy.example:3128"': `"http://user:pw@127.0.0.1:${port}", tls: { caCerts: [authority] }`,
    },
    names: { authority },
  };
}

async function stopped(running: Running): Promise<void> {
  await running.stop();
  await running.ended;
}

test("README: the first example says hello", async () => {
  const running = play(example("http-upgrade"));
  await running.ended;
  assertEquals(await running.told(1), [["hello"]]);
});

const anyPort = { "port: 8080": 'hostname: "127.0.0.1", port: 0' };

test("README: a server for a protocol of your own", async () => {
  const running = play(example("A server for a protocol of your own"), { replace: anyPort });
  const port = await running.port;
  assertEquals(await fetched(`http://127.0.0.1:${port}/`), [426, "speak echo/1"]);
  assertEquals(await echoed(port, "hello"), "hello");
  await stopped(running);
});

test("README: a client that switches, and one that is refused", async (t) => {
  const snippet = example("A client that switches");
  const { server, port } = await serving(echoing);
  t.after(() => server.shutdown({ upgraded: "close" }));
  const here = { "127.0.0.1:8080": `127.0.0.1:${port}` };
  const running = play(snippet, { replace: here });
  await running.ended;
  assertEquals(await running.told(1), [["hello"]]);
  const refused = play(snippet, { replace: { ...here, "Bearer t": "Bearer u" } });
  await refused.ended;
  assertEquals(await refused.told(1), [[401, "who are you?"]]);
});

test("README: a CONNECT proxy", async (t) => {
  const { server, port: reaches } = await serving(() => new Response("here I am"));
  t.after(() => server.shutdown());
  const running = play(example("A CONNECT proxy"), {
    replace: { "port: 3128": "port: 0", "api.example.com:443": `127.0.0.1:${reaches}` },
  });
  const proxy = `http://127.0.0.1:${await running.port}`;
  const client = new Client({ proxy, proxyTunnel: "always" });
  assertEquals(await (await client.fetch(`http://127.0.0.1:${reaches}/`)).text(), "here I am");
  const { status, response } = await assertRejects(() => client.connect("127.0.0.1:1"), UpgradeRejected);
  assertEquals(status, 403);
  assertEquals(await (response as Response).text(), "blocked by policy");
  await client.close();
  assertEquals(await fetched(proxy), [405, "CONNECT only"]);
  await stopped(running);
});

test("README: through a proxy, TLS inside", unlessNoTlsOverStreams, async (t) => {
  const { server, port } = await serving(({ headers }) => new Response(headers.get("host")), {
    tls: { cert: serverCert, key: serverKey },
  });
  t.after(() => server.shutdown());
  const running = play(example("Through a proxy, TLS inside"), await proxied(t, port));
  await running.ended;
  assertEquals(await running.told(2), [[200, `localhost:${port}`], [200, "api.example.com"]]);
});

test("README: a WebSocket server", async () => {
  const running = play(example("A WebSocket server"), { replace: anyPort });
  const host = `127.0.0.1:${await running.port}`;
  const url = `ws://${host}/`;
  const socket = new WebSocketStream(url, { protocols: ["other", "chat"], headers: { origin: `https://${host}` } });
  const io = await socket.opened;
  assertEquals(io.protocol, "chat");
  await io.write("hello");
  assertEquals(await io.read(), "hello");
  await io.write(Uint8Array.of(1, 2));
  assertEquals(await io.read(), Uint8Array.of(1, 2));
  assertEquals((await io.close()).wasClean, true);
  const elsewhere = new WebSocketStream(url, { headers: { origin: "https://evil.example" } });
  const { status, response } = await assertRejects(() => elsewhere.opened, UpgradeRejected);
  assertEquals([status, await (response as Response).text()], [403, "No WebSocket: the origin is not allowed"]);
  await stopped(running);
});

test("README: a WebSocket client with headers, through a proxy", unlessNoTlsOverStreams, async (t) => {
  const asked: unknown[] = [];
  const { server, port } = await serving((request) => {
    asked.push(new URL(request.url).pathname, request.headers.get("authorization"));
    const { response, socket } = upgradeWebSocket(request, { protocols: ["v1"] });
    socket.opened.then(async (io) => {
      asked.push(await io.read());
      await io.write("up");
      await io.write("down");
      await io.close({ closeCode: 1001, reason: "that is all" });
    });
    return response;
  }, { tls: { cert: serverCert, key: serverKey } });
  t.after(() => server.shutdown());
  const { replace, names } = await proxied(t, port);
  const proxy = '"http://user:pw@proxy.example:3128"';
  const running = play(example("A WebSocket client with headers, through a proxy"), {
    replace: { [proxy]: replace![proxy]!, "stream.example.com": `localhost:${port}` },
    names: names!,
  });
  await running.ended;
  assertEquals(asked, ["/v1", "Bearer t", '{"subscribe":"btc"}']);
  assertEquals(await running.told(3), [["up"], ["down"], [1001, "that is all", true]]);
});

test("README: a reverse proxy that passes any upgrade", async (t) => {
  const seen: (string | null)[] = [];
  const { server, port: reaches } = await serving(async (request) => {
    const { pathname, search } = new URL(request.url);
    seen.push(`${request.method} ${pathname}${search}`, request.headers.get("via"), request.headers.get("x-hop"));
    if (pathname === "/ws") {
      const { response, socket } = upgradeWebSocket(request, { deflate: true });
      socket.opened.then(({ readable, writable }) => readable.pipeTo(writable));
      return response;
    }
    if (pathname === "/echo") return echoing(request, undefined as never);
    const headers = [["set-cookie", "a=1"], ["set-cookie", "b=2"], ["connection", "x-hop"], ["x-hop", "1"]];
    return new Response(`you sent ${await request.text()}`, { status: 201, headers: headers as [string, string][] });
  });
  t.after(() => server.shutdown({ upgraded: "close" }));
  const running = play(example("A reverse proxy that passes any upgrade"), {
    replace: { ...anyPort, "127.0.0.1:3000": `127.0.0.1:${reaches}` },
  });
  const port = await running.port;
  const client = new Client();
  t.after(() => client.abort());

  const response = await client.fetch(`http://127.0.0.1:${port}//x/y?z`, {
    method: "POST",
    headers: { connection: "x-hop", "x-hop": "1" },
    body: "a body",
  });
  assertEquals([response.status, await response.text()], [201, "you sent a body"]);
  assertEquals([response.headers.getSetCookie(), response.headers.get("x-hop")], [["a=1", "b=2"], null]);
  assertEquals(seen.splice(0), ["POST //x/y?z", "1.1 edge", null]);

  const io = await new WebSocketStream(`ws://127.0.0.1:${port}/ws`).opened;
  assertEquals(io.extensions, deflates ? "permessage-deflate" : "");
  await io.write("hello ".repeat(1000));
  assertEquals(await io.read(), "hello ".repeat(1000));
  assertEquals((await io.close()).wasClean, true);

  const protocol = ["other", "echo/1"];
  const url = `http://127.0.0.1:${port}/echo`;
  const echo = await client.upgrade(url, { protocol, headers: { authorization: "Bearer t" } });
  await echo.write(new TextEncoder().encode("hello"));
  await echo.closeWrite();
  assertEquals([echo.protocol, await new Response(echo.readable).text()], ["echo/1", "hello"]);
  const { response: refusal } = await assertRejects(() => client.upgrade(url, { protocol }), UpgradeRejected);
  assertEquals([(refusal as Response).status, await (refusal as Response).text()], [401, "who are you?"]);
  await client.close();
  await stopped(running);
});

test("README: Docker's hijacked connections, over a unix socket", async (t) => {
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
  const running = play(example("Docker's hijacked connections, over a unix socket"), {
    replace: { '"/var/run/docker.sock"': JSON.stringify(path) },
  });
  await running.ended;
  assertEquals(asked, ["POST", "/v1.50/exec/0123/start", { Detach: false, Tty: true }, "ls\n"]);
  assertEquals(await running.told(1), [["bin etc"]]);
  await server.shutdown();
});

test("README: a WebSocket with events", async (t) => {
  const { server, port } = await serving((request) => {
    assertEquals(request.headers.get("authorization"), "Bearer t");
    const { response, socket } = upgradeWebSocket(request);
    socket.opened.then(({ readable, writable }) => readable.pipeTo(writable));
    return response;
  });
  t.after(() => server.shutdown({ upgraded: "close" }));
  const running = play(example("A WebSocket with events"), { replace: { "127.0.0.1:8080": `127.0.0.1:${port}` } });
  assertEquals(await running.told(2), [["hello"], [1000, true]]);
});

test("README: a server one level down", async () => {
  const running = play(example("One level down"), { replace: anyPort });
  const port = await running.port;
  assertEquals(await fetched(`http://127.0.0.1:${port}/`), [426, ""]);
  assertEquals(await echoed(port, "hello"), "hello");
  await stopped(running);
});

test("README: a client that takes the transport itself", async () => {
  const listener = await listen({ hostname: "127.0.0.1" });
  const { port } = listener.address as { readonly port: number };
  const running = play(example("One level down", 1), { replace: { "127.0.0.1:8080": `127.0.0.1:${port}` } });
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

test("README: every example is played above, and none is long", unlessNoTlsOverStreams, () => {
  assertEquals(examples.filter((snippet) => !played.has(snippet)), []);
  for (const { heading, code } of examples) {
    const lines = code.split("\n").filter((line) => line !== "" && !line.startsWith("import "));
    assert(lines.length <= 18, `${heading}: ${lines.length} lines`);
  }
});
