/**
 * Tunnels through an `https:` proxy that speaks HTTP/2: CONNECT on streams of one connection (RFC 9113 §8.5).
 */

import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { TransportError } from "../../../src/errors/transport_error.ts";
import { UnsentError } from "../../../src/errors/unsent_error.ts";
import { UpgradeRejected } from "../../../src/errors/upgrade_rejected.ts";
import type { Upgraded } from "../../../src/http1/upgraded.ts";
import type { ClientTraceEvents } from "../../../src/http/client/client_trace.ts";
import { authority } from "../../support/certificates.ts";
import { text, wire } from "../../support/bytes.ts";
import { rejection } from "../../support/dialing.ts";
import { data, goaway, headers, rstStream, settings } from "../../support/h2_wire.ts";
import type { Http2Peer } from "../../support/http2_dialing.ts";
import { proxying } from "../../support/http2_proxying.ts";
import { unlessNoTlsOverStreams } from "../../support/runtime.ts";
import { tracing } from "../../support/tracing.ts";
import { FakeClock, readUntil, turns } from "../../support/wire.ts";

const OK = [":status: 200"];
const CONNECTED = "HTTP/1.1 200 Connection Established¶¶";
const authorization = `Basic ${btoa("us:pw")}`;
const PROTOCOL_ERROR = 1;
const REFUSED_STREAM = 7;
const CONNECT_ERROR = 10;
const HTTP_1_1_REQUIRED = 13;
const MAX_CONCURRENT_STREAMS = 3;
const TRUST = { caCerts: [authority] };
const limited = { ...unlessNoTlsOverStreams, timeout: 20_000 };

/** Gives the tunnel that is asked for on this stream. */
async function give(peer: Http2Peer, streamId: number, connecting: Promise<Upgraded>): Promise<Upgraded> {
  await peer.until(`HEADERS ${streamId} `);
  await peer.send(headers(streamId, OK, "open"));
  return await connecting;
}

async function rest(io: Upgraded): Promise<string> {
  let all = "";
  for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) all += text(chunk);
  return all;
}

test(
  "Client.connect() asks an https: proxy that agrees to h2 on a stream, without :scheme and :path (RFC 9113 §8.5)",
  limited,
  async () => {
    const { client, peer, dialed } = proxying();
    const connecting = client.connect("[::1]:22", { headers: { "x-a": "1", host: "b" }, alpn: ["h2"] });
    const proxy = await peer(0);
    assertEquals(
      await proxy.until("HEADERS"),
      `HEADERS 1 :method: CONNECT, :authority: [::1]:22, proxy-authorization: ${authorization}, user-agent: t, x-a: 1, alpn: h2`,
    );
    await proxy.send(headers(1, OK, "open"), data(1, "SSH-2.0"));
    const io = await connecting;
    assertEquals([io.protocol, text((await io.read())!)], [null, "SSH-2.0"]);
    await io.write(wire("hello"));
    assertEquals(await proxy.until("DATA"), "DATA 1 hello");
    await io.closeWrite();
    assertEquals(await proxy.until("DATA"), "DATA 1 END ");
    await proxy.send(data(1, "bye", true));
    assertEquals(await rest(io), "bye");
    await io.closed;
    assertEquals([dialed.length, client.connections], [1, 1]);
    const closing = client.close();
    assertEquals(await proxy.until("GOAWAY"), "GOAWAY 0 NO_ERROR");
    await proxy.end();
    await closing;
    assertEquals(client.connections, 0);
  },
);

test(
  "Client opens all tunnels through a proxy of HTTP/2 on one connection, those that begin at once among them",
  limited,
  async () => {
    const { client, peer, dialed } = proxying();
    const connecting = Array.from({ length: 10 }, (_, i) => client.connect(`a${i}:1`));
    const proxy = await peer(0);
    const asked: string[] = [];
    for (let i = 0; i < 10; i++) {
      const frame = await proxy.until("HEADERS");
      asked.push(/:authority: (\S+),/.exec(frame)![1]!);
      await proxy.send(headers(2 * i + 1, OK, "open"), data(2 * i + 1, asked[i]!, true));
    }
    const tunnels = await Promise.all(connecting);
    assertEquals(await Promise.all(tunnels.map(rest)), Array.from({ length: 10 }, (_, i) => `a${i}:1`));
    assertEquals([dialed.length, client.connections], [1, 1]);
    tunnels[0]!.abort();
    assertEquals(await proxy.until("RST_STREAM"), `RST_STREAM ${2 * asked.indexOf("a0:1") + 1} CONNECT_ERROR`);
    for (const tunnel of tunnels.slice(1)) await tunnel.closeWrite();
    await client.abort();
  },
);

