import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Client } from "../../../src/http/client/client.ts";
import { LightResponse } from "../../../src/http1/light_response.ts";
import type { ServeHandler, ServeOptions } from "../../../src/http/server/serve_options.ts";
import { dial, listening, say } from "../../support/http_server.ts";
import { readAll, readUntil, wire } from "../../support/wire.ts";

/** What one exchange looks like on the wire. */
async function answered(request: string, handler: ServeHandler, options: ServeOptions = {}): Promise<string> {
  const { server, port } = await listening(handler, options);
  try {
    return await say(port, request);
  } finally {
    await server.shutdown({ upgraded: "close" });
  }
}

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const json: [string, string][] = [["content-type", "application/json"]];

test("serve() gives the handler a Request with method, url, headers and body", async () => {
  const output = await answered(
    "POST /p?q=1 HTTP/1.1¶Host: a.example:81¶X-Tag: t¶Content-Length: 5¶¶hello",
    async (r) => {
      assert(r instanceof Request);
      const told = [r.method, r.url, r.headers.get("x-tag"), r.bodyUsed, await r.text(), r.bodyUsed];
      return LightResponse.of(JSON.stringify(told), { headers: json });
    },
  );
  assertStringIncludes(output, '["POST","http://a.example:81/p?q=1","t",false,"hello",true]');
});

test("serve() spells the URL as the platform does", async () => {
  const targets = [
    "/",
    "/a/../b",
    "/a/%2e%2e/b",
    "/.well-known/x",
    "//x/y",
    "/a.b/./c",
    "/q?a=b%20c&d=[e]|f",
    "/a/..b/c",
  ];
  for (const target of targets) {
    const output = await answered(`GET ${target} HTTP/1.1¶Host: a¶¶`, (r) => LightResponse.of(r.url));
    assert(output.endsWith(`¶¶${new URL(`http://a${target}`).href}`), `${target} became ${output}`);
  }
});

test("serve() takes the authority of an absolute-form target (RFC 9112 §3.2.2) [A9]", async () => {
  const output = await answered("GET http://other:8/x HTTP/1.1¶Host: a¶¶", (r) => LightResponse.of(r.url));
  assert(output.endsWith("¶¶http://other:8/x"));
});

test("serve() answers 400 to a Host that no URL can have, before the handler is asked", async () => {
  let called = false;
  const output = await answered("GET / HTTP/1.1¶Host: 1.2.3.256¶¶", () => {
    called = true;
    return new Response();
  });
  assertMatch(output, /^HTTP\/1\.1 400 Bad Request¶/);
  assertEquals(called, false);
});

test("serve() sends text of a platform response with its length, in one piece", async () => {
  const output = await answered(GET, () => new Response("hello", { status: 201, headers: { "X-A": "1" } }));
  assertMatch(output, /^HTTP\/1\.1 201 Created¶/);
  assertStringIncludes(output, "content-length: 5¶");
  assert(output.endsWith("¶¶hello"));
});

test("serve() sends head and body of a LightResponse in one write", async () => {
  const { server, port } = await listening(() => LightResponse.of("hello"));
  const socket = dial(port);
  await socket.write(wire(GET));
  const first = await socket.read();
  assertEquals(
    new TextDecoder().decode(first!),
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain;charset=UTF-8\r\ncontent-length: 5\r\n\r\nhello",
  );
  await socket.close();
  await server.shutdown();
});

test("serve() sends a stream in chunks as they come", async () => {
  const output = await answered(GET, () => {
    const parts = ["one", "two", "three"];
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          const part = parts.shift();
          if (part === undefined) controller.close();
          else controller.enqueue(new TextEncoder().encode(part));
        },
      }),
    );
  });
  assertStringIncludes(output, "transfer-encoding: chunked¶");
  assert(output.endsWith("¶¶3¶one¶3¶two¶5¶three¶0¶¶"));
});

test("serve() sends all chunks of a stream that ends with the last one, whenever they come", async () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const { server, port } = await listening((request) => {
    const [, chunks, waits] = new URL(request.url).pathname.split("/").map(Number);
    let sent = 0;
    const stream = new ReadableStream<Uint8Array>({
      async pull(controller) {
        for (let turn = 0; turn < waits!; turn++) await null;
        controller.enqueue(bytes(String(++sent)));
        if (sent === chunks) controller.close();
      },
    });
    return new Response(stream);
  });
  const client = new Client();
  for (let chunks = 1; chunks <= 3; chunks++) {
    for (let waits = 0; waits < 20; waits++) {
      const response = await client.fetch(`http://127.0.0.1:${port}/${chunks}/${waits}`);
      assertEquals(await response.text(), "123".slice(0, chunks), `${waits} turns before each chunk`);
    }
  }
  await client.close();
  await server.shutdown();
});

