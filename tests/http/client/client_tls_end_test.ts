import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Client } from "../../../src/http/client/client.ts";
import { TransportError } from "../../../src/errors/transport_error.ts";
import { listen, type Socket, startTls } from "../../../src/net/mod.ts";
import { authority, serverCert, serverKey } from "../../support/certificates.ts";
import { rejection } from "../../support/dialing.ts";
import { runtimeName, skipUnless } from "../../support/runtime.ts";
import { readUntil, wire } from "../../support/wire.ts";

/** Answers one request over TLS, and then ends TCP without a word of TLS: as whoever cuts a connection does. */
async function answerAndCut(raw: Socket, response: string): Promise<void> {
  const { readable } = raw;
  const writer = raw.writable.getWriter();
  const writable = new WritableStream<Uint8Array>({ write: (bytes) => writer.write(bytes) });
  const tls = startTls({ readable, writable }, { isServer: true, cert: serverCert, key: serverKey });
  await readUntil(tls, "¶¶");
  await tls.write(wire(response));
  await writer.close();
}

/** What becomes of the body of a response that is cut. */
async function cutBody(t: { after(end: () => Promise<void>): void }, response: string): Promise<unknown> {
  const listener = await listen({ hostname: "127.0.0.1" });
  t.after(() => listener.close());
  const accepted = listener.accept().then((socket) => answerAndCut(socket!, response).then(() => socket!));
  const client = new Client({ tls: { caCerts: [authority] } });
  const { port } = listener.address;
  const answer = await client.fetch(`https://localhost:${port}/`);
  const outcome = await rejection(answer.text());
  await client.abort();
  (await accepted).abort();
  return outcome;
}

test("Response: a body with a length that is cut over TLS fails [B12, C9]", async (t) => {
  assert(await cutBody(t, "HTTP/1.1 200 OK¶Content-Length: 99¶¶half a body") instanceof Error);
});

test(
  "Response: a body that ends with a TLS connection which does not say so fails (RFC 9112 §9.8) [C9]",
  skipUnless(runtimeName === "deno", "node:tls, of Node and Bun, does not tell that close_notify is missing"),
  async (t) => {
    const error = await cutBody(t, "HTTP/1.1 200 OK¶Connection: close¶¶half a body");
    assert(error instanceof TransportError, `${error}`);
    assertEquals(error.code, "tls");
  },
);
