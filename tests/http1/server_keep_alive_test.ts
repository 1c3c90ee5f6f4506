import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import type { Handler } from "../../src/http1/server_connection.ts";
import { chunksOf, conversing, expectConversation, holding } from "../support/serving.ts";
import { isPending, OK } from "../support/switching.ts";
import { readAll, readUntil, text, turns, wire } from "../support/wire.ts";

const OK_CLOSE = "HTTP/1.1 200 OK¶content-length: 2¶connection: close¶¶ok";
const ok = (): Handler => () => ({ status: 200, body: "ok" });
const get = (fields = "", version = "1.1") => `GET / HTTP/${version}¶Host: a¶${fields}¶`;

test("serveConnection() keeps a connection alive by default (RFC 9112 §9.3)", () =>
  expectConversation({ input: get() + get("Connection: keep-alive¶") + get(), output: OK + OK + OK }, ok));

test("serveConnection() goes on behind a chunked response (RFC 9112 §9.3)", () =>
  expectConversation({
    input: get() + get(),
    output: "HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶B¶foo bar baz¶0¶¶".repeat(2),
  }, () => () => ({ status: 200, body: chunksOf(["foo bar baz"]) })));

/** Every spelling in which a client can say that this request is the last one. */
const spellings = [
  "Connection: close¶",
  "Connection: Close¶",
  "connection: CLOSE¶",
  "Connection:close¶",
  "Connection: \t close \t¶",
  "Connection: keep-alive, close¶",
  "Connection: close, keep-alive¶",
  "Connection: foo,close ,bar¶",
  "Connection: ,, close,,¶",
  "Connection: close¶Connection: keep-alive¶",
  "Connection: keep-alive¶X: y¶Connection: close¶",
  "Connection: keep-alive¶Connection:¶CONNECTION: x, cLoSe¶",
];

for (const spelling of spellings) {
  test(`serveConnection() serves nothing behind ${JSON.stringify(spelling)} of a request (RFC 9112 §9.6) [C1]`, () =>
    expectConversation({ input: get(spelling) + get(), output: OK_CLOSE, closed: "shutdown" }, ok));
}

for (
  const spelling of ["Connection: closed¶", "Connection: not-close¶", 'Connection: "close"¶', "X-Connection: close¶"]
) {
  test(`serveConnection() does not take ${JSON.stringify(spelling)} for close (RFC 9110 §7.6.1)`, () =>
    expectConversation({ input: get(spelling) + get(), output: OK + OK }, ok));
}

/** The same from a handler. */
const saying: readonly (readonly [string, string])[][] = [
  [["Connection", "close"]],
  [["connection", "CLOSE"]],
  [["Connection", "keep-alive, close"]],
  [["Connection", "keep-alive"], ["X", "y"], ["Connection", " foo , close"]],
];

for (const fields of saying) {
  const spelled = fields.map(([name, value]) => `${name}: ${value.trim()}¶`).join("");
  test(`serveConnection() serves nothing behind ${JSON.stringify(spelled)} of a response, and adds nothing to it (RFC 9112 §9.6) [C1]`, () =>
    expectConversation({
      input: get() + get(),
      output: `HTTP/1.1 200 OK¶${spelled}content-length: 0¶¶`,
      closed: "shutdown",
    }, () => () => ({ status: 200, fields })));
}

test("serveConnection() says close beside a handler's keep-alive when it will close (RFC 9112 §9.6)", () =>
  expectConversation({
    input: get("Connection: close¶"),
    output: "HTTP/1.1 200 OK¶Connection: keep-alive¶content-length: 0¶connection: close¶¶",
    closed: "shutdown",
  }, () => () => ({ status: 200, fields: [["Connection", "keep-alive"]] })));

test("serveConnection() serves one request with keepAlive: false, and says so (RFC 9112 §9.6)", () =>
  expectConversation({
    input: get("Connection: keep-alive¶") + get(),
    output: OK_CLOSE,
    closed: "shutdown",
    options: { keepAlive: false },
  }, ok));

test("serveConnection() ends a connection on which nothing came without an error", () =>
  expectConversation({ input: "", output: "" }, ok));

test("serveConnection() skips an empty line before a request (RFC 9112 §2.2) [A4]", () =>
  expectConversation({ input: `¶${get()}¶${get()}¶`, output: OK + OK }, ok));

