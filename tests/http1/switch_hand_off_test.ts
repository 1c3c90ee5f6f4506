/**
 * The six rules of the hand-off, which hold for both roles.
 *
 * 1. A pending upgrade belongs to one exchange and is settled when that exchange's final response head is decided.
 * 2. Order: request body complete, 100 if expected and unsent, response head accepted by the transport, HTTP state
 *    released, promise resolved, `closed` = `upgrade`.
 * 3. One reader. While a switch is undecided nobody reads; no read is in flight at the hand-off.
 * 4. Leftover bytes and EOF travel together.
 * 5. A broken half stays broken; the other half may still speak.
 * 6. An unclaimed upgrade is parked with reads paused and closed in time. A rejection nobody looked at is not an
 *    unhandled rejection.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { ByteChannel, Duplex } from "../../src/duplex/duplex.ts";
import { duplexPair, type PairEnd } from "../../src/duplex/pair.ts";
import { handshake } from "../../src/http1/client_connection.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { FakeClock, readAll, readUntil, text, turns, wire } from "../support/wire.ts";
import {
  calling,
  expectText,
  isPending,
  OK,
  rejectedFor,
  serving,
  SWITCHED,
  UPGRADE,
  UPGRADE_REQUEST,
} from "../support/switching.ts";

/** An end that writes down what happens to it. */
class WatchedEnd implements Duplex, ByteChannel {
  readonly log: string[];
  /** Reads under way. */
  reading = 0;
  readonly #end: PairEnd;

  constructor(end: PairEnd, log: string[]) {
    this.#end = end;
    this.log = log;
  }

  get readable(): ReadableStream<Uint8Array> {
    return this.#end.readable;
  }

  get writable(): WritableStream<Uint8Array> {
    return this.#end.writable;
  }

