import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { Deferred } from "../../src/duplex/deferred.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import type { ServeHandler } from "../../src/http/server/serve_options.ts";
import { LightResponse } from "../../src/http1/light_response.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import type { AcceptOptions } from "../../src/node_http/accept.ts";
import { toNodeHandler } from "../../src/node_http/node_handler.ts";
import { dial, say } from "../support/http_server.ts";
import { type NodeServer, nodeServer } from "../support/node_server.ts";
import { readAll, readUntil, turns, wire } from "../support/wire.ts";

const REST = "Host: a¶Connection: close¶¶";

function mounted(handler: ServeHandler, options: AcceptOptions = {}): Promise<NodeServer> {
  const nodeHandler = toNodeHandler(handler, { dateHeader: false, onError() {}, ...options });
  return nodeServer({ request: nodeHandler, upgrade: nodeHandler.upgrade });
}

async function echo(io: Upgraded): Promise<void> {
  for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) await io.write(bytes);
  await io.close();
}

test("toNodeHandler() answers requests, and upgrades by the same handler", async () => {
  const node = await mounted((request) => {
    if (request.url.endsWith("/up")) return upgradeResponse(request, "echo", {}, echo).response;
    return new Response(`${request.method} ${request.url} ${request.headers.get("x-a")}`, { status: 201 });
  });
  const answer = await say(node.port, `GET /tea?q=1 HTTP/1.1¶X-A: b¶${REST}`);
  assertMatch(answer, /^HTTP\/1\.1 201 Created¶/);
  assertStringIncludes(answer, "GET http://a/tea?q=1 b");
  const switched = await say(node.port, "GET /up HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶early");
  assertMatch(switched, /^HTTP\/1\.1 101 .*¶¶early$/s);
  await node.close();
});

test("toNodeHandler() sends light responses, several cookies and a reason as they are", async () => {
  const node = await mounted(() =>
    LightResponse.of("light", {
      status: 202,
      statusText: "Fine",
      headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]],
    })
  );
  const answer = await say(node.port, `GET / HTTP/1.1¶${REST}`);
  assertMatch(answer, /^HTTP\/1\.1 202 Fine¶.*set-cookie: a=1¶set-cookie: b=2¶.*¶¶light$/s);
  await node.close();
});

test("toNodeHandler() refuses a Host that is none: it would be part of the path in the URL (RFC 9112 §3.2)", async () => {
  let asked = 0;
  const node = await mounted((request) => {
    asked++;
    return new Response(new URL(request.url).pathname);
  });
  for (const host of ["a/admin?", "a/admin#", "a\\admin?", "u@a", "a:1:2", "a b"]) {
    assertMatch(
      await say(node.port, `GET /public HTTP/1.1¶Host: ${host}¶Connection: close¶¶`),
      /^HTTP\/1\.1 400 /,
      host,
    );
  }
  assertEquals(asked, 0);
  for (const host of ["a", "a:80", "[::1]:80", "a_b"]) {
    const answer = await say(node.port, `GET /public HTTP/1.1¶Host: ${host}¶Connection: close¶¶`);
    assertMatch(answer, /^HTTP\/1\.1 200 .*\/public/s, host);
  }
  await node.close();
});

test("toNodeHandler() streams bodies both ways", async () => {
  const node = await mounted((request) => new Response(request.body));
  const text = "x".repeat(3_000_000);
  const response = await fetch(`http://127.0.0.1:${node.port}/`, { method: "POST", body: text });
  assertEquals((await response.text()).length, text.length);
  await node.close();
});

test("toNodeHandler() sends the head before the body has begun", async () => {
  const go = new Deferred<void>();
  const node = await mounted(() =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          await go.promise;
          controller.enqueue(wire("late"));
          controller.close();
        },
      }),
    )
  );
  const socket = dial(node.port);
  await socket.write(wire(`GET / HTTP/1.1¶${REST}`));
  await readUntil(socket, "¶¶");
  go.resolve();
  assertStringIncludes(await readUntil(socket, "0¶¶"), "late");
  await socket.close();
  await node.close();
});

test("toNodeHandler() sends no body in answer to HEAD, and cancels it: it may have no end (RFC 9110 §9.3.2)", async () => {
  const canceled = new Deferred<void>();
  const endless = (): Response =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          await turns();
          controller.enqueue(wire("part"));
        },
        cancel: () => canceled.resolve(),
      }),
      { headers: { "x-a": "b" } },
    );
  const node = await mounted(({ method }) => method === "HEAD" ? endless() : new Response("next"));
  const socket = dial(node.port);
  await socket.write(wire("HEAD / HTTP/1.1¶Host: a¶¶"));
  assertMatch(await readUntil(socket, "¶¶"), /^HTTP\/1\.1 200 .*x-a: b/is);
  await canceled.promise;
  await socket.write(wire(`GET / HTTP/1.1¶${REST}`));
  assertStringIncludes(await readAll(socket), "next");
  await socket.close();
  await node.close();
});

test("toNodeHandler() sends the response also where onResponse throws, and tells onError", async () => {
  const told: unknown[] = [];
  const boom = new Error("boom");
  const node = await mounted(() => new Response("tea"), {
    onError: (error) => void told.push(error),
    onResponse() {
      throw boom;
    },
  });
  assertMatch(await say(node.port, `GET / HTTP/1.1¶${REST}`), /^HTTP\/1\.1 200 .*tea/s);
  assertEquals(told, [boom]);
  await node.close();
});

