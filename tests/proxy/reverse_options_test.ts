import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Hono } from "hono";
import { Client } from "../../src/http/client/client.ts";
import { serve } from "../../src/http/server/serve.ts";
import type { ServeInfo } from "../../src/http/server/serve_info.ts";
import { reverseProxy } from "../../src/proxy/reverse/reverse_proxy.ts";
import type { ForwardedOptions, ReverseProxyOptions, RewriteOptions } from "../../src/proxy/reverse/options.ts";
import { readRequest } from "../../scripts/conformance/proxies/message.ts";
import { type Backend, listenPeers, type Peer } from "../../scripts/conformance/proxies/peer.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { GET, type Proxied, proxied, withRefusingPort } from "../support/reverse.ts";

const OK = "HTTP/1.1 200 OK¶Content-Length: 2¶¶ok";

/** Sends a request through a proxy, and gives what the server has got and what the client was told. */
async function pass(
  { ask, backend }: Pick<Proxied, "ask" | "backend">,
  request = GET,
  response = OK,
): Promise<{ onward: string; answer: string }> {
  const answer = ask(request);
  const server = await backend.next();
  const { head } = await readRequest(server);
  server.send(response);
  const answered = await answer;
  backend.again(server);
  return { onward: head, answer: answered.head };
}

/** The same, through a proxy with these options. */
async function passWith(
  options: ReverseProxyOptions,
  request?: string,
  response?: string,
  basePath = "",
): Promise<{ onward: string; answer: string; port: number }> {
  let passed = { onward: "", answer: "", port: 0 };
  const target = ([port]: readonly number[]): string => `http://127.0.0.1:${port}${basePath}`;
  await proxied({ options, target }, async (all) => {
    passed = { ...await pass(all, request, response), port: all.backend.port };
  });
  return passed;
}

/** The lines of a head but the first. */
function lines(head: string): string[] {
  return head.split("¶").slice(1).filter((line) => line !== "");
}

test("reverseProxy() puts the path of the server's URL in front of targets, and leaves the rest", async () => {
  for (
    const [path, basePath, onward] of [["/a/../b?", "/base", "/base/a/../b?"], ["//x", "/base/", "/base//x"]] as const
  ) {
    const passed = await passWith({}, `GET ${path} HTTP/1.1¶Host: a¶¶`, OK, basePath);
    assertMatch(passed.onward, new RegExp(`^GET ${onward.replaceAll(/[.?]/g, "\\$&")} HTTP`));
  }
  assertMatch((await passWith({}, "OPTIONS * HTTP/1.1¶Host: a¶¶", OK, "/base")).onward, /^OPTIONS \* HTTP/);
});

test("reverseProxy() passes Host unless changeOrigin, preserveHost or rewrite.host says otherwise", async () => {
  const host = async (options: ReverseProxyOptions): Promise<string> => {
    const { onward, port } = await passWith(options);
    return lines(onward)[0]!.replace(String(port), "port");
  };
  assertEquals(await host({}), "Host: a");
  assertEquals(await host({ preserveHost: true }), "Host: a");
  assertEquals(await host({ changeOrigin: true }), "Host: 127.0.0.1:port");
  assertEquals(await host({ preserveHost: false }), "Host: 127.0.0.1:port");
  assertEquals(await host({ changeOrigin: true, rewrite: { host: "b.example" } }), "Host: b.example");
  assertEquals(await host({ rewrite: { host: (given) => `x.${given}` } }), "Host: x.a");
});

test("reverseProxy() replaces a Host that the target in absolute-form overrides (RFC 9112 §3.2.2)", async () => {
  const request = "GET http://b.example/x HTTP/1.1¶Host: a¶¶";
  assertEquals((await passWith({}, request)).onward, "GET /x HTTP/1.1¶Host: b.example¶Via: 1.1 p¶¶");
  const { onward } = await passWith({ forwarded: {}, rewrite: { host: "a" } }, request);
  assertEquals(lines(onward)[0], "Host: a");
  assert(lines(onward).includes("X-Forwarded-Host: b.example"), onward);
});

