/**
 * What takes long leaves the event loop to others: no test here looks at a clock, all count what happens in between.
 */

import { createConnection, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { setImmediate } from "node:timers";
import { deflateRawSync } from "node:zlib";
import { assert, assertEquals } from "@std/assert";
import { decompressor, type Pieces } from "../../src/platform/deflate.ts";
import { nextTurn } from "../../src/platform/turns.ts";

const PIECE_BYTES = 262_144;

test("nextTurn() calls one of those that wait in a turn, in their order", async () => {
  const calls: number[] = [];
  const inTurns: number[] = [];
  let microtasks = 0;
  await new Promise<void>((resolve) => {
    for (let i = 0; i < 20; i++) {
      nextTurn(() => {
        calls.push(i);
        const begun = microtasks;
        inTurns.push(begun);
        queueMicrotask(() => microtasks++);
        if (i === 19) resolve();
      });
    }
  });
  assertEquals(calls, Array.from({ length: 20 }, (_, i) => i));
  assertEquals(inTurns, calls, "what one has queued is done before the next one is called");
});

test("nextTurn() lets sockets have their turn as well (Deno 2.9.6 does not look at them while there are immediates)", async () => {
  // The client leaves without reading all: a reset may come of it.
  const server = createServer((socket: Socket) =>
    socket.on("error", () => {}).on("data", (data) => socket.write(data))
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const socket = createConnection(port, "127.0.0.1");
  await new Promise<void>((resolve) => socket.on("connect", () => resolve()));
  let echoes = 0;
  socket.on("data", () => {
    echoes++;
    socket.write("x");
  });
  socket.write("x");
  let taken = 0;
  while (echoes < 50 && taken < 50_000) {
    await new Promise<void>(nextTurn);
    taken++;
  }
  socket.destroy();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  assert(echoes >= 50 && taken < 5000, `${echoes} echoes in ${taken} turns`);
});

/** Remembers how long each piece is, and whether others had their turn since the one before. */
class Watch implements Pieces<number> {
  readonly lengths: number[] = [];
  alone = 0;
  #othersCame = true;

  add(piece: Uint8Array): void {
    if (!this.#othersCame) this.alone++;
    this.#othersCame = false;
    const come = (): void => void (this.#othersCame = true);
    setImmediate(come);
    setTimeout(come, 0);
    this.lengths.push(piece.length);
  }

  finish(): number {
    return this.lengths.reduce((sum, length) => sum + length, 0);
  }
}

/** What is compressed, as a message is that was flushed. */
function flushed(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(deflateRawSync(bytes, { finishFlush: 2 }));
}

test("decompressor() inflates 256 KiB in one go, and others have their turn in between [K6]", async () => {
  const inflate = decompressor(15);
  const watch = new Watch();
  const length = 16_000_000;
  assertEquals(await inflate.process(flushed(new Uint8Array(length)), length, () => watch), length);
  assertEquals(Math.max(...watch.lengths), PIECE_BYTES);
  assertEquals(watch.lengths.length, Math.ceil(length / PIECE_BYTES));
  assertEquals(watch.alone, 0);
  const whole = inflate.process(flushed(new Uint8Array(PIECE_BYTES - 1)), length, () => watch);
  assert(whole instanceof Uint8Array && whole.length === PIECE_BYTES - 1, "what is no longer is inflated at once");
  inflate.close();
});

test("decompressor() looks at 64 KiB in one go of what gives no output: empty blocks, and last ones [K6]", async () => {
  // A flush; a last block with fixed codes.
  for (const [block, count, most] of [[[0, 0, 0, 0xff, 0xff], 200_000, 65_536 / 5], [[3, 0], 20_000, 512]] as const) {
    const inflate = decompressor(15);
    const bytes = new Uint8Array(block.length * count);
    for (let at = 0; at < bytes.length; at += block.length) bytes.set(block, at);
    const watch = new Watch();
    assertEquals(await inflate.process(bytes, 0, () => watch), 0);
    assert(watch.lengths.length >= count / most, `${watch.lengths.length} turns`);
    assertEquals(watch.alone, 0);
    inflate.close();
  }
});
