import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { TransportError } from "../../src/errors/transport_error.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { bothEnds, withPeer } from "../support/frame_peer.ts";
import { hex, OPCODES, roles } from "../support/frames.ts";
import { isPending, pattern } from "../support/switching.ts";
import { turns } from "../support/wire.ts";

/** Parts that the test gives, and whether they were given up. */
class Source<Part> implements AsyncIterable<Part> {
  returned = false;
  #queue: { readonly part?: Part; readonly error?: unknown; readonly done?: boolean }[] = [];
  #wake: () => void = () => {};

  give(part: Part): void {
    this.#push({ part });
  }

  end(): void {
    this.#push({ done: true });
  }

  fail(error: unknown): void {
    this.#push({ error });
  }

  #push(item: { part?: Part; error?: unknown; done?: boolean }): void {
    this.#queue.push(item);
    this.#wake();
  }

  [Symbol.asyncIterator](): AsyncIterator<Part> {
    return {
      next: async (): Promise<IteratorResult<Part>> => {
        while (this.#queue.length === 0) await new Promise<void>((resolve) => this.#wake = resolve);
        const item = this.#queue.shift()!;
        if ("error" in item) throw item.error;
        return item.done ? { done: true, value: undefined } : { done: false, value: item.part! };
      },
      return: () => {
        this.returned = true;
        return Promise.resolve({ done: true as const, value: undefined });
      },
    };
  }
}

test("writeParts() sends each part in a frame as it comes (RFC 6455 §5.4) [W11]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    const source = new Source<string>();
    const sent = io.writeParts(source);
    source.give("κό");
    assertEquals(await peer.next(), 'text+ "κό"');
    source.give("");
    source.give("σμε");
    assertEquals(await peer.next(), `continuation+ ${hex(new TextEncoder().encode("σμε"))}`);
    assertStrictEquals(await isPending(sent), true);
    source.end();
    await sent;
    assertEquals(await peer.next(), "continuation");
    const bytes = new Source<Uint8Array | ArrayBuffer>();
    const bytesSent = io.writeParts(bytes);
    bytes.give(new Uint8Array([1]));
    bytes.give(new Uint8Array([2, 3]).buffer);
    bytes.end();
    await bytesSent;
    assertEquals([await peer.next(), await peer.next(), await peer.next()], [
      "binary+ 01",
      "continuation+ 0203",
      "continuation",
    ]);
  }
});

test("writeParts() of nothing sends an empty message", async () => {
  const { io, peer } = withPeer("server");
  const source = new Source<string>();
  source.end();
  await io.writeParts(source);
  assertEquals(await peer.next(), "binary");
});

test("control frames and answers to Pings go between the parts, messages behind them (RFC 6455 §5.4) [W11]", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    const source = new Source<string>();
    const sent = io.writeParts(source);
    source.give("a");
    assertEquals(await peer.next(), 'text+ "a"');
    const after = io.write("after");
    assertEquals(io.bufferedAmount, 5);
    await peer.send({ opcode: OPCODES.ping, payload: "p" });
    assertEquals(await peer.next(), "pong 70");
    const pinged = io.ping(new Uint8Array([1]));
    assertEquals(await peer.next(), "ping 01");
    await peer.send({ opcode: OPCODES.pong, payload: new Uint8Array([1]) });
    await pinged;
    source.give("b");
    source.end();
    await Promise.all([sent, after]);
    assertEquals([await peer.next(), await peer.next(), await peer.next()], [
      "continuation+ 62",
      "continuation",
      'text "after"',
    ]);
    assertEquals(io.bufferedAmount, 0);
  }
});

test("writeParts() waits for the transport, so that a fast source is held up [L3]", async () => {
  const { io, peer } = withPeer("server", {}, { capacityBytes: 100 });
  let given = 0;
  const sent = io.writeParts((async function* () {
    for (; given < 100; given++) yield pattern(50);
  })());
  await turns();
  assert(given < 10, `${given} parts were taken`);
  for (let i = 0; i < 100; i++) assertEquals((await peer.frame())?.payload.length, 50);
  assertEquals(await peer.next(), "continuation");
  await sent;
});

test("parts that fail close the WebSocket with 1011, and before the first of them nothing happens (RFC 6455 §7.4.1)", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role);
    const early = new Source<string>();
    early.fail(new Error("early"));
    assertEquals((await assertRejects(() => io.writeParts(early), Error)).message, "early");
    await io.write("still open");
    assertEquals(await peer.next(), 'text "still open"');

    const source = new Source<string>();
    const sent = io.writeParts(source);
    const waiting = io.write("never");
    source.give("a");
    assertEquals(await peer.next(), 'text+ "a"');
    const failure = new Error("late");
    source.fail(failure);
    assertStrictEquals(await assertRejects(() => sent), failure);
    assertEquals((await assertRejects(() => waiting, StateError)).code, "closed");
    assertEquals(await peer.next(), 'close 1011 ""');
    await peer.end.closeWrite();
    assertEquals(await peer.next(), "end");
    assertEquals(await io.closed, { closeCode: 1006, reason: "", wasClean: false, error: failure });
    assertEquals(clock.pending, 0);
  }
});