test("reverseProxy() gives an HTTP/1.0 request without Host the server's (RFC 9112 §3.2)", async () => {
  const { onward, port } = await passWith({}, "GET / HTTP/1.0¶¶");
  assertEquals(onward, `GET / HTTP/1.1¶Host: 127.0.0.1:${port}¶Via: 1.0 p¶¶`);
});

/** Who the client says that it is. */
const CLAIMS = "GET / HTTP/1.1¶Host: a¶X-Forwarded-For: 1.2.3.4¶x-forwarded-proto: https¶X-Forwarded-Prefix: /x¶" +
  "Forwarded: for=1.2.3.4¶X-Real: 1¶¶";

test("reverseProxy() tells the server of the client, and believes nobody by default (RFC 7239)", async () => {
  const told = async (forwarded: ForwardedOptions | false | undefined, request?: string): Promise<string[]> =>
    lines((await passWith({ forwarded }, request)).onward).slice(1, -1);
  const own = ["X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: a", "X-Forwarded-Proto: http"];
  assertEquals(await told(undefined), own);
  assertEquals(await told(undefined, CLAIMS), ["X-Real: 1", ...own]);
  assertEquals(await told({ style: "forwarded" }, CLAIMS), [
    "X-Real: 1",
    'Forwarded: for=127.0.0.1;host="a";proto=http',
  ]);
  assertEquals(await told({ style: "both" }), [...own, 'Forwarded: for=127.0.0.1;host="a";proto=http']);
  assertEquals(await told(false, CLAIMS), lines(CLAIMS).slice(1));
});

test("reverseProxy() adds to what trusted peers say, and to that of no others (RFC 7239 §4)", async () => {
  const trusting = [
    "X-Forwarded-For: 1.2.3.4, 127.0.0.1",
    "x-forwarded-proto: https",
    "X-Forwarded-Prefix: /x",
    'Forwarded: for=1.2.3.4, for=127.0.0.1;host="a";proto=http',
    "X-Real: 1",
    "X-Forwarded-Host: a",
  ];
  const told = async (trust: ForwardedOptions["trust"]): Promise<string[]> =>
    lines((await passWith({ forwarded: { trust, style: "both" } }, CLAIMS)).onward).slice(1, -1);
  for (const trust of [true, ["10.0.0.0/8", "127.0.0.0/8"], (address: string) => address === "127.0.0.1"]) {
    assertEquals(await told(trust), trusting);
  }
  for (const trust of [false, ["10.0.0.0/8"], () => false]) assertEquals((await told(trust))[0], "X-Real: 1");
});

test("reverseProxy() has a name of its own where none is given (RFC 9110 §7.6.3)", async () => {
  const via = async (): Promise<string> => lines((await passWith({ name: undefined })).onward).at(-1)!;
  const [first, second] = [await via(), await via()];
  assertMatch(first, /^Via: 1\.1 http-upgrade-[0-9a-f]{8}$/);
  assert(first !== second);
});

test("reverseProxy() rewrites targets by expressions and by a function", async () => {
  const line = async (path: RewriteOptions["path"]): Promise<string> =>
    (await passWith({ rewrite: { path } }, "GET /api/v1/%2e?a HTTP/1.1¶Host: a¶¶")).onward.split("¶")[0]!;
  assertEquals(await line({ "^/other": "/x", "^/api/(v\\d)": "/$1", "^/": "/never/" }), "GET /v1/%2e?a HTTP/1.1");
  assertEquals(await line((target) => `/x${target}`), "GET /x/api/v1/%2e?a HTTP/1.1");
  assertEquals(await line({ "^/none": "" }), "GET /api/v1/%2e?a HTTP/1.1");
});