test(
  "Client.connect() over HTTP/2 rejects with the proxy's answer and its body, and the next tunnel is on the same connection",
  limited,
  async () => {
    const { client, peer, dialed } = proxying();
    const connecting = rejection(client.connect("a:443"));
    const proxy = await peer(0);
    await proxy.until("HEADERS 1");
    await proxy.send(headers(1, [":status: 403", "proxy-status: p"], "open"), data(1, "policy", true));
    const error = await connecting;
    assertInstanceOf(error, UpgradeRejected);
    const response = error.response as Response;
    assertEquals([error.code, error.status, error.proxy], ["proxy-refused", 403, "localhost:3128"]);
    assertEquals([response.url, await response.text()], ["https://localhost:3128/", "policy"]);
    assertEquals(await proxy.until("DATA 1"), "DATA 1 END ");
    const io = await give(proxy, 3, client.connect("b:443"));
    assertEquals(dialed.length, 1);
    io.abort();
    await client.abort();
  },
);

test(
  "Client answers a 407 of a proxy of HTTP/2 on another stream of the same connection (RFC 9110 §11.7)",
  limited,
  async () => {
    const seen: (readonly string[])[] = [];
    const { client, peer, dialed } = proxying({
      onProxyChallenge: (challenges) => {
        seen.push(challenges);
        return "Bearer t";
      },
    });
    const connecting = client.connect("a:443");
    const proxy = await peer(0);
    await proxy.until("HEADERS 1");
    await proxy.send(headers(1, [":status: 407", "proxy-authenticate: Bearer"]));
    assertEquals(
      await proxy.until("HEADERS 3"),
      "HEADERS 3 :method: CONNECT, :authority: a:443, proxy-authorization: Bearer t, user-agent: t",
    );
    await proxy.send(headers(3, OK, "open"));
    (await connecting).abort();
    assertEquals([seen, dialed.length], [[["Bearer"]], 1]);
    await client.abort();
  },
);

test(
  "a second 407 of a proxy of HTTP/2, and an onProxyChallenge that fails, leave the connection to others",
  limited,
  async () => {
    let challenges = 0;
    const { client, peer, dialed } = proxying({
      onProxyChallenge: () => ++challenges === 2 ? Promise.reject(new Error("no answer")) : "Bearer t",
    });
    const [refused, failed] = [rejection(client.connect("a:443")), () => rejection(client.connect("b:443"))];
    const proxy = await peer(0);
    for (const streamId of [1, 3]) {
      await proxy.until(`HEADERS ${streamId}`);
      await proxy.send(headers(streamId, [":status: 407", "proxy-authenticate: Bearer"]));
    }
    assertEquals((await refused as UpgradeRejected).status, 407);
    const failing = failed();
    await proxy.until("HEADERS 5");
    await proxy.send(headers(5, [":status: 407", "proxy-authenticate: Bearer"], "open"), data(5, "more"));
    assertEquals(`${await failing}`, "Error: no answer");
    assertEquals(await proxy.until("RST_STREAM"), "RST_STREAM 5 CANCEL");
    (await give(proxy, 7, client.connect("c:443"))).abort();
    assertEquals(dialed.length, 1);
    await client.abort();
  },
);