  async read(): Promise<Uint8Array | null> {
    this.reading++;
    try {
      const chunk = await this.#end.read();
      this.log.push(chunk === null ? "read the end" : `read ${text(chunk)}`);
      return chunk;
    } finally {
      this.reading--;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.log.push(`write ${text(bytes)}`);
    await this.#end.write(bytes);
    this.log.push("accepted");
  }

  closeWrite(): Promise<void> {
    return this.#end.closeWrite();
  }

  abort(reason?: unknown): void {
    this.#end.abort(reason);
  }
}

test("Rule 1: a server settles an upgrade when the head of its exchange is decided, before the next one begins", async () => {
  const order: string[] = [];
  const { client } = serving((request) => {
    const nth = order.filter((step) => step.startsWith("request")).length + 1;
    order.push(`request ${nth}`);
    onUpgrade(request).then(() => order.push(`upgraded ${nth}`), ({ reason }) => order.push(`${reason} ${nth}`));
    return nth < 3 ? Promise.resolve({ status: 200, body: "ok" }) : upgradeResponse(request, "foobar").response;
  });
  await client.write(wire(UPGRADE.repeat(3)));
  await expectText(client, OK + OK + SWITCHED);
  await turns();
  assertEquals(order, ["request 1", "refused 1", "request 2", "refused 2", "request 3", "upgraded 3"]);
});

test("Rule 1: a client settles an upgrade with the response it belongs to, whose body may go on", async () => {
  const { sender, server } = calling();
  const first = sender.send(UPGRADE_REQUEST);
  await readUntil(server, "¶¶");
  await server.write(wire("HTTP/1.1 200 OK¶Content-Length: 2¶¶o"));
  const refused = await first;
  await rejectedFor("refused", onUpgrade(refused));
  await server.write(wire("k"));
  await refused.body.text();
  await sender.ready();
  const second = sender.send(UPGRADE_REQUEST);
  await readUntil(server, "¶¶");
  await server.write(wire(SWITCHED));
  await onUpgrade(await second);
  await rejectedFor("refused", onUpgrade(refused));
});

test("Rule 2: the order on a server", async () => {
  const clock = new FakeClock();
  const [client, end] = duplexPair({ capacityBytes: 1 });
  const log: string[] = [];
  const connection = serveConnection(new WatchedEnd(end, log), (request) => {
    const { response, upgraded } = upgradeResponse(request, "foobar");
    upgraded.then(() => log.push(`upgraded with ${clock.pending} timers`));
    return response;
  }, { dateHeader: false, clock });
  connection.closed.then(({ reason }) => log.push(`closed: ${reason}`));
  const head = UPGRADE.replace("GET", "POST").replace("¶¶", "¶Content-Length: 5¶Expect: 100-continue¶¶");
  client.write(wire(head));
  await expectText(client, "HTTP/1.1 100 Continue¶¶");
  await turns();
  client.write(wire("hello"));
  await turns();
  await expectText(client, SWITCHED);
  await connection.closed;
  await turns();
  assertEquals(log, [
    `read ${head}`,
    "write HTTP/1.1 100 Continue¶¶",
    "accepted",
    "read hello",
    `write ${SWITCHED}`,
    "accepted",
    "upgraded with 0 timers",
    "closed: upgrade",
  ]);
});

test("Rule 2: the order on a client", async () => {
  const clock = new FakeClock();
  const [end, server] = duplexPair({ capacityBytes: 1 });
  const log: string[] = [];
  const { sender, connection } = handshake(new WatchedEnd(end, log), { clock });
  connection.closed.then(({ reason }) => log.push(`closed: ${reason}`));
  const body = new TransformStream<Uint8Array, Uint8Array>();
  const writer = body.writable.getWriter();
  const sending = sender.send({ ...UPGRADE_REQUEST, method: "POST", body: body.readable });
  sending.then((response) => onUpgrade(response)).then(() => log.push(`upgraded with ${clock.pending} timers`));
  await readUntil(server, "¶¶");
  await server.write(wire(`${SWITCHED}EARLY`));
  await turns();
  writer.write(wire("hello"));
  await expectText(server, "5¶hello¶");
  writer.close();
  await turns();
  log.push("the end of the body is taken");
  await expectText(server, "0¶¶");
  await connection.closed;
  await turns();
  assertEquals(log.slice(2).filter((step) => step !== "accepted"), [
    `read ${SWITCHED}EARLY`,
    "write 5¶hello¶",
    "write 0¶¶",
    "the end of the body is taken",
    "closed: upgrade",
    "upgraded with 0 timers",
  ]);
});

for (const touch of ["nothing", "signal of this request", "signal of the request before"] as const) {
  test(`Rule 3: a server does not read while a switch is undecided, nor at the hand-off: ${touch} touched`, async () => {
    const log: string[] = [];
    const [client, end] = duplexPair();
    const watched = new WatchedEnd(end, log);
    let decide!: (response: OutgoingResponse) => void;
    let upgraded!: Promise<Upgraded>;
    const connection = serveConnection(watched, async (request) => {
      if (request.target === "/1") {
        if (touch === "signal of the request before") assert(!request.signal.aborted);
        await turns();
        return { status: 200, body: "ok" };
      }
      if (touch === "signal of this request") assert(!request.signal.aborted);
      upgraded = onUpgrade(request);
      upgraded.then(() => log.push(`${watched.reading} reads at the hand-off`));
      return await new Promise<OutgoingResponse>((resolve) => decide = resolve);
    }, { dateHeader: false, clock: new FakeClock() });
    await client.write(wire("GET /1 HTTP/1.1¶Host: a¶¶"));
    await expectText(client, OK);
    await client.write(wire(UPGRADE));
    await turns();
    assertEquals(watched.reading, 0);
    await client.write(wire("FIRST"));
    await turns();
    assertEquals(watched.reading, 0);
    decide({ status: 101 });
    await connection.closed;
    assertEquals(log.at(-1), "0 reads at the hand-off");
    await expectText(await upgraded, "FIRST");
  });
}

test("Rule 3: a client does not read behind a 101, nor at the hand-off", async () => {
  const log: string[] = [];
  const [end, server] = duplexPair();
  const watched = new WatchedEnd(end, log);
  const { sender } = handshake(watched, { clock: new FakeClock() });
  for (let i = 0; i < 2; i++) {
    const plain = sender.send({ method: "GET", target: "/", fields: { host: "a" } });
    await readUntil(server, "¶¶");
    await server.write(wire(OK));
    await (await plain).body.text();
    await sender.ready();
  }
  const body = new TransformStream<Uint8Array, Uint8Array>();
  const sending = sender.send({ ...UPGRADE_REQUEST, method: "POST", body: body.readable });
  await readUntil(server, "¶¶");
  await server.write(wire(SWITCHED));
  await turns();
  await server.write(wire("FIRST"));
  await turns();
  assertEquals(watched.reading, 0);
  await body.writable.close();
  const io = await onUpgrade(await sending);
  assertEquals(watched.reading, 0);
  assertEquals(log.at(-1) === "read FIRST", false);
  await expectText(io, "FIRST");
});

for (const early of ["", "EARLY"]) {
  test(`Rule 4: ${early === "" ? "the end" : "leftover bytes, and then the end,"} that came before the switch, on both sides`, async () => {
    let upgraded!: Promise<Upgraded>;
    const { client } = serving((request) => {
      ({ upgraded } = upgradeResponse(request, "foobar"));
      return turns().then(() => ({ status: 101 }));
    });
    await client.write(wire(UPGRADE + early));
    await client.closeWrite();
    await readUntil(client, "¶¶");
    const there = await upgraded;
    assertEquals(await readAll(there), early);
    assertEquals(await there.read(), null);

    const { sender, server } = calling();
    const sending = sender.send(UPGRADE_REQUEST);
    await readUntil(server, "¶¶");
    await server.write(wire(SWITCHED + early));
    await server.closeWrite();
    const here = await onUpgrade(await sending);
    assertEquals(await readAll(here), early);
    assertEquals(await here.read(), null);
    await here.write(wire("late"));
    await expectText(server, "late");
  });
}

test("Rule 4: the end behind the leftover bytes ends Upgraded.readable as well", async () => {
  const { sender, server } = calling();
  const sending = sender.send(UPGRADE_REQUEST);
  await readUntil(server, "¶¶");
  await server.write(wire(`${SWITCHED}EARLY`));
  await server.closeWrite();
  const { readable } = await onUpgrade(await sending);
  assertEquals(await new Response(readable).text(), "EARLY");
});

test("Rule 5: what broke is not read any further, and the answer still goes out", async () => {
  let requests = 0;
  const rejections: Promise<unknown>[] = [];
  const { client, connection } = serving((request) => {
    requests++;
    rejections.push(rejectedFor("refused", onUpgrade(request)));
    return { status: 200, body: "ok" };
  });
  await client.write(wire(`${UPGRADE}\x81\x05hello${UPGRADE}${UPGRADE}`));
  await client.closeWrite();
  assertEquals(await readAll(client), `${OK}HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶`);
  assertEquals((await connection.closed).reason, "error");
  assertEquals([requests, rejections.length], [1, 1]);
  await rejections[0];
});

test("Rule 5: a body that broke under a switch rejects it, and the 400 still goes out", async () => {
  let upgraded!: Promise<Upgraded>;
  const { client } = serving(async (request) => {
    ({ upgraded } = upgradeResponse(request, "foobar"));
    await request.body.bytes().catch(() => {});
    return { status: 101 };
  });
  const head = UPGRADE.replace("GET", "POST").replace("¶¶", "¶Transfer-Encoding: chunked¶¶");
  await client.write(wire(`${head}5¶helloEARLY${UPGRADE}`));
  await client.closeWrite();
  assertEquals(await readAll(client), "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶");
  await rejectedFor("canceled", upgraded);
});

test("Rule 6: nobody reads from an unclaimed upgrade, and it ends in time", async () => {
  const clock = new FakeClock();
  const [client, end] = duplexPair({ capacityBytes: 10 });
  const watched = new WatchedEnd(end, []);
  const connection = serveConnection(watched, () => ({ status: 101 }), { clock });
  await client.write(wire(UPGRADE)).catch(() => {});
  await readUntil(client, "¶¶");
  assertEquals(await connection.closed, { reason: "upgrade" });
  const writing = client.write(wire("more than ten bytes"));
  assert(await isPending(writing));
  assertEquals(watched.reading, 0);
  assertEquals(clock.pending, 1);
  await clock.advance(30_000);
  await writing.catch(() => {});
  assert(await client.read().then(() => false, () => true));
  assertEquals(clock.pending, 0);
});
