import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { LightResponse } from "../../../src/http1/light_response.ts";
import { wantsUpgrade } from "../../../src/http1/proposing.ts";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import type { ServeHandler, ServeOptions } from "../../../src/http/server/serve_options.ts";
import { dial, listening, say } from "../../support/http_server.ts";
import { readAll, readUntil, wire } from "../../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";

/** What one conversation looks like on the wire, and what onError heard of it. */
async function answered(
  request: string,
  handler: ServeHandler,
  options: ServeOptions = {},
): Promise<{ readonly output: string; readonly errors: readonly string[] }> {
  const errors: string[] = [];
  const { server, port } = await listening(handler, {
    onError: (error) => void errors.push(String((error as Error).message)),
    ...options,
  });
  const output = await say(port, request);
  await server.shutdown({ upgraded: "close" });
  return { output, errors };
}

async function output(request: string, handler: ServeHandler, options: ServeOptions = {}): Promise<string> {
  return (await answered(request, handler, options)).output;
}

test("serve() adds Date, unless the handler says one or is told not to (RFC 9110 §6.6.1)", async () => {
  const date = /¶date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT¶/i;
  for (const respond of [() => new Response("x"), () => LightResponse.of("x")]) {
    assertMatch(await output(GET, respond, { dateHeader: true }), date);
    assert(!date.test(await output(GET, respond)));
  }
  const own = await output(GET, () => new Response("x", { headers: { date: "today" } }), { dateHeader: true });
  assertEquals(own.match(/date: today¶/gi)?.length, 1);
});