test(
  "Client asks again for a tunnel that a proxy of HTTP/2 has not looked at, four times in all (RFC 9113 §8.7)",
  limited,
  async () => {
    const { client, peer, dialed } = proxying();
    const first = client.connect("a:443");
    const proxy = await peer(0);
    (await give(proxy, 1, first)).abort();
    for (const [streamId, times] of [[3, 3], [11, 4]] as const) {
      const connecting = client.connect("a:443");
      connecting.catch(() => {});
      for (let i = 0; i < times; i++) {
        await proxy.until(`HEADERS ${streamId + 2 * i}`);
        await proxy.send(rstStream(streamId + 2 * i, REFUSED_STREAM));
      }
      if (times === 4) assertInstanceOf(await rejection(connecting), UnsentError);
      else (await give(proxy, 9, connecting)).abort();
    }
    assertEquals(dialed.length, 1);
    await client.abort();
  },
);

for (
  const [how, cut] of [
    ["a GOAWAY below it", async (proxy: Http2Peer) => await proxy.send(goaway(1))],
    ["the end of a kept connection", (proxy: Http2Peer) => Promise.resolve(proxy.cut())],
  ] as const
) {
  test(`Client asks for a tunnel on another connection behind ${how} (RFC 9113 §6.8)`, limited, async () => {
    const { client, peer, dialed } = proxying();
    const first = client.connect("a:443");
    const proxy = await peer(0);
    const old = await give(proxy, 1, first);
    const connecting = client.connect("b:443");
    await proxy.until("HEADERS 3");
    await cut(proxy);
    const io = await give(await peer(1), 1, connecting);
    if (how.startsWith("a GOAWAY")) {
      await proxy.send(data(1, "still", true));
      assertEquals(await rest(old), "still");
      await old.closeWrite();
    }
    io.abort();
    assertEquals(dialed.length, 2);
    await client.abort();
  });
}

test(
  "Client opens another connection behind a GOAWAY of the proxy, while old tunnels live and end their connection with the last one",
  limited,
  async () => {
    const { client, peer } = proxying();
    const first = client.connect("a:443");
    const proxy = await peer(0);
    const old = await give(proxy, 1, first);
    await proxy.send(goaway(1), data(1, "x"));
    assertEquals(text((await old.read())!), "x");
    const second = client.connect("b:443");
    const io = await give(await peer(1), 1, second);
    assertEquals(client.connections, 2);
    await old.write(wire("still here"));
    assertEquals(await proxy.until("DATA"), "DATA 1 still here");
    await old.closeWrite();
    await proxy.send(data(1, "", true));
    assertEquals(await rest(old), "");
    assertEquals(await proxy.until("END"), "END");
    await proxy.end();
    while (client.connections > 1) await turns();
    io.abort();
    await client.abort();
  },
);

test(
  "a tunnel whose stream the proxy resets before it answers is a TransportError that names both, and no other tunnel suffers",
  limited,
  async () => {
    const { client, peer, dialed } = proxying();
    const first = client.connect("a:443");
    const proxy = await peer(0);
    const io = await give(proxy, 1, first);
    const failed = rejection(client.connect("b:443"));
    await proxy.until("HEADERS 3");
    await proxy.send(rstStream(3, CONNECT_ERROR));
    const error = await failed;
    assert(error instanceof TransportError && error.code === "reset", `${error}`);
    assertEquals(
      error.message,
      "Cannot connect to b:443 through localhost:3128: The peer has reset the stream: connect",
    );
    await proxy.send(data(1, "x", true));
    assertEquals(await rest(io), "x");
    io.abort();
    assertEquals(dialed.length, 1);
    await client.abort();
  },
);

test(
  "a tunnel over HTTP/2 that the proxy resets fails for its reader and its writer (RFC 9113 §8.5)",
  limited,
  async () => {
    const { client, peer } = proxying();
    const connecting = client.connect("a:443");
    const proxy = await peer(0);
    const io = await give(proxy, 1, connecting);
    await proxy.send(data(1, "some"), rstStream(1, CONNECT_ERROR));
    await io.closed;
    const error = await rejection(rest(io));
    assert(error instanceof TransportError && error.code === "reset", `${error}`);
    assertInstanceOf(await rejection(io.write(wire("x"))), TransportError);
    await client.abort();
  },
);

