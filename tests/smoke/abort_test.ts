import { test } from "node:test";
import { assertStrictEquals } from "@std/assert";
import { connect, listen } from "../../src/net/mod.ts";
import { rejection } from "../support/dialing.ts";
import { isPending } from "../support/switching.ts";

test("abort() rejects a write and a closeWrite() that the peer holds up with its reason", async () => {
  const listener = await listen({ hostname: "127.0.0.1" });
  const client = connect(listener.address);
  const server = (await listener.accept())!;
  const block = new Uint8Array(1_048_576);
  let writing = client.write(block);
  for (let blocks = 1; blocks < 64 && !await isPending(writing); blocks++) writing = client.write(block);
  const ending = client.closeWrite();
  const reason = new Error("enough");
  client.abort(reason);
  assertStrictEquals(await rejection(writing), reason);
  assertStrictEquals(await rejection(ending), reason);
  server.abort();
  await Promise.all([client.close(), server.close(), listener.close()]);
});