test("serveConnection() answers 400 to a head that the end of the connection cuts (RFC 9112 §8)", () =>
  expectConversation({
    input: get() + "GET / HTTP/1.1¶",
    output: OK + "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶",
    closed: "error",
  }, ok));

/** Requests whose body the handler does not want. */
const leaving: readonly { readonly how: string; readonly handler: Handler }[] = [
  { how: "leaves untouched", handler: () => ({ status: 200, body: "ok" }) },
  {
    how: "cancels",
    handler: ({ body }) => {
      body.cancel();
      return { status: 200, body: "ok" };
    },
  },
  {
    how: "cancels through its stream",
    handler: async ({ body }) => {
      await body.stream.cancel();
      return { status: 200, body: "ok" };
    },
  },
  {
    how: "leaves in the middle of its iterator",
    handler: async ({ body }) => {
      for await (const _chunk of body) break;
      return { status: 200, body: "ok" };
    },
  },
  {
    how: "stops reading",
    handler: async ({ body }) => {
      await body.read();
      return { status: 200, body: "ok" };
    },
  },
];

/** A handler's way with a POST; a GET is answered plainly. */
const onPost = (handler: Handler): Handler => (request) =>
  request.method === "GET" ? { status: 200, body: "ok" } : handler(request);

for (const { how, handler } of leaving) {
  test(`serveConnection() gets behind a body that a handler ${how} (RFC 9112 §9.3) [C3]`, async () => {
    const posts = [
      "POST / HTTP/1.1¶Host: a¶Content-Length: 10¶¶helloworld",
      "POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶5¶hello¶5¶world¶0¶A: b¶¶",
    ];
    for (const post of posts) await expectConversation({ input: post + get(), output: OK + OK }, () => onPost(handler));
  });
}

for (const { how, handler } of leaving.slice(0, 3)) {
  test(`serveConnection() closes behind a body above maxDrainBytes that a handler ${how} (RFC 9112 §9.3) [C3]`, () =>
    expectConversation({
      input: `POST / HTTP/1.1¶Host: a¶Content-Length: 25¶¶${"x".repeat(25)}${get()}`,
      output: how === "leaves untouched" ? OK_CLOSE : OK,
      closed: "shutdown",
      options: { maxDrainBytes: 20 },
    }, () => onPost(handler)));
}

test("serveConnection() discards exactly maxDrainBytes and not one more [C3]", async () => {
  const post = (length: number) => `POST / HTTP/1.1¶Host: a¶Content-Length: ${length}¶¶${"x".repeat(length)}`;
  const options = { maxDrainBytes: 30 };
  await expectConversation({ input: post(30) + get(), output: OK + OK, options }, ok);
  const { client, connection } = conversing(ok(), options, holding(1, 1));
  const output = readAll(client);
  await client.write(wire(post(31) + get()));
  await client.closeWrite();
  assertEquals([await output, (await connection.closed).reason], [OK_CLOSE, "shutdown"]);
});

test("serveConnection() does not drain before Connection: close, and loses no byte of the answer (RFC 9112 §9.6) [C7]", async () => {
  const { client, connection, clock } = conversing(ok(), {}, holding(100));
  const body = client.write(
    wire(`POST / HTTP/1.1¶Host: a¶Connection: close¶Content-Length: 5000¶¶${"x".repeat(4000)}`),
  );
  assertEquals(await readAll(client), OK_CLOSE);
  await body;
  await client.closeWrite();
  assertEquals(await connection.closed, { reason: "shutdown" });
  assertEquals(clock.pending, 0);
});

test("serveConnection() lets a handler read on behind its response", async () => {
  let read = "";
  const { client, connection, clock } = conversing(({ body, method }) => {
    if (method === "POST") (async () => read = (await body.text()).slice(0, 20))();
    return { status: 202, body: "ok" };
  }, { maxDrainBytes: 4 });
  await client.write(wire("POST / HTTP/1.1¶Host: a¶Content-Length: 20¶¶0123456789"));
  assertEquals(await readUntil(client, "ok"), "HTTP/1.1 202 Accepted¶content-length: 2¶¶ok");
  await client.write(wire("abcde"));
  await clock.advance(4999);
  await client.write(wire("fghij" + get("Connection: close¶").replaceAll("¶", "\r\n")));
  assertEquals(await readAll(client), "HTTP/1.1 202 Accepted¶content-length: 2¶connection: close¶¶ok");
  assertEquals(read, "0123456789abcdefghij");
  await client.closeWrite();
  await connection.closed;
  assertEquals(clock.pending, 0);
});