test(
  "a signal resets the stream of one CONNECT, and one that aborts before leaves the connection to the others",
  limited,
  async () => {
    const { client, peer, dialed } = proxying();
    const controllers = [new AbortController(), new AbortController()];
    const early = rejection(client.connect("a:443", { signal: controllers[0]!.signal }));
    const asked = rejection(client.connect("b:443", { signal: controllers[1]!.signal }));
    const third = client.connect("c:443");
    controllers[0]!.abort(new Error("early"));
    assertEquals(`${await early}`, "Error: early");
    const proxy = await peer(0);
    const frame = await proxy.until("HEADERS 1");
    assert(frame.includes("b:443"), frame);
    await proxy.until("HEADERS 3");
    controllers[1]!.abort(new Error("enough"));
    assertEquals(`${await asked}`, "Error: enough");
    assertEquals(await proxy.until("RST_STREAM"), "RST_STREAM 1 CANCEL");
    await proxy.send(headers(3, OK, "open"));
    (await third).abort();
    assertEquals(dialed.length, 1);
    await client.abort();
  },
);

test("connectTimeoutMs limits a CONNECT over HTTP/2, and resets its stream alone", limited, async () => {
  const clock = new FakeClock();
  const { client, peer } = proxying({ clock, connectTimeoutMs: 1000, idleTimeoutMs: 0 });
  const first = client.connect("a:443");
  const proxy = await peer(0);
  const io = await give(proxy, 1, first);
  const failed = rejection(client.connect("b:443"));
  await proxy.until("HEADERS 3");
  await clock.advance(1000);
  const error = await failed;
  assert(error instanceof TransportError && error.code === "timeout", `${error}`);
  assertEquals(error.message, "Cannot connect to b:443 through localhost:3128: no connection within 1000 ms");
  assertEquals(await proxy.until("RST_STREAM"), "RST_STREAM 3 CANCEL");
  await proxy.send(data(1, "x", true));
  assertEquals(await rest(io), "x");
  io.abort();
  await client.abort();
  assertEquals(clock.pending, 0);
});

test(
  "Client opens another connection where the proxy allows no more streams: tunnels may live long (RFC 9113 §5.1.2)",
  limited,
  async () => {
    const { client, peer, dialed } = proxying();
    const connecting = Array.from({ length: 5 }, (_, i) => client.connect(`a${i}:1`));
    const tunnels: Promise<Upgraded>[] = [];
    for (let i = 0; i < 3; i++) {
      const proxy = await peer(i, [MAX_CONCURRENT_STREAMS, 2]);
      for (let streamId = 1; streamId <= (i < 2 ? 3 : 1); streamId += 2) {
        await proxy.until(`HEADERS ${streamId}`);
        await proxy.send(headers(streamId, OK, "open"), data(streamId, `${i} ${streamId}`, true));
      }
    }
    tunnels.push(...connecting);
    const said = await Promise.all(tunnels.map(async (tunnel) => await rest(await tunnel)));
    assertEquals(said.toSorted(), ["0 1", "0 3", "1 1", "1 3", "2 1"]);
    assertEquals([dialed.length, client.connections], [3, 3]);
    await client.abort();
    for (const tunnel of tunnels) (await tunnel).abort();
  },
);

test(
  "Client waits where the proxy of HTTP/2 allows no stream at all, and opens no second connection",
  limited,
  async () => {
    const clock = new FakeClock();
    const { client, peer, dialed } = proxying({ clock, connectTimeoutMs: 1000, idleTimeoutMs: 0 });
    const first = client.connect("a:443");
    const proxy = await peer(0, [MAX_CONCURRENT_STREAMS, 1]);
    const io = await give(proxy, 1, first);
    await proxy.send(settings([MAX_CONCURRENT_STREAMS, 0]));
    await proxy.until("SETTINGS ACK");
    io.abort();
    await proxy.until("RST_STREAM 1");
    const failed = rejection(client.connect("b:443"));
    await turns();
    await clock.advance(1000);
    const error = await failed;
    assert(error instanceof TransportError && error.code === "timeout", `${error}`);
    assertEquals(dialed.length, 1);
    await client.abort();
  },
);

