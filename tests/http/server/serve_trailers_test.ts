import { test } from "node:test";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Client } from "../../../src/http/client/client.ts";
import { LightResponse } from "../../../src/http1/light_response.ts";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import type { ServeHandler } from "../../../src/http/server/serve_options.ts";
import { dial, listening, say } from "../../support/http_server.ts";
import { everyCut, readAll, wire } from "../../support/wire.ts";

async function answered(request: string, handler: ServeHandler): Promise<string> {
  const { server, port } = await listening(handler);
  const output = await say(port, request);
  await server.shutdown({ upgraded: "close" });
  return output;
}

const POST = "POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶Trailer: X-Sum¶¶2¶hi¶0¶X-Sum: 9¶¶";
const TE = "GET / HTTP/1.1¶Host: a¶TE: trailers¶Connection: TE¶¶";
const HEAD = "HTTP/1.1 200 OK¶trailer: x-sum¶";
const CHUNKS = "transfer-encoding: chunked¶¶5¶hello¶0¶x-sum: 9¶¶";
const announcing = { headers: { trailer: "x-sum" } };

test("info.trailers resolves with the fields behind the request's body, whatever the cuts [B11, H4]", async (t) => {
  const served = await listening(async (request, info) => {
    const body = await request.text();
    return LightResponse.of(`${body} ${(await info.trailers).get("x-sum")}`);
  });
  t.after(() => served[Symbol.asyncDispose]());
  for (const { how, chunks } of everyCut(wire(POST))) {
    if (chunks.length > 2) continue;
    const socket = dial(served.port);
    for (const chunk of chunks) await socket.write(chunk);
    await socket.closeWrite();
    assert((await readAll(socket)).endsWith("¶¶hi 9"), how);
    await socket.close();
  }
});

test("info.trailers does not hold names that may not be trailers, and is no part of the headers [B11]", async () => {
  const body = "POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶0¶Host: b¶X-Sum: 9¶Authorization: x¶¶";
  const output = await answered(body, async (request, info) => {
    await request.arrayBuffer();
    return LightResponse.of(JSON.stringify([[...await info.trailers], request.headers.has("x-sum")]));
  });
  assert(output.endsWith('[[["x-sum","9"]],false]'), output);
});

test("info.trailers is empty for a body without any, and for no body", async () => {
  for (const head of ["GET / HTTP/1.1¶Host: a¶¶", "POST / HTTP/1.1¶Host: a¶Content-Length: 2¶¶hi"]) {
    const output = await answered(head, async (request, info) => {
      await request.text();
      return LightResponse.of(`${[...await info.trailers].length} fields`);
    });
    assert(output.endsWith("0 fields"), output);
  }
});

test("info.trailers is empty for a GET or HEAD, whose content is not shown: a handler that waits for them answers", async () => {
  for (const method of ["GET", "HEAD"]) {
    let fields: unknown = null;
    await answered(POST.replace("POST", method), async (request, info) => {
      await request.text();
      fields = [...await info.trailers];
      return new Response();
    });
    assertEquals(fields, []);
  }
});

test("info.trailers is there for whoever reads the body of a real Request, too", async () => {
  const output = await answered(POST, async (request, info) => {
    const copy = request.clone();
    return LightResponse.of(`${await request.text()} ${await copy.text()} ${(await info.trailers).get("x-sum")}`);
  });
  assert(output.endsWith("hi hi 9"), output);
});

test("info.setTrailers() sends fields behind the body, of whatever kind the response is (RFC 9110 §6.5.1)", async () => {
  const responses: readonly (() => Response)[] = [
    () => LightResponse.of("hello", { headers: { ...announcing.headers, "content-type": "x/y" } }),
    () => new Response("hello", { headers: { ...announcing.headers, "content-type": "x/y" } }),
    () => new Response(new Blob(["hello"]).stream(), { headers: { ...announcing.headers, "content-type": "x/y" } }),
    () => new Response("hello", { headers: { trailer: "x-sum", "content-type": "x/y", "content-length": "5" } }),
    () =>
      new Response("hello", { headers: { trailer: "x-sum", "content-type": "x/y", "transfer-encoding": "chunked" } }),
  ];
  for (const respond of responses) {
    const output = await answered(TE + TE, (_request, info) => {
      info.setTrailers({ "x-sum": "9", "x-unannounced": "1" });
      return respond();
    });
    assertEquals(output.split("HTTP/1.1 200 OK¶").length, 3);
    for (const message of output.split("HTTP/1.1 200 OK¶").slice(1)) {
      const [head, ...body] = message.split("¶¶");
      assertEquals(head!.split("¶").sort(), ["content-type: x/y", "trailer: x-sum", "transfer-encoding: chunked"]);
      assertEquals(body.join("¶¶"), "5¶hello¶0¶x-sum: 9¶¶");
    }
  }
});

test("info.setTrailers() calls what makes them once the body is over", async () => {
  let length = 0;
  const output = await answered(TE, (_request, info) => {
    info.setTrailers(() => [["x-sum", `${length}`]]);
    const parts = ["one", "two"];
    return new Response(
      new ReadableStream({
        pull(controller) {
          const part = parts.shift();
          length += part?.length ?? 0;
          if (part === undefined) controller.close();
          else controller.enqueue(wire(part));
        },
      }),
      announcing,
    );
  });
  assert(output.endsWith("0¶x-sum: 6¶¶"), output);
});

