import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { Client } from "../../src/http/client/client.ts";
import { serve } from "../../src/http/server/serve.ts";
import { readRequest, readResponse } from "../../scripts/conformance/proxies/message.ts";
import { forwardProxy } from "../../src/proxy/forward/forward_proxy.ts";
import { dialPeer, listenPeers } from "../../scripts/conformance/proxies/peer.ts";
import { chained, GET, proxied } from "../support/reverse.ts";

/** What says the same length again (RFC 9110 §8.6), in a response; in a request a list on one line is refused. */
const REPEATED = [
  "Content-Length: 3¶Content-Length: 3¶",
  "Content-Length: 3, 3¶",
  "Content-Length: 3,3¶content-length: 3¶",
];
const ONCE = "HTTP/1.1 200 OK¶Content-Length: 3¶¶";

test("reverseProxy() passes a length on once that a server says several times (RFC 9110 §8.6)", () =>
  proxied({}, async ({ ask, backend }) => {
    for (const lines of REPEATED) {
      const answer = ask(GET);
      const server = await backend.next();
      await readRequest(server);
      server.send(`HTTP/1.1 200 OK¶${lines}Connection: close¶¶tea`);
      assertEquals(await answer, { head: ONCE, body: "tea", trailers: "" }, lines);
    }
  }));

test("reverseProxy() passes a length on once that a client says several times (RFC 9110 §8.6)", () =>
  proxied({}, async ({ dial, backend }) => {
    const client = await dial();
    client.send("POST / HTTP/1.1¶Host: a¶Content-Length: 3¶Content-Length: 3¶¶tea");
    const server = await backend.next();
    assertEquals(await readRequest(server), {
      head: "POST / HTTP/1.1¶Host: a¶Content-Length: 3¶Via: 1.1 p¶¶",
      body: "tea",
      trailers: "",
    });
    server.send(`HTTP/1.1 200 OK¶Content-Length: 0¶¶`);
    assertEquals((await readResponse(client, "POST")).head, "HTTP/1.1 200 OK¶Content-Length: 0¶¶");
  }));

test("reverseProxy() passes a length on once to a client of HTTP/2 (RFC 9113 §8.1.1)", () =>
  proxied({ serve: { http2: { h2c: true } } }, async ({ dialHttp2, backend }) => {
    const connection = dialHttp2();
    for (const lines of REPEATED) {
      const answer = connection.send({ method: "GET", target: "/", fields: [["Host", "a"]] });
      const server = await backend.next();
      await readRequest(server);
      server.send(`HTTP/1.1 200 OK¶${lines}Connection: close¶¶tea`);
      const { fields, body } = await answer;
      assertEquals([fields.getAll("content-length"), await body.text()], [["3"], "tea"], lines);
    }
  }));

test("reverseProxy() passes a length on once to a server of HTTP/2 (RFC 9113 §8.1.1)", () =>
  chained(1, async ({ dial, backend }) => {
    const client = await dial();
    client.send("POST / HTTP/1.1¶Host: a¶Content-Length: 3¶Content-Length: 3¶¶tea");
    const { head, body } = await readRequest(await backend.next());
    assertEquals([head.match(/content-length: [^¶]*/gi), body], [["content-length: 3"], "tea"]);
  }));

test("forwardProxy() passes a length on once, both ways (RFC 9110 §8.6)", async () => {
  const backend = await listenPeers();
  const proxy = forwardProxy({ name: "p", allow: [{ host: "127.0.0.1", addresses: ["loopback"] }] });
  const server = serve({ port: 0, hostname: "127.0.0.1", dateHeader: false }, proxy.handler);
  const [{ port }] = await server.listening;
  const client = await dialPeer(port!);
  client.send(`POST http://127.0.0.1:${backend.port}/ HTTP/1.1¶Host: a¶Content-Length: 3¶Content-Length: 3¶¶tea`);
  const origin = await backend.next();
  const { head, body } = await readRequest(origin);
  assertEquals([head.match(/content-length: [^¶]*/gi), body], [["Content-Length: 3"], "tea"]);
  origin.send("HTTP/1.1 200 OK¶Content-Length: 3, 3¶¶tea");
  const answer = await readResponse(client, "POST");
  assertEquals(answer, { head: ONCE.replace("¶¶", "¶Via: 1.1 p¶¶"), body: "tea", trailers: "" });
  client.close();
  await server[Symbol.asyncDispose]();
  await proxy.close();
  await backend.close();
});

test("a handler passes on what a client of ours got with a length that was said several times (RFC 9110 §8.6)", async () => {
  const backend = await listenPeers();
  const client = new Client();
  const server = serve(
    { port: 0, hostname: "127.0.0.1", dateHeader: false },
    () => client.fetch(`http://127.0.0.1:${backend.port}/`),
  );
  const [{ port }] = await server.listening;
  const asking = await dialPeer(port!);
  asking.send(GET);
  const origin = await backend.next();
  await readRequest(origin);
  origin.send("HTTP/1.1 200 OK¶Content-Length: 3¶Content-Length: 3¶¶tea");
  const { head, body } = await readResponse(asking, "GET");
  assertEquals([head, body], ["HTTP/1.1 200 OK¶content-length: 3¶¶", "tea"]);
  asking.close();
  await server[Symbol.asyncDispose]();
  await client.close();
  await backend.close();
});
