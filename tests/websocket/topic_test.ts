/**
 * One message for many: `Topic`.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { duplexPair } from "../../src/duplex/pair.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { type OverOptions, webSocketOver } from "../../src/websocket/over.ts";
import { Topic, type WhenFull } from "../../src/websocket/topic.ts";
import { text } from "../support/bytes.ts";
import { shrinking } from "../support/memory.ts";
import { pattern } from "../support/switching.ts";
import { nextImmediate } from "../support/turns.ts";

/** Both ends of a WebSocket; the client's reads nothing by itself. */
function pair(extensions = "", capacityBytes = 65_536): [client: WebSocketConnection, server: WebSocketConnection] {
  const [near, far] = duplexPair({ capacityBytes });
  const options = { extensions, deflate: { thresholdBytes: 0 } };
  return [webSocketOver(near, { ...options, role: "client" }), webSocketOver(far, { ...options, role: "server" })];
}

async function read(client: WebSocketConnection, count: number): Promise<unknown[]> {
  const messages: unknown[] = [];
  for (let i = 0; i < count; i++) {
    const message = await client.read();
    messages.push(message instanceof Uint8Array ? text(message) : message);
  }
  return messages;
}

test("Topic sends text and bytes to all members but the author, and counts them", async () => {
  const pairs = [pair(), pair(), pair()];
  const topic = new Topic();
  for (const [, server] of pairs) topic.add(server).add(server);
  assertEquals(topic.size, 3);
  const bytes = new TextEncoder().encode("bytes");
  assertEquals(topic.publish("text", { except: pairs[0]![1] }), 2);
  assertEquals(topic.publish(bytes), 3);
  assertEquals(topic.publish(bytes, { kind: "text" }), 3);
  const [first, ...others] = pairs.map(([client]) => client);
  assertEquals(await first!.read(), bytes);
  assertEquals(await first!.read(), "bytes");
  for (const client of others) {
    assertEquals(await client.read(), "text");
    assertEquals(await client.read(), bytes);
    assertEquals(await client.read(), "bytes");
  }
  for (const [client] of pairs) client.abort();
});

test("Topic keeps the order of what is published and what is written to a member directly", async () => {
  const [client, server] = pair();
  const topic = new Topic().add(server);
  topic.publish("1");
  server.write("2");
  topic.publish("3");
  server.write("4");
  assertEquals(await read(client, 4), ["1", "2", "3", "4"]);
  client.abort();
});

test("Topic lets go of members that have ended, and leaves out those that are closing", async () => {
  const [client, server] = pair();
  const [other, otherServer] = pair();
  const topic = new Topic().add(server).add(otherServer);
  const closed = server.close();
  assertEquals(topic.publish("x"), 1);
  client.discard();
  await closed;
  await Promise.resolve();
  assertEquals([topic.size, topic.has(server), topic.has(otherServer)], [1, false, true]);
  assertEquals(topic.delete(otherServer), true);
  assertEquals(topic.publish("y"), 0);
  assertEquals(otherServer.state, "open");
  topic.add(server);
  assertEquals(topic.size, 0);
  other.abort();
});

test("Topic sends to clients' ends as well, masked", async () => {
  const [client, server] = pair();
  new Topic().add(client).publish("from a client");
  assertEquals(await server.read(), "from a client");
  client.abort();
});

test("a published message waits for the parts of one that is under way", async () => {
  const [client, server] = pair();
  const topic = new Topic().add(server);
  async function* parts(): AsyncGenerator<string> {
    yield "one ";
    assertEquals(topic.publish("published"), 1);
    yield "two";
  }
  await server.writeParts(parts());
  assertEquals(await read(client, 2), ["one two", "published"]);
  client.abort();
});

test("a published message that waits is sent as it was, though its memory becomes shorter meanwhile", async () => {
  const [client, server] = pair();
  const topic = new Topic().add(server);
  const short = shrinking(10);
  const long = shrinking(100);
  async function* parts(): AsyncGenerator<string> {
    yield "one";
    for (const { bytes, shrink } of [short, long]) {
      topic.publish(bytes);
      shrink();
    }
  }
  await server.writeParts(parts());
  assertEquals([await client.read(), await client.read(), await client.read()], ["one", pattern(10), pattern(100)]);
  client.abort();
});

