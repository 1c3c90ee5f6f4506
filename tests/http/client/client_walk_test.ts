/**
 * How many promises a request costs. Counts are the same on every machine; only Node tells of each promise that is made.
 */

import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Client } from "../../../src/http/client/client.ts";
import { handshake } from "../../../src/http1/client_connection.ts";
import { connect } from "../../../src/net/mod.ts";
import { runtimeMajor, runtimeName, skipUnless } from "../../support/runtime.ts";
import { wire } from "../../support/wire.ts";

const countable = skipUnless(runtimeName === "node" && runtimeMajor >= 24, "async_hooks counts promises on Node");

/** A server that answers each request on the spot. */
async function answering(t: TestContext): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", () => socket.write(wire("HTTP/1.1 200 OK¶Content-Length: 5¶¶hello")));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** How many promises are made while `act` runs, those of its own `await`s included. */
async function promisesOf(act: () => Promise<unknown>): Promise<number> {
  const { createHook } = await import("node:async_hooks");
  let made = 0;
  const hook = createHook({ init: (_id, type) => void (made += type === "PROMISE" ? 1 : 0) }).enable();
  const done = act();
  // The promise of `act` and the one of this `await`.
  made -= 2;
  await done;
  hook.disable();
  return made;
}

test(
  "Client.fetch() with text() makes 20 promises or fewer on a connection that waits in the pool",
  countable,
  async (t) => {
    const port = await answering(t);
    const client = new Client();
    t.after(() => client.abort());
    const fetchText = async () => assertEquals(await (await client.fetch(`http://127.0.0.1:${port}/`)).text(), "hello");
    for (let i = 0; i < 3; i++) await fetchText();
    const made = await promisesOf(fetchText);
    assert(made <= 20, `${made} promises`);
  },
);

test("text() of a body that has arrived makes 5 promises or fewer", countable, async (t) => {
  const port = await answering(t);
  const client = new Client();
  t.after(() => client.abort());
  const response = await client.fetch(`http://127.0.0.1:${port}/`);
  const made = await promisesOf(() => response.text());
  assert(made <= 5, `${made} promises`);

  const io = await connect({ hostname: "127.0.0.1", port });
  const { sender, connection } = handshake(io);
  t.after(() => connection.abort());
  const { body } = await sender.send({ method: "GET", target: "/", fields: [["host", "a"]] });
  const lower = await promisesOf(() => body.text());
  assert(lower <= 5, `${lower} promises`);
});
