import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { Duplex } from "../../src/duplex/duplex.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import type { HeldChannel } from "../../src/duplex/held_channel.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { Fields } from "../../src/semantics/fields.ts";
import { handshake } from "../../src/http1/client_connection.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { Upgraded } from "../../src/http1/upgraded.ts";
import { FakeClock, readAll, text, turns, wire } from "../support/wire.ts";
import {
  CONNECT_REQUEST,
  expectBytes,
  expectText,
  isPending,
  pattern,
  rawEnd,
  streamPair,
  transports,
  UPGRADE_REQUEST,
} from "../support/switching.ts";

/** Lets a client and a server of ours switch; gives both ends of the new protocol. */
async function switchBoth(
  [near, far]: [Duplex, Duplex],
  how: "upgrade" | "CONNECT",
): Promise<{ readonly client: Upgraded; readonly server: Upgraded }> {
  let upgraded!: Promise<Upgraded>;
  const clock = new FakeClock();
  serveConnection(far, (request) => {
    const made = how === "CONNECT" ? connectResponse(request) : upgradeResponse(request, "foobar");
    upgraded = made.upgraded;
    return made.response;
  }, { clock });
  const { sender } = handshake(near, { clock });
  const response = await sender.send(how === "CONNECT" ? CONNECT_REQUEST : UPGRADE_REQUEST);
  return { client: await onUpgrade(response), server: await upgraded };
}

/** Writes and reads at the same time: some transports hold a byte only. */
async function passes(from: Upgraded | HeldChannel, to: Upgraded | HeldChannel, message: string): Promise<void> {
  const written = from.write(wire(message));
  await expectText(to, message);
  await written;
}

for (const { over, open } of transports) {
  for (const how of ["upgrade", "CONNECT"] as const) {
    test(`Both roles switch against each other over ${over} after ${how}, and each side ends on its own [F6]`, async () => {
      for (const first of ["client", "server"] as const) {
        const ends = await switchBoth(open(), how);
        const [leaving, staying] = first === "client" ? [ends.client, ends.server] : [ends.server, ends.client];
        await passes(ends.client, ends.server, "up");
        await passes(ends.server, ends.client, "down");
        const ended = leaving.closeWrite();
        assertEquals(await staying.read(), null);
        await ended;
        await passes(staying, leaving, "still here");
        await passes(staying, leaving, "and on");
        const closed = staying.closeWrite();
        assertEquals(await leaving.read(), null);
        assertEquals(await leaving.read(), null);
        assertEquals(await staying.read(), null);
        await closed;
      }
    });
  }

  test(`Upgraded.readable.pipeTo(writable) echoes over ${over}, the end included`, async () => {
    const { client, server } = await switchBoth(open(), "upgrade");
    const echoing = server.readable.pipeTo(server.writable);
    await passes(client, client, "hello");
    const ended = client.closeWrite();
    assertEquals(await readAll(client), "");
    await ended;
    await echoing;
  });

  test(`Upgraded.close() sends what is written, ends both sides, and may be called again, over ${over}`, async () => {
    const { client, server } = await switchBoth(open(), "upgrade");
    const written = client.write(wire("last words"));
    const closing = client.close();
    await expectText(server, "last words");
    assertEquals(await server.read(), null);
    await written;
    await closing;
    await client.close();
    await client[Symbol.asyncDispose]();
    await assertRejects(() => client.write(wire("x")));
  });

  test(`Upgraded.abort() fails what is pending with the reason, and the peer's side too, over ${over}`, async () => {
    const { client, server } = await switchBoth(open(), "CONNECT");
    const reason = new Error("enough");
    const reading = client.read();
    const there = server.read();
    reading.catch(() => {});
    there.catch(() => {});
    await turns();
    client.abort(reason);
    client.abort(new Error("again"));
    await assertRejects(() => there);
    const ours = await reading.then((chunk) => chunk, (error) => error);
    assert(ours === reason || ours === null || ours instanceof TransportError, String(ours));
    await assertRejects(() => client.write(wire("x")));
    await assertRejects(() => server.write(wire("x")));
  });
}

for (
  const { over, open } of [
    { over: "channels", open: (): [Duplex, Duplex] => duplexPair() },
    { over: "streams", open: (): [Duplex, Duplex] => streamPair() },
  ]
) {
  test(`Upgraded gives leftover bytes first, through read() and through readable, over ${over}`, async () => {
    for (const how of ["read()", "readable", "both"] as const) {
      const [near, far] = open();
      const peer = rawEnd(far);
      const io = new Upgraded(near, wire("left"), { protocol: "x" });
      const writing = peer.write(wire("over")).then(() => peer.closeWrite());
      if (how === "readable") assertEquals(await new Response(io.readable).text(), "leftover");
      else if (how === "read()") assertEquals(await readAll(io), "leftover");
      else {
        assertEquals(text((await io.read())!), "left");
        assertEquals(await new Response(io.readable).text(), "over");
      }
      await writing;
    }
  });

  test(`Upgraded.writable closed ends our side only, over ${over}`, async () => {
    const [near, far] = open();
    const peer = rawEnd(far);
    const io = new Upgraded(near, new Uint8Array(0), { protocol: "x" });
    const writer = io.writable.getWriter();
    const writing = writer.write(wire("bye")).then(() => writer.close());
    assertEquals(await readAll(peer), "bye");
    await writing;
    await passes(peer, io, "still here");
    await assertRejects(() => io.write(wire("x")));
  });

  test(`Upgraded.readable cancelled tells the peer, over ${over}`, async () => {
    const [near, far] = open();
    const peer = rawEnd(far);
    const io = new Upgraded(near, new Uint8Array(0), { protocol: "x" });
    await io.readable.cancel(new Error("enough"));
    await assertRejects(() => peer.read());
    await assertRejects(() => peer.write(wire("x")));
  });

  test(`Upgraded.write() waits for a peer that does not read, over ${over}`, async () => {
    const [near, far] = over === "channels" ? duplexPair({ capacityBytes: 4 }) : open();
    const peer = rawEnd(far);
    const io = new Upgraded(near, new Uint8Array(0), { protocol: "x" });
    const writing = io.write(wire("more than four"));
    assert(await isPending(writing));
    await expectText(peer, "more than four");
    await writing;
  });

  test(`Upgraded.write() of nothing sends nothing and does not end, over ${over}`, async () => {
    const [near, far] = open();
    const peer = rawEnd(far);
    const io = new Upgraded(near, new Uint8Array(0), { protocol: "x" });
    await io.write(new Uint8Array(0));
    await passes(io, peer, "x");
  });
}

