import net from "node:net";
import { once } from "node:events";
import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Socket } from "../../src/duplex/socket.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { nextTurn } from "../../src/platform/turns.ts";
import { tunnel, type TunnelBytes } from "../../src/proxy/tunnel.ts";
import { connect, listen } from "../../src/net/mod.ts";
import { digest, sendNoise } from "../support/noise.ts";
import { runtimeName } from "../support/runtime.ts";
import { readAll, text, wire } from "../support/wire.ts";

/** A connection by way of a tunnel, all over TCP. */
interface Route {
  readonly client: Socket;
  readonly target: Socket;
  readonly inner: readonly [Socket, Socket];
  readonly over: Promise<TunnelBytes>;
}

async function route(options: { readonly streams?: boolean; readonly idleTimeoutMs?: number } = {}): Promise<Route> {
  const door = await listen({ hostname: "127.0.0.1" });
  const goal = await listen({ hostname: "127.0.0.1" });
  const client = connect(door.address);
  const a = (await door.accept())!;
  const b = connect(goal.address);
  const target = (await goal.accept())!;
  await Promise.all([door.close(), goal.close(), client.opened, b.opened]);
  const { idleTimeoutMs } = options;
  const over = options.streams === true
    ? tunnel({ readable: a.readable, writable: a.writable }, { readable: b.readable, writable: b.writable })
    : tunnel(a, b, { idleTimeoutMs });
  over.catch(() => {});
  return { client, target, inner: [a, b], over };
}

for (const streams of [false, true]) {
  const kind = streams ? "socket streams" : "sockets";

  test(`tunnel() over ${kind} passes on each FIN by itself and closes every socket [F6]`, async () => {
    const { client, target, inner, over } = await route({ streams });
    await client.write(wire("question"));
    await client.closeWrite();
    assertEquals(await readAll(target), "question");
    await target.write(wire("answer, "));
    await target.write(wire("in two parts"));
    await target.closeWrite();
    assertEquals(await readAll(client), "answer, in two parts");
    assertEquals(await over, { sent: 8, received: 20 });
    await Promise.all([client, target, ...inner].map((socket) => socket.closed));
  });

  test(`tunnel() over ${kind} carries 20 MB each way at once, unchanged`, { timeout: 60_000 }, async () => {
    const { client, target, over } = await route({ streams });
    const bytes = 20_000_000;
    const [there, back, received, returned] = await Promise.all([
      sendNoise(client, bytes, 1),
      sendNoise(target, bytes, 2),
      digest(target),
      digest(client),
    ]);
    assertEquals({ received, returned }, { received: there, returned: back });
    assertEquals(await over, { sent: bytes, received: bytes });
  });
}

test("tunnel() over sockets holds back a sender whose bytes nobody reads", { timeout: 30_000 }, async () => {
  const { client, target, over } = await route();
  let accepted = 0;
  const chunk = new Uint8Array(262_144);
  const stalled = (async () => {
    while (accepted < 256 * chunk.length) {
      await client.write(chunk);
      accepted += chunk.length;
    }
    return "never";
  })();
  // A round trip in the other direction, again and again, until the sender has been standing still for a while.
  for (let still = 0, before = -1; still < 50; still = accepted === before ? still + 1 : 0) {
    before = accepted;
    await target.write(wire("x"));
    await client.read();
  }
  assert(accepted < 256 * chunk.length, `all ${accepted} bytes were taken`);
  client.abort();
  await stalled.catch(() => {});
  target.abort();
  await assertRejects(() => over);
});

test("tunnels side by side pass bytes on unchanged to sides that read slowly", { timeout: 60_000 }, async () => {
  const routes = await Promise.all(Array.from({ length: 6 }, () => route()));
  const slowly = (socket: Socket) => ({
    async read() {
      const chunk = await socket.read();
      if (chunk !== null && chunk.length > 10_000) await new Promise<void>((resolve) => nextTurn(resolve));
      return chunk;
    },
  });
  await Promise.all(routes.map(async ({ client, target, over }, seed) => {
    const bytes = 8_000_000;
    const sums = await Promise.all([
      sendNoise(client, bytes, seed),
      digest(slowly(target)),
      sendNoise(target, 100_000, seed + 100),
      digest(client),
    ]);
    assertEquals([sums[0], sums[2]], [sums[1], sums[3]]);
    assertEquals(await over, { sent: bytes, received: 100_000 });
  }));
});

test("tunnel() over sockets cuts both when nothing moves for idleTimeoutMs", async () => {
  const { client, target, over } = await route({ idleTimeoutMs: 30 });
  const error = await assertRejects(() => over, TransportError);
  assertEquals(error.code, "timeout");
  await Promise.allSettled([readAll(client), readAll(target)]);
  client.abort();
  target.abort();
});

test("tunnel() serves peers of node:net that half-close", async () => {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    let heard = "";
    socket.on("data", (chunk) => heard += chunk);
    // Only the end of the question makes this one answer.
    socket.on("end", () => socket.end(`you said ${heard}`));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const door = await listen({ hostname: "127.0.0.1" });
  const over = door.accept().then((a) =>
    tunnel(a!, connect(`127.0.0.1:${(server.address() as net.AddressInfo).port}`))
  );
  const { port } = door.address;
  const client = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  client.end("hello");
  let answer = "";
  for await (const chunk of client) answer += text(chunk);
  assertEquals(answer, "you said hello");
  assertEquals(await over, { sent: 5, received: 14 });
  await door.close();
  server.close();
});

test("tunnel() over sockets cuts the other side when one is reset [F7]", async () => {
  const door = await listen({ hostname: "127.0.0.1" });
  const goal = await listen({ hostname: "127.0.0.1" });
  const { port } = door.address;
  const client = net.connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  client.on("error", () => {});
  const over = tunnel((await door.accept())!, connect(goal.address));
  over.catch(() => {});
  const target = (await goal.accept())!;
  await Promise.all([door.close(), goal.close()]);
  client.write("x");
  await target.read();
  client.resetAndDestroy();
  const error = await assertRejects(() => over, TransportError);
  assertEquals(error.code, "reset");
  // Deno closes its sockets with a FIN and has no other way.
  const end = await readAll(target).catch((error: TransportError) => error.code);
  assertEquals(end, runtimeName === "deno" ? "" : "reset");
  target.abort();
});

test("tunnel() tells when a side cannot be connected, and cuts the other one [F9]", async () => {
  const door = await listen({ hostname: "127.0.0.1" });
  const client = connect(door.address);
  const a = (await door.accept())!;
  await door.close();
  const error = await assertRejects(() => tunnel(a, connect(door.address)), TransportError);
  assertEquals(error.code, "refused");
  await readAll(client).catch(() => {});
  client.abort();
});
