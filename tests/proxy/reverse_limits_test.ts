/**
 * How long bodies and silences behind a reverse proxy may be, and who is told when they are longer.
 */

import { test } from "node:test";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { readRequest, readResponse } from "../../scripts/conformance/proxies/message.ts";
import { serve } from "../../src/http/server/serve.ts";
import type { ReverseProxyOptions } from "../../src/proxy/reverse/options.ts";
import { GET, proxied, type ProxiedInit, refused } from "../support/reverse.ts";
import { FakeClock } from "../support/wire.ts";

test("reverseProxy() answers 413 to a body that is longer than maxRequestBytes (RFC 9110 §15.5.14)", async () => {
  const init = { options: { maxRequestBytes: 4 } };
  const tooLong = refused(413, "Content Too Large", "http_request_error");
  await proxied(init, async ({ ask }) => {
    const { head, body } = await ask("POST / HTTP/1.1¶Host: a¶Content-Length: 5¶¶hello");
    assertEquals({ head, body, trailers: "" }, tooLong);
  });
  await proxied(init, async ({ ask, backend }) => {
    const answer = ask("POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶3¶hel¶2¶lo¶0¶¶");
    const server = await backend.next();
    await server.untilEnd();
    assert(!server.received.includes("0¶¶"));
    assertMatch((await answer).head, /^HTTP\/1\.1 413 /);
  });
  await proxied(init, async ({ ask, backend }) => {
    const answer = ask("POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶4¶four¶0¶¶");
    const server = await backend.next();
    assertEquals((await readRequest(server)).body, "four");
    server.send("HTTP/1.1 204 No Content¶¶");
    assertMatch((await answer).head, /^HTTP\/1\.1 204 /);
  });
});

test("reverseProxy() does not take a body that it refuses for a failure of the server", async () => {
  const told: unknown[] = [];
  const onError: ReverseProxyOptions["onError"] = (error) => void told.push(error);
  const options = { maxRequestBytes: 4, idleTimeoutMs: 50, health: { maxFailures: 1 }, onError };
  const target: ProxiedInit["target"] = (ports) => ports.map((port) => `http://127.0.0.1:${port}`);
  await proxied({ target, backends: 2, options }, async ({ ask, backends }) => {
    const refusing = async (request: string, status: number): Promise<void> => {
      const answer = ask(request);
      await (await backends[0]!.nextConnection()).untilEnd();
      assertEquals((await answer).head.split(" ")[1], String(status));
      const other = ask(GET);
      const server = await backends[1]!.next();
      await readRequest(server);
      server.send("HTTP/1.1 204 No Content¶¶");
      await other;
      backends[1]!.again(server);
    };
    await refusing("POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶", 413);
    await refusing("POST / HTTP/1.1¶Host: a¶Content-Length: 4¶¶he", 408);
    const last = ask(GET);
    const server = await backends[0]!.next();
    server.send("HTTP/1.1 204 No Content¶¶");
    await last;
    assertEquals(told, []);
  });
});

test("reverseProxy() cuts a body that pauses for longer than idleTimeoutMs", async () => {
  const init: ProxiedInit = { options: { idleTimeoutMs: 10 }, serve: { onError: () => {} } };
  await proxied(init, async ({ dial, backend }) => {
    const client = await dial();
    client.send(GET);
    const server = await backend.next();
    await readRequest(server);
    server.send("HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶");
    assert(!(await client.rest()).includes("0¶¶"));
    await server.untilEnd();
  });
});

test("reverseProxy() answers 408 to a client that pauses for longer than idleTimeoutMs within its body (RFC 9110 §15.5.9)", async () => {
  const late = refused(408, "Request Timeout", "http_request_error");
  const request = "POST / HTTP/1.1¶Host: a¶Content-Length: 5¶¶he";
  await proxied({ options: { idleTimeoutMs: 10 } }, async ({ ask, backend }) => {
    const answer = ask(request);
    const server = await backend.next();
    assertEquals({ ...await answer, head: "" }, { ...late, head: "" });
    assertMatch((await answer).head, /^HTTP\/1\.1 408 Request Timeout¶Proxy-Status: p; error=http_request_error¶/);
    await server.untilEnd();
  });
  const behind = serve({ port: 0, hostname: "127.0.0.1", http2: { h2c: true }, onError: () => {} }, async (asked) => {
    await asked.text();
    return new Response();
  });
  const [{ port }] = await behind.listening;
  const init: ProxiedInit = {
    target: () => `http://127.0.0.1:${port}`,
    options: { idleTimeoutMs: 10, http2: { h2c: true } },
  };
  await proxied(init, async ({ ask }) => {
    assertMatch(
      (await ask(request)).head,
      /^HTTP\/1\.1 408 Request Timeout¶Proxy-Status: p; error=http_request_error¶/,
    );
  });
  await behind.shutdown();
});

test("reverseProxy() cuts a response that pauses for longer than idleTimeoutMs, also behind the end of the request", async () => {
  const clock = new FakeClock();
  const init: ProxiedInit = { options: { idleTimeoutMs: 1000, clock }, serve: { onError: () => {} } };
  await proxied(init, async ({ dial, backend }) => {
    const client = await dial();
    client.send("POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶2¶he¶");
    const server = await backend.next();
    await server.through("he¶");
    server.send("HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶");
    await client.through("hello¶");
    client.send("0¶¶");
    await server.through("0¶¶");
    await clock.advance(1000);
    assert(!(await client.rest()).includes("0¶¶"));
    await server.untilEnd();
  });
});

test("reverseProxy() cuts an upgraded connection that is silent for longer than upgradedIdleTimeoutMs", () =>
  proxied({ options: { upgradedIdleTimeoutMs: 10 } }, async ({ dial, backend }) => {
    const client = await dial();
    client.send("GET / HTTP/1.1¶Host: a¶Connection: Upgrade¶Upgrade: echo¶¶");
    const server = await backend.next();
    await readRequest(server);
    server.send("HTTP/1.1 101 Switching Protocols¶Connection: Upgrade¶Upgrade: echo¶¶");
    await readResponse(client, "GET");
    await Promise.all([client.untilEnd(), server.untilEnd()]);
  }));