test("serve() answers HTTP/1.0 with a length or the end of the connection, and keeps it alive on demand [B14, C6]", async () => {
  const stream: ServeHandler = () => new Response(slowly("one", "two"));
  const byClose = await output("GET / HTTP/1.0¶¶", stream);
  assertMatch(byClose, /^HTTP\/1\.0 200 OK¶/);
  assert(byClose.endsWith("¶¶onetwo") && !/transfer-encoding|content-length/i.test(byClose), byClose);
  const kept = "GET / HTTP/1.0¶Connection: keep-alive¶¶";
  const twice = await output(kept + kept, () => new Response("x"));
  assertEquals(twice.match(/HTTP\/1\.0 200 OK¶/g)?.length, 2);
  assertEquals((await output("GET / HTTP/1.0¶¶" + GET, () => new Response("x"))).match(/HTTP\//g)?.length, 1);
  assert((await output("GET / HTTP/1.0¶¶", (request) => LightResponse.of(request.url))).endsWith("http://localhost/"));
});

test("serve() sends the head of a response before its first chunk is there, as event streams want it", async (t) => {
  let source: ReadableStreamDefaultController<Uint8Array> | null = null;
  const body = () => new ReadableStream<Uint8Array>({ start: (controller) => void (source = controller) });
  const served = await listening(() => new Response(body(), { headers: { "content-type": "text/event-stream" } }));
  t.after(() => served[Symbol.asyncDispose]());
  const client = dial(served.port);
  await client.write(wire(GET));
  assertMatch(await readUntil(client, "¶¶"), /^HTTP\/1\.1 200 OK¶.*text\/event-stream¶/);
  source!.enqueue(wire("data: 1"));
  assertStringIncludes(await readUntil(client, "data: 1¶"), "7¶data: 1¶");
  source!.close();
  assertStringIncludes(await readUntil(client, "0¶¶"), "0¶¶");
  await client.close();
});

test("serve() sends 100 when the body is read, and only then [D1]", async (t) => {
  const head = "POST / HTTP/1.1¶Host: a¶Expect: 100-continue¶Content-Length: 2¶¶";
  const served = await listening(async (request) => {
    return new Response(request.headers.has("x-read") ? await request.text() : "no");
  });
  t.after(() => served[Symbol.asyncDispose]());
  const reading = dial(served.port);
  await reading.write(wire(head.replace("¶¶", "¶X-Read: 1¶¶")));
  await readUntil(reading, "HTTP/1.1 100 Continue¶¶");
  await reading.write(wire("hi"));
  await readUntil(reading, "¶¶hi");
  await reading.close();
  const refused = dial(served.port);
  await refused.write(wire(head));
  assertMatch(await readAll(refused), /^HTTP\/1\.1 200 OK¶.*connection: close¶¶no$/s);
  await refused.close();
  assertMatch(await output(GET.replace("¶¶", "¶Expect: tea¶¶"), () => new Response()), /^HTTP\/1\.1 417 /);
});

test("serve() answers pipelined requests in their order, however long each handler takes [C4]", async () => {
  const finished: string[] = [];
  const told = await output(
    ["/slow", "/fast", "/last"].map((path) => GET.replace("/", path)).join(""),
    async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/slow") await new Promise((resolve) => setTimeout(resolve, 5));
      finished.push(pathname);
      return LightResponse.of(`<${pathname}>`);
    },
  );
  assertEquals(told.match(/<[^>]*>/g), ["</slow>", "</fast>", "</last>"]);
  assertEquals(finished, ["/slow", "/fast", "/last"]);
});

test("serve() closes after `Connection: close` of the request, of the response, and of keepAlive: false [C1]", async () => {
  const closing = GET.replace("¶¶", "¶Connection: close¶¶");
  for (
    const [request, headers, options] of [
      [closing, {}, {}],
      [GET, { connection: "close" }, {}],
      [GET, {}, { keepAlive: false }],
    ] as const
  ) {
    const told = await output(request + GET, () => new Response("x", { headers }), options);
    assertEquals([told.match(/HTTP\/1\.1 200/g)?.length, told.match(/connection: close¶/gi)?.length], [1, 1]);
  }
});

test("serve() sends what Response makes: redirects, JSON, forms, blobs, errors", async () => {
  const moved = await output(GET, () => Response.redirect("http://b/", 307));
  assertMatch(moved, /^HTTP\/1\.1 307 Temporary Redirect¶.*location: http:\/\/b\/¶/s);
  const json = await output(GET, () => Response.json({ a: 1 }));
  assertMatch(json, /content-type: application\/json.*content-length: 7¶¶\{"a":1\}$/s);
  const blob = await output(GET, () => new Response(new Blob(["hi"], { type: "x/y" })));
  assertMatch(blob, /content-type: x\/y¶.*¶¶/s);
  const form = await output(GET, () => new Response(new URLSearchParams({ a: "b" })));
  assertMatch(form, /content-type: application\/x-www-form-urlencoded.*¶¶a=b$/s);
  const { output: failed, errors } = await answered(GET, () => Response.error());
  assertMatch(failed, /^HTTP\/1\.1 500 /);
  assertEquals(errors.length, 1);
});

test("serve() sends the type of a form, a blob and parameters, also where middleware has touched the headers", async () => {
  const form = new FormData();
  form.set("a", "1");
  for (
    const [body, type] of [
      [form, /¶content-type: multipart\/form-data; ?boundary=\S+¶/i],
      [new Blob(["x"], { type: "a/b" }), /¶content-type: a\/b¶/i],
      [new URLSearchParams("a=1"), /¶content-type: application\/x-www-form-urlencoded;charset=UTF-8¶/i],
    ] as const
  ) {
    for (const respond of [() => new Response(body), () => LightResponse.of(body)]) {
      const sent = await output(GET, () => {
        const response = respond();
        response.headers.set("x-a", "1");
        return response;
      });
      assertMatch(sent, type);
      assertMatch(sent, /¶x-a: 1¶/i);
    }
  }
});

test("serve() gives a 205 no content and a length (RFC 9110 §15.3.6)", async () => {
  for (const respond of [() => new Response(null, { status: 205 }), () => LightResponse.of(null, { status: 205 })]) {
    assertEquals(
      (await output(GET + GET, respond)).replace(/content-type: [^¶]+¶/g, ""),
      "HTTP/1.1 205 Reset Content¶content-length: 0¶¶".repeat(2),
    );
  }
});

test("serve() answers 500 to what is no response, or one that was used, and says why", async () => {
  const used = new Response("x");
  await used.text();
  const streaming = new Response("x");
  streaming.body!.getReader();
  for (const wrong of [undefined, null, "text", {}, used, streaming]) {
    for (const handler of [() => wrong, () => Promise.resolve(wrong)]) {
      const { output, errors } = await answered(GET, handler as ServeHandler);
      assertMatch(output, /^HTTP\/1\.1 500 Internal Server Error¶/);
      assertEquals(errors.length, 1);
    }
  }
});

test("serve() does not complete a response whose body fails, and tells onError [B12]", async () => {
  const { output, errors } = await answered(GET, () => {
    let pulls = 0;
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          if (pulls++ === 2) throw new Error("boom");
          controller.enqueue(wire("part"));
        },
      }),
    );
  });
  assertStringIncludes(output, "4¶part¶");
  assert(!output.endsWith("0¶¶"), output);
  assertEquals(errors, ["boom"]);
});