test("reverseProxy() changes fields last, in both directions", async () => {
  const request = "GET / HTTP/1.1¶Host: a¶Cookie: a=1¶X-A: 1¶¶";
  const response = "HTTP/1.1 200 OK¶Server: x¶X-B: 1¶Content-Length: 2¶¶ok";
  const record = {
    headers: { cookie: null, "x-a": "2", "X-New": "3" },
    responseHeaders: { server: null, "x-new": "1" },
  };
  const changed = await passWith({ rewrite: record }, request, response);
  assertEquals(lines(changed.onward), ["Host: a", "x-a: 2", "Via: 1.1 p", "X-New: 3"]);
  assertEquals(lines(changed.answer), ["X-B: 1", "Content-Length: 2", "x-new: 1"]);
  const functions: RewriteOptions = {
    headers: (fields, { method }) => fields.append("X-Method", method),
    responseHeaders: (fields, _request, info) => fields.set("X-Target", info.head.target),
  };
  const called = await passWith({ rewrite: functions }, request, response);
  assertEquals(lines(called.onward).at(-1), "X-Method: GET");
  assertEquals(lines(called.answer).at(-1), "X-Target: /");
});

test("reverseProxy() rewrites locations that name the server, and the domain and path of cookies", async () => {
  await proxied({
    options: { rewrite: { location: true, cookieDomain: { "b.example": "", "*": "a.example" }, cookiePath: "/x" } },
    target: ([port]) => `http://127.0.0.1:${port}/base`,
  }, async (all) => {
    const response = `HTTP/1.1 302 Found¶LOCATION: http://127.0.0.1:${all.backend.port}/base/b?c¶` +
      "Set-Cookie: a=1; Domain=.B.example; path=/; Secure¶set-cookie: b=2;DOMAIN=c.example; HttpOnly¶Content-Length: 0¶¶";
    assertEquals(lines((await pass(all, "GET / HTTP/1.1¶Host: front:8080¶¶", response)).answer), [
      "LOCATION: http://front:8080/b?c",
      "Set-Cookie: a=1; path=/x; Secure",
      "set-cookie: b=2;DOMAIN=a.example; HttpOnly",
      "Content-Length: 0",
    ]);
  });
  const location = (value: string): string => value.replace("http:", "https:");
  const { answer } = await passWith(
    { rewrite: { location } },
    GET,
    "HTTP/1.1 201 Created¶Location: http://x/¶Content-Length: 0¶¶",
  );
  assertEquals(lines(answer)[0], "Location: https://x/");
});

/** Which server gets each of these requests. */
async function asked(all: Proxied, paths: readonly string[]): Promise<number[]> {
  const order: number[] = [];
  for (const path of paths) {
    const answer = all.ask(`GET ${path} HTTP/1.1¶Host: a¶¶`);
    const waits = all.backends.map((backend, i) => answers(backend, i));
    order.push(await Promise.race(waits));
    await answer;
  }
  return order;
}

const servers = new WeakMap<Backend, Promise<Peer>>();

/** Answers the next request at a server, whenever it comes. */
async function answers(backend: Backend, i: number): Promise<number> {
  let next = servers.get(backend);
  if (next === undefined) servers.set(backend, next = backend.next());
  const server = await next;
  servers.delete(backend);
  await readRequest(server);
  server.send(OK);
  backend.again(server);
  return i;
}

function every(ports: readonly number[]): string[] {
  return ports.map((port) => `http://127.0.0.1:${port}`);
}

test("reverseProxy() asks several servers in turn", () =>
  proxied({ backends: 3, target: every }, async (all) => {
    assertEquals(await asked(all, ["/", "/", "/", "/"]), [0, 1, 2, 0]);
  }));

test("reverseProxy() asks the same server for the same text of balance()", () =>
  proxied(
    { backends: 3, target: every, options: { balance: (request) => new URL(request.url).pathname } },
    async (all) => {
      // The ports are the system's: of so many texts all fall to two of three servers once in four million runs.
      const paths = Array.from({ length: 40 }, (_, i) => `/${i}`);
      const first = await asked(all, paths);
      assertEquals(await asked(all, paths), first);
      assertEquals(new Set(first).size, 3);
    },
  ));

test("reverseProxy() asks the server with the fewest requests at work", () =>
  proxied({ backends: 2, target: every, options: { balance: "least-connections" } }, async ({ backends, ask }) => {
    const long = ask(GET);
    const busy = await backends[0]!.next();
    await readRequest(busy);
    busy.send("HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶");
    for (let i = 0; i < 3; i++) await pass({ ask, backend: backends[1]! });
    busy.send("0¶¶");
    await long;
  }));

