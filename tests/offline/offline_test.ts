import { test } from "node:test";
import { deepStrictEqual, ok, rejects, throws } from "node:assert/strict";
import {
  assertArrayIncludes,
  AssertionError,
  assertIsError,
  assertObjectMatch,
  assertRejects,
  assertThrows,
  equal,
} from "./assert.ts";
import {
  concatReadableStreams,
  earlyZipReadableStreams,
  LimitedBytesTransformStream,
  mergeReadableStreams,
  TextLineStream,
  toArrayBuffer,
  toJson,
  toText,
  zipReadableStreams,
} from "./streams.ts";

class Point {
  #x: number;
  constructor(x: number) {
    this.#x = x;
  }
  get x(): number {
    return this.#x;
  }
}

const circle: Record<string, unknown> = {};
circle.self = circle;
const otherCircle: Record<string, unknown> = {};
otherCircle.self = otherCircle;

const alike: [string, unknown, unknown][] = [
  ["0 and -0", 0, -0],
  ["NaN", NaN, NaN],
  ["an object without prototype", Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  ["nested", { a: [1, { b: new Map([["c", new Set([1])]]) }] }, { a: [1, { b: new Map([["c", new Set([1])]]) }] }],
  ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  ["a view and its copy", new Uint8Array([0, 1, 2]).subarray(1), new Uint8Array([1, 2])],
  ["dates", new Date(1), new Date(1)],
  ["URLs", new URL("http://a/b"), new URL("http://a/b")],
  ["regular expressions", /a/g, /a/g],
  ["getters of a class", new Point(1), new Point(1)],
  ["map keys that are objects", new Map([[{ a: 1 }, 1]]), new Map([[{ a: 1 }, 1]])],
  ["circles", circle, otherCircle],
];

const different: [string, unknown, unknown][] = [
  ["types", 1, "1"],
  ["null and undefined", null, undefined],
  ["a key that is undefined", { a: undefined }, {}],
  ["another key that is undefined", { a: undefined }, { b: undefined }],
  ["lengths", [1], [1, undefined]],
  ["bytes", new Uint8Array([1, 2]), new Uint8Array([1, 3])],
  ["classes of bytes", new Uint8Array([1]), new Int8Array([1])],
  ["getters of a class", new Point(1), new Point(2)],
  ["class and plain object", new Point(1), { x: 1 }],
  ["sets", new Set([1]), new Set([2])],
  ["regular expressions", /a/g, /a/i],
  ["functions", () => {}, () => {}],
  ["array and object", [], {}],
];

for (const [what, a, b] of alike) {
  test(`offline equal() finds alike: ${what}`, () => {
    ok(equal(a, b));
    ok(equal(b, a));
  });
}

for (const [what, a, b] of different) {
  test(`offline equal() finds different: ${what}`, () => {
    ok(!equal(a, b));
    ok(!equal(b, a));
  });
}

test("offline assertThrows() and assertRejects() return the error and check class and message", async () => {
  const error = new RangeError("out of range");
  const fail = () => {
    throw error;
  };
  deepStrictEqual(assertThrows(fail, RangeError, "of"), error);
  deepStrictEqual(await assertRejects(() => Promise.reject(error), Error, "range"), error);
  throws(() => assertThrows(fail, TypeError), AssertionError);
  throws(() => assertThrows(fail, RangeError, "within"), AssertionError);
  throws(() => assertThrows(() => {}), AssertionError);
  throws(() => assertIsError(1), AssertionError);
  await rejects(() => assertRejects(() => Promise.resolve()), AssertionError);
  await rejects(() => assertRejects(() => Promise.reject(error), TypeError), AssertionError);
  await rejects(() => assertRejects(fail), AssertionError);
  await rejects(() => assertRejects(() => Promise.reject("text"), Error), AssertionError);
});

test("offline assertObjectMatch() and assertArrayIncludes() look at what is expected only", () => {
  assertObjectMatch({ a: 1, b: { c: [1, 2], d: 3 } }, { b: { c: [1] } });
  throws(() => assertObjectMatch({ a: 1 }, { a: 2 }), AssertionError);
  throws(() => assertObjectMatch({ a: 1 }, { a: 1, b: 2 }), AssertionError);
  throws(() => assertObjectMatch({ a: [1] }, { a: [1, 2] }), AssertionError);
  assertArrayIncludes([{ a: 1 }, { a: 2 }], [{ a: 2 }]);
  throws(() => assertArrayIncludes([1, 2], [3]), AssertionError);
});

function stream<T>(...chunks: T[]): ReadableStream<T> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

async function all<T>(readable: ReadableStream<T>): Promise<T[]> {
  const chunks: T[] = [];
  await readable.pipeTo(new WritableStream({ write: (chunk) => void chunks.push(chunk) }));
  return chunks;
}

test("offline streams read to the end: text across chunks, JSON, bytes", async () => {
  const [head, tail] = [new Uint8Array([0xe2, 0x82]), new Uint8Array([0xac])];
  deepStrictEqual(await toText(stream(head, tail)), "€");
  deepStrictEqual(await toJson(stream('{"a":', "1}")), { a: 1 });
  deepStrictEqual(new Uint8Array(await toArrayBuffer(stream(head, tail))), new Uint8Array([0xe2, 0x82, 0xac]));
  await rejects(
    () => toText(new ReadableStream({ start: (controller) => controller.error(new Error("reset")) })),
    /reset/,
  );
});

test("offline streams are joined: one after the other, as they come, in turn", async () => {
  deepStrictEqual(await all(concatReadableStreams(stream(1, 2), stream(3))), [1, 2, 3]);
  deepStrictEqual((await all(mergeReadableStreams(stream(1, 2), stream(3)))).sort(), [1, 2, 3]);
  deepStrictEqual(await all(zipReadableStreams(stream(1, 2, 3), stream(4))), [1, 4, 2, 3]);
  deepStrictEqual(await all(earlyZipReadableStreams(stream(1, 2, 3), stream(4))), [1, 4, 2]);
});

test("offline TextLineStream and LimitedBytesTransformStream", async () => {
  deepStrictEqual(await all(stream("a\r", "\nb\n\nc").pipeThrough(new TextLineStream())), ["a", "b", "", "c"]);
  deepStrictEqual(await all(stream("a\rb\r").pipeThrough(new TextLineStream({ allowCR: true }))), ["a", "b"]);
  const bytes = () => stream(new Uint8Array(2), new Uint8Array(2));
  deepStrictEqual((await all(bytes().pipeThrough(new LimitedBytesTransformStream(3)))).length, 1);
  await rejects(() => all(bytes().pipeThrough(new LimitedBytesTransformStream(3, { error: true }))), RangeError);
});
