import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { Upgraded } from "../../src/http1/upgraded.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { networks, sockets, wrongWrites } from "./net.ts";
import { testWrongCalls } from "./wrong.ts";

for (const [entry, table] of Object.entries(networks)) {
  testWrongCalls(Object.fromEntries(Object.entries(table).map(([name, calls]) => [`${name}() of ${entry}`, calls])));
}
testWrongCalls(sockets);

test("write() takes a Buffer and a Uint8Array of another realm, and a wrong one leaves the channel as it was", async () => {
  const [near, far] = duplexPair();
  const upgraded = new Upgraded(near, new Uint8Array(0), { protocol: null });
  const [[, refused]] = wrongWrites((bytes) => upgraded.write(bytes)) as [[string, () => Promise<unknown>, string]];
  assertEquals(await refused().then(() => "sent", (error) => error.name), "TypeError");
  const { Buffer } = await import("node:buffer");
  const { runInNewContext } = await import("node:vm");
  await upgraded.write(Buffer.from("ab"));
  await upgraded.write(runInNewContext("new Uint8Array([99])") as Uint8Array);
  await upgraded.closeWrite();
  let text = "";
  for (let chunk = await far.read(); chunk !== null; chunk = await far.read()) text += new TextDecoder().decode(chunk);
  assertEquals(text, "abc");
});
