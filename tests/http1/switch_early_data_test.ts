import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Duplex } from "../../src/duplex/duplex.ts";
import type { HeldChannel } from "../../src/duplex/held_channel.ts";
import { handshake } from "../../src/http1/client_connection.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { FakeClock, readUntil, turns, wire } from "../support/wire.ts";
import {
  CONNECT,
  CONNECT_REQUEST,
  CONNECTED,
  expectBytes,
  expectText,
  joined,
  pattern,
  rawEnd,
  serving,
  SWITCHED,
  transports,
  UPGRADE,
  UPGRADE_REQUEST,
} from "../support/switching.ts";

const sizes = [0, 1, 8191, 8192, 8193, 500_000];

/** Switches as a server, with a raw client. */
async function serverSide(near: Duplex, far: Duplex, how: "upgrade" | "CONNECT", input: Uint8Array) {
  const client = rawEnd(near);
  let upgraded!: Promise<Upgraded>;
  serveConnection(far, (request) => {
    const made = how === "CONNECT" ? connectResponse(request) : upgradeResponse(request, "foobar");
    upgraded = made.upgraded;
    return made.response;
  }, { dateHeader: false, clock: new FakeClock() });
  const written = client.write(input);
  await expectText(client, how === "CONNECT" ? CONNECTED : SWITCHED);
  return { client, written, io: await upgraded };
}

/** Switches as a client, with a raw server. */
async function clientSide(near: Duplex, far: Duplex, how: "upgrade" | "CONNECT", input: Uint8Array) {
  const server = rawEnd(far);
  const { sender } = handshake(near, { clock: new FakeClock() });
  const sending = sender.send(how === "CONNECT" ? CONNECT_REQUEST : UPGRADE_REQUEST);
  await readUntil(server, "¶¶");
  const written = server.write(input);
  return { peer: server, written, io: await onUpgrade(await sending) };
}

/** Writes more behind the early data, ends, and expects everything in order. */
async function assertLossless(peer: HeldChannel, written: Promise<void>, io: Upgraded, early: Uint8Array) {
  const more = pattern(100);
  const writing = written.then(() => peer.write(more)).then(() => peer.closeWrite());
  await expectBytes(io, joined(early, more));
  await writing;
}

for (const { over, bytewise, open } of transports) {
  for (const size of bytewise ? sizes.filter((each) => each < 8192) : sizes) {
    for (const how of ["upgrade", "CONNECT"] as const) {
      test(`serveConnection() hands ${size} early bytes over, over ${over}, after ${how} [E7]`, async () => {
        const early = pattern(size);
        const request = wire(how === "CONNECT" ? CONNECT : UPGRADE);
        const { client, written, io } = await serverSide(...open(), how, joined(request, early));
        await assertLossless(client, written, io, early);
      });

      test(`handshake() hands ${size} early bytes over, over ${over}, after ${how} [E8]`, async () => {
        const early = pattern(size);
        const answer = wire(how === "CONNECT" ? CONNECTED : SWITCHED);
        const { peer, written, io } = await clientSide(...open(), how, joined(answer, early));
        await assertLossless(peer, written, io, early);
      });
    }
  }
}

for (const size of [8193, 500_000]) {
  test(`Upgraded.readable gives ${size} early bytes first, then the rest [E7]`, async () => {
    const early = pattern(size);
    const { client, written, io } = await serverSide(...transports[0]!.open(), "upgrade", joined(wire(UPGRADE), early));
    const writing = written.then(() => client.write(pattern(100))).then(() => client.closeWrite());
    const chunks: Uint8Array[] = [];
    const reader = io.readable.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) chunks.push(part.value);
    await writing;
    assertEquals(joined(...chunks), joined(early, pattern(100)));
  });
}

test("serveConnection() reads no more than is needed while a switch is undecided: one reader (DESIGN rule 3)", async () => {
  let decide!: () => void;
  let upgraded!: Promise<Upgraded>;
  const { client } = serving(
    (request) => {
      const made = upgradeResponse(request, "foobar");
      upgraded = made.upgraded;
      return new Promise((resolve) => decide = () => resolve(made.response));
    },
    {},
    { capacityBytes: 100 },
  );
  await client.write(wire(UPGRADE));
  let stalled = true;
  const written = client.write(pattern(1000)).then(() => stalled = false);
  await turns();
  assertEquals(stalled, true);
  decide();
  await expectText(client, SWITCHED);
  const io = await upgraded;
  const reading = expectBytes(io, pattern(1000));
  await written;
  await client.closeWrite();
  await reading;
});
