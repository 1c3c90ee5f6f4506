import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { MessageQueue } from "../../src/websocket/message_queue.ts";

test("MessageQueue gives what it was given in order, also where it never runs empty", () => {
  const queue = new MessageQueue<string>();
  for (let i = 0; i < 5000; i++) queue.push(String(i));
  for (let i = 0; i < 20_000; i++) {
    assertEquals(queue.shift(), String(i));
    queue.push(String(i + 5000));
  }
  for (let i = 20_000; i < 25_000; i++) assertEquals(queue.shift(), String(i));
  assertEquals([queue.empty, queue.bytes, queue.shift()], [true, 0, undefined]);
});

test("MessageQueue counts what is empty as well, and forgets it", () => {
  const queue = new MessageQueue<string>();
  queue.push("");
  queue.push("abc");
  assertEquals([queue.empty, queue.bytes > 100, queue.shift()], [false, true, ""]);
  queue.clear();
  assertEquals([queue.empty, queue.bytes, queue.shift()], [true, 0, undefined]);
});

/** How many elements arrays move meanwhile, or copy. */
function movedDuring(act: () => void): number {
  const methods = ["shift", "unshift", "slice", "splice", "concat", "copyWithin"] as const;
  const prototype = Array.prototype as unknown as Record<string, (this: unknown[], ...args: unknown[]) => unknown>;
  const originals = methods.map((method) => prototype[method]!);
  let moved = 0;
  methods.forEach((method, i) => {
    prototype[method] = function (...args) {
      moved += this.length;
      return originals[i]!.apply(this, args);
    };
  });
  try {
    act();
  } finally {
    methods.forEach((method, i) => prototype[method] = originals[i]!);
  }
  return moved;
}

test("MessageQueue does as much for each message however many wait", () => {
  const queue = new MessageQueue<string>();
  const count = 20_000;
  for (let i = 0; i < count; i++) queue.push("x");
  const moved = movedDuring(() => {
    for (let i = 0; i < count; i++) queue.shift();
  });
  // Array.prototype.shift() would move 200,000,000.
  assert(moved < 3 * count, `${moved} moved for ${count} messages`);
});
