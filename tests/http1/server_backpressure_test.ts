import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import { conversing, holding } from "../support/serving.ts";
import { expectText, isPending, joined, OK, type Readable, type Transport, transports } from "../support/switching.ts";
import { readAll, readUntil, turns, wire } from "../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const post = (length: number) => wire(`POST / HTTP/1.1¶Host: a¶Content-Length: ${length}¶¶`);

/** Bytes whose place shows: a period of 251 does not fit any buffer. */
function pattern(from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (from + i) % 251;
  return bytes;
}

/** Whether bytes are those of the pattern. */
function isPattern(bytes: Uint8Array, from: number): boolean {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== (from + i) % 251) return false;
  return true;
}

interface Echo {
  readonly over: string;
  readonly open: Transport["open"];
  readonly megabytes: number;
  /** The most that may be under way: what the transport holds, and one chunk at each station in between. */
  readonly mostUnderWay: number;
}

const echoes: readonly Echo[] = [
  { over: "channels of 1 KiB", ...holding(1024, 1024), megabytes: 10, mostUnderWay: 50_000 },
  { over: "channels of 64 KiB", ...holding(65_536), megabytes: 2, mostUnderWay: 400_000 },
  { over: "streams", open: transports[2]!.open, megabytes: 2, mostUnderWay: 50_000 },
  { over: "channels of one byte", open: transports[1]!.open, megabytes: 0.005, mostUnderWay: 5000 },
  { over: "streams of one byte", open: transports[3]!.open, megabytes: 0.005, mostUnderWay: 5000 },
];

async function readAtLeast(end: Readable, length: number): Promise<Uint8Array> {
  let all: Uint8Array = new Uint8Array(0);
  while (all.length < length) all = joined(all, (await end.read())!);
  return all;
}

for (const { over, open, megabytes, mostUnderWay } of echoes) {
  for (const how of megabytes === 2 ? ["the body", "its stream", "an iterator"] : ["the body"]) {
    test(`serveConnection() reads and writes at once: ${megabytes} MB echoed as ${how} over ${over}`, async () => {
      const total = megabytes * 1_000_000;
      const { client, connection, clock } = conversing(
        ({ body }: IncomingRequest) => ({
          status: 200,
          fields: [["Content-Length", `${total}`]],
          body: how === "the body" ? body : how === "its stream" ? body.stream : (async function* () {
            for await (const chunk of body) yield chunk;
          })(),
        }),
        {},
        { open },
      );
      let sent = 0;
      let received = 0;
      let most = 0;
      const sending = (async () => {
        await client.write(post(total));
        for (; sent < total;) {
          const bytes = pattern(sent, Math.min(4096, total - sent));
          sent += bytes.length;
          await client.write(bytes);
        }
      })();
      const head = wire(`HTTP/1.1 200 OK¶Content-Length: ${total}¶¶`);
      let chunk = await readAtLeast(client, head.length);
      assertEquals(chunk.subarray(0, head.length), head);
      chunk = chunk.subarray(head.length); // the first bytes of the body may come with the head
      while (true) {
        assert(isPattern(chunk, received), `wrong bytes behind ${received}`);
        received += chunk.length;
        if (received >= total) break;
        chunk = (await client.read())!;
        most = Math.max(most, sent - received);
      }
      await sending;
      assertEquals(received, total);
      assert(most <= mostUnderWay, `${most} bytes were under way`);
      await client.closeWrite();
      assertEquals([await connection.closed, clock.pending], [{ reason: "eof" }, 0]);
    });
  }
}