test("parts that fail while close() waits for them close with 1011 (RFC 6455 §7.4.1)", async () => {
  for (const role of roles) {
    const { io, peer, clock } = withPeer(role);
    const source = new Source<string>();
    const sent = io.writeParts(source);
    source.give("a");
    assertEquals(await peer.next(), 'text+ "a"');
    void io.close({ closeCode: 1000 });
    const failure = new Error("late");
    source.fail(failure);
    assertStrictEquals(await assertRejects(() => sent), failure);
    assertEquals(await peer.next(), 'close 1011 ""');
    await peer.end.closeWrite();
    assertEquals(await peer.next(), "end");
    assertEquals(await io.closed, { closeCode: 1006, reason: "", wasClean: false, error: failure });
    assertEquals(clock.pending, 0);
  }
});

test("parts of both kinds are a TypeError, and close with 1011", async () => {
  const { io, peer } = withPeer("client");
  const source = new Source<string | Uint8Array>();
  source.give("a");
  source.give(new Uint8Array([1]));
  await assertRejects(() => io.writeParts(source as unknown as AsyncIterable<string>), TypeError);
  assertEquals([await peer.next(), await peer.next()], ['text+ "a"', 'close 1011 ""']);
  assertStrictEquals(source.returned, true);
});

test("close() waits for the end of the message under way, no longer than closeTimeoutMs [W16]", async () => {
  const patient = withPeer("server");
  const source = new Source<string>();
  const sent = patient.io.writeParts(source);
  source.give("a");
  void patient.io.close({ closeCode: 1000 });
  source.give("b");
  source.end();
  await sent;
  const frames = [
    await patient.peer.next(),
    await patient.peer.next(),
    await patient.peer.next(),
    await patient.peer.next(),
  ];
  assertEquals(frames, ['text+ "a"', "continuation+ 62", "continuation", 'close 1000 ""']);

  const stuck = withPeer("server", { closeTimeoutMs: 500 });
  const endless = new Source<string>();
  const never = stuck.io.writeParts(endless);
  endless.give("a");
  assertEquals(await stuck.peer.next(), 'text+ "a"');
  void stuck.io.close();
  await stuck.clock.advance(500);
  assertEquals((await stuck.io.closed).closeCode, 1006);
  await assertRejects(() => never, TransportError);
});

test("writeParts() of what are no parts rejects and changes nothing, also behind parts under way and before close()", async () => {
  for (const role of roles) {
    for (const closes of [false, true]) {
      const { io, peer } = withPeer(role);
      const source = new Source<string>();
      const sent = io.writeParts(source);
      source.give("a");
      assertEquals(await peer.next(), 'text+ "a"');
      if (closes) void io.close({ closeCode: 1000 });
      await assertRejects(() => io.writeParts(null as unknown as AsyncIterable<string>), TypeError);
      source.give("b");
      source.end();
      await sent;
      if (!closes) void io.close({ closeCode: 1000 });
      const frames = [await peer.next(), await peer.next(), await peer.next()];
      assertEquals(frames, ["continuation+ 62", "continuation", 'close 1000 ""']);
      await peer.close(1000);
      await peer.end.closeWrite();
      assertEquals((await io.closed).wasClean, true);
    }
  }
});

test("a source that stalls holds nobody up when the connection is lost, and is given up", async () => {
  for (const role of roles) {
    const { io, peer } = withPeer(role);
    const source = new Source<string>();
    const sent = io.writeParts(source);
    source.give("a");
    assertEquals(await peer.next(), 'text+ "a"');
    const waiting = io.write("behind");
    peer.end.abort(new Error("unplugged"));
    await assertRejects(() => sent, TransportError);
    await assertRejects(() => waiting, TransportError);
    assertStrictEquals((await io.closed).closeCode, 1006);
    assertStrictEquals(source.returned, true);
  }
});

test("a message sent in parts arrives as one, compressed or not", async () => {
  for (
    const extensions of [
      "",
      "permessage-deflate",
      "permessage-deflate; client_no_context_takeover; server_no_context_takeover",
    ]
  ) {
    const { client, server } = bothEnds({ extensions });
    for (const [from, to] of [[client, server], [server, client]] as const) {
      const sent = from.writeParts((async function* () {
        for (let i = 0; i < 50; i++) yield "κόσμε ".repeat(i);
      })());
      assertEquals(await to.read(), Array.from({ length: 50 }, (_, i) => "κόσμε ".repeat(i)).join(""));
      await sent;
      void from.writeParts((async function* () {
        yield pattern(200_000);
        yield pattern(10);
      })());
      assertEquals((await to.read() as Uint8Array).length, 200_010);
    }
    client.abort();
    server.abort();
  }
});

test("parts that are compressed on many WebSockets at once do not run into one another (RFC 7692 §7.2.1)", async () => {
  const pairs = Array.from({ length: 8 }, () => bothEnds({ extensions: "permessage-deflate" }));
  const texts = pairs.map((_, i) =>
    Array.from({ length: 20 }, (_, j) => `${String.fromCharCode(97 + i).repeat(50)} ${i} ${j} `)
  );
  const sent = pairs.map(({ client }, i) =>
    client.writeParts((async function* () {
      for (const part of texts[i]!) yield part;
    })())
  );
  for (const [i, { server }] of pairs.entries()) assertEquals(await server.read(), texts[i]!.join(""));
  await Promise.all(sent);
});

test("writeParts() on a connection that was lost fails at once, and its source is told [L3]", async () => {
  for (const role of roles) {
    const { io } = withPeer(role);
    io.abort();
    const source = new Source<string>();
    await assertRejects(() => io.writeParts(source), TransportError);
    assertStrictEquals(source.returned, true);
  }
});
