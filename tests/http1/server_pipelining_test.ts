import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import type { Handler } from "../../src/http1/server_connection.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { duplexPair, type PairEnd } from "../../src/duplex/pair.ts";
import { chunksOf, converse, conversing, expectConversation, holding } from "../support/serving.ts";
import { isPending, transports } from "../support/switching.ts";
import { FakeClock, readAll, readUntil, text, turns, wire } from "../support/wire.ts";

const get = (target: string, fields = "") => `GET ${target} HTTP/1.1¶Host: a¶${fields}¶`;
const answered = (target: string, fields = "") =>
  `HTTP/1.1 200 OK¶content-length: ${target.length}¶${fields}¶${target}`;
const mirror: Handler = ({ target }) => ({ status: 200, body: target });

/** Promises that settle by hand. */
class Gate<T> {
  readonly promise: Promise<T>;
  open!: (value: T) => void;

  constructor() {
    this.promise = new Promise((resolve) => this.open = resolve);
  }
}

/** A handler that answers when told to; it collects who asked. */
class Waiting {
  readonly asked: string[] = [];
  readonly #gates: Gate<OutgoingResponse>[] = [];

  readonly handler: Handler = ({ target }) => {
    this.asked.push(target);
    const gate = new Gate<OutgoingResponse>();
    this.#gates.push(gate);
    return gate.promise;
  };

  answer(response: OutgoingResponse = { status: 204 }): Promise<void> {
    this.#gates.shift()!.open(response);
    return turns();
  }
}

for (const options of [{}, { pipelineFlush: true }]) {
  const how = "pipelineFlush" in options ? "with pipelineFlush" : "";
  for (const kind of ["at once", "later", "with a stream"]) {
    test(`serveConnection() answers requests that came together in their order, ${kind} ${how} (RFC 9112 §9.3.2) [C4]`, () =>
      expectConversation({
        input: get("/1") + get("/2") + `POST /3 HTTP/1.1¶Host: a¶Content-Length: 2¶¶ok` +
          get("/4", "Connection: close¶"),
        output: kind === "with a stream"
          ? ["/1", "/2", "/3", "/4"].map((target) =>
            `HTTP/1.1 200 OK¶transfer-encoding: chunked¶${target === "/4" ? "connection: close¶" : ""}¶2¶${target}¶0¶¶`
          ).join("")
          : answered("/1") + answered("/2") + answered("/3") + answered("/4", "connection: close¶"),
        closed: "shutdown",
        options,
      }, () => {
        if (kind === "at once") return mirror;
        if (kind === "later") return async (request) => mirror(request);
        return ({ target }) => ({ status: 200, body: chunksOf([target]) });
      }));
  }

  for (const { over, open } of transports) {
    test(`serveConnection() answers 100 requests that came at once over ${over} ${how} [C4]`, async () => {
      const targets = Array.from({ length: 100 }, (_, i) => `/${i}`);
      const input = wire(targets.map((target) => get(target)).join(""));
      let sync = false;
      const { output, closed, timers } = await converse(
        [input],
        (request) => {
          sync = !sync;
          return sync ? mirror(request) : Promise.resolve(mirror(request));
        },
        options,
        { open },
      );
      assertEquals(output, targets.map((target) => answered(target)).join(""));
      assertEquals([closed.reason, timers], ["eof", 0]);
    });
  }
}

test("serveConnection() calls the handler for the next request when the last one is answered, not before [C4]", async () => {
  const waiting = new Waiting();
  const { client, connection } = conversing(waiting.handler);
  await client.write(wire(get("/1") + get("/2")));
  await turns();
  assertEquals(waiting.asked, ["/1"]);
  await waiting.answer();
  assertEquals(waiting.asked, ["/1", "/2"]);
  assertEquals(await readUntil(client, "¶¶"), "HTTP/1.1 204 No Content¶¶");
  await waiting.answer();
  assertEquals(await readUntil(client, "¶¶"), "HTTP/1.1 204 No Content¶¶");
  await client.closeWrite();
  assertEquals((await connection.closed).reason, "eof");
});

test("serveConnection() answers all that came before the client ended its side", async () => {
  const waiting = new Waiting();
  const { client, connection } = conversing(waiting.handler);
  await client.write(wire(get("/1") + get("/2")));
  await client.closeWrite();
  const output = readAll(client);
  await turns();
  await waiting.answer();
  await waiting.answer();
  assertEquals(await output, "HTTP/1.1 204 No Content¶¶".repeat(2));
  assertEquals(await connection.closed, { reason: "eof" });
});

test("serveConnection() serves nothing behind a malformed request, and all before it (RFC 9112 §9.3.2)", () =>
  expectConversation({
    input: get("/1") + "GE T / HTTP/1.1¶Host: a¶¶" + get("/2"),
    output: answered("/1") + "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶",
    closed: "error",
    options: { pipelineFlush: true },
  }, () => mirror));

/** A pair whose server's end counts its writes. */
function counting(): { readonly client: PairEnd; readonly server: PairEnd; writes(): string[] } {
  const [client, server] = duplexPair();
  const writes: string[] = [];
  const write = server.write.bind(server);
  server.write = (bytes) => {
    writes.push(text(bytes));
    return write(bytes);
  };
  return { client, server, writes: () => writes };
}