test(
  "Client ends a connection of HTTP/2 to a proxy on which no tunnel was open for idleTimeoutMs, and leaves no timer",
  limited,
  async () => {
    const clock = new FakeClock();
    const { client, peer, dialed } = proxying({ clock, idleTimeoutMs: 1000 });
    const connecting = client.connect("a:443");
    const proxy = await peer(0);
    const io = await give(proxy, 1, connecting);
    await clock.advance(5000);
    assertEquals(client.connections, 1);
    await proxy.send(data(1, "", true));
    assertEquals(await rest(io), "");
    await io.close();
    await proxy.until("DATA 1 END");
    await clock.advance(999);
    assertEquals(client.connections, 1);
    await clock.advance(1);
    assertEquals(await proxy.until("GOAWAY"), "GOAWAY 0 NO_ERROR");
    proxy.cut();
    await dialed[0]!.near.closed.catch(() => {});
    while (client.connections > 0) await turns();
    assertEquals([clock.pending, dialed.length], [0, 1]);
    await client.close();
  },
);

test(
  "Client.close() and abort() leave tunnels over HTTP/2 to their owners, and their connection ends with the last one",
  limited,
  async () => {
    for (const end of ["close", "abort"] as const) {
      const { client, peer, dialed } = proxying();
      const connecting = client.connect("a:443");
      const proxy = await peer(0);
      const io = await give(proxy, 1, connecting);
      await client[end]();
      assertEquals(client.connections, 0);
      assertEquals(await proxy.until("GOAWAY"), "GOAWAY 0 NO_ERROR");
      await io.write(wire("still here"));
      assertEquals(await proxy.until("DATA"), "DATA 1 still here");
      await proxy.send(data(1, "too", true));
      assertEquals(await rest(io), "too");
      await io.close();
      assertEquals(await proxy.until("END"), "END");
      proxy.cut();
      await dialed[0]!.near.closed.catch(() => {});
    }
  },
);

test("Client.abort() resets a CONNECT that is under way, with its reason", limited, async () => {
  const { client, peer } = proxying();
  const first = client.connect("a:443");
  const proxy = await peer(0);
  const io = await give(proxy, 1, first);
  const failed = rejection(client.connect("b:443"));
  await proxy.until("HEADERS 3");
  await client.abort(new Error("enough"));
  assertEquals(`${await failed}`, "Error: enough");
  assertEquals(await proxy.until("RST_STREAM"), "RST_STREAM 3 CANCEL");
  io.abort();
});

test(
  "Client with keepAlive: false has a connection of HTTP/2 to the proxy for each tunnel, which ends with it",
  limited,
  async () => {
    const { client, peer, dialed } = proxying({ keepAlive: false });
    const connecting = [client.connect("a:443"), client.connect("b:443")];
    const proxies = [await peer(0), await peer(1)];
    for (const [i, proxy] of proxies.entries()) {
      const io = await give(proxy, 1, connecting[i]!);
      await proxy.send(data(1, "", true));
      await io.close();
      assertEquals(await proxy.until("GOAWAY"), "GOAWAY 0 NO_ERROR");
      await proxy.end();
    }
    while (client.connections > 0) await turns();
    assertEquals(dialed.length, 2);
    await client.close();
  },
);

test("Client with http2: false, or a proxyTls that offers HTTP/1.1 alone, asks in HTTP/1.1", limited, async () => {
  const choices = [{ http2: false }, { proxyTls: { alpnProtocols: ["http/1.1"] } }] as const;
  for (const choice of choices) {
    const { client, secured } = proxying({
      ...choice,
      proxyTls: { ...TRUST, ...(choice as { proxyTls?: object }).proxyTls },
    });
    const connecting = client.connect("a:443");
    const { io: proxy, alpn } = await secured(0);
    assertEquals(alpn, "http/1.1");
    assert((await readUntil(proxy, "¶¶")).startsWith("CONNECT a:443 HTTP/1.1¶"));
    await proxy.write(wire(CONNECTED));
    (await connecting).abort();
    await client.close();
  }
});

