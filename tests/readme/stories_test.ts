import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Client, UpgradeRejected, upgradeWebSocket, WebSocketStream } from "../../mod.ts";
import { serverCert, serverKey } from "../support/certificates.ts";
import { deflates, unlessNoTlsOverStreams } from "../support/runtime.ts";
import { play, readme } from "./manuals.ts";
import { anyPort, echoed, echoing, Examples, fetched, proxied, serving, stopped } from "./scene.ts";

const examples = new Examples([readme]);

test("README: the first example says hello", async () => {
  const running = play(examples.take("http-upgrade"));
  await running.ended;
  assertEquals(await running.told(1), [["hello"]]);
});

test("README: a server for a protocol of your own", async () => {
  const running = play(examples.take("A server for a protocol of your own"), { replace: anyPort });
  const port = await running.port;
  assertEquals(await fetched(`http://127.0.0.1:${port}/`), [426, "speak echo/1"]);
  assertEquals(await echoed(port, "hello"), "hello");
  await stopped(running);
});

test("README: a client that switches, and one that is refused", async (t) => {
  const snippet = examples.take("A client that switches");
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
  const running = play(examples.take("A CONNECT proxy"), {
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

test("README: a WebSocket server", async () => {
  const running = play(examples.take("A WebSocket server"), { replace: anyPort });
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
  const running = play(examples.take("A WebSocket client with headers, through a proxy"), {
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
  const running = play(examples.take("A reverse proxy that passes any upgrade"), {
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
  const [line, via, hop] = seen.splice(0);
  assertEquals([line, hop], ["POST //x/y?z", null]);
  assertMatch(via!, /^1\.1 http-upgrade-[0-9a-f]{8}$/);

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

test("README: every example is played above, and none is long", unlessNoTlsOverStreams, () => {
  assertEquals([...examples.left], []);
  for (const { heading, language, code } of readme.snippets) {
    const lines = code.split("\n").filter((line) => line !== "" && !line.startsWith("import "));
    assert(language !== "ts" || lines.length <= 18, `${heading}: ${lines.length} lines`);
  }
});
