/**
 * The target of a request over HTTP/2 in the words of HTTP/1.1: that of another scheme than those of the web is in absolute-form, as a
 * proxy gets it, and what names no host in that form is answered with 400.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { serve } from "../../src/http/server/serve.ts";
import { handshake } from "../../src/http2/client_connection.ts";
import { connect } from "../../src/net/mod.ts";
import { RawClient } from "../support/h2_raw_peer.ts";
import { GET, headers } from "../support/h2_wire.ts";

/** The lines of a request; without `authority`, if that is `null`. */
function request(scheme: string, authority: string | null, path: string, ...more: string[]): string[] {
  const named = authority === null ? [] : [`:authority: ${authority}`];
  return [":method: GET", `:scheme: ${scheme}`, `:path: ${path}`, ...named, ...more];
}

const taken: readonly (readonly [rows: string[], target: string, scheme: string, authority: string])[] = [
  [request("https", "a", "/x"), "/x", "https", "a"],
  [request("ftp", "a", "/x?y"), "ftp://a/x?y", "ftp", "a"],
  [request("FTP", "a:21", "/x"), "ftp://a:21/x", "ftp", "a:21"],
  [request("foo+bar", "[::1]:9", "?q"), "foo+bar://[::1]:9?q", "foo+bar", "[::1]:9"],
  [request("ftp", "a", ""), "ftp://a", "ftp", "a"],
  [request("ftp", null, "/x", "host: b:21"), "ftp://b:21/x", "ftp", "b:21"],
  [request("ftp", "a", "//b/x"), "ftp://a//b/x", "ftp", "a"],
];

const refused: readonly string[][] = [
  request("ftp", "a", "x"),
  request("ftp", "a", "*"),
  request("ftp", "a", "http://b/"),
  request("ftp", "a", "@b/"),
  request("ftp", "a", ":80/"),
  request("ftp", "u@a", "/"),
  request("ftp", null, "/x"),
  request("ftp", "", "/x"),
  request("urn", null, "isbn:1"),
  request("foo", "[v1.x", "/"),
  [":method: CONNECT", ":authority: a:000443"],
];

test("IncomingRequest.target over HTTP/2: a scheme that is not of the web is said in absolute-form (RFC 9113 §8.3.1, RFC 9112 §3.2.2)", async () => {
  for (const [rows, ...expected] of taken) {
    const seen: unknown[] = [];
    const client = new RawClient(({ target, scheme, authority }) => {
      seen.push(target, scheme, authority);
      return { status: 204 };
    });
    await client.begins();
    assertEquals(await client.sends(headers(1, rows)), ["HEADERS 1 END :status: 204"]);
    assertEquals(seen, expected);
    await client.ends();
  }
});

for (const end of [true, false]) {
  test(`serveConnection() answers 400 to what cannot be said in HTTP/1.1, ${end ? "whole" : "with a body that goes on"}, and goes on (RFC 9112 §3.2.2)`, async () => {
    for (const rows of refused) {
      const told: unknown[] = [];
      const client = new RawClient((request) => ({ status: request.target === "/" ? 204 : 500 }), {
        idleTimeoutMs: 1000,
        onResponse: (request, { status }) => told.push(request?.target ?? null, status),
      });
      await client.begins();
      const said = await client.sends(headers(1, rows, ...(end ? [] : ["open" as const])));
      assertEquals(said, ["HEADERS 1 END :status: 400", ...(end ? [] : ["RST_STREAM 1 NO_ERROR"])], rows.join());
      assertEquals(await client.sends(headers(3, GET)), ["HEADERS 3 END :status: 204"]);
      assertEquals(told, [null, 400, "/", 204]);
      await client.ends();
    }
  });
}

test("serveConnection() that has refused a target still ends when its client is idle for too long", async () => {
  const client = new RawClient(() => ({ status: 204 }), { idleTimeoutMs: 1000 });
  await client.begins();
  await client.sends(headers(1, refused[0]!));
  assertEquals(await client.passes(1000), ["GOAWAY 1 NO_ERROR"]);
  await client.ends();
});

test("serve() gives a request of another scheme its own URL, over HTTP/2 as over HTTP/1.1", async () => {
  const server = serve({ hostname: "127.0.0.1", port: 0, http2: { h2c: true } }, ({ url }) => new Response(url));
  const port = (await server.listening)[0].port;
  const client = handshake(connect({ hostname: "127.0.0.1", port }), { scheme: "http" }).connection;
  const response = await client.send({ method: "GET", target: "ftp://b.example/x", fields: [["host", "b.example"]] });
  assertEquals(await response.body.text(), "ftp://b.example/x");
  await client.gracefulShutdown();
  await server.shutdown();
});