test("toNodeHandler() sends trailers and early hints", async () => {
  const node = await mounted(async (_request, info) => {
    await info.sendInformational(103, { link: "</a.css>; rel=preload" });
    info.setTrailers(() => ({ "x-sum": "1" }));
    return new Response("body", { headers: { trailer: "x-sum" } });
  });
  const answer = await say(node.port, `GET / HTTP/1.1¶${REST}`);
  assertMatch(answer, /^HTTP\/1\.1 103 .*<\/a\.css>.*HTTP\/1\.1 200 .*¶body¶0¶x-sum: 1¶¶$/s);
  await node.close();
});

test("toNodeHandler() gives the fields behind a body that was read", async () => {
  const node = await mounted(async (request, info) => {
    await request.text();
    return new Response(`${(await info.trailers).get("x-sum")}`);
  });
  const socket = dial(node.port); // not half-closed: Deno's server takes that for an abort (seen on 2.9.6)
  await socket.write(wire(`POST / HTTP/1.1¶Transfer-Encoding: chunked¶${REST}1¶a¶0¶X-Sum: 7¶¶`));
  assertMatch(await readUntil(socket, "0¶¶"), /¶7¶0¶¶$/);
  await socket.close();
  await node.close();
});

test("toNodeHandler(): info.trailers rejects where the client had left before", async () => {
  const begun = new Deferred<void>();
  const settled = new Deferred<unknown>();
  const node = await mounted(async ({ signal }, info) => {
    begun.resolve();
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await turns();
    settled.resolve(await info.trailers.catch((error) => error));
    return new Response();
  });
  const socket = dial(node.port);
  await socket.write(wire(`POST / HTTP/1.1¶Transfer-Encoding: chunked¶${REST}1¶a¶`));
  await begun.promise;
  socket.abort();
  assert(await settled.promise instanceof TransportError);
  await node.close();
});

test("toNodeHandler() gives no fields behind the content of a GET, which is not shown", async () => {
  const node = await mounted(async (request, info) => {
    await request.text();
    return new Response(`${[...await info.trailers].length} fields`);
  });
  const socket = dial(node.port);
  await socket.write(wire(`GET / HTTP/1.1¶Transfer-Encoding: chunked¶${REST}1¶a¶0¶X-Sum: 7¶¶`));
  assertStringIncludes(await readUntil(socket, (soFar) => soFar.includes("fields")), "0 fields");
  await socket.close();
  await node.close();
});

test("toNodeHandler() gives and sends no trailers that count in front of a body only (RFC 9110 §6.5.1)", async () => {
  const node = await mounted(async (request, info) => {
    await request.text();
    const names = [...(await info.trailers).keys()];
    info.setTrailers([["X-Sum", "1"], ["Content-Length", "9"], ["Set-Cookie", "a=1"]]);
    return new Response(names.join(), { headers: { trailer: "x-sum" } });
  });
  const socket = dial(node.port);
  const trailers = "X-Sum: 7¶X-Forwarded-For: 1.2.3.4¶Authorization: a¶";
  await socket.write(wire(`POST / HTTP/1.1¶Transfer-Encoding: chunked¶${REST}1¶a¶0¶${trailers}¶`));
  const answer = await readUntil(socket, (soFar) => /¶0¶.*¶¶$/s.test(soFar));
  assertMatch(answer, /¶5¶x-sum¶0¶X-Sum: 1¶¶$/i);
  await socket.close();
  await node.close();
});

test("toNodeHandler() answers what the handler throws with 500 and tells onError, whose response is sent instead", async () => {
  const told: unknown[] = [];
  const boom = new Error("boom");
  const node = await mounted(() => Promise.reject(boom), { onError: (error) => void told.push(error) });
  assertMatch(await say(node.port, `GET / HTTP/1.1¶${REST}`), /^HTTP\/1\.1 500 /);
  assertEquals(told, [boom]);
  await node.close();
  const kind = await mounted(() => Promise.reject(boom), { onError: () => new Response("sorry", { status: 503 }) });
  assertMatch(await say(kind.port, `GET / HTTP/1.1¶${REST}`), /^HTTP\/1\.1 503 .*sorry/s);
  await kind.close();
});

test("toNodeHandler() cancels the body of a client that leaves, and aborts the signal of its request", async () => {
  const canceled = new Deferred<void>();
  const aborted = new Deferred<void>();
  const node = await mounted((request) => {
    request.signal.addEventListener("abort", () => aborted.resolve());
    return new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
        cancel: () => canceled.resolve(),
      }),
    );
  });
  const socket = dial(node.port);
  await socket.write(wire(`GET / HTTP/1.1¶${REST}`));
  await socket.read();
  socket.abort();
  await Promise.all([canceled.promise, aborted.promise]);
  await node.close();
});

test("toNodeHandler() cuts the connection when a body fails, so that half of it does not pass for the whole", async () => {
  const node = await mounted(() => {
    let chunks = 0;
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (chunks++ === 0) controller.enqueue(wire("half"));
          else throw new Error("boom");
        },
      }),
    );
  });
  const response = await fetch(`http://127.0.0.1:${node.port}/`).catch(() => null);
  if (response !== null) await assertRejects(() => response.text());
  await node.close();
});

test("toNodeHandler() answers 400 where no URL can be made of Host", async () => {
  const node = await mounted(() => new Response("never"));
  assertMatch(await say(node.port, "GET / HTTP/1.1¶Host: a b¶Connection: close¶¶"), /^HTTP\/1\.1 400 /);
  await node.close();
});

test("toNodeHandler() says that takeOver() is for upgrades", async () => {
  let error: unknown;
  const node = await mounted(async (_request, info) => {
    error = await assertRejects(() => info.takeOver(), StateError);
    return new Response("ok");
  });
  assert((await say(node.port, `GET / HTTP/1.1¶${REST}`)).includes("ok"));
  assertEquals((error as StateError).code, "no-switch");
  await node.close();
});
