import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { IncomingBody } from "../../src/http1/incoming_body.ts";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { converse, conversing, expectConversation, tellingBody } from "../support/serving.ts";
import { readAll, readUntil, text, turns, wire } from "../support/wire.ts";

const H = "Host: a¶";
const CHUNKED = "Transfer-Encoding: chunked¶¶";

/** Every way of reading a body to its end. */
const ways: readonly { readonly way: string; read(body: IncomingBody): Promise<string> }[] = [
  { way: "read()", read: readAll },
  { way: "the iterator", read: joined },
  { way: "the stream", read: (body) => readAll(readingFrom(body.stream)) },
  { way: "bytes()", read: async (body) => text(await body.bytes()) },
  { way: "text()", read: async (body) => (await body.text()).replaceAll("\r\n", "¶") },
];

async function joined(body: IncomingBody): Promise<string> {
  let all = "";
  for await (const chunk of body) all += text(chunk);
  return all;
}

function readingFrom(stream: ReadableStream<Uint8Array>): { read(): Promise<Uint8Array | null> } {
  const reader = stream.getReader();
  return { read: async () => (await reader.read()).value ?? null };
}

for (const { way, read } of ways) {
  test(`serveConnection() gives the body by ${way}, delimited by Content-Length (RFC 9112 §6.3)`, () =>
    expectConversation({
      input: `GET / HTTP/1.1¶${H}Content-Length: 19¶¶I'm a good request.POST / HTTP/1.1¶${H}Content-Length: 5¶¶hello`,
      output: "HTTP/1.1 200 OK¶content-length: 19¶¶I'm a good request.HTTP/1.1 200 OK¶content-length: 5¶¶hello",
    }, tellingBody(read)));

  test(`serveConnection() gives the body by ${way}, decoded from chunks (RFC 9112 §7.1)`, () =>
    expectConversation({
      input: `POST / HTTP/1.1¶${H}${CHUNKED}1¶q¶2;a=b¶we¶2¶rt¶0¶¶`,
      output: "HTTP/1.1 200 OK¶content-length: 5¶¶qwert",
    }, tellingBody(read)));

  test(`serveConnection() gives no body by ${way} where none is announced (RFC 9112 §6.3)`, () =>
    expectConversation({
      input: `GET / HTTP/1.1¶${H}Connection: close¶¶I shouldn't be read.¶`,
      output: "HTTP/1.1 200 OK¶content-length: 0¶connection: close¶¶",
      closed: "shutdown",
    }, tellingBody(read)));
}

test("serveConnection() gives json() and the announced length", () =>
  expectConversation({
    input: `POST / HTTP/1.1¶${H}Content-Length: 7¶¶{"a":1}POST / HTTP/1.1¶${H}${CHUNKED}0¶¶GET / HTTP/1.1¶${H}¶`,
    output: ['{"a":1} 7', "undefined", "0"].map((told) => `HTTP/1.1 200 OK¶content-length: ${told.length}¶¶${told}`)
      .join(""),
  }, () => async ({ body }) => {
    const { length } = body;
    return { status: 200, body: length === 7 ? `${JSON.stringify(await body.json())} 7` : `${length}` };
  }));

/** Requests whose body breaks, and how its reader is told. */
const broken = [
  { what: "ends early", message: "Content-Length: 10¶¶12345", code: "truncated" },
  { what: "ends before its last chunk", message: `${CHUNKED}5¶hello¶`, code: "truncated" },
  { what: "ends in its trailers", message: `${CHUNKED}0¶A: b¶`, code: "truncated" },
  { what: "has a chunk size above 2^53", message: `${CHUNKED}f0000000000000003¶abc¶0¶¶`, code: "bad-chunk-size" },
  { what: "has a chunk size without a digit", message: `${CHUNKED}1¶Z¶¶¶¶`, code: "bad-chunk-size" },
  { what: "has white space behind a chunk size", message: `${CHUNKED}1 ¶Z¶0¶¶`, code: "bad-chunk-size" },
  { what: "has a malformed chunk extension", message: `${CHUNKED}1;a="b¶Z¶0¶¶`, code: "bad-chunk-size" },
  { what: "has more data than its chunk size", message: `${CHUNKED}1¶ZZ¶0¶¶`, code: "bad-chunk-end" },
  { what: "has malformed trailers", message: `${CHUNKED}0¶bad¶¶`, code: "bad-field-name" },
] as const;

for (const { what, message, code } of broken) {
  const input = `POST / HTTP/1.1¶${H}${message}`;
  const output = "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶";

  test(`serveConnection() fails a body that ${what}, and answers 400 (RFC 9112 §7.1, §8) [B8, B10, B12]`, async () => {
    for (const { read } of ways) {
      const told: unknown[] = [];
      const handler = () => async ({ body }: IncomingRequest) => ({
        status: 200,
        body: await read(body).catch((error) => {
          told.push((error as ProtocolError).code);
          throw error;
        }),
      });
      const conversed = await converse([wire(input)], handler());
      assertEquals([conversed.output, told], [output, [code]]);
    }
  });

  test(`serveConnection() answers 400 to a body that ${what}, whatever its reader makes of it`, () =>
    expectConversation({ input, output, closed: "error" }, () => async ({ body }) => {
      await body.text().catch(() => {});
      return { status: 200, body: "fine" };
    }));
}

