import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { MessageQueue } from "../../src/ws/message_queue.ts";

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

test("MessageQueue takes as long for each message however many wait", () => {
  const queue = new MessageQueue<string>();
  const count = 250_000;
  for (let i = 0; i < count; i++) queue.push("x");
  const start = performance.now();
  for (let i = 0; i < count; i++) queue.shift();
  const perMessage = (performance.now() - start) / count;
  // Array.prototype.shift() takes 0.03 ms and more for each.
  assert(perMessage < 0.01, `${perMessage} ms for each message`);
});