test("serve() sends all that a generator yields, on runtimes that take one for a body", async () => {
  async function* generate(): AsyncGenerator<Uint8Array> {
    for (const part of ["one", "two", "three"]) yield new TextEncoder().encode(part);
  }
  const whole = await new Response(generate() as unknown as ReadableStream<Uint8Array>).text();
  const { server, port } = await listening(() => new Response(generate() as unknown as ReadableStream<Uint8Array>));
  const client = new Client();
  assertEquals(await (await client.fetch(`http://127.0.0.1:${port}/`)).text(), whole);
  await client.close();
  await server.shutdown();
});

test("serve() keeps several set-cookie lines apart", async () => {
  const output = await answered(GET, () => {
    const headers = new Headers([["set-cookie", "a=1"], ["set-cookie", "b=2"]]);
    return new Response(null, { headers });
  });
  assertStringIncludes(output, "set-cookie: a=1¶set-cookie: b=2¶");
});

test("serve() sends no body with HEAD, 204 and 304 [B6]", async () => {
  const head = await answered("HEAD / HTTP/1.1¶Host: a¶¶", () => new Response("hello"));
  assertStringIncludes(head, "content-length: 5¶");
  assert(head.endsWith("¶¶"));
  for (const status of [204, 304]) {
    const output = await answered(GET, () => new Response(null, { status }));
    assert(output.endsWith("¶¶") && !output.includes("content-length"), output);
  }
});

test("serve() answers 500 to a handler that throws, and goes on with the connection", async () => {
  const errors: unknown[] = [];
  const twice = GET + GET.replace("/ ", "/2 ");
  const output = await answered(twice, (r) => {
    if (r.url.endsWith("/2")) return new Response("fine");
    throw new Error("boom");
  }, { onError: (error) => void errors.push((error as Error).message) });
  assertMatch(output, /^HTTP\/1\.1 500 Internal Server Error¶.*HTTP\/1\.1 200 OK¶.*fine$/s);
  assertEquals(errors, ["boom"]);
});

test("serve() sends the response that onError makes", async () => {
  const output = await answered(GET, () => Promise.reject(new Error("boom")), {
    onError: (error, request) => new Response(`${(error as Error).message} at ${request!.url}`, { status: 502 }),
  });
  assertMatch(output, /^HTTP\/1\.1 502 Bad Gateway¶.*boom at http:\/\/a\/$/s);
});

test("serve() answers 400 to a malformed body although the handler did not expect it [B10]", async () => {
  const output = await answered("POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶3¶abcX", async (r) => {
    return new Response(await r.text());
  });
  assertMatch(output, /^HTTP\/1\.1 400 Bad Request¶/);
});

test("serve() answers 503 when the handler takes longer than requestTimeoutMs", async () => {
  const output = await answered(GET, () => new Promise<Response>(() => {}), { requestTimeoutMs: 5 });
  assertMatch(output, /^HTTP\/1\.1 503 Service Unavailable¶/);
  assertStringIncludes(output, "connection: close¶");
});

test("serve() tells onResponse each final status, its own refusals included", async () => {
  const seen: [string | null, number][] = [];
  const options: ServeOptions = { onResponse: (request, { status }) => void seen.push([request?.url ?? null, status]) };
  await answered(GET, () => new Response("x", { status: 404 }), options);
  await answered("GET / HTTP/1.1¶¶", () => new Response("x"), options);
  assertEquals(seen, [["http://a/", 404], [null, 400]]);
});

test("serve() closes a connection after maxRequestsPerConnection", async () => {
  const output = await answered(GET.repeat(3), () => LightResponse.of("x"), { maxRequestsPerConnection: 2 });
  assertEquals(output.match(/HTTP\/1\.1 200/g)?.length, 2);
  assertEquals(output.match(/connection: close/g)?.length, 1);
});

test("serve() lets no more than maxConnections be open", async () => {
  const { server, port } = await listening(() => LightResponse.of("x"), { maxConnections: 1 });
  const first = dial(port);
  await first.write(wire(GET));
  await readUntil(first, "x");
  const second = dial(port);
  await second.write(wire(GET));
  assertEquals(server.connections, 1);
  await first.close();
  await readUntil(second, "x");
  assertEquals(server.connections, 1);
  await second.close();
  await server.shutdown();
});

test("serve() sends 103 before the final response through info.sendInformational()", async () => {
  const output = await answered(GET, async (_request, info) => {
    await info.sendInformational(103, { link: "</a.css>" });
    return LightResponse.of("x");
  });
  assert(output.startsWith("HTTP/1.1 103 Early Hints¶link: </a.css>¶¶HTTP/1.1 200 OK¶"));
});

