import { test } from "node:test";
import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { compressor, decompressor, type DeflateCodec, type Pieces } from "../../src/platform/deflate.ts";
import { canDeflate, ZlibHandle, type ZlibStream } from "../../src/platform/zlib.ts";
import { hex, unhex } from "../support/frames.ts";
import { joined, pattern } from "../support/switching.ts";

const TAIL = unhex("00 00 ff ff");
/** More than is done in one go. */
const LONG = 200_000;

/** Bytes that do not compress. */
function noise(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

function assertSame(found: Uint8Array, expected: Uint8Array, message = ""): void {
  let at = 0;
  while (at < found.length && found[at] === expected[at]) at++;
  assert(at === found.length && at === expected.length, `${message}: byte ${at} of ${expected.length} is another one`);
}

/** Keeps the pieces of what takes several turns of the event loop. */
function gather(): Pieces<Uint8Array> {
  const pieces: Uint8Array[] = [];
  return { add: (piece) => void pieces.push(piece.slice()), finish: () => joined(...pieces) };
}

async function process(codec: DeflateCodec, input: Uint8Array, max = Infinity): Promise<Uint8Array> {
  const output = codec.process(input, max, gather);
  return output instanceof Promise ? await output : output.slice();
}

const messages: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ["one byte", unhex("41")],
  ["short", new TextEncoder().encode("Hello")],
  ["4 KiB", pattern(4096)],
  ["noise of 60,000", noise(60_000)],
  ["64 KiB alike", new Uint8Array(65_536)],
  ["65 KiB less a byte alike", new Uint8Array(66_559)],
  ["65 KiB alike", new Uint8Array(66_560)],
  ["noise of 66,540", noise(66_540)],
  ["noise of 100,000", noise(100_000)],
  ["100,000 alike", new Uint8Array(100_000)],
  ["exactly 128 KiB", pattern(131_072)],
  ["a byte more", pattern(131_073)],
  ["noise of 200,000", noise(LONG)],
  ["1 MiB alike", new Uint8Array(1_048_576)],
  ["short again", new TextEncoder().encode("Hello")],
];

test("canDeflate() finds zlib on this runtime", () => {
  assertStrictEquals(canDeflate(), true);
});

for (const windowBits of [9, 10, 12, 15]) {
  for (const level of [0, 1, 6, 9]) {
    for (const noContextTakeover of [false, true]) {
      test(`compressor() and decompressor() agree: ${windowBits} bits, level ${level}${noContextTakeover ? ", no context" : ""} [K2, K4]`, async () => {
        const deflate = compressor({ windowBits, level, noContextTakeover });
        const inflate = decompressor(windowBits);
        for (const [name, message] of messages) {
          const compressed = await process(deflate, message);
          assertEquals(hex(compressed.subarray(-4)), "0000ffff", name);
          if (noContextTakeover) assertSame(inflateAlone(compressed), message, name);
          const back = await process(inflate, compressed, message.length);
          assertSame(back, message, name);
        }
        deflate.close();
        inflate.close();
        deflate.close();
      });
    }
  }
}

/** What zlib makes of a message without any before it. */
function inflateAlone(compressed: Uint8Array): Uint8Array {
  return new Uint8Array(inflateRawSync(joined(compressed, unhex("03 00"))));
}

test("compressor() refers to earlier messages, unless that is not wanted (RFC 7692 §7.1.1) [K2]", async () => {
  const message = noise(1000);
  for (const [noContextTakeover, least, most] of [[false, 0, 100], [true, 1000, 1100]] as const) {
    const deflate = compressor({ windowBits: 15, level: 6, noContextTakeover });
    const first = await process(deflate, message);
    const second = await process(deflate, message);
    assert(first.length >= 1000 && second.length >= least && second.length <= most, `${second.length}`);
    if (noContextTakeover) assertSame(second, first);
    deflate.close();
  }
});

test("compressor() refers no further back than its window (RFC 7692 §7.1.2) [K2]", async () => {
  for (const windowBits of [9, 11, 14]) {
    const deflate = compressor({ windowBits, level: 9, noContextTakeover: false });
    const message = noise(2 ** windowBits + 300);
    const compressed = await process(deflate, joined(message, message));
    assert(compressed.length > message.length * 1.8, `${windowBits} bits: ${compressed.length}`);
    deflate.close();
  }
});