test("pipelineFlush lets responses to requests that came together leave together", async () => {
  for (const { options, count } of [{ options: { pipelineFlush: true }, count: 1 }, { options: {}, count: 3 }]) {
    const { client, server, writes } = counting();
    serveConnection(server, mirror, { dateHeader: false, clock: new FakeClock(), ...options });
    await client.write(wire(get("/1") + get("/2") + get("/3")));
    await readUntil(client, "/3");
    assertEquals(writes().length, count);
    assertEquals(writes().join(""), answered("/1") + answered("/2") + answered("/3"));
    await client.close();
  }
});

test("pipelineFlush holds nothing back while part of a head is missing", async () => {
  const { client, server, writes } = counting();
  serveConnection(server, mirror, { dateHeader: false, clock: new FakeClock(), pipelineFlush: true });
  await client.write(wire(get("/1") + get("/2").slice(0, 20)));
  assertEquals(await readUntil(client, "/1"), answered("/1"));
  await client.write(wire(get("/2").slice(20)));
  assertEquals(await readUntil(client, "/2"), answered("/2"));
  assertEquals(writes().length, 2);
  await client.close();
});

test("takeOver() sends what pipelineFlush has gathered for the requests before", async () => {
  const { client, server } = counting();
  const connection = serveConnection(server, async (request) => {
    if (request.target === "/1") return { status: 204 };
    const { io } = await connection.takeOver(request);
    const writer = io.writable.getWriter();
    await writer.write(wire("raw"));
    return { status: 500 };
  }, { dateHeader: false, clock: new FakeClock(), pipelineFlush: true });
  await client.write(wire(get("/1") + get("/2")));
  assertEquals(await readUntil(client, "raw"), "HTTP/1.1 204 No Content¶¶raw");
  await client.close();
});

test("takeOver() cuts the connection of a client that does not take what pipelineFlush has gathered within writeTimeoutMs", async () => {
  const [client, server] = duplexPair({ capacityBytes: 8 });
  const clock = new FakeClock();
  let taken: unknown = null;
  const connection = serveConnection(server, async (request) => {
    if (request.target === "/1") return { status: 204 };
    const { io } = await connection.takeOver(request);
    taken = await io.writable.getWriter().write(wire("raw")).catch((error: Error) => `${error}`);
    return { status: 500 };
  }, { dateHeader: false, clock, pipelineFlush: true, writeTimeoutMs: 1000 });
  const written = client.write(wire(get("/1") + get("/2"))).catch(() => {});
  await turns();
  await clock.advance(999);
  assertEquals(taken, null);
  await clock.advance(1);
  assertEquals(taken, "TransportError: The peer did not take our bytes in time");
  assertEquals(clock.pending, 0);
  await written;
});

test("pipelineFlush does not gather responses without bound", async () => {
  const body = "x".repeat(1000);
  let asked = 0;
  const { client, connection, clock } = conversing(
    () => {
      asked++;
      return { status: 200, body };
    },
    { pipelineFlush: true },
    holding(1000),
  );
  const written = client.write(wire(get("/").repeat(2000)));
  await turns();
  assert(asked < 200, `${asked} responses were made while the client took none`);
  const output = readAll(client);
  await written;
  await client.closeWrite();
  assertEquals((await output).length, `HTTP/1.1 200 OK¶content-length: 1000¶¶${body}`.length * 2000);
  await connection.closed;
  assertEquals(clock.pending, 0);
});

for (const { over, open } of transports.filter(({ bytewise }) => !bytewise)) {
  test(`a client that floods while its handler is busy is stopped, over ${over}`, async () => {
    const waiting = new Waiting();
    const { client, connection } = conversing(waiting.handler, {}, { open });
    const flood = wire(get("/").repeat(1000));
    let taken = 0;
    const flooding = (async () => {
      while (true) {
        await client.write(flood);
        taken++;
      }
    })().catch(() => {});
    for (let i = 0; i < 20; i++) await turns();
    assert(taken <= 5, `${taken * flood.length} bytes were taken`);
    assertEquals(waiting.asked.length, 1);
    assert(await isPending(flooding));
    connection.abort();
    await connection.closed;
    await flooding;
  });
}

test("a client that floods and does not read is stopped, and so is the handler", async () => {
  let asked = 0;
  const { client, connection } = conversing(() => {
    asked++;
    return { status: 200, body: "x".repeat(1000) };
  });
  const flood = wire(get("/").repeat(1000));
  let taken = 0;
  const flooding = (async () => {
    while (true) {
      await client.write(flood);
      taken++;
    }
  })().catch(() => {});
  for (let i = 0; i < 20; i++) await turns();
  const before = asked;
  for (let i = 0; i < 20; i++) await turns();
  assert(taken <= 5 && before < 200, `${taken * flood.length} bytes were taken, ${before} requests handled`);
  assertEquals(asked, before);
  connection.abort();
  await connection.closed;
  await flooding;
});