test("reverseProxy() asks another server where one cannot be reached, whatever the method", async () => {
  const told: unknown[] = [];
  await withRefusingPort((gone) =>
    proxied({
      target: ([port]) => every([gone, port!]),
      options: { onError: (error) => void told.push((error as { code?: unknown }).code) },
    }, async (all) => {
      const request = "POST / HTTP/1.1¶Host: a¶Content-Length: 2¶¶hi";
      for (let i = 0; i < 4; i++) assertMatch((await pass(all, request)).answer, /^HTTP\/1\.1 200 /);
      // Every other one, in turn.
      assertEquals(told, ["refused", "refused"]);
    })
  );
});

test("reverseProxy() leaves a server alone that fails, for as long as health says", async () => {
  let failures = 0;
  await withRefusingPort((gone) =>
    proxied({
      target: ([port]) => every([gone, port!]),
      options: { health: { maxFailures: 1, restMs: 60_000 }, onError: () => void failures++ },
    }, async (all) => {
      for (let i = 0; i < 4; i++) await pass(all);
      assertEquals(failures, 1);
    })
  );
});

test("reverseProxy() asks another server again for a safe method only, and as often as retries says", async () => {
  const hangUp = async (backend: Backend): Promise<void> => {
    const server = await backend.next();
    await readRequest(server);
    server.end();
  };
  await proxied({ backends: 2, target: every }, async ({ backends, ask }) => {
    const answer = ask(GET);
    await hangUp(backends[0]!);
    const server = await backends[1]!.next();
    await readRequest(server);
    server.send(OK);
    assertEquals((await answer).body, "ok");
  });
  await proxied({ backends: 2, target: every }, async ({ backends, ask }) => {
    const answer = ask("POST / HTTP/1.1¶Host: a¶Content-Length: 0¶¶");
    await hangUp(backends[0]!);
    assertMatch((await answer).head, /^HTTP\/1\.1 502 /);
  });
  await proxied({ backends: 2, target: every, options: { retries: 0 } }, async ({ backends, ask }) => {
    const answer = ask(GET);
    await hangUp(backends[0]!);
    assertMatch((await answer).head, /^HTTP\/1\.1 502 /);
  });
});

test("reverseProxy() goes where a function says, at once or later", () =>
  proxied({
    backends: 2,
    target: (ports) => (request) => {
      const url = every(ports)[Number(new URL(request.url).searchParams.get("to"))]!;
      return request.url.includes("later") ? Promise.resolve({ url: new URL(url) }) : url;
    },
  }, async (all) => {
    assertEquals(await asked(all, ["/?to=1", "/?to=0", "/later?to=1", "/later?to=0"]), [1, 0, 1, 0]);
  }));

test("reverseProxy() takes what a function throws, or an impossible target, for its own failure", () =>
  proxied({
    target: () => () => "ftp://x",
    serve: { onError: (error) => new Response(String(error), { status: 500 }) },
  }, async ({ ask }) => {
    assertMatch((await ask(GET)).body, /^TypeError: what target\(\) returns must be an absolute URL/);
  }));

test("reverseProxy() keeps the connection to a server, TLS or not, and through a client of yours", async () => {
  const tls = { cert: serverCert, key: serverKey };
  const server = serve({ port: 0, hostname: "127.0.0.1", tls }, (request) => new Response(request.url));
  const [{ port }] = await server.listening;
  const client = new Client({ tls: { caCerts: [authority] } });
  await proxied({ target: () => ({ url: `https://localhost:${port}`, client }) }, async ({ ask }) => {
    for (const path of ["/1", "/2", "/3"]) {
      assertEquals((await ask(`GET ${path} HTTP/1.1¶Host: name.test¶¶`)).body, `https://name.test${path}`);
      assertEquals(client.connections, 1);
    }
    assertEquals(server.connections, 1);
  });
  assertEquals(client.connections, 1); // it is not the proxy's to close
  await client.close();
  await server.shutdown();
});

