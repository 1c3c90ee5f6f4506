import { test } from "node:test";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { LightResponse } from "../../../src/http1/light_response.ts";
import type { ServeHandler } from "../../../src/http/server/serve_options.ts";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import { connect, type Socket, type TlsInfo, type TlsOptions } from "../../../src/net/mod.ts";
import {
  authority,
  clientCert,
  clientKey,
  serverCert,
  serverKey,
  strangerCert,
  strangerKey,
} from "../../support/certificates.ts";
import { type Listening, listening } from "../../support/http_server.ts";
import { readAll, readUntil, wire } from "../../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const UPGRADE = "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶";
const tls = { cert: serverCert, key: serverKey, caCerts: [authority], requireClientCert: true };
const identity = { cert: clientCert, key: clientKey };

function dialWith({ port }: Listening, options: TlsOptions): Socket {
  const trusting = { caCerts: [authority], serverName: "localhost", ...options };
  return connect({ hostname: "127.0.0.1", port }, { tls: trusting });
}

/** Who a handler says that it serves. */
function who(info: TlsInfo | null): string {
  return `${info?.authorized} ${info?.serverName} ${info?.peerCertificate?.subject[0]?.value}`;
}

test("serve() with requireClientCert tells the handler who asks, in one object for the connection", async (t) => {
  const told: (TlsInfo | null)[] = [];
  const served = await listening((_, info) => {
    told.push(info.tls);
    return LightResponse.of(who(info.tls));
  }, { tls });
  t.after(() => served[Symbol.asyncDispose]());
  const socket = dialWith(served, identity);
  for (let request = 0; request < 2; request++) {
    await socket.write(wire(GET));
    await readUntil(socket, "¶¶true localhost test client");
  }
  assertEquals([told.length, told[0] === told[1]], [2, true]);
  await socket.close();
});

test("serve() with requireClientCert asks no handler about a stranger (RFC 8446 §4.4.2.4)", async (t) => {
  let asked = 0;
  const count: ServeHandler = () => {
    asked++;
    return LightResponse.of("served");
  };
  const served = await listening(count, { tls });
  t.after(() => served[Symbol.asyncDispose]());
  for (const options of [{ cert: strangerCert, key: strangerKey }, {}]) {
    const socket = dialWith(served, options);
    await socket.write(wire(GET)).catch(() => {});
    assertEquals(await readAll(socket).catch(() => ""), "");
    await socket.close();
  }
  assertEquals(asked, 0);
});

test("serve() knows who asks for an upgrade", async (t) => {
  const served = await listening((request, info) => {
    return upgradeResponse(request, "echo", {}, async (io) => {
      await io.write(wire(who(info.tls)));
      await io.close();
    }).response;
  }, { tls });
  t.after(() => served[Symbol.asyncDispose]());
  const socket = dialWith(served, identity);
  await socket.write(wire(UPGRADE));
  assertStringIncludes(await readAll(socket), "¶¶true localhost test client");
  await socket.close();
});

test("serve() without requireClientCert knows of nobody", async (t) => {
  const served = await listening((_, info) => LightResponse.of(who(info.tls)), {
    listen: [{ hostname: "127.0.0.1", tls: { ...tls, requireClientCert: false } }, { hostname: "127.0.0.1" }],
  });
  t.after(() => served[Symbol.asyncDispose]());
  const secure = dialWith(served, identity);
  await secure.write(wire(GET));
  await readUntil(secure, "¶¶false localhost undefined");
  await secure.close();
  const [, plain] = await served.server.listening;
  const socket = connect({ hostname: "127.0.0.1", port: plain!.port! });
  await socket.write(wire(GET));
  await readUntil(socket, "¶¶undefined undefined undefined");
  await socket.close();
});