test(
  "the connection to a proxy that does not agree to h2 is for the first tunnel, and later ones open theirs side by side",
  limited,
  async () => {
    const { client, secured, dialed } = proxying({}, ["http/1.1"]);
    const answer = async (index: number) => {
      const { io: proxy } = await secured(index);
      const asked = await readUntil(proxy, "¶¶");
      await proxy.write(wire(CONNECTED));
      return /^CONNECT (\S+)/.exec(asked)![1];
    };
    const first = [client.connect("a:1"), client.connect("b:1"), client.connect("c:1")];
    assertEquals(await answer(0), "a:1");
    assertEquals([await answer(1), await answer(2)].toSorted(), ["b:1", "c:1"]);
    const later = [client.connect("d:1"), client.connect("e:1")];
    while (dialed.length < 5) await turns();
    assertEquals([await answer(3), await answer(4)].toSorted(), ["d:1", "e:1"]);
    for (const tunnel of [...first, ...later]) (await tunnel).abort();
    await client.close();
    assertEquals(dialed.length, 5);
  },
);

/** What proxies say to a CONNECT over HTTP/2 that know it in HTTP/1.1 alone. */
const unknown: readonly (readonly [how: string, frame: Uint8Array])[] = [
  ["405", headers(1, [":status: 405"], "open")],
  ["501", headers(1, [":status: 501"])],
  ["PROTOCOL_ERROR", rstStream(1, PROTOCOL_ERROR)],
  ["HTTP_1_1_REQUIRED", rstStream(1, HTTP_1_1_REQUIRED)],
];

for (const [how, frame] of unknown) {
  test(
    `Client asks in HTTP/1.1 a proxy that answers a CONNECT over HTTP/2 with ${how}, and remembers that`,
    limited,
    async () => {
      const { client, peer, secured } = proxying();
      const connecting = client.connect("a:443");
      const proxy = await peer(0);
      await proxy.until("HEADERS 1");
      await proxy.send(frame);
      for (const [index, tunnel] of [connecting, () => client.connect("b:443")].entries()) {
        const opening = typeof tunnel === "function" ? tunnel() : tunnel;
        const { io: other, alpn } = await secured(index + 1);
        assertEquals(alpn, "http/1.1");
        await readUntil(other, "¶¶");
        await other.write(wire(CONNECTED));
        (await opening).abort();
      }
      await client.abort();
    },
  );

  test(`what a proxy says over HTTP/2 counts that refuses in HTTP/1.1 as well: ${how}`, limited, async () => {
    const { client, peer, secured } = proxying();
    const failed = rejection(client.connect("a:443"));
    const proxy = await peer(0);
    await proxy.until("HEADERS 1");
    await proxy.send(frame);
    const { io: other } = await secured(1);
    await readUntil(other, "¶¶");
    await other.write(wire("HTTP/1.1 403 Forbidden¶Content-Length: 2¶¶no"));
    const error = await failed;
    assertInstanceOf(error, UpgradeRejected);
    assertEquals(error.status, how.length === 3 ? Number(how) : 403);
    await client.abort();
  });
}

test("a proxy of HTTP/2 that cannot be asked in HTTP/1.1 has said what it said", limited, async () => {
  const { client, peer, dialed } = proxying({}, ["h2"]);
  const failed = rejection(client.connect("a:443"));
  const proxy = await peer(0);
  await proxy.until("HEADERS 1");
  await proxy.send(rstStream(1, PROTOCOL_ERROR));
  while (dialed.length < 2) await turns();
  const error = await failed;
  assert(error instanceof TransportError && error.code === "reset", `${error}`);
  await client.abort();
});

test("a Client with trace tells of the connection of HTTP/2 to a proxy", limited, async () => {
  const { trace, told, until } = tracing<ClientTraceEvents>(["connectionOpened", "connectionClosed"]);
  const { client, peer } = proxying({ trace });
  const connecting = client.connect("a:443");
  const proxy = await peer(0);
  (await give(proxy, 1, connecting)).abort();
  await client.abort();
  await until("connectionClosed");
  const connection = { hostname: "localhost", port: 3128, secure: true, proxy: null, version: "2" } as const;
  assertEquals(told.map(([name, event]) => [name, (event as ClientTraceEvents["connectionOpened"]).connection]), [
    ["connectionOpened", connection],
    ["connectionClosed", connection],
  ]);
});
