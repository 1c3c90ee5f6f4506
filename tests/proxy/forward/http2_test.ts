/**
 * `forwardProxy()` for clients that speak HTTP/2: tunnels on streams, and requests whose pseudo-fields name scheme and host.
 */

import { test } from "node:test";
import { assertEquals, assertRejects } from "@std/assert";
import type { UpgradeRejected } from "../../../src/errors/upgrade_rejected.ts";
import type { Socket } from "../../../src/duplex/socket.ts";
import type { OutgoingRequest } from "../../../src/http1/outgoing_request.ts";
import { onUpgrade } from "../../../src/http1/upgrade.ts";
import type { Upgraded } from "../../../src/http1/upgraded.ts";
import { handshake, type Http2ClientConnection } from "../../../src/http2/client_connection.ts";
import { acceptOf } from "../../../src/websocket/mod.ts";
import { text, wire } from "../../support/bytes.ts";
import { ask } from "../../support/http2_ask.ts";
import { runtimeName } from "../../support/runtime.ts";
import { readAll, readUntil } from "../../support/wire.ts";
import { type Scene, scene, type SceneOptions } from "./scene.ts";

interface Http2Scene extends Scene {
  readonly http2: Http2ClientConnection;
}

/** A scene with a client of HTTP/2. */
async function overHttp2(
  t: Parameters<typeof scene>[0],
  options: SceneOptions,
  scheme: "http" | "https" = "http",
): Promise<Http2Scene> {
  const serving = { http2: { h2c: true, connectProtocol: true } } as const;
  const s = await scene(t, { ...options, serving });
  return { ...s, http2: handshake(s.client(), { scheme }).connection };
}

const connectTo = (target: string, more: Partial<OutgoingRequest> = {}): OutgoingRequest => ({
  method: "CONNECT",
  target,
  ...more,
});

const basic = (credentials: string) => [["proxy-authorization", `Basic ${btoa(credentials)}`]] as [string, string][];

const WEBSOCKET: [string, string][] = [
  ["connection", "upgrade"],
  ["upgrade", "websocket"],
  ["sec-websocket-version", "13"],
];

async function rest(io: Upgraded): Promise<string> {
  let all = "";
  for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) all += text(chunk);
  return all;
}

function head(io: Socket): Promise<string> {
  return readUntil(io, (soFar) => soFar.includes("¶¶"));
}

test("forwardProxy() opens tunnels on streams of one connection, each end by itself, and tells the audit (RFC 9113 §8.5)", async (t) => {
  const s = await overHttp2(t, { allow: ["public.test:443"] });
  const tunnels: [Upgraded, Socket][] = [];
  for (let i = 0; i < 2; i++) {
    const opening = s.http2.send(connectTo("PUBLIC.test.:443"));
    const target = await s.target();
    const response = await opening;
    assertEquals([response.status, [...response.fields]], [200, []]);
    tunnels.push([await onUpgrade(response), target]);
  }
  for (const [i, [io, target]] of tunnels.entries()) {
    await io.write(wire(`to ${i}`));
    await io.closeWrite();
    assertEquals(await readAll(target), `to ${i}`);
    await target.write(wire(`from ${i}`));
    await target.closeWrite();
    assertEquals(await rest(io), `from ${i}`);
  }
  const ends = await s.ends(2);
  assertEquals(
    ends.map(({ kind, authority, rule, address, status, sent, received, reason }) => [
      kind,
      authority,
      rule,
      address,
      status,
      sent,
      received,
      reason,
    ]),
    [1, 2].map(() => ["tunnel", "public.test:443", "public.test:443", "192.88.98.7", 200, 4, 6, "done"]),
  );
  await s.http2.gracefulShutdown();
});

test("forwardProxy() refuses a tunnel on its stream alone, with the reason, and others go on (RFC 9209)", async (t) => {
  const s = await overHttp2(t, { allow: ["public.test:443"] });
  const refused = await s.http2.send(connectTo("evil.test:443"));
  assertEquals(refused.status, 403);
  assertEquals(refused.fields.get("proxy-status")!.startsWith("p; error=http_request_denied"), true);
  assertEquals(await refused.body.text(), "This proxy does not lead to evil.test:443: no rule allows it\n");
  const { code } = await assertRejects(() => onUpgrade(refused)) as UpgradeRejected;
  assertEquals([code, s.dialed], ["refused", []]);
  const opening = s.http2.send(connectTo("public.test:443"));
  await s.target();
  assertEquals((await opening).status, 200);
});

