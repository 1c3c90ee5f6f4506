import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects, assertStrictEquals } from "@std/assert";
import { StateError } from "../../../src/errors/state_error.ts";
import { TransportError } from "../../../src/errors/transport_error.ts";
import { UpgradeRejected } from "../../../src/errors/upgrade_rejected.ts";
import { Client } from "../../../src/http/client/client.ts";
import type { Interceptor, InterceptorContext } from "../../../src/http/client/interceptor.ts";
import { serveConnection } from "../../../src/http1/server_connection.ts";
import type { IncomingRequest } from "../../../src/http1/incoming.ts";
import type { OutgoingResponse } from "../../../src/http1/outgoing_response.ts";
import { onUpgrade } from "../../../src/http1/upgrade.ts";
import { connectResponse, type Switch, upgradeResponse } from "../../../src/http1/switch.ts";
import { duplexPair } from "../../../src/duplex/pair.ts";
import { upgradeWebSocket } from "../../../src/websocket/upgrade.ts";
import { WebSocketStream } from "../../../src/websocket/web_socket_stream.ts";
import { answer, dialing, dialingServed, rejection } from "../../support/dialing.ts";
import { FakeClock, readUntil, turns, wire } from "../../support/wire.ts";

const OK = "HTTP/1.1 200 OK¶Content-Length: 2¶¶ok";

/** Tells what came. */
async function telling(request: IncomingRequest) {
  const { method, authority, target, fields } = request;
  const own = fields.getAll("x-a").join("+");
  return { status: 200, body: `${method} ${authority}${target} [${own}] ${await request.body.text()}` };
}

test("use() gives the client back; the first interceptor sees a request first and its response last", async () => {
  const { client } = dialingServed(telling);
  const seen: string[] = [];
  const noting = (name: string): Interceptor => async (request, next) => {
    seen.push(`${name} ${request.fields.get("x-a")}`);
    request.fields.append("X-A", name);
    const response = await next(request);
    seen.push(`${name} ${response.status}`);
    return response;
  };
  assertStrictEquals(client.use(noting("1")).use(noting("2")), client);
  assertEquals(await (await client.fetch("http://a/")).text(), "GET a/ [1+2] ");
  assertEquals(seen, ["1 null", "2 1", "2 200", "1 200"]);
  await client.close();
});

test("an interceptor sees the caller's fields and the client's as they will be sent, in order and spelling", async () => {
  const headers = (url: URL) => ({ "X-For": url.hostname });
  const { client, connection } = dialing({ headers });
  const seen: unknown[] = [];
  client.use((request, next) => {
    seen.push(request.url.href, request.method, request.body, [...request.fields]);
    return next(request);
  });
  const fetching = client.fetch("http://u:p@a/x?y#z", {
    method: "post",
    body: "body",
    headers: [["B", "1"], ["b", "2"]],
  });
  const { far } = await connection(0);
  const sent = await readUntil(far, "¶¶body");
  await far.write(wire(OK));
  assertEquals(
    sent,
    "POST /x?y HTTP/1.1¶host: a¶B: 1¶b: 2¶authorization: Basic dTpw¶content-type: text/plain;charset=UTF-8¶X-For: a¶" +
      "accept: */*¶user-agent: http-upgrade¶content-length: 4¶¶body",
  );
  const fields = sent.split("¶").slice(2, -3).map((line) => line.split(": "));
  assertEquals(seen, ["http://a/x?y#z", "POST", "body", fields]);
  assertEquals(await (await fetching).text(), "ok");
  await client.close();
});

test("an interceptor sends another request: URL, method, fields and body", async () => {
  const { client, dialed } = dialingServed(telling);
  client.use((request, next) => {
    request.fields.delete("content-type");
    request.fields.set("x-a", "b");
    return next({ ...request, url: new URL("http://u:p@b:81/other"), method: "put", body: wire("else") });
  });
  const response = await client.fetch("http://a/x", { method: "POST", body: "body", headers: { "x-a": "a" } });
  assertEquals([response.url, await response.text()], ["http://b:81/other", "PUT b:81/other [b] else"]);
  assertEquals(dialed.map(({ address }) => address), [{ hostname: "b", port: 81 }]);
  await client.close();
});