test("serve() cancels the body of a response that is not sent: to HEAD, and to a client that has left", async (t) => {
  let canceled = 0;
  const endless = () =>
    new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(10_000)),
        cancel: () => void canceled++,
      }),
    );
  await output("HEAD / HTTP/1.1¶Host: a¶¶", endless);
  assertEquals(canceled, 1);
  const told: unknown[] = [];
  const served = await listening(endless, { onError: (error) => void told.push(error) });
  t.after(() => served[Symbol.asyncDispose]());
  const socket = dial(served.port);
  await socket.write(wire(GET));
  await socket.read();
  socket.abort();
  await served.server.shutdown();
  assertEquals(canceled, 2);
});

test("serve() takes the handler's length for a stream, and refuses a wrong one [B7, B13]", async () => {
  const headers = { "content-length": "6" };
  const right = await output(GET + GET, () => new Response(slowly("one", "two"), { headers }));
  assertEquals(right.match(/content-length: 6¶/g)?.length, 2);
  assert(right.endsWith("¶¶onetwo") && !right.includes("chunked"), right);
  for (const body of ["short", "too long"]) {
    const { output, errors } = await answered(GET + GET, () => new Response(slowly(body), { headers }));
    assertEquals(output.match(/HTTP\/1\.1 200/g)?.length, 1, output);
    assertEquals(errors.length, 1);
  }
});

test("serve() lets no CR, LF or NUL into reason, headers or 103 [H1]", async () => {
  const evil = "x\r\nevil: 1";
  const handlers: readonly ServeHandler[] = [
    () => new Response("x", { statusText: evil }),
    () => LightResponse.of("x", { statusText: evil }),
    () => LightResponse.of("x", { headers: { "x-a": evil } }),
    () => LightResponse.of("x", { headers: [[evil, "1"]] }),
    async (_request, info) => {
      await info.sendInformational(103, { link: evil });
      return LightResponse.of("x");
    },
    (request) => upgradeResponse(request, "x", { headers: { "x-a": evil } }).response,
  ];
  for (const handler of handlers) {
    const told = await output("GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: x¶¶", handler);
    assertMatch(told, /^HTTP\/1\.1 500 /);
    assert(!told.includes("evil"), told);
  }
});

test("serve() answers 500 where onError or what it returns fails, and goes on where onResponse does", async () => {
  const used = new Response("x");
  await used.text();
  const fails: readonly ServeOptions["onError"][] = [
    () => {
      throw new Error("worse");
    },
    () => Promise.reject(new Error("worse")),
    () => used,
  ];
  for (const onError of fails) {
    const told = await output(GET, () => Promise.reject(new Error("boom")), { onError });
    assertMatch(told, /^HTTP\/1\.1 500 /);
  }
  const told = await output(GET + GET, () => LightResponse.of("x"), {
    onResponse() {
      throw new Error("boom");
    },
  });
  assertEquals(told.match(/HTTP\/1\.1 200/g)?.length, 2);
});

