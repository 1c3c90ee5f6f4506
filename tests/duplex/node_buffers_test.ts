/**
 * Node's Buffers are Uint8Arrays whose `slice()` copies nothing, and many share one piece of memory.
 */

import { Buffer } from "node:buffer";
import { test } from "node:test";
import { assertEquals, assertStrictEquals } from "@std/assert";
import { duplexPair } from "../../src/duplex/pair.ts";
import { holdChannel } from "../../src/duplex/hold_channel.ts";
import { Client } from "../../src/http/client/client.ts";
import { text, wire } from "../support/bytes.ts";
import { withPeer } from "../support/frame_peer.ts";
import { OPCODES } from "../support/frames.ts";

test("duplexPair() holds a copy of what was written, of a Buffer as well", async () => {
  const [near, far] = duplexPair();
  const bytes = Buffer.from("right");
  await near.write(bytes);
  bytes.fill("x");
  assertEquals(text((await far.read())!), "right");
});

test("a channel over streams that give Buffers gives plain Uint8Arrays of the same memory", async () => {
  const chunk = Buffer.from("chunk");
  const readable = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(chunk) });
  const read = (await holdChannel({ readable, writable: new WritableStream() }).read())!;
  assertStrictEquals(read.constructor, Uint8Array);
  assertStrictEquals(read.buffer, chunk.buffer);
  assertEquals(text(read), "chunk");
});

test("Response.arrayBuffer() of a connection that gives Buffers has the body and nothing beside it", async () => {
  const answer = Buffer.from(wire("HTTP/1.1 200 OK¶Content-Length: 4¶¶body"));
  const dial = () => {
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    return {
      readable: new ReadableStream<Uint8Array>({ start: (given) => void (controller = given) }),
      writable: new WritableStream<Uint8Array>({ write: () => controller.enqueue(answer) }),
    };
  };
  const client = new Client({ dial });
  const response = await client.fetch("http://a.example/");
  assertEquals(text(new Uint8Array(await response.arrayBuffer())), "body");
  await client[Symbol.asyncDispose]();
});

test("ping() holds a copy of its payload, of a Buffer as well", async () => {
  const { io, peer } = withPeer("server");
  const payload = Buffer.from("p");
  const answered = io.ping(payload);
  payload.fill("x");
  await peer.send({ opcode: OPCODES.pong, payload: "p" });
  await answered;
  io.abort();
});