test("what an interceptor changes is not seen when next() is called again", async () => {
  const { client } = dialingServed(telling);
  client.use(async (request, next) => {
    await (await next(request)).text();
    return await next(request);
  }).use((request, next) => {
    request.fields.append("x-a", "1");
    request.url.pathname += "x";
    return next(request);
  });
  assertEquals(await (await client.fetch("http://a/")).text(), "GET a/x [1] ");
  await client.close();
});

test("an interceptor answers by itself: nothing is sent, and the response is one of a client", async () => {
  const { client, dialed } = dialingServed(telling);
  client.use(() => new Response("mine", { status: 404, statusText: "None", headers: { "x-a": "b" } }));
  const response = await client.fetch("http://a/x?y#z");
  assertEquals([response.url, response.status, response.redirected, dialed.length], ["http://a/x?y", 404, false, 0]);
  const { status, reason, version, fields } = response.head;
  assertEquals([status, reason, version, fields.get("x-a")], [404, "None", "1.1", "b"]);
  assertEquals([await response.text(), [...await response.trailers]], ["mine", []]);
  await client.close();
});

test("an interceptor wraps a response, and changes the headers of one", async () => {
  const { client, dialed } = dialingServed(telling);
  client.use(async (request, next) => {
    const response = await next(request);
    response.headers.set("x-b", "changed");
    const upper = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => controller.enqueue(wire(new TextDecoder().decode(chunk).toUpperCase())),
    });
    return new Response(response.body!.pipeThrough(upper), response);
  });
  for (let i = 0; i < 2; i++) {
    const response = await client.fetch("http://a/x");
    assertEquals([response.url, response.headers.get("x-b")], ["http://a/x", "changed"]);
    assertEquals(await response.text(), "GET A/X [] ");
    await turns();
  }
  assertEquals(dialed.length, 1);
  await client.close();
});

test("next() sends text, bytes and blobs again", async () => {
  for (const body of ["body", new TextEncoder().encode("body"), new Blob(["bo", "dy"])]) {
    const { client } = dialingServed(telling);
    const told: string[] = [];
    client.use(async (request, next) => {
      told.push(await (await next(request)).text());
      return await next(request);
    });
    told.push(await (await client.fetch("http://a/", { method: "POST", body })).text());
    assertEquals(told, ["POST a/ [] body", "POST a/ [] body"]);
    await client.close();
  }
});

/** A switch whose server says nothing and ends. */
function ending({ response, upgraded }: Switch<OutgoingResponse>) {
  upgraded.then((io) => io.close());
  return response;
}

async function* generated() {
  yield wire("bo");
  yield wire("dy");
}

test("next() refuses to send a stream again that was sent", async () => {
  for (const body of [generated(), new Blob(["body"]).stream()]) {
    const { client } = dialingServed(telling);
    let error: unknown;
    client.use(async (request, next) => {
      const response = await next(request);
      error = await rejection(next(request));
      return response;
    });
    assertEquals(await (await client.fetch("http://a/", { method: "POST", body })).text(), "POST a/ [] body");
    assert(error instanceof StateError && error.code === "body-used");
    await client.close();
  }
});

test("next() sends a stream again of which nothing was sent, and context.sent says so", async () => {
  for (const body of [generated(), new Blob(["body"]).stream()]) {
    let dials = 0;
    const client = new Client({
      dial: () => {
        if (dials++ === 0) throw new TransportError("refused", "no");
        const [near, far] = duplexPair();
        serveConnection(far, telling);
        return near;
      },
    });
    const sent: boolean[] = [];
    client.use(async (request, next, context) => {
      sent.push(context.sent);
      assertInstanceOf(await rejection(next(request)), TransportError);
      sent.push(context.sent);
      const response = await next(request);
      sent.push(context.sent);
      return response;
    });
    assertEquals(await (await client.fetch("http://a/", { method: "POST", body })).text(), "POST a/ [] body");
    assertEquals(sent, [false, false, true]);
    await client.close();
  }
});