test("serve() holds every connection to its limits, leniency and spelling [A11]", async () => {
  const ok = () => new Response("x", { headers: { "x-a": "1" } });
  const cases: readonly (readonly [string, ServeOptions, RegExp])[] = [
    [GET.replace("/ ", "/long "), { limits: { maxTargetBytes: 4 } }, /^HTTP\/1\.1 414 /],
    [GET.replace("¶¶", "¶B: 1¶¶"), { limits: { maxFields: 1 } }, /^HTTP\/1\.1 431 /],
    [GET, { limits: { maxHeadBytes: 8 } }, /^HTTP\/1\.1 431 /],
    ["GET / HTTP/1.1¶¶", { leniency: { anyHost: true } }, /^HTTP\/1\.1 200 /],
    [GET.replaceAll("¶", "\n"), { compat: "hyper" }, /^HTTP\/1\.1 200 /],
    [GET, { nameCase: "title" }, /¶X-A: 1¶/],
  ];
  for (const [request, options, expected] of cases) assertMatch(await output(request, ok, options), expected);
});

test("serve() takes nothing for an upgrade that is none: h2c, Upgrade-Insecure-Requests, HTTP/1.0, no option [E3, E4]", async () => {
  const offers = [
    "GET / HTTP/1.1¶Host: a¶Connection: Upgrade, HTTP2-Settings¶Upgrade: h2c¶HTTP2-Settings: AAMAAABkAAQAAP__¶¶",
    "GET / HTTP/1.1¶Host: a¶Upgrade-Insecure-Requests: 1¶¶",
    "GET / HTTP/1.1¶Host: a¶Upgrade: echo¶¶",
    "GET / HTTP/1.0¶Connection: upgrade, keep-alive¶Upgrade: echo¶¶",
  ];
  for (const offer of offers) {
    const told = await output(offer + offer, (request) => LightResponse.of(`<${wantsUpgrade(request, "echo")}>`));
    assertEquals([told.match(/HTTP\/1\.[01] 200 OK¶/g)?.length, told.match(/<false>/g)?.length], [2, 2], told);
  }
});

test("serve() tells onResponse the final status: 101, 200 of a tunnel, 405, 408 and 417 included", async () => {
  const seen: number[] = [];
  const options: ServeOptions = { onResponse: (_request, { status }) => void seen.push(status) };
  await output("GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: x¶¶", (request) => {
    return upgradeResponse(request, "x", {}, (io) => io.close()).response;
  }, options);
  await output("CONNECT b:1 HTTP/1.1¶Host: b:1¶¶", () => new Response(), options);
  await output("POST / HTTP/1.1¶Host: a¶Expect: tea¶Content-Length: 1¶¶x", () => new Response(), options);
  assertEquals(seen, [101, 405, 417]);
});

test("a 426 of upgradeResponse() that another server sends tells the truth, Upgrade and all [E12]", async () => {
  const told = await output("GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: foo, x¶¶", (request) => {
    const { response } = upgradeResponse(request, ["x", "foo"]);
    assertEquals(
      [response.status, response.headers.get("upgrade"), response.headers.get("connection"), response.body],
      [426, "x", "upgrade", null],
    );
    return new Response("nothing of the kind", { status: 200 });
  });
  assertMatch(told, /^HTTP\/1\.1 200 /);
});

test("a 426 of the handler's own keeps its list of protocols, and gets the connection option with it [E12]", async () => {
  const told = await output(GET, () => new Response("try again", { status: 426, headers: { upgrade: "x, y" } }));
  assertMatch(told, /^HTTP\/1\.1 426 Upgrade Required¶/);
  assertMatch(told, /¶upgrade: x, y¶(?:.*¶)?connection: upgrade¶/s);
});

function slowly(...parts: readonly string[]): ReadableStream<Uint8Array> {
  const left = [...parts];
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const part = left.shift();
      if (part === undefined) controller.close();
      else controller.enqueue(wire(part));
    },
  });
}
