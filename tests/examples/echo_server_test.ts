import { test } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { echoServer } from "../../scripts/examples/echo_server.ts";
import { Client } from "../../src/http/client/client.ts";
import { text, wire } from "../support/wire.ts";

test("examples/echo_server.ts answers ordinary requests and switches where it is asked to", async () => {
  const server = echoServer(0);
  const [{ port }] = await server.listening;
  const client = new Client();
  const plain = await client.fetch(`http://127.0.0.1:${port}/`);
  assertEquals([plain.status, plain.headers.get("upgrade")], [426, "echo/1"]);
  assertMatch(await plain.text(), /^speak echo\/1\n$/);
  const io = await client.upgrade(`http://127.0.0.1:${port}/`, { protocol: "echo/1" });
  await io.write(wire("hello"));
  assertEquals(text((await io.read())!), "hello");
  await io.close();
  await client.close();
  await server.shutdown();
  assertEquals(server.connections, 0);
});