test("what is published behind parts that do not end counts as waiting, and is bounded", async () => {
  const [client, server] = pair();
  const topic = new Topic({ maxWaitingBytes: 10_000 }).add(server);
  async function* parts(): AsyncGenerator<string> {
    yield "one ";
    await client.closed;
  }
  const sent = server.writeParts(parts()).catch(() => {});
  for (let i = 0; i < 100; i++) topic.publish("x".repeat(1000));
  assert(server.bufferedAmount > 10_000 && server.bufferedAmount <= 12_000, String(server.bufferedAmount));
  assertEquals(topic.dropped, 100 - Math.floor(server.bufferedAmount / 1000));
  client.abort();
  await sent;
});

const AGREEMENTS = [
  "permessage-deflate",
  "permessage-deflate; server_no_context_takeover",
  "permessage-deflate; server_max_window_bits=9",
  "permessage-deflate; server_max_window_bits=12; server_no_context_takeover; client_max_window_bits=9",
];

test("compressed once, a message is read by members of each agreement, whatever they got before and get after", async () => {
  const pairs = ["", ...AGREEMENTS, ...AGREEMENTS].map((extensions) => pair(extensions));
  const topic = new Topic();
  for (const [, server] of pairs) topic.add(server);
  const said = "the same words again and again, ".repeat(40);
  for (let round = 0; round < 3; round++) {
    pairs.forEach(([, server], i) => void server.write(`${said}${i} alone`));
    topic.publish(`${said}for all`);
    topic.publish(`${said}for all`);
    pairs.forEach(([, server], i) => void server.write(`${said}${i} again`));
    for (const [i, [client]] of pairs.entries()) {
      assertEquals(await read(client, 4), [
        `${said}${i} alone`,
        `${said}for all`,
        `${said}for all`,
        `${said}${i} again`,
      ]);
    }
  }
  for (const [client] of pairs) client.abort();
});

test("a message so long that it is compressed in turns of the event loop arrives once, in its place", async () => {
  const pairs = [pair("permessage-deflate"), pair("permessage-deflate"), pair()];
  const topic = new Topic({ maxWaitingBytes: 10_000_000 });
  for (const [, server] of pairs) topic.add(server);
  const long = "a long message ".repeat(100_000);
  topic.publish(long);
  topic.publish("after it");
  await Promise.all(pairs.map(async ([client]) => assertEquals(await read(client, 2), [long, "after it"])));
  for (const [client] of pairs) client.abort();
});

/** Publishes numbered messages to a member that reads, and one that does not before all are published. */
async function behind(whenFull: WhenFull): Promise<{ topic: Topic; fast: unknown[]; slow: WebSocketConnection }> {
  const [fast, fastServer] = pair("", 4096);
  const [slow, slowServer] = pair("", 4096);
  const topic = new Topic({ whenFull, maxWaitingBytes: 10_000 }).add(fastServer).add(slowServer);
  const got: unknown[] = [];
  for (let i = 0; i < 100; i++) {
    topic.publish(String(i).padEnd(1000, "."));
    got.push((await fast.read() as string).replaceAll(".", ""));
  }
  fast.abort();
  return { topic, fast: got, slow };
}

async function rest(client: WebSocketConnection): Promise<number[]> {
  const messages: number[] = [];
  while (messages.at(-1) !== 99) {
    const message = await client.read();
    if (message === null) break;
    messages.push(Number.parseInt(message as string));
  }
  return messages;
}

const ALL = Array.from({ length: 100 }, (_, i) => String(i));

test("drop-newest: a member that does not read misses what comes when too much waits, others miss nothing", async () => {
  const { topic, fast, slow } = await behind("drop-newest");
  assertEquals(fast, ALL);
  assert(topic.dropped > 70, String(topic.dropped));
  const kept = 100 - topic.dropped;
  const messages: number[] = [];
  for (let i = 0; i < kept; i++) messages.push(Number.parseInt(await slow.read() as string));
  assertEquals(messages, Array.from({ length: kept }, (_, i) => i));
  topic.publish("99");
  assertEquals(await slow.read(), "99");
  slow.abort();
});

