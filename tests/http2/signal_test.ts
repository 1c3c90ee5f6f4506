/** `request.signal` over HTTP/2: it aborts when the client gives up what is not answered, and stays quiet behind a whole answer. */

import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { TransportError } from "../../src/errors/transport_error.ts";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { RawClient } from "../support/h2_raw_peer.ts";
import { data, GET, headers, POST, rstStream } from "../support/h2_wire.ts";

const NO_ERROR = 0;
const CANCEL = 8;

/** A POST whose body is being read while it is answered, and a client whose windows hold a thousand bytes. */
async function reading(response: OutgoingResponse) {
  const seen: { request?: IncomingRequest; body?: Promise<Uint8Array> } = {};
  const client = new RawClient((request) => {
    if (request.method === "GET") return { status: 204 };
    seen.request = request;
    seen.body = request.body.bytes();
    seen.body.catch(() => {});
    void request.signal;
    return response;
  });
  await client.begins([4, 1000]);
  const said = await client.sends(headers(1, POST, "open"), data(1, "half"));
  return { client, said, request: seen.request!, body: seen.body! };
}

for (const [name, code] of [["NO_ERROR", NO_ERROR], ["CANCEL", CANCEL]] as const) {
  test(`request.signal stays quiet when ${name} comes behind the whole answer, and the body that is read fails (RFC 9113 §8.1)`, async () => {
    const { client, said, request, body } = await reading({ status: 200, body: "ok" });
    assertEquals(said, ["HEADERS 1 :status: 200, content-length: 2", "DATA 1 END ok"]);
    assertEquals(await client.sends(rstStream(1, code)), []);
    assert((await assertRejects(() => body)) instanceof TransportError);
    assertEquals([request.signal.aborted, client.connection.idle], [false, true]);
    assertEquals(await client.sends(headers(3, GET)), ["HEADERS 3 END :status: 204"]);
    await client.ends();
  });

  test(`request.signal aborts when ${name} comes while the end of the answer waits for the client's window`, async () => {
    const { client, said, request, body } = await reading({ status: 200, body: new Uint8Array(1001) });
    assertEquals(said, ["HEADERS 1 :status: 200, content-length: 1001", "DATA 1 (1000)"]);
    await client.sends(rstStream(1, code));
    await assertRejects(() => body);
    assert(request.signal.aborted);
    await client.ends();
  });
}

test("request.signal stays quiet behind the whole answer, however the connection ends", async () => {
  for (const end of ["cut", "abort", "graceful", "eof"]) {
    const { client, request, body } = await reading({ status: 200, body: "ok" });
    if (end === "cut") client.end.abort();
    else if (end === "abort") client.connection.abort();
    else if (end === "graceful") client.connection.gracefulShutdown();
    else await client.end.closeWrite();
    if (end === "graceful") await client.sends(data(1, "", true));
    if (end === "graceful") assertEquals((await body).length, 4);
    else await assertRejects(() => body);
    await client.ends();
    assertEquals(request.signal.aborted, false, end);
  }
});
