import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { handshake } from "../../src/http1/client_connection.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { Client } from "../../src/http/client/client.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { expectText, OK } from "../support/switching.ts";
import { wire } from "../support/wire.ts";

const wrong = [-1, NaN, "1" as unknown as number];
const errorFor = (limit: unknown) => typeof limit === "number" ? RangeError : TypeError;

for (const maxHeadBytes of wrong) {
  const options = { limits: { maxHeadBytes } };

  test(`serveConnection() with a limit of ${JSON.stringify(maxHeadBytes)} is a ${errorFor(maxHeadBytes).name} and leaves the transport alone`, async () => {
    const [client, server] = duplexPair();
    assertThrows(() => serveConnection(server, () => ({ status: 200 }), options), errorFor(maxHeadBytes));
    assertEquals([server.readable.locked, server.writable.locked], [false, false]);
    const { readable, writable } = server;
    serveConnection({ readable, writable }, () => ({ status: 200, body: "ok" }), { dateHeader: false });
    await client.write(wire("GET / HTTP/1.1¶Host: a¶¶"));
    await expectText(client, OK);
    await client.close();
  });

  test(`handshake() with a limit of ${JSON.stringify(maxHeadBytes)} is a ${errorFor(maxHeadBytes).name} and leaves the transport alone`, () => {
    const [near] = duplexPair();
    const { readable, writable } = near;
    const io = { readable, writable };
    assertThrows(() => handshake(io, options), errorFor(maxHeadBytes));
    assertEquals([readable.locked, writable.locked], [false, false]);
    handshake(io).connection.abort();
  });

  test(`new Client() with a limit of ${JSON.stringify(maxHeadBytes)} is a ${errorFor(maxHeadBytes).name}`, () => {
    assertThrows(() => new Client(options), errorFor(maxHeadBytes));
  });
}