test("serveConnection() waits for a reader behind Connection: close", async () => {
  let read = "";
  const { client, connection } = conversing(({ body }) => {
    (async () => read = await body.text())();
    return { status: 202 };
  });
  await client.write(wire("POST / HTTP/1.1¶Host: a¶Connection: close¶Content-Length: 10¶¶01234"));
  assertEquals(await readUntil(client, "¶¶"), "HTTP/1.1 202 Accepted¶content-length: 0¶connection: close¶¶");
  const rest = readAll(client);
  assertEquals(await isPending(rest), true);
  await client.write(wire("56789"));
  assertEquals(await rest, "");
  await client.closeWrite();
  assertEquals([read, (await connection.closed).reason], ["0123456789", "shutdown"]);
});

test("serveConnection() keeps a little for a reader that is slow, and goes on with the next request", async () => {
  let late!: IncomingRequest["body"];
  const { client } = conversing(async ({ body, method }) => {
    if (method === "POST") {
      late = body;
      await body.read();
    }
    return { status: 200, body: "ok" };
  });
  await client.write(wire("POST / HTTP/1.1¶Host: a¶Content-Length: 10¶¶hello"));
  assertEquals(await readUntil(client, "ok"), OK);
  await client.write(wire("world" + get()));
  assertEquals(await readUntil(client, "ok"), OK);
  assertEquals(text((await late.read())!), "world");
  assertEquals(await late.read(), null);
  await client.close();
});

test("serveConnection() says with the response that a body which is too long to be discarded is the last (RFC 9112 §9.6)", async () => {
  const post = (length: number): string => `POST / HTTP/1.1¶Host: a¶Content-Length: ${length}¶¶`;
  const long = conversing(ok(), { maxDrainBytes: 12 });
  await long.client.write(wire(post(13)));
  assertEquals(await readUntil(long.client, "ok"), OK_CLOSE);
  await long.client.close();
  const short = conversing(ok(), { maxDrainBytes: 12 });
  await short.client.write(wire(post(12)));
  assertEquals(await readUntil(short.client, "ok"), OK);
  await short.client.close();
});

test("serveConnection() drains what is left when a reader behind the response gives up", async () => {
  let late!: IncomingRequest["body"];
  const { client } = conversing(async ({ body, method }) => {
    if (method === "POST") {
      late = body;
      await body.read();
    }
    return { status: 200, body: "ok" } satisfies OutgoingResponse;
  }, { maxDrainBytes: 12 });
  await client.write(wire("POST / HTTP/1.1¶Host: a¶Content-Length: 30¶¶hello"));
  assertEquals(await readUntil(client, "ok"), OK);
  await client.write(wire("0123456789abc"));
  await turns();
  late.cancel();
  await client.write(wire("defghijklmno" + get()));
  assertEquals(await readUntil(client, "ok"), OK);
  await client.close();
});

test("serveConnection() leaves a body to who holds its stream, also if the handler has answered at once", async () => {
  for (const hold of [whole, piped]) {
    let late!: Promise<string>;
    const { client } = conversing(({ body, method }) => {
      if (method === "POST") late = hold(body.stream);
      return { status: 200, body: "ok" };
    });
    await client.write(wire("POST / HTTP/1.1¶Host: a¶Content-Length: 10¶¶hello"));
    assertEquals(await readUntil(client, "ok"), OK);
    await client.write(wire("world" + get()));
    assertEquals(await readUntil(client, "ok"), OK);
    assertEquals(await late, "helloworld");
    await client.close();
  }
});

/** Reads a stream by hand. */
async function whole(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader();
  let all = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) all += text(part.value);
  return all;
}

/** Lets the platform read a stream. */
async function piped(stream: ReadableStream<Uint8Array>): Promise<string> {
  let all = "";
  await stream.pipeTo(new WritableStream({ write: (chunk: Uint8Array) => void (all += text(chunk)) }));
  return all;
}