test("info.setTrailers() survives middleware that makes a new response", async () => {
  const output = await answered(TE, async (_request, info) => {
    info.setTrailers({ "x-sum": "9" });
    const inner = new Response("hello", announcing);
    await Promise.resolve();
    const headers = new Headers(inner.headers);
    headers.delete("content-type");
    return new Response(inner.body, { headers });
  });
  assertEquals(output, HEAD + CHUNKS);
});

test("info.setTrailers() changes nothing for a client that takes none, for HTTP/1.0, HEAD, 204 and what is not announced", async () => {
  const cases: readonly (readonly [string, () => Response, RegExp])[] = [
    ["GET / HTTP/1.1¶Host: a¶¶", () => new Response("hello", announcing), /content-length: 5¶¶hello$/],
    ["GET / HTTP/1.0¶TE: trailers¶¶", () => new Response("hello", announcing), /content-length: 5¶¶hello$/],
    [TE.replace("GET", "HEAD"), () => new Response("hello", announcing), /^HTTP\/1\.1 200 OK¶[^¶]+(¶[^¶]+)*¶¶$/],
    [TE, () => new Response(null, { status: 204 }), /^HTTP\/1\.1 204 No Content¶¶$/],
    [TE, () => new Response("hello"), /content-length: 5¶¶hello$/],
  ];
  for (const [request, respond, expected] of cases) {
    const output = await answered(request, (_request, info) => {
      info.setTrailers({ "x-sum": "9" });
      return respond();
    });
    assert(expected.test(output) && !output.includes("x-sum: 9"), output);
  }
});

test("info.setTrailers() whose maker fails leaves the response without its end, and tells onError [B12]", async (t) => {
  const errors: unknown[] = [];
  const served = await listening((_request, info) => {
    info.setTrailers(() => Promise.reject(new Error("boom")));
    return new Response("hello", announcing);
  }, { onError: (error) => void errors.push((error as Error).message) });
  t.after(() => served[Symbol.asyncDispose]());
  const socket = dial(served.port);
  await socket.write(wire(TE));
  const output = await readAll(socket).catch(() => "reset");
  assert(!output.endsWith("0¶¶"), output);
  assertEquals(errors, ["boom"]);
  socket.abort();
});

test("info.setTrailers() refuses CR, LF and NUL in what it sends [H1]", async () => {
  for (const value of ["9\r\nevil: 1", "9\n", "9\0"]) {
    const output = await answered(TE, (_request, info) => {
      info.setTrailers({ "x-sum": value });
      return new Response("hello", announcing);
    }).catch(() => "reset");
    assert(!output.includes("evil") && !output.includes("0¶¶"), output);
  }
});

test("info.setTrailers() after the response was decided is a StateError", async () => {
  let late: () => void = () => {};
  await answered(TE, (_request, info) => {
    late = () => info.setTrailers({});
    return new Response("hello");
  });
  let code: unknown;
  try {
    late();
  } catch (error) {
    code = (error as { code?: unknown }).code;
  }
  assertEquals(code, "head-sent");
});

test("trailers have no meaning for an upgrade", async () => {
  const output = await answered(
    "GET / HTTP/1.1¶Host: a¶TE: trailers¶Connection: upgrade, TE¶Upgrade: x¶¶",
    (request, info) => {
      info.setTrailers({ "x-sum": "9" });
      return upgradeResponse(request, "x", { headers: { trailer: "x-sum" } }, (io) => io.close()).response;
    },
  );
  assert(output.startsWith("HTTP/1.1 101 ") && !output.includes("x-sum"), output);
});

test("client.fetch() and serve() pass trailers both ways, and on through a handler [B11]", async (t) => {
  const inner = await listening(async (request, info) => {
    const body = await request.text();
    const sum = (await info.trailers).get("x-sum");
    info.setTrailers(() => ({ "x-sum": `${Number(sum) + 1}` }));
    return new Response(body, announcing);
  });
  t.after(() => inner[Symbol.asyncDispose]());
  const client = new Client();
  t.after(() => client[Symbol.asyncDispose]());
  const outer = await listening(async (request, info) => {
    const response = await client.fetch(inner.origin, {
      method: "POST",
      body: request.body,
      headers: { te: "trailers", connection: "te", trailer: "x-sum" },
      trailers: () => info.trailers,
    });
    info.setTrailers(() => response.trailers);
    return new Response(response.body, announcing);
  });
  t.after(() => outer[Symbol.asyncDispose]());
  const response = await client.fetch(outer.origin, {
    method: "POST",
    body: new Blob(["hi"]).stream(),
    headers: { te: "trailers", connection: "te", trailer: "x-sum" },
    trailers: { "x-sum": "9" },
  });
  assertStringIncludes(response.head.fields.get("trailer") ?? "", "x-sum");
  assertEquals([await response.text(), (await response.trailers).get("x-sum")], ["hi", "10"]);
});