test("drop-oldest: a member that does not read gets the newest, in order, others miss nothing", async () => {
  const { topic, fast, slow } = await behind("drop-oldest");
  assertEquals(fast, ALL);
  const messages = await rest(slow);
  assertEquals(messages.length, 100 - topic.dropped);
  assert(topic.dropped > 70, String(topic.dropped));
  assertEquals(messages, messages.toSorted((a, b) => a - b));
  assertEquals(messages.slice(-8), [92, 93, 94, 95, 96, 97, 98, 99]);
  for (let i = 0; i < 5; i++) await nextImmediate();
  topic.publish("again");
  assertEquals(await slow.read(), "again");
  slow.abort();
});

test("drop-oldest: a message longer than may wait is dropped, and counts as on its way for nobody", async () => {
  const [client, server] = pair("", 1000);
  const topic = new Topic({ whenFull: "drop-oldest", maxWaitingBytes: 500 }).add(server);
  topic.publish("read at once");
  assertEquals(topic.publish("x".repeat(2000)), 1);
  assertEquals([topic.publish("y".repeat(1000)), topic.dropped], [0, 1]);
  assertEquals([topic.publish("z"), topic.dropped], [1, 1]);
  assertEquals(await read(client, 3), ["read at once", "x".repeat(2000), "z"]);
  client.abort();
});

test("drop-oldest: a member that leaves and comes back while it is behind gets all in order", async () => {
  const [client, server] = pair("", 1000);
  const topic = new Topic({ whenFull: "drop-oldest" }).add(server);
  const messages = Array.from({ length: 40 }, (_, index) => `${index} ${"x".repeat(300)}`);
  for (const message of messages.slice(0, 20)) topic.publish(message);
  for (const message of messages.slice(20)) {
    assert(topic.delete(server) && !topic.has(server));
    topic.add(server).publish(message);
  }
  assertEquals(await read(client, 40), messages);
  assertEquals([topic.has(server), topic.dropped], [true, 0]);
  client.abort();
});

test("a connection that comes and goes, in however many topics, waits for its end only once", async () => {
  const [client, server] = pair();
  const { closed } = server;
  let waiting = 0;
  const then = closed.then.bind(closed);
  closed.then = ((...settle: Parameters<typeof then>) => {
    waiting++;
    return then(...settle);
  }) as typeof closed.then;
  const topics = Array.from({ length: 10 }, () => new Topic());
  for (let i = 0; i < 1000; i++) topics[i % 10]!.add(server).delete(server);
  assertEquals(waiting, 1);
  topics[3]!.add(server);
  topics[7]!.add(server);
  client.abort();
  await then();
  await Promise.resolve();
  assertEquals(topics.map(({ size }) => size), Array.from({ length: 10 }, () => 0));
});

test("close: a member that does not read is closed with 1013 and is none any more, others miss nothing", async () => {
  const { topic, fast, slow } = await behind("close");
  assertEquals(fast, ALL);
  assertEquals(topic.dropped, 1);
  const messages = await rest(slow);
  assertEquals(messages, messages.map((_, i) => i));
  assertEquals((await slow.closed).closeCode, 1013);
});

test("Topic holds no member that has ended, in each policy", async () => {
  for (const whenFull of ["drop-newest", "drop-oldest", "close"] as const) {
    const topic = new Topic({ whenFull, maxWaitingBytes: 100 });
    for (let i = 0; i < 20; i++) {
      const options: OverOptions = { role: "server" };
      const [near, far] = duplexPair({ capacityBytes: 100 });
      const server = webSocketOver(far, options);
      topic.add(server);
      for (let j = 0; j < 10; j++) topic.publish("x".repeat(50));
      near.abort();
      await server.closed;
    }
    for (let i = 0; i < 5; i++) await nextImmediate();
    assertEquals(topic.size, 0, whenFull);
  }
});