test("reverseProxy() reaches a unix socket", async () => {
  const path = join(tmpdir(), `reverse-${crypto.randomUUID().slice(0, 8)}.sock`);
  const server = serve({ path }, (request, info) => new Response(`${new URL(request.url).host} ${info.head.target}`));
  await server.listening;
  await proxied(
    { target: () => ({ unix: path, url: "http://app/base" }), options: { changeOrigin: true } },
    async ({ ask }) => {
      assertEquals((await ask("GET /x HTTP/1.1¶Host: a¶¶")).body, "app /base/x");
    },
  );
  await server.shutdown();
});

test("reverseProxy() has no more connections to a server than maxConnections; requests wait in their order", () =>
  proxied({ options: { maxConnections: 1 } }, async ({ ask, backend }) => {
    const answers = [ask("GET /1 HTTP/1.1¶Host: a¶¶")];
    const server = await backend.next();
    answers.push(ask("GET /2 HTTP/1.1¶Host: a¶¶"));
    await readRequest(server);
    assertEquals(backend.open, 1);
    server.send(OK);
    backend.again(server);
    const next = await backend.next();
    assertMatch((await readRequest(next)).head, /^GET \/2 /);
    next.send(OK);
    await Promise.all(answers);
    assertEquals(backend.open, 1);
  }));

test("reverseProxy() can be one route among others, and its response can be changed on the way", async () => {
  const backend = await listenPeers();
  const proxy = reverseProxy(`http://127.0.0.1:${backend.port}`, { name: "p" });
  const server = serve({ port: 0, hostname: "127.0.0.1" }, async (request, info) => {
    if (!new URL(request.url).pathname.startsWith("/api/")) return new Response("page");
    const response = await proxy(request, info);
    response.headers.set("x-changed", "1");
    return new Response((await response.text()).toUpperCase(), response);
  });
  const [{ port }] = await server.listening;
  const client = new Client();
  const answer = client.fetch(`http://127.0.0.1:${port}/api/x`);
  const peer = await backend.next();
  await readRequest(peer);
  peer.send("HTTP/1.1 201 Made¶X-A: 1¶Transfer-Encoding: chunked¶¶5¶hello¶");
  peer.send("5¶world¶0¶¶");
  const response = await answer;
  assertEquals([response.status, response.headers.get("x-a"), response.headers.get("x-changed")], [201, "1", "1"]);
  assertEquals(await response.text(), "HELLOWORLD");
  assertEquals(await (await client.fetch(`http://127.0.0.1:${port}/`)).text(), "page");
  await client.close();
  await server.shutdown();
  await proxy.close();
  await backend.close();
});

test("reverseProxy() is a route of a Hono app, with what its middleware adds", async () => {
  const backend = await listenPeers();
  const proxy = reverseProxy(`http://127.0.0.1:${backend.port}`, { name: "p" });
  const app = new Hono<{ Bindings: ServeInfo }>();
  app.use(async (context, next) => {
    await next();
    context.header("x-app", "1");
  });
  app.all("/api/*", (context) => proxy(context.req.raw, context.env));
  const server = serve({ port: 0, hostname: "127.0.0.1" }, app.fetch);
  const [{ port }] = await server.listening;
  const client = new Client();
  const answer = client.fetch(`http://127.0.0.1:${port}/api/a%2Fb?c`, { method: "POST", body: "hello" });
  const peer = await backend.next();
  const { head, body } = await readRequest(peer);
  assertMatch(head, /^POST \/api\/a%2Fb\?c /);
  peer.send("HTTP/1.1 200 OK¶X-A: 1¶Content-Length: 2¶¶ok");
  const response = await answer;
  assertEquals([body, await response.text(), response.headers.get("x-app")], ["hello", "ok", "1"]);
  await client.close();
  await server.shutdown();
  await proxy.close();
  await backend.close();
});

test("reverseProxy() refuses a request that serve() did not give out", async () => {
  const proxy = reverseProxy("http://127.0.0.1:1");
  await assertRejects(
    () => proxy(new Request("http://a/"), {} as never),
    TypeError,
    "request must be one that serve()",
  );
  await proxy.close();
});

test("reverseProxy() closes when its signal aborts", async () => {
  const controller = new AbortController();
  await proxied({ options: { signal: controller.signal } }, async (all) => {
    await pass(all);
    controller.abort();
    assertMatch((await all.ask(GET)).head, /^HTTP\/1\.1 503 /);
  });
});
