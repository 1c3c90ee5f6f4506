/** `body.trailers` over HTTP/2, where nothing reads the body: they do not come, and their promise says so. */

import { test } from "node:test";
import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { TransportError } from "../../src/errors/transport_error.ts";
import type { ExchangeOverListener } from "../../src/http1/exchange_listener.ts";
import type { IncomingBody } from "../../src/http1/incoming_body.ts";
import { rejection } from "../support/client.ts";
import { RawClient, RawServer } from "../support/h2_raw_peer.ts";
import { data, headers, OK, POST, rstStream } from "../support/h2_wire.ts";
import { isPending } from "../support/switching.ts";
import { wire } from "../support/wire.ts";

const deaf: ExchangeOverListener = { onBodyReceived() {}, onBodySent() {}, onExchangeOver() {} };

/** They fail as reading does, which still gives what has come before. */
async function expectFailure(body: IncomingBody, trailers: Promise<unknown>): Promise<void> {
  assertEquals(await isPending(trailers), false);
  const error = await rejection(trailers);
  assertInstanceOf(error, TransportError);
  assertEquals(await body.read(), wire("half"));
  assertStrictEquals(await rejection(body.read()), error);
  assertStrictEquals(await rejection(body.trailers), error);
}

for (const when of ["before", "after"]) {
  test(`IncomingBody.trailers of a request that is not read, asked for ${when} its stream is reset, rejects as reading does`, async () => {
    const bodies: IncomingBody[] = [];
    const client = new RawClient(({ body }) => {
      bodies.push(body);
      if (when === "before") void body.trailers; // a rejection needs no handler
      return new Promise(() => {});
    });
    await client.begins();
    await client.sends(headers(1, POST, "open"), data(1, "half"));
    await client.sends(rstStream(1));
    await expectFailure(bodies[0]!, bodies[0]!.trailers);
    await client.ends();
  });

  for (const [how, listener] of [["", null], [", with a listener", deaf]] as const) {
    test(`IncomingBody.trailers of a response that is not read, asked for ${when} its stream is reset, rejects as reading does${how}`, async () => {
      const server = new RawServer();
      await server.begins();
      const request = { method: "GET", target: "/", fields: { host: "a" } };
      const sending = server.connection.sendTold(request, {}, listener);
      await server.sends(headers(1, OK, "open"), data(1, "half"));
      const { body } = await sending;
      if (when === "before") void body.trailers;
      await server.sends(rstStream(1));
      await expectFailure(body, body.trailers);
      await server.ends();
    });
  }
}

test("IncomingBody.trailers of a request that is not read rejects when its connection ends", async () => {
  const bodies: IncomingBody[] = [];
  const client = new RawClient(({ body }) => {
    bodies.push(body);
    return new Promise(() => {});
  });
  await client.begins();
  await client.sends(headers(1, POST, "open"), data(1, "half"));
  const { trailers } = bodies[0]!;
  await client.ends();
  await expectFailure(bodies[0]!, trailers);
});