test("a codec works on while others do: nothing is shared between them", async () => {
  const all = Array.from({ length: 6 }, (_, i) => ({
    deflate: compressor({ windowBits: 15, level: 1, noContextTakeover: false }),
    inflate: decompressor(15),
    messages: [noise(500, i), noise(LONG, i + 100), new Uint8Array(LONG).fill(i), noise(70_000, i + 7)],
  }));
  await Promise.all(all.map(async ({ deflate, inflate, messages }) => {
    for (const message of messages) {
      const back = await process(inflate, await process(deflate, message));
      assertSame(back, message);
    }
    deflate.close();
    inflate.close();
  }));
});

test("decompressor() reads the examples of RFC 7692 §7.2.3 [K5, K7]", async () => {
  const hello = "48656c6c6f";
  const examples: readonly (readonly [digits: string, expected: string])[] = [
    ["f2 48 cd c9 c9 07 00", hello],
    ["f2 00 11 00 00", hello],
    ["00 05 00 fa ff 48 65 6c 6c 6f 00", hello],
    ["f3 48 cd c9 c9 07 00 00", hello],
    ["f2 48 05 00 00 00 ff ff ca c9 c9 07 00", hello],
    ["f2 48 cd c9 c9 07 00", hello],
    ["00", ""],
    ["02 00", ""],
    ["f2 00 11 00 00", hello],
  ];
  // In a row, as they lie in one context: "f2 00 11 00 00" refers to the Hello before it.
  const inflate = decompressor(15);
  for (const [digits, expected] of examples) {
    assertEquals(hex(await process(inflate, joined(unhex(digits), TAIL))), expected, digits);
  }
  inflate.close();
});

test("decompressor() goes on behind a block that says it is the last one (RFC 7692 §7.2.3.4) [K5]", async () => {
  const inflate = decompressor(15);
  for (const message of messages.map(([, bytes]) => bytes)) {
    for (const level of [0, 1, 9]) {
      const final = new Uint8Array(deflateRawSync(message, { level }));
      const back = await process(inflate, joined(final, unhex("00"), TAIL));
      assertSame(back, message, `level ${level}, ${message.length} bytes`);
      const flushed = await process(inflate, joined(unhex("f2 48 cd c9 c9 07 00"), TAIL));
      assertEquals(hex(flushed), "48656c6c6f");
    }
  }
  inflate.close();
});

test("decompressor() goes on behind a message whose tail is its last block (RFC 7692 §7.2.1) [K5]", async () => {
  const inflate = decompressor(15);
  for (let i = 0; i < 3; i++) {
    assertEquals(hex(await process(inflate, joined(unhex("01"), TAIL))), "");
    assertEquals(hex(await process(inflate, joined(unhex("00 05 00 fa ff 48 65 6c 6c 6f 01"), TAIL))), "48656c6c6f");
    assertEquals(hex(await process(inflate, joined(unhex("f2 48 cd c9 c9 07 00"), TAIL))), "48656c6c6f");
  }
  inflate.close();
});

test("decompressor() fails on what is no DEFLATE, and ever after (RFC 1951 §3.2.3) [K6]", async () => {
  const wrong = ["ff ff ff", "07", "00 05 00 fa fe 48", "62 18 05 00", "fb ff ff ff ff", "04 c1 ff ff ff ff ff ff"];
  for (const digits of wrong) {
    const inflate = decompressor(15);
    await assertRejects(async () => void await process(inflate, joined(unhex(digits), noise(300))), Error);
    await assertRejects(async () => void await process(inflate, joined(unhex("00"), TAIL)), Error);
    inflate.close();
  }
  const late = decompressor(15);
  await assertRejects(
    async () => void await process(late, joined(unhex("f2 48 cd c9 c9 07 00 00 00 ff ff 07"), noise(LONG))),
    Error,
  );
  await assertRejects(async () => void await process(late, joined(unhex("00"), TAIL)), Error);
  late.close();
});

