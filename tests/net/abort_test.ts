import { test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import type { Socket } from "../../src/duplex/socket.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { connect, listen } from "../../src/net/mod.ts";

/** Two ends of a TCP connection. */
async function joined(): Promise<[Socket, Socket]> {
  const listener = await listen({ hostname: "127.0.0.1" });
  const near = connect(listener.address);
  const [far] = await Promise.all([listener.accept(), near.opened]);
  await listener.close();
  return [near, far!];
}

test("Socket.abort() lets go of a connection whose end is being sent", { timeout: 10_000 }, async () => {
  const [near, far] = await joined();
  near.closeWrite().catch(() => {});
  near.abort();
  await far.read().catch(() => {});
  // Nobody is there any more: sooner or later the system says so.
  const error = await assertRejects(async () => {
    while (true) await far.write(new Uint8Array(65_536));
  }, TransportError);
  assertEquals(error.code, "reset");
  far.abort();
});