test("context.sent says that a request may have come to a server although it has failed", async () => {
  const { client, connection } = dialing();
  const sent: boolean[] = [];
  client.use(async (request, next, context) => {
    const error = await rejection(next(request));
    sent.push(context.sent);
    throw error;
  });
  const fetching = rejection(client.fetch("http://a/"));
  const { far } = await connection(0);
  await readUntil(far, "¶¶");
  far.abort();
  await fetching;
  assertEquals(sent, [true]);
  await client.close();
});

test("context.sent says so too where a server refused an expectation, and was gone then", async () => {
  const [near, far] = duplexPair();
  let dials = 0;
  const client = new Client({
    dial: () => {
      if (dials++ === 0) return near;
      throw new TransportError("refused", "no");
    },
  });
  const sent: boolean[] = [];
  client.use(async (request, next, context) => {
    const error = await rejection(next(request));
    sent.push(context.sent);
    throw error;
  });
  const fetching = rejection(client.fetch("http://a/", { method: "POST", body: "x", expectContinueTimeoutMs: 60_000 }));
  await readUntil(far, "¶¶");
  await far.write(wire("HTTP/1.1 417 No¶Connection: close¶Content-Length: 0¶¶"));
  assertInstanceOf(await fetching, TransportError);
  assertEquals([dials, sent], [2, [true]]);
  await client.close();
});

test("each request of a redirect is seen, and the redirect; what interceptors add does not follow by itself", async () => {
  const { client, dialed } = dialingServed(async (request) => {
    const location = { "/1": "/2", "/2": "http://b/3" }[request.target];
    if (location !== undefined) return { status: 302, fields: [["Location", location]], body: "moved" };
    return { status: 200, body: [...request.fields].map(([name]) => name).join(" ") };
  });
  const seen: unknown[] = [];
  client.use(async (request, next) => {
    seen.push(request.url.href);
    if (request.url.hostname === "a") request.fields.set("authorization", "a");
    const response = await next(request);
    seen.push(response.status);
    return response;
  });
  const response = await client.fetch("http://a/1", { headers: { cookie: "c", "x-a": "1" } });
  assertEquals([response.url, response.redirected], ["http://b/3", true]);
  assertEquals(await response.text(), "host x-a accept user-agent");
  assertEquals(seen, ["http://a/1", 302, "http://a/2", 302, "http://b/3", 200]);
  assertEquals(dialed.map(({ address }) => address.hostname), ["a", "b"]);
  await client.close();
});

test("a redirect is resolved against where the request went, and is followed where an interceptor made it", async () => {
  const { client } = dialingServed((request) => {
    if (request.target === "/1") return { status: 307, fields: [["Location", "2"]] };
    return { status: 200, body: `${request.authority}${request.target} ${request.fields.get("cookie")}` };
  });
  client.use((request, next) => {
    if (request.url.pathname === "/own") return Response.redirect("http://a/1", 302);
    if (request.url.hostname === "a") request.url.hostname = "b";
    return next(request);
  });
  const response = await client.fetch("http://a/own", { headers: { cookie: "c" } });
  assertEquals([response.url, await response.text()], ["http://b/2", "b/2 null"]);
  assertEquals((await client.fetch("http://a/1", { redirect: "manual" })).status, 307);
  await assertRejects(() => client.fetch("http://a/1", { redirect: "error" }), TypeError);
  await client.close();
});