test("serveConnection() never takes what follows a malformed body for a request (RFC 9112 §11.2) [B10, H2]", async () => {
  const seen: string[] = [];
  const input = `POST / HTTP/1.1¶${H}${CHUNKED}f0000000000000003¶abc¶0¶¶GET /sneaky HTTP/1.1¶${H}¶`;
  await expectConversation({
    input,
    output: "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶",
    closed: "error",
  }, () => async ({ target, body }) => {
    seen.push(target);
    return { status: 200, body: await body.text() };
  });
  assert(seen.every((target) => target === "/"));
});

test("serveConnection() lets the response stand when a body breaks behind it, and closes (RFC 9112 §8)", () =>
  expectConversation({
    input: `POST / HTTP/1.1¶${H}${CHUNKED}5¶hello¶oops`,
    output: "HTTP/1.1 200 OK¶content-length: 2¶¶ok",
    closed: "error",
  }, () => ({ body }) => {
    // Reads on after the response was given.
    joined(body).catch(() => {});
    return { status: 200, body: "ok" };
  }));

test("IncomingBody.bytes() takes exactly maxBytes, and not one more", async () => {
  const told: unknown[] = [];
  const handler = async ({ body }: IncomingRequest) => {
    const bytes = await body.bytes(5).catch((error) => error);
    told.push(bytes instanceof Uint8Array ? text(bytes) : bytes.name);
    return { status: 200 };
  };
  const post = (body: string) => `POST / HTTP/1.1¶${H}Content-Length: ${body.length}¶¶${body}`;
  const { output, closed } = await converse([wire(post("12345") + post("123456") + post("ok"))], handler);
  assertEquals(told, ["12345", "RangeError", "ok"]);
  assertEquals([output.match(/200 OK/g)?.length, closed.reason], [3, "eof"]);
});

test("IncomingBody refuses a second reader of the whole", async () => {
  const told: unknown[] = [];
  await converse([wire(`POST / HTTP/1.1¶${H}Content-Length: 2¶¶hi`)], async ({ body }) => {
    await body.text();
    const error = await assertRejects(() => body.text(), StateError);
    told.push(error.code, await body.read());
    return { status: 200 };
  });
  assertEquals(told, ["body-used", null]);
});

test("IncomingBody fails for a reader that comes after the connection has discarded it", async () => {
  let body!: IncomingBody;
  const { client, connection } = conversing((request) => {
    body ??= request.body;
    return { status: 200, body: "ok" };
  });
  await client.write(wire(`POST / HTTP/1.1¶${H}Content-Length: 5¶¶helloGET / HTTP/1.1¶${H}¶`));
  await readUntil(client, (soFar) => soFar.split("¶¶ok").length === 3);
  assertEquals((await assertRejects(() => body.read(), StateError)).code, "body-used");
  assertEquals((await assertRejects(() => body.trailers, StateError)).code, "body-used");
  await client.closeWrite();
  assertEquals((await connection.closed).reason, "eof");
});

test("IncomingBody.cancel() rejects the reads behind it and lets the connection go on", async () => {
  let code = "";
  await expectConversation({
    input: `POST / HTTP/1.1¶${H}Content-Length: 5¶¶helloGET / HTTP/1.1¶${H}¶`,
    output: "HTTP/1.1 200 OK¶content-length: 2¶¶okHTTP/1.1 200 OK¶content-length: 2¶¶ok",
  }, () => async ({ body }) => {
    body.cancel();
    body.cancel();
    if (body.framing.type === "length") code = (await assertRejects(() => body.read(), StateError)).code;
    return { status: 200, body: "ok" };
  });
  assertEquals(code, "body-used");
});

test("IncomingBody keeps what one read ahead of two has not taken", async () => {
  const { client } = conversing(async ({ body }) => {
    const [first, second, end] = await Promise.all([body.read(), body.read(), body.read()]);
    return { status: 200, body: `${text(first!)}|${text(second!)}|${end}` };
  });
  await client.write(wire(`POST / HTTP/1.1¶${H}Content-Length: 10¶¶hello`));
  await turns();
  await client.write(wire("world"));
  assertEquals(await readUntil(client, "null"), "HTTP/1.1 200 OK¶content-length: 16¶¶hello|world|null");
});

test("IncomingBody is truncated when the transport fails under it [B12]", async () => {
  let failure: unknown;
  const { client, connection } = conversing(async ({ body }) => {
    await body.text().catch((error) => failure = error);
    return { status: 200 };
  });
  await client.write(wire(`POST / HTTP/1.1¶${H}Content-Length: 10¶¶hello`));
  await turns();
  client.abort();
  assertEquals((await connection.closed).reason, "error");
  assert(failure instanceof Error);
});

test("a body that its reader left behind is not read as complete when the connection is aborted [B12]", async () => {
  let body!: IncomingBody;
  const { client, connection } = conversing((request) => {
    body = request.body;
    return new Promise(() => {});
  });
  await client.write(wire(`POST / HTTP/1.1¶${H}Content-Length: 10¶¶hello`));
  await turns();
  connection.abort(new Error("enough"));
  const error = await assertRejects(() => body.text(), ProtocolError);
  assertEquals([error.code, (error.cause as Error).message], ["truncated", "enough"]);
});
