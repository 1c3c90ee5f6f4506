/**
 * A handler that passes on what a server of HTTP/2 behind it did: that is not its own client's doing.
 */

import { test } from "node:test";
import { assertMatch } from "@std/assert";
import { duplexPair } from "../../src/duplex/pair.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { goaway, headers, rstStream } from "../support/h2_wire.ts";
import { type Http2Peer, playing } from "../support/http2_dialing.ts";
import { readUntil, wire } from "../support/wire.ts";

/** What the server does instead of answering the request of a stream. */
const faults: readonly (readonly [what: string, fault: (server: Http2Peer, streamId: number) => unknown])[] = [
  ["resets the stream", (server, streamId) => server.send(rstStream(streamId, 2))],
  ["refuses the stream, also the fourth time", (server, streamId) => server.send(rstStream(streamId, 7))],
  ["answers with nonsense", (server, streamId) => server.send(headers(streamId, [":status: x"]))],
  ["goes away with an error", (server, streamId) => server.send(goaway(streamId, 1)).then(() => server.cut())],
  ["leaves", (server) => server.cut()],
];

for (const [what, fault] of faults) {
  test(`serveConnection() answers 502 when a handler throws what a client has told of a server of HTTP/2 that ${what} (RFC 9110 §15.6.3)`, async () => {
    const { client, peer } = playing();
    const [near, far] = duplexPair();
    serveConnection(far, async () => {
      const { status } = await client.fetch("http://a/", { method: "POST" });
      return { status };
    });
    await near.write(wire("GET / HTTP/1.1¶Host: a¶¶"));
    const server = await peer(0);
    for (const streamId of what.startsWith("refuses") ? [1, 3, 5, 7] : [1]) {
      await server.until(`HEADERS ${streamId}`);
      await fault(server, streamId);
    }
    assertMatch(await readUntil(near, "¶¶"), /^HTTP\/1\.1 502 /);
    near.abort();
    await client.abort();
  });
}