test("info.takeOver() gives the transport with nothing written, unread body and all", async () => {
  const { server, port } = await listening(async (_request, info) => {
    const { io, readBuf } = await info.takeOver();
    const writer = io.writable.getWriter();
    writer.write(wire("raw:")).then(() => writer.write(readBuf)).then(() => writer.close());
    return new Response("never sent");
  });
  assertEquals(await say(port, "POST / HTTP/1.1¶Host: a¶Content-Length: 9¶¶body"), "raw:body");
  await server.shutdown();
});

test("info tells addresses, the raw head, and that there is no TLS", async () => {
  const output = await answered("GET http://b/ HTTP/1.1¶Host: a¶X-CaSe: 1¶¶", (_request, info) => {
    assert("port" in info.remote && "port" in info.local);
    assertEquals([info.remote.hostname, info.local.hostname, info.tls], ["127.0.0.1", "127.0.0.1", null]);
    return LightResponse.of(JSON.stringify([info.head.target, [...info.head.fields]]));
  });
  assert(output.endsWith('["http://b/",[["Host","a"],["X-CaSe","1"]]]'));
});

test("request.signal aborts when the client leaves", async () => {
  let aborted: () => void = () => {};
  const left = new Promise<void>((resolve) => aborted = resolve);
  let arrived: () => void = () => {};
  const come = new Promise<void>((resolve) => arrived = resolve);
  const { server, port } = await listening((request) => {
    request.signal.addEventListener("abort", () => aborted());
    arrived();
    return left.then(() => new Response("late"));
  });
  const socket = dial(port);
  await socket.write(wire(GET));
  await come;
  socket.abort();
  await left;
  await server.shutdown();
});

test("a request's clone() and formData() come from a real Request with the same body", async () => {
  const body = "a=1&b=2";
  const head =
    `POST / HTTP/1.1¶Host: a¶Content-Type: application/x-www-form-urlencoded¶Content-Length: ${body.length}¶¶`;
  const output = await answered(head + body, async (request) => {
    const copy = request.clone();
    assert(copy instanceof Request);
    const form = await request.formData();
    return LightResponse.of(`${form.get("b")} ${await copy.text()}`);
  });
  assert(output.endsWith("¶¶2 a=1&b=2"), output);
});

test("server.shutdown() ends idle connections at once, lets a running exchange finish, and takes no more", async () => {
  let answer: (response: Response) => void = () => {};
  let arrived: () => void = () => {};
  const come = new Promise<void>((resolve) => arrived = resolve);
  const { server, port } = await listening((request) => {
    if (request.url.endsWith("/idle")) return LightResponse.of("x");
    arrived();
    return new Promise<Response>((resolve) => answer = resolve);
  });
  const idle = dial(port);
  await idle.write(wire("GET /idle HTTP/1.1¶Host: a¶¶"));
  await readUntil(idle, "x");
  const busy = dial(port);
  await busy.write(wire(GET));
  await come;
  const finished = server.shutdown();
  assertEquals(await idle.read(), null);
  answer(new Response("done"));
  const output = await readAll(busy);
  assertStringIncludes(output, "connection: close¶");
  assert(output.endsWith("done"));
  await Promise.all([idle.close(), busy.close()]);
  await finished;
  assertEquals(server.connections, 0);
});

test("server.shutdown({ signal }) cuts what does not end in time", async () => {
  let arrived: () => void = () => {};
  const come = new Promise<void>((resolve) => arrived = resolve);
  const { server, port } = await listening(() => {
    arrived();
    return new Promise<Response>(() => {});
  });
  const socket = dial(port);
  await socket.write(wire(GET));
  await come;
  const patience = new AbortController();
  const finished = server.shutdown({ signal: patience.signal });
  patience.abort(new Error("enough"));
  await finished;
  assertEquals(server.connections, 0);
  socket.abort();
});

test("serve() listens at several places at once", async () => {
  const { server } = await listening((_request, info) => {
    return LightResponse.of("port" in info.local ? String(info.local.port) : "unix");
  }, { listen: [{ hostname: "127.0.0.1" }, { hostname: "127.0.0.1" }] });
  for (const { port } of await server.listening) assert((await say(port!, GET)).endsWith(String(port)));
  await server.shutdown();
});

test("server.listening rejects when the address is taken, and so does finished", async () => {
  const { server, port } = await listening(() => new Response());
  const second = listening(() => new Response(), { port });
  const failure = await second.then(() => null, (error) => error);
  assertEquals(failure?.code, "address");
  await server.shutdown();
});