test("forwardProxy() asks for credentials with a 407, and takes them on another stream (RFC 9110 §11.7)", async (t) => {
  const s = await overHttp2(t, { allow: ["public.test"], auth: { basic: { ci: "secret" } } });
  const refused = await s.http2.send(connectTo("public.test:443"));
  assertEquals([refused.status, refused.fields.get("proxy-authenticate")], [
    407,
    'Basic realm="proxy", charset="UTF-8"',
  ]);
  await refused.body.text();
  const opening = s.http2.send(connectTo("public.test:443", { fields: basic("ci:secret") }));
  await s.target();
  assertEquals((await opening).status, 200);
  const asked = ask(s.http2, { authority: "public.test", fields: basic("ci:secret") });
  const target = await s.target();
  assertEquals(await head(target), "GET / HTTP/1.1¶host: public.test¶Via: 2 p¶¶");
  await target.write(wire("HTTP/1.1 204 No Content¶¶"));
  assertEquals((await asked).status, 204);
  assertEquals(s.events.map(({ identity, status }) => [identity, status]).slice(-1), [["ci", 204]]);
});

test("forwardProxy() takes a request of HTTP/2 for http: its pseudo-fields name the host as absolute-form does (RFC 9113 §8.3.1)", async (t) => {
  const s = await overHttp2(t, { allow: ["public.test"] });
  const asked = ask(s.http2, {
    method: "POST",
    authority: "PUBLIC.test.:80",
    path: "/a/../b?q=%2e",
    fields: [["X-Tag", "1"], ["content-length", "4"]],
    body: "body",
  });
  const target = await s.target();
  assertEquals(
    await readUntil(target, "body"),
    "POST /a/../b?q=%2e HTTP/1.1¶host: public.test¶x-tag: 1¶content-length: 4¶Via: 2 p¶¶body",
  );
  await target.write(
    wire("HTTP/1.1 103 Hints¶Link: </a>¶¶HTTP/1.1 201 Made¶Transfer-Encoding: chunked¶¶6¶answer¶0¶X-Sum: 6¶¶"),
  );
  const response = await asked;
  assertEquals([response.status, [...response.fields]], [201, [["via", "1.1 p"]]]);
  assertEquals(await response.body.text(), "answer");
  assertEquals([...await response.body.trailers], [["x-sum", "6"]]);
  const [end] = await s.ends(1);
  const { kind, method, authority, path, status, sent, received, reason } = end!;
  assertEquals(
    [kind, method, authority, path, status, sent, received, reason],
    ["request", "POST", "public.test:80", "/a/../b", 201, 4, 6, "done"],
  );
  await s.http2.gracefulShutdown();
});

test("forwardProxy() asks rules about requests of HTTP/2, with their methods and paths", async (t) => {
  const s = await overHttp2(t, { allow: [{ host: "public.test", methods: ["GET"], paths: ["/v1/*"] }] });
  for (const asked of [{ path: "/v2/a" }, { path: "/v1/a", method: "DELETE" }]) {
    const response = await ask(s.http2, { authority: "public.test", ...asked });
    assertEquals([response.status, s.dialed], [403, []]);
    await response.body.text();
  }
});

test("forwardProxy() sends nothing in the clear that was asked for as https, over HTTP/2 as well: 400", async (t) => {
  const s = await overHttp2(t, { allow: ["public.test"] }, "https");
  for (const fields of [[], WEBSOCKET]) {
    const response = await ask(s.http2, { authority: "public.test", fields });
    assertEquals(response.status, 400);
    assertEquals(await response.body.text(), "This is a proxy: ask for http://host/path, or CONNECT host:port\n");
  }
  assertEquals(s.dialed, []);
});

