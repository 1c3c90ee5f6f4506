/**
 * A client that leaves TLS without `close_notify` (RFC 8446 §6.1), as curl does: it has ended where nothing of it is under way, and has
 * failed where something is.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { Duplex } from "../../../src/duplex/duplex.ts";
import { duplexPair, type PairEnd } from "../../../src/duplex/pair.ts";
import { unsaidEnd } from "../../../src/duplex/tls_end.ts";
import { TransportError } from "../../../src/errors/transport_error.ts";
import type { Closed } from "../../../src/http1/options.ts";
import { serveConnection } from "../../../src/http1/server_connection.ts";
import { serve } from "../../../src/http/server/serve.ts";
import { handshake } from "../../../src/http2/client_connection.ts";
import { serveConnection as serveHttp2 } from "../../../src/http2/server_connection.ts";
import { connect, startTls } from "../../../src/net/mod.ts";
import { authority, serverCert, serverKey } from "../../support/certificates.ts";
import { data, GET, goaway, headers, POST, PREFACE, settings, settingsAck } from "../../support/h2_wire.ts";
import { joined } from "../../support/switching.ts";
import { unlessTlsIsRefused } from "../../support/runtime.ts";
import { FakeClock, readUntil, turns, wire } from "../../support/wire.ts";

/** A pair whose far end can be made to fail while it is read. */
function failing(): { readonly near: PairEnd; readonly far: Duplex; fail(error: unknown): void } {
  const [near, end] = duplexPair();
  let fail!: (error: unknown) => void;
  const readable = new ReadableStream<Uint8Array>({
    start(controller): void {
      fail = (error) => controller.error(error);
    },
    async pull(controller): Promise<void> {
      const chunk = await end.read();
      if (chunk !== null) controller.enqueue(chunk);
    },
  });
  return { near, far: { readable, writable: end.writable }, fail };
}

const unsaid = (): TransportError => unsaidEnd(new TransportError("tls", "Cannot read: no close_notify"));
const alert = (): TransportError => new TransportError("tls", "Cannot read: bad certificate");
const begun = joined(PREFACE, settings(), settingsAck);
const slow = [":method: GET", ":scheme: https", ":path: /slow", ":authority: a"];

const cases: readonly {
  readonly what: string;
  readonly http: 1 | 2;
  readonly sends: Uint8Array;
  readonly error: () => TransportError;
  readonly closed: Closed["reason"];
}[] = [
  { what: "at once", http: 1, sends: wire(""), error: unsaid, closed: "eof" },
  { what: "between two requests", http: 1, sends: wire("GET / HTTP/1.1¶Host: a¶¶"), error: unsaid, closed: "eof" },
  { what: "within a head", http: 1, sends: wire("GET / HT"), error: unsaid, closed: "error" },
  {
    what: "within a body",
    http: 1,
    sends: wire("POST /slow HTTP/1.1¶Host: a¶Content-Length: 9¶¶half"),
    error: unsaid,
    closed: "error",
  },
  { what: "with an alert", http: 1, sends: wire(""), error: alert, closed: "error" },
  { what: "at once", http: 2, sends: wire(""), error: unsaid, closed: "eof" },
  { what: "between two requests", http: 2, sends: joined(begun, headers(1, GET)), error: unsaid, closed: "eof" },
  { what: "with a stream open", http: 2, sends: joined(begun, headers(1, slow)), error: unsaid, closed: "error" },
  {
    what: "behind a GOAWAY, with a stream open",
    http: 2,
    sends: joined(begun, headers(1, POST, "open"), data(1, "half"), goaway(0)),
    error: unsaid,
    closed: "eof",
  },
  { what: "with an alert", http: 2, sends: begun, error: alert, closed: "error" },
];

for (const { what, http, sends, error, closed } of cases) {
  test(`a client that leaves TLS without close_notify over HTTP/${http} ${what}: closed is ${closed} (RFC 9112 §9.8)`, async () => {
    const clock = new FakeClock();
    const { near, far, fail } = failing();
    const connection = (http === 1 ? serveConnection : serveHttp2)(far, async (request) => {
      if (request.target === "/slow") await new Promise(() => {});
      return { status: 200, body: await request.body.bytes() };
    }, { clock });
    void (async () => {
      while (await near.read() !== null);
    })().catch(() => {});
    await near.write(sends);
    await turns();
    fail(error());
    await turns();
    await clock.advance(10_000);
    assertEquals((await connection.closed).reason, closed);
    await turns();
    assertEquals(clock.pending, 0);
  });
}

test("a client of HTTP/2 whose server leaves TLS without close_notify: an end without a stream, an error with one", async () => {
  for (const open of [false, true]) {
    const { near, far, fail } = failing();
    const { connection } = handshake(far, { clock: new FakeClock() });
    await near.write(settings());
    const sending = open ? connection.send({ method: "GET", target: "/", fields: { host: "a" } }) : null;
    sending?.catch(() => {});
    await turns();
    fail(unsaid());
    assertEquals((await connection.closed).reason, open ? "error" : "eof");
  }
});

for (const alpn of ["http/1.1", "h2"]) {
  test(
    `serve() takes the end of TCP below TLS for the end of an idle connection, over ${alpn} (RFC 9112 §9.8)`,
    unlessTlsIsRefused,
    async () => {
      let tell!: (why: Closed) => void;
      const closed = new Promise<Closed>((resolve) => tell = resolve);
      const errors: unknown[] = [];
      const server = serve({
        hostname: "127.0.0.1",
        port: 0,
        tls: { cert: serverCert, key: serverKey },
        trace: { connectionClosed: ({ why }) => tell(why) },
        onError: (error) => void errors.push(error),
      }, () => new Response("ok"));
      const raw = connect({ hostname: "127.0.0.1", port: (await server.listening)[0].port });
      const { readable } = raw;
      const writer = raw.writable.getWriter();
      const writable = new WritableStream<Uint8Array>({ write: (bytes) => writer.write(bytes) });
      const tls = startTls({ readable, writable }, {
        caCerts: [authority],
        serverName: "localhost",
        alpnProtocols: [alpn],
      });
      if (alpn === "h2") {
        await tls.write(joined(PREFACE, settings(), headers(1, GET)));
        await readUntil(tls, (all) => all.includes("ok"));
      } else {
        await tls.write(wire("GET / HTTP/1.1¶Host: a¶¶"));
        await readUntil(tls, "ok");
      }
      await writer.close();
      assertEquals(await closed, { reason: "eof" });
      raw.abort();
      await server.shutdown();
      assertEquals(errors, []);
    },
  );
}