/** So many megabytes of zeros, each in a kilobyte. */
function bomb(megabytes: number): Uint8Array {
  const flushed = deflateRawSync(new Uint8Array(1_048_576), { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  return joined(...Array<Uint8Array>(megabytes).fill(new Uint8Array(flushed)));
}

test("decompressor() stops as soon as the result is too long (a bomb) [K6]", async () => {
  const inflate = decompressor(15);
  const small = bomb(100);
  assert(small.length < 131_072);
  await assertRejects(async () => void await process(inflate, small, 1000), RangeError, "longer than 1000 bytes");
  await assertRejects(async () => void await process(inflate, joined(unhex("00"), TAIL), 1000));
  inflate.close();

  // What nobody could hold, and takes many turns.
  const slow = decompressor(15);
  const huge = joined(unhex("00"), stored(noise(150_000)), bomb(6000));
  await assertRejects(async () => void await process(slow, huge, 140_000), RangeError, "longer than 140000 bytes");
  await assertRejects(async () => void await process(slow, joined(unhex("00"), TAIL), 1000));
  slow.close();
});

/** Stored blocks, none of them the last one. */
function stored(bytes: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 65_535) {
    const part = bytes.subarray(at, at + 65_535);
    const { length } = part;
    blocks.push(new Uint8Array([0, length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff]), part);
  }
  return joined(...blocks).subarray(1);
}

test("decompressor() gives exactly as much as is allowed", async () => {
  for (const length of [0, 1, 1000, 65_536, 65_537, 300_000]) {
    for (const data of [new Uint8Array(length), noise(length)]) {
      const deflate = compressor({ windowBits: 15, level: 1, noContextTakeover: false });
      const compressed = length === 0 ? joined(unhex("00"), TAIL) : await process(deflate, data);
      const exact = decompressor(15);
      assertSame(await process(exact, compressed, length), data);
      const short = decompressor(15);
      if (length > 0) await assertRejects(async () => void await process(short, compressed, length - 1), RangeError);
      for (const codec of [deflate, exact, short]) codec.close();
    }
  }
});

test("a codec that is closed while it works leaves nobody an error", async () => {
  const deflate = compressor({ windowBits: 15, level: 9, noContextTakeover: false });
  const working = deflate.process(noise(5_000_000), Infinity, gather);
  assert(working instanceof Promise);
  working.catch(() => {});
  deflate.close();
  await new Promise((resolve) => setTimeout(resolve, 0));
});

test("a codec that is closed fails what is under way and what comes later", async () => {
  const deflate = compressor({ windowBits: 15, level: 1, noContextTakeover: false });
  const working = deflate.process(noise(5_000_000), Infinity, gather);
  deflate.close();
  deflate.close();
  await assertRejects(async () => await working, Error, "closed");
  assertThrows(() => void deflate.process(noise(10), Infinity, gather), Error, "closed");
});

interface Builtins {
  getBuiltinModule(name: string): Record<string, unknown>;
}

/** Codecs that find no handle below zlib's streams, and so go the public way with everything. */
function publicWay<Result>(make: () => Result): Result {
  return withZlib({ _writeState: undefined }, make);
}

/** Codecs over streams of zlib that differ in some properties. */
function withZlib<Result>(differing: Readonly<Record<string, unknown>>, make: () => Result): Result {
  const { process } = globalThis as unknown as { process: Builtins };
  const original = process.getBuiltinModule;
  const hiding = (stream: object): object =>
    new Proxy(stream, {
      get(target, name): unknown {
        const value = Object.hasOwn(differing, name) ? differing[name as string] : Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  const create = (name: string) => (options: unknown) => {
    const zlib = original.call(process, "node:zlib") as Record<string, (options: unknown) => object>;
    return hiding(zlib[name]!(options));
  };
  process.getBuiltinModule = (name) => ({
    ...original.call(process, name),
    createDeflateRaw: create("createDeflateRaw"),
    createInflateRaw: create("createInflateRaw"),
  });
  try {
    return make();
  } finally {
    process.getBuiltinModule = original;
  }
}

test("the public way gives the same as the handle, message by message [K2, K4, K7]", async () => {
  for (const [windowBits, level, noContextTakeover] of [[15, 1, false], [9, 6, true], [12, 0, false]] as const) {
    const options = { windowBits, level, noContextTakeover };
    const quick = compressor(options);
    const quickBack = decompressor(windowBits);
    const { slow, slowBack } = publicWay(() => ({ slow: compressor(options), slowBack: decompressor(windowBits) }));
    const first = slow.process(unhex("00"), Infinity, gather);
    assert(first instanceof Promise);
    await first;
    const warm = await process(quick, unhex("00"));
    await process(quickBack, warm);
    await process(slowBack, warm);
    for (const [name, message] of messages) {
      const compressed = await process(quick, message);
      // Blocks may be cut elsewhere: what one way compresses, both have to undo.
      assertSame(await process(quickBack, compressed), message, name);
      assertSame(await process(slowBack, compressed), message, name);
      const slowly = await process(slow, message);
      assertEquals(hex(slowly.subarray(-4)), "0000ffff", name);
      if (noContextTakeover) assertSame(inflateAlone(slowly), message, name);
    }
    for (const codec of [quick, quickBack, slow, slowBack]) codec.close();
  }
});

test("the public way keeps its context, and goes on behind last blocks [K2, K5]", async () => {
  const { deflate, inflate } = publicWay(() => ({
    deflate: compressor({ windowBits: 15, level: 6, noContextTakeover: false }),
    inflate: decompressor(15),
  }));
  for (let round = 0; round < 2; round++) {
    for (const [name, message] of messages) {
      const compressed = await process(deflate, message);
      assert(round === 0 || name !== "short" || compressed.length < message.length + 8);
      assertSame(await process(inflate, compressed, message.length), message, name);
    }
  }
  const hello = unhex("48 65 6c 6c 6f");
  const again = publicWay(() => decompressor(15));
  for (
    const digits of ["f3 48 cd c9 c9 07 00 00", "01", "f2 48 cd c9 c9 07 00", "00 05 00 fa ff 48 65 6c 6c 6f 01", "00"]
  ) {
    const whole = await publicWay(() => process(again, joined(unhex(digits), TAIL)));
    assertSame(whole, digits.length > 2 ? hello : unhex(""), digits);
  }
  for (const codec of [deflate, inflate, again]) codec.close();
});

test("the public way refuses noise and bombs as the handle does [K6]", async () => {
  const noisy = publicWay(() => decompressor(15));
  await assertRejects(async () => void await process(noisy, joined(unhex("ff ff ff"), noise(300))), Error);
  await assertRejects(async () => void await process(noisy, joined(unhex("00"), TAIL)), Error);
  const bombed = publicWay(() => decompressor(15));
  await assertRejects(async () => void await process(bombed, bomb(6000), 1000), RangeError, "longer than 1000 bytes");
  await assertRejects(async () => void await process(bombed, joined(unhex("00"), TAIL), 1000), RangeError);
  noisy.close();
  bombed.close();
});

test("ZlibHandle reads what is left where the handle of the runtime says so: Deno before 2.4 returns it", () => {
  const stream = (writeSync: () => unknown, state?: Uint32Array): ZlibStream =>
    ({ _handle: { writeSync }, _writeState: state }) as unknown as ZlibStream;
  const left = (of: ZlibStream): number[] => {
    const handle = new ZlibHandle(of, () => {});
    handle.run(2, unhex("01 02 03"), 0, 3, new Uint8Array(8), 0, 8);
    return [handle.inputLeft, handle.outputLeft];
  };
  assertEquals(left(stream(() => undefined, new Uint32Array([5, 1]))), [1, 5]);
  assertEquals(left(stream(() => [1, 5])), [1, 5]);
  assertEquals(left(stream(() => undefined)), [NaN, NaN]);
  assertEquals(left(stream(() => null)), [NaN, NaN]);
});

test("a codec ends whatever zlib does: a handle that takes nothing, one that says nonsense, streams that do not count", async () => {
  canDeflate();
  compressor({ windowBits: 15, level: 1, noContextTakeover: false }).close();
  const nothing = { writeSync(): void {} };
  const idle = withZlib({ _handle: nothing, _writeState: new Uint32Array([7, 7]) }, () => decompressor(15));
  await assertRejects(async () => void await process(idle, joined(unhex("00"), TAIL), 1000), Error, "no progress");
  const boasting = withZlib({ _handle: nothing, _writeState: new Uint32Array([0, 3]) }, () => decompressor(15));
  await assertRejects(async () => void await process(boasting, noise(100), 1_000_000), RangeError, "longer than");
  const silent = withZlib({ _writeState: undefined, bytesWritten: undefined }, () => decompressor(15));
  const working = withZlib({ _writeState: undefined, bytesWritten: undefined }, async () => {
    await process(silent, joined(unhex("f2 48 cd c9 c9 07 00"), TAIL), 1000);
  });
  await assertRejects(() => working, Error);
});