for (const { over, open, bytewise } of transports) {
  if (bytewise) continue;
  test(`a body that nobody reads stays with the client, over ${over}`, async () => {
    let answer!: () => void;
    const { client, connection } = conversing(
      async ({ body }) => {
        body.stream;
        body.trailers;
        await new Promise<void>((resolve) => answer = resolve);
        return { status: 200, body: `${(await body.bytes()).length}` };
      },
      {},
      { open },
    );
    await client.write(post(1_000_000));
    let sent = 0;
    const sending = (async () => {
      for (; sent < 1_000_000; sent += 10_000) await client.write(new Uint8Array(10_000));
    })();
    assertEquals(await isPending(sending), true);
    assert(sent <= 100_000, `${sent} bytes were taken`);
    answer();
    await sending;
    await expectText(client, "HTTP/1.1 200 OK¶content-length: 7¶¶1000000");
    await client.closeWrite();
    assertEquals(await connection.closed, { reason: "eof" });
  });

  test(`a body is read no faster than its reader, over ${over}`, async () => {
    let read!: () => Promise<Uint8Array | null>;
    const { client, connection } = conversing(
      ({ body }) => {
        read = () => body.read();
        return new Promise(() => {});
      },
      {},
      { open },
    );
    await client.write(post(10_000_000));
    let sent = 0;
    const sending = (async () => {
      for (; sent < 10_000_000; sent += 10_000) await client.write(new Uint8Array(10_000));
    })().catch(() => {});
    let taken = 0;
    for (let i = 0; i < 50; i++) {
      taken += (await read())!.length;
      await turns();
      assert(sent - taken <= 100_000, `${sent - taken} bytes more than were read`);
    }
    connection.abort();
    await connection.closed;
    await sending;
  });

  test(`a response is made no faster than its client reads, over ${over}`, async () => {
    for (const kind of ["stream", "iterable"]) {
      let made = 0;
      let canceled = false;
      const chunk = () => {
        made++;
        return new Uint8Array(10_000);
      };
      const stream = new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(chunk()),
        cancel: () => void (canceled = true),
      }, { highWaterMark: 0 });
      const iterable = (async function* () {
        try {
          while (true) yield chunk();
        } finally {
          canceled = true;
        }
      })();
      const { client, connection } = conversing(
        () => ({ status: 200, body: kind === "stream" ? stream : iterable }),
        {},
        {
          open,
        },
      );
      await client.write(wire(GET));
      for (let i = 0; i < 5; i++) await turns();
      assert(made <= 10, `${made} chunks were made for a client that reads nothing`);
      let taken = 0;
      while (taken < 300_000) taken += (await client.read())!.length;
      await turns();
      assert(made * 10_000 - taken <= 100_000, `${made} chunks were made for ${taken} bytes`);
      connection.abort();
      await connection.closed;
      await turns();
      assertEquals(canceled, true, kind);
    }
  });
}

test("a handler may answer while the client still sends, and read on", async () => {
  let total = 0;
  const { client, connection, clock } = conversing(
    ({ body }) => ({
      status: 200,
      body: (async function* () {
        yield wire("begun ");
        for await (const chunk of body) total += chunk.length;
        yield wire(`${total}`);
      })(),
    }),
    {},
    holding(1000),
  );
  await client.write(wire("POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶"));
  await expectText(client, "HTTP/1.1 200 OK¶transfer-encoding: chunked¶¶6¶begun ¶");
  for (let i = 0; i < 100; i++) await client.write(wire(`3E8¶${"x".repeat(1000)}¶`));
  await client.write(wire("0¶¶"));
  await expectText(client, "6¶100000¶0¶¶");
  await client.closeWrite();
  assertEquals([await connection.closed, clock.pending], [{ reason: "eof" }, 0]);
});

test("a handler may answer completely before the client has sent its body, and the next request is served", async () => {
  const { client, connection } = conversing(({ method }) => ({ status: 200, body: method === "GET" ? "ok" : "early" }));
  await client.write(post(10));
  assertEquals(await readUntil(client, "early"), "HTTP/1.1 200 OK¶content-length: 5¶¶early");
  await client.write(wire("0123456789" + GET));
  await expectText(client, OK);
  await client.closeWrite();
  assertEquals([await readAll(client), await connection.closed], ["", { reason: "eof" }]);
});