test("forwardProxy() makes an upgrade over HTTP/2 one of HTTP/1.1: the key, the accept, both ends, the audit (RFC 8441 §5)", async (t) => {
  const s = await overHttp2(t, { allow: ["public.test"] });
  const asked = ask(s.http2, { authority: "public.test", path: "/chat", fields: WEBSOCKET });
  const target = await s.target();
  const got = await head(target);
  const key = /¶Sec-WebSocket-Key: ([^¶]{24})¶/.exec(got)![1]!;
  assertEquals(
    got.replace(key, "KEY"),
    "GET /chat HTTP/1.1¶host: public.test¶connection: upgrade¶upgrade: websocket¶sec-websocket-version: 13¶" +
      "Sec-WebSocket-Key: KEY¶Via: 2 p¶¶",
  );
  await target.write(
    wire(`HTTP/1.1 101 Switching¶Upgrade: websocket¶Connection: Upgrade¶Sec-WebSocket-Accept: ${acceptOf(key)}¶¶early`),
  );
  const response = await asked;
  assertEquals([response.status, [...response.fields]], [200, [["via", "1.1 p"]]]);
  const io = await onUpgrade(response);
  await io.write(wire("hello"));
  await io.closeWrite();
  assertEquals(await readAll(target), "hello");
  await target.closeWrite();
  assertEquals(await rest(io), "early");
  const [{ status, sent, received, reason }] = await s.ends(1) as [Awaited<ReturnType<Scene["ends"]>>[number]];
  assertEquals([status, sent, received, reason], [101, 5, 5, "done"]);
});

for (
  const [what, answer] of [
    ["a 101 that does not answer the key", "HTTP/1.1 101 Switching¶Upgrade: websocket¶Connection: Upgrade¶¶"],
    ["a 2xx, which the client would take for the switch", "HTTP/1.1 200 OK¶Content-Length: 4¶¶page"],
  ] as const
) {
  test(`forwardProxy() passes no switch on to a client of HTTP/2 that is none: 502 for ${what}`, async (t) => {
    const s = await overHttp2(t, { allow: ["public.test"] });
    const asked = ask(s.http2, { authority: "public.test", fields: WEBSOCKET });
    const target = await s.target();
    await head(target);
    await target.write(wire(answer));
    const response = await asked;
    assertEquals(response.status, 502);
    assertEquals(response.fields.get("proxy-status")!.startsWith("p; error=http_upgrade_failed"), true);
    await response.body.text();
    const [{ status, reason }] = await s.ends(1) as [Awaited<ReturnType<Scene["ends"]>>[number]];
    assertEquals([status, reason], [502, "failed"]);
  });
}

test("forwardProxy() passes a cut through a tunnel on a stream on in both directions", {
  skip: runtimeName === "deno" && "Deno has no way to reset a connection",
}, async (t) => {
  const s = await overHttp2(t, { allow: ["public.test:443"] });
  for (const who of ["client", "target"] as const) {
    const opening = s.http2.send(connectTo("public.test:443"));
    const target = await s.target();
    const io = await onUpgrade(await opening);
    await io.write(wire("a"));
    assertEquals(text((await target.read())!), "a");
    const [cuts, other] = who === "client" ? [io, target] : [target, io];
    cuts.abort();
    await assertRejects(() => other.read());
  }
  assertEquals((await s.ends(2)).map(({ reason }) => reason), ["cut", "cut"]);
});

test("forwardProxy() gives up dialing for a stream that is reset meanwhile, and says that the client has left", async (t) => {
  let abandoned!: () => void;
  const gone = new Promise<void>((resolve) => abandoned = resolve);
  let begun!: () => void;
  const dialing = new Promise<void>((resolve) => begun = resolve);
  const s = await overHttp2(t, {
    allow: ["public.test:443"],
    dial: (_address, { signal }) => {
      begun();
      return new Promise((_resolve, reject) => {
        signal!.addEventListener("abort", () => {
          abandoned();
          reject(signal!.reason);
        });
      });
    },
  });
  const controller = new AbortController();
  const opening = s.http2.send(connectTo("public.test:443"), { signal: controller.signal });
  await dialing;
  controller.abort();
  await assertRejects(() => opening);
  await gone;
  assertEquals((await s.ends(1)).map(({ reason }) => reason), ["client-left"]);
});