test("a redirect to several places is refused, and not one that an interceptor has corrected", async () => {
  const { client } = dialingServed(({ target }) => {
    return target === "/"
      ? { status: 302, fields: [["Location", "/1"], ["Location", "/2"]] }
      : { status: 200, body: target };
  });
  let correct = false;
  client.use(async (request, next) => {
    const response = await next(request);
    if (correct && response.status === 302) response.headers.set("location", "/2");
    return response;
  });
  await assertRejects(() => client.fetch("http://a/"), TypeError, "several places");
  correct = true;
  assertEquals(await (await client.fetch("http://a/")).text(), "/2");
  await client.close();
});

test("upgrade() goes through interceptors: they see what is offered and the 101, early bytes are not lost", async () => {
  const { client, connection } = dialing();
  const seen: unknown[] = [];
  client.use(async (request, next) => {
    seen.push(request.fields.get("connection"), request.fields.get("upgrade"));
    request.fields.set("x-a", "1");
    const response = await next(request);
    seen.push(response.status, response.headers.get("upgrade"));
    return response;
  });
  const upgrading = client.upgrade("http://a/", { protocol: "echo/1" });
  const switched = "HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: echo/1¶¶early";
  const sent = await answer((await connection(0)).far, switched);
  assert(sent.includes("¶x-a: 1¶"));
  const io = await upgrading;
  assertEquals([io.protocol, await io.read()], ["echo/1", wire("early")]);
  assertEquals(seen, ["Upgrade", "echo/1", 101, "echo/1"]);
  io.abort();
  await client.close();
});

test("fetch() through an interceptor gives a 101 whose connection onUpgrade() gives", async () => {
  const { client } = dialingServed((request) => ending(upgradeResponse(request, "echo")));
  client.use((request, next) => next(request));
  const response = await client.fetch("http://a/", { headers: { connection: "upgrade", upgrade: "echo" } });
  const io = await onUpgrade(response);
  assertEquals([response.status, await io.read()], [101, null]);
  await io.close();
  await client.close();
});

test("upgrade() that an interceptor answers, or the server through it, is refused with that answer", async () => {
  const { client } = dialingServed(() => ({ status: 403, body: "server" }));
  let own: Response | null = new Response("mine", { status: 401 });
  client.use((request, next) => own ?? next(request));
  for (const [status, text] of [[401, "mine"], [403, "server"]]) {
    const error = await rejection(client.upgrade("http://a/", { protocol: "echo" }));
    assert(error instanceof UpgradeRejected);
    assertEquals([error.reason, error.status, await (error.response as Response).text()], ["refused", status, text]);
    own = null;
  }
  await client.close();
});

test("a WebSocket of a client goes through its interceptors", async () => {
  const { client } = dialingServed((request) => {
    if (request.fields.get("authorization") !== "Bearer t") return { status: 401 };
    const { response, socket } = upgradeWebSocket(request);
    socket.opened.then(({ readable, writable }) => readable.pipeTo(writable));
    return response;
  });
  client.use((request, next) => {
    request.fields.set("authorization", "Bearer t");
    return next(request);
  });
  const socket = await new WebSocketStream("ws://a/", { client }).opened;
  await socket.write("hello");
  assertEquals(await socket.read(), "hello");
  await socket.close();
  await client.close();
});

test("connect() goes to no origin and is not seen by interceptors", async () => {
  const { client } = dialingServed((request) => ending(connectResponse(request)), {
    proxy: "http://proxy:3128",
  });
  client.use(() => {
    throw new Error("seen");
  });
  const io = await client.connect("a:1");
  assertEquals(await io.read(), null);
  await io.close();
  await client.close();
});

test("an interceptor gives up one attempt by a signal of its own", async () => {
  const { client, connection } = dialing();
  client.use(async (request, next) => {
    const controller = new AbortController();
    const attempt = rejection(next({ ...request, signal: controller.signal }));
    await readUntil((await connection(0)).far, "¶¶");
    controller.abort(new Error("slow"));
    assertEquals(((await attempt) as Error).message, "slow");
    return await next(request);
  });
  const fetching = client.fetch("http://a/");
  await answer((await connection(1)).far, OK);
  assertEquals(await (await fetching).text(), "ok");
  await client.close();
});

