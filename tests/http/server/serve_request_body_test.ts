import { test } from "node:test";
import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { Deferred } from "../../../src/duplex/deferred.ts";
import { listening, say } from "../../support/http_server.ts";
import { isAtLeast, runtimeName, skipUnless } from "../../support/runtime.ts";

const POST = "POST / HTTP/1.1¶Host: a¶Content-Type: Text/Plain¶Content-Length: 4¶¶body";
const READS = ["text", "json", "arrayBuffer", "blob", "formData"] as const;

/** What a handler makes of the request; it fails as the handler does. */
async function seen<T>(look: (request: Request) => T | Promise<T>, request: string = POST): Promise<T> {
  const looked = new Deferred<T>();
  const { server, port } = await listening(async (request) => {
    try {
      looked.resolve(await look(request));
    } catch (error) {
      looked.reject(error);
    }
    return new Response();
  });
  await say(port, request);
  await server.shutdown();
  return await looked.promise;
}

const keepsLocks = skipUnless(
  runtimeName !== "bun" || isAtLeast("1.4.0"),
  "Bun before 1.4 lends a locked body again",
);

test(
  "Request.body is locked once text() has read it, and gives no second, empty body (Fetch §5.3)",
  keepsLocks,
  async () => {
    for (const before of [false, true]) {
      await seen(async (request) => {
        const taken = before ? request.body : null;
        const reading = request.text();
        assertEquals([request.bodyUsed, request.body!.locked], [true, true]);
        assertEquals(await reading, "body");
        assertEquals([request.bodyUsed, request.body!.locked], [true, true]);
        assertEquals(taken ?? request.body, request.body);
        assertThrows(() => request.body!.getReader(), TypeError);
        for (const read of READS) await assertRejects(() => request[read](), TypeError);
        assertThrows(() => request.clone(), TypeError);
        assertThrows(() => new Response(request.body), TypeError);
      });
    }
  },
);

test('Request.text() leaves a body alone whose stream is locked (Fetch §5.3, "unusable")', async () => {
  await seen(async (request) => {
    const reader = request.body!.getReader();
    assertEquals(request.bodyUsed, false);
    for (const read of READS) await assertRejects(() => request[read](), TypeError);
    assertThrows(() => request.clone(), TypeError);
    assertEquals((await reader.read()).value?.length, 4);
    reader.releaseLock();
    await assertRejects(() => request.text(), TypeError);
  });
  await seen(async (request) => {
    const [first, second] = request.body!.tee();
    await assertRejects(() => request.text(), TypeError);
    const both = await Promise.all([first, second].map((stream) => new Response(stream).text()));
    assertEquals(both, ["body", "body"]);
  });
});

test("Request.text() and its like can be asked again where there is no body (Fetch §5.3)", async () => {
  const texts = await seen(async (request) => {
    return [await request.text(), await request.text(), (await request.blob()).size, request.bodyUsed];
  }, "GET / HTTP/1.1¶Host: a¶¶");
  assertEquals(texts, ["", "", 0, false]);
});

test("Request.blob() has the type of the request, as the platform spells it (Fetch §5.3)", async () => {
  const type = "application/json; charset=UTF-8";
  const { type: spelled } = await new Response("x", { headers: { "content-type": type } }).blob();
  const request = `POST / HTTP/1.1¶Host: a¶Content-Type: ${type}¶Content-Length: 4¶¶body`;
  assertEquals(await seen(async (request) => (await request.blob()).type, request), spelled);
  const behindClone = async (request: Request): Promise<string> => {
    request.clone();
    return (await request.blob()).type;
  };
  assertEquals(await seen(behindClone, request), spelled);
  const untyped = "POST / HTTP/1.1¶Host: a¶Content-Length: 4¶¶body";
  assertEquals(await seen(async (request) => (await request.blob()).type, untyped), "");
});

test("Request.bytes() and arrayBuffer() have memory of their own", async () => {
  const sizes = await seen(async (request) => {
    const bytes = await request.clone().arrayBuffer();
    return [bytes.byteLength, (await request.arrayBuffer()).byteLength];
  });
  assertEquals(sizes, [4, 4]);
  const whole = await seen(async (request) => (await (request as { bytes(): Promise<Uint8Array> }).bytes()).buffer);
  assertEquals(whole.byteLength, 4);
});

test("Request.headers joins several lines of cookies as a cookie-string (RFC 6265 §4.2.1)", async () => {
  const request = "GET / HTTP/1.1¶Host: a¶Cookie: a=1¶X: 1¶Cookie: b=2¶X: 2¶¶";
  const headers = await seen(({ headers }) => [headers.get("cookie"), headers.get("x")], request);
  assertEquals(headers, ["a=1; b=2", "1, 2"]);
});

test("Request.headers has a length once that was said twice (RFC 9110 §8.6)", async () => {
  const request = "POST / HTTP/1.1¶Host: a¶Content-Length: 4¶Content-Length: 4¶¶body";
  assertEquals(await seen(({ headers }) => headers.get("content-length"), request), "4");
});

test(
  "Request and Response have what newer platforms add to bodies",
  skipUnless("textStream" in Request.prototype, "there is no textStream()"),
  async () => {
    const text = await seen(async (request) => {
      const stream = (request as unknown as { textStream(): ReadableStream<string> }).textStream();
      return (await Array.fromAsync(stream)).join("");
    });
    assertEquals(text, "body");
  },
);

for (const method of ["GET", "HEAD"]) {
  test(`a ${method} with content shows none, as no Request of it can have any (Fetch §5.4), and its copies can be made`, async () => {
    const request = `${method} / HTTP/1.1¶Host: a¶Content-Length: 4¶¶body`;
    const told = await seen(async (request) => {
      assertEquals([request.body, request.bodyUsed], [null, false]);
      const copies = [request.clone(), new Request("http://b/", request), request];
      const texts = await Promise.all(copies.map(async (copy) => `${copy.method} ${await copy.text()}`));
      return [...texts, request.bodyUsed, (await request.clone().arrayBuffer()).byteLength];
    }, request);
    assertEquals(told, [`${method} `, `${method} `, `${method} `, false, 0]);
  });
}

test("serve() answers the request behind a GET with content that is not read", async () => {
  const { server, port } = await listening((request) => new Response(request.url));
  const output = await say(port, "GET /1 HTTP/1.1¶Host: a¶Content-Length: 4¶¶bodyGET /2 HTTP/1.1¶Host: a¶¶");
  await server.shutdown();
  assertMatch(output, /http:\/\/a\/1HTTP\/1\.1 200 OK¶.*http:\/\/a\/2$/);
});
