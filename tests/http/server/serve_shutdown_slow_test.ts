/**
 * What `server.shutdown({ upgraded: "close" })` does about clients that take what was sent to them slowly, or not at all.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import type { Socket } from "../../../src/duplex/socket.ts";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import { connect } from "../../../src/net/mod.ts";
import { authority, serverCert, serverKey } from "../../support/certificates.ts";
import { dial, listening } from "../../support/http_server.ts";
import { unlessTlsIsRefused } from "../../support/runtime.ts";
import { isPending } from "../../support/switching.ts";
import { FakeClock, readUntil, turns, wire } from "../../support/wire.ts";

const MIB = 2 ** 20;
/** More than the buffers of both systems hold: a client that takes so much has been sent some of it meanwhile. */
const STEP_BYTES = 16 * MIB;
const UPGRADE = "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: bulk¶¶";
const tls = { cert: serverCert, key: serverKey };
const trusting = { caCerts: [authority], serverName: "localhost" };

/** A server that shuts down while so many bytes are on their way to a client, which has taken `taken` of them. */
async function shuttingDown(bytes: number, secure = false) {
  const clock = new FakeClock();
  const told: unknown[] = [];
  const { server, port } = await listening(
    (request) => upgradeResponse(request, "bulk", {}, (io) => io.write(new Uint8Array(bytes))).response,
    {
      clock,
      writeTimeoutMs: 1000,
      onError: (error) => void told.push((error as { code?: unknown }).code),
      ...(secure ? { tls } : {}),
    },
  );
  const socket = secure ? connect({ hostname: "127.0.0.1", port }, { tls: trusting }) : dial(port);
  await socket.write(wire(UPGRADE));
  const answer = await readUntil(socket, (soFar) => soFar.includes("¶¶"));
  const taken = answer.length - answer.indexOf("¶¶") - "¶¶".length;
  return { clock, told, socket, taken, finished: server.shutdown({ upgraded: "close" }) };
}

/** Takes so many bytes or more, or all until the end; says how many. */
async function take(socket: Socket, bytes: number): Promise<number> {
  let taken = 0;
  while (taken < bytes) {
    const chunk = await socket.read();
    if (chunk === null) break;
    taken += chunk.length;
  }
  return taken;
}

test("server.shutdown({ upgraded: close }) waits no longer than writeTimeoutMs for a client that takes nothing", async () => {
  const { clock, told, socket, finished } = await shuttingDown(32 * MIB);
  // At first the systems may still take some of it.
  while (await isPending(finished)) await clock.advance(1000);
  assertEquals([told, clock.pending], [["timeout"], 0]);
  socket.abort();
});

for (const over of ["TCP", "TLS"] as const) {
  const options = over === "TLS" ? unlessTlsIsRefused : {};
  test(
    `server.shutdown({ upgraded: close }) waits for a client over ${over} that takes something within each writeTimeoutMs`,
    options,
    async () => {
      const { clock, told, socket, taken, finished } = await shuttingDown(6 * STEP_BYTES, over === "TLS");
      let all = taken;
      for (let step = 0; step < 3; step++) {
        all += await take(socket, STEP_BYTES);
        await turns();
        await clock.advance(1000);
        assert(await isPending(finished));
      }
      all += await take(socket, Infinity);
      await socket.close();
      await finished;
      assertEquals([all, told, clock.pending], [6 * STEP_BYTES, [], 0]);
    },
  );
}