test("what an interceptor throws is what fetch() and upgrade() reject with", async () => {
  const { client, dialed } = dialingServed(telling);
  const error = new Error("mine");
  client.use(() => {
    throw error;
  });
  assertStrictEquals(await rejection(client.fetch("http://a/")), error);
  assertStrictEquals(await rejection(client.upgrade("http://a/", { protocol: "echo" })), error);
  assertEquals(dialed.length, 0);
  await client.close();
});

test("an interceptor that is added meets later requests only", async () => {
  const { client } = dialingServed(telling);
  const mark = (name: string): Interceptor => (request, next) => {
    request.fields.append("x-a", name);
    return next(request);
  };
  client.use((request, next) => {
    client.use(mark("late"));
    return next(request);
  });
  assertEquals(await (await client.fetch("http://a/")).text(), "GET a/ [] ");
  assertEquals(await (await client.fetch("http://a/")).text(), "GET a/ [late] ");
  await client.close();
});

test("an interceptor runs in the async context of the call", async () => {
  const context = new AsyncLocalStorage<string>();
  const { client } = dialingServed(telling);
  const seen: unknown[] = [];
  context.run("use", () =>
    client.use(async (request, next) => {
      seen.push(context.getStore());
      const response = await next(request);
      seen.push(context.getStore());
      return response;
    }));
  await context.run("fetch", async () => await (await client.fetch("http://a/")).text());
  assertEquals(seen, ["fetch", "fetch"]);
  await client.close();
});

test("next() rejects after the client was closed", async () => {
  const { client } = dialingServed(telling);
  client.use(async (request, next) => {
    await client.close();
    return await next(request);
  });
  const error = await rejection(client.fetch("http://a/"));
  assert(error instanceof StateError && error.code === "closed");
});

/** A client with an interceptor that does nothing but wait. */
function waiting(act: (context: InterceptorContext, client: Client) => Promise<void>) {
  const clock = new FakeClock();
  const client = new Client({ clock });
  client.use(async (_, __, context) => {
    await act(context, client);
    return new Response();
  });
  return { clock, client, fetching: client.fetch("http://a/") };
}

test("context.wait() waits by the client's clock", async () => {
  let given: unknown;
  const { clock, fetching, client } = waiting(async (context) => {
    given = context.clock;
    await context.wait(1000);
  });
  await turns();
  await clock.advance(999);
  assertEquals(clock.pending, 1);
  await clock.advance(1);
  assertEquals([(await fetching).status, clock.pending], [200, 0]);
  assertStrictEquals(given, clock);
  await client.close();
});

const ends: Readonly<Record<string, (client: Client, controller: AbortController, reason: Error) => unknown>> = {
  "its signal": (_, controller, reason) => controller.abort(reason),
  "the client's abort()": (client, _, reason) => client.abort(reason),
  "the client's close()": (client) => client.close(),
};

for (const [what, end] of Object.entries(ends)) {
  test(`context.wait() ends at once with ${what}, and leaves no timer`, async () => {
    const controller = new AbortController();
    const reason = new StateError("closed", "mine");
    const { clock, fetching, client } = waiting((context) => context.wait(1000, controller.signal));
    const failing = rejection(fetching);
    await turns();
    assertEquals(clock.pending, 1);
    await end(client, controller, reason);
    const error = await failing;
    assert(what.endsWith("close()") ? error instanceof StateError && error.code === "closed" : error === reason);
    assertEquals(clock.pending, 0);
    await client.close();
  });
}

test("context.wait() does not begin where the signal or the client have ended", async () => {
  const reason = new Error("mine");
  const aborted = waiting((context) => context.wait(1000, AbortSignal.abort(reason)));
  assertStrictEquals(await rejection(aborted.fetching), reason);
  const closed = waiting(async (context, client) => {
    await client.close();
    await context.wait(1000);
  });
  assertInstanceOf(await rejection(closed.fetching), StateError);
  assertEquals([aborted.clock.pending, closed.clock.pending], [0, 0]);
});