for (const how of ["close()", "abort()", "intoParts()", "both ends"] as const) {
  test(`Upgraded.closed resolves once the connection is over: ${how}`, async () => {
    const [near, far] = duplexPair();
    const io = new Upgraded(near, new Uint8Array(0), { protocol: "x" });
    const { closed } = io;
    assertStrictEquals(io.closed, closed);
    await io.closeWrite();
    assert(await isPending(closed));
    if (how === "close()") await Promise.all([io.close(), far.close()]);
    else if (how === "abort()") io.abort();
    else if (how === "intoParts()") io.intoParts();
    else {
      await far.closeWrite();
      assertEquals([await io.read(), await far.read()], [null, null]);
    }
    assertEquals(await closed, undefined);
    assertEquals(await io.closed, undefined);
  });
}

for (const how of ["close()", "abort()"] as const) {
  test(`Upgraded.closed resolves where it is asked for behind ${how}, over streams that tell nothing`, async () => {
    const [near] = duplexPair();
    const { readable, writable } = near;
    const io = new Upgraded({ readable, writable }, new Uint8Array(0), { protocol: "x" });
    if (how === "close()") await io.close();
    else io.abort();
    assertEquals(await isPending(io.closed), false);
  });
}

test("Upgraded.closeWrite() asks a transport that can end its side alone, behind what is written (Deno.Conn)", async () => {
  const [near] = streamPair();
  const order: string[] = [];
  const writable = new WritableStream<Uint8Array>({
    write: async (chunk) => {
      await turns();
      order.push(text(chunk));
    },
    close: () => void order.push("closed as a whole"),
  });
  const conn = { readable: near.readable, writable, closeWrite: () => void order.push("closeWrite") };
  const io = new Upgraded(conn, new Uint8Array(0), { protocol: "x" });
  io.write(wire("last"));
  await io.closeWrite();
  assertEquals(order, ["last", "closeWrite"]);
});

test("Upgraded.abort() fails a pending read with the very reason", async () => {
  const [near] = duplexPair();
  const io = new Upgraded(near, new Uint8Array(0), { protocol: "x" });
  const reading = io.read();
  const reason = new Error("enough");
  io.abort(reason);
  assertStrictEquals(await reading.catch((error) => error), reason);
});

test("Upgraded[Symbol.asyncDispose]() closes", async () => {
  const [near, far] = duplexPair();
  const io = new Upgraded(near, wire("EARLY"), { protocol: "x" });
  await io.write(wire("last"));
  const disposing = io[Symbol.asyncDispose]();
  assertEquals(await readAll(far), "last");
  await disposing;
});

test("Upgraded.head is the request's on a server and the response's on a client; protocol is what was agreed", async () => {
  const { client, server } = await switchBoth(duplexPair(), "upgrade");
  assertEquals([client.protocol, server.protocol], ["foobar", "foobar"]);
  assert("status" in client.head && client.head.status === 101);
  assert("method" in server.head && server.head.method === "GET" && server.head.fields.get("host") === "a");
  const tunnel = await switchBoth(duplexPair(), "CONNECT");
  assertEquals([tunnel.client.protocol, tunnel.server.protocol], [null, null]);
});

test("Upgraded can be made over any pair, for other people's HTTP", () => {
  const head = { method: "GET", target: "/x", version: "1.1", fields: new Fields() } as const;
  const io = new Upgraded(streamPair()[0], new Uint8Array(0), { protocol: null, request: head });
  assertStrictEquals(io.head, head);
  const bare = new Upgraded(streamPair()[0], new Uint8Array(0), { protocol: "x" });
  assertEquals("method" in bare.head && bare.head.target, "/");
});

test("Upgraded carries 4 MiB in both directions at once, in order and unharmed", async () => {
  const bytes = pattern(4 * 1024 * 1024);
  for (const { open, bytewise } of transports) {
    if (bytewise) continue;
    const { client, server } = await switchBoth(open(), "CONNECT");
    const sending = [client, server].map(async (io) => {
      for (let at = 0; at < bytes.length; at += 65_536) await io.write(bytes.slice(at, at + 65_536));
      await io.closeWrite();
    });
    await Promise.all([...sending, expectBytes(client, bytes), expectBytes(server, bytes)]);
  }
});
