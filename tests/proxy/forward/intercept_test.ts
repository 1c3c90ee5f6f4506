import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Client } from "../../../src/http/client/client.ts";
import { serve } from "../../../src/http/server/serve.ts";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import { connect, startTls } from "../../../src/net/mod.ts";
import type { ForwardProxyOptions } from "../../../src/proxy/forward/options.ts";
import { serverChannels, type ServerTraceEvents } from "../../../src/http/server/server_trace.ts";
import { text, wire } from "../../support/bytes.ts";
import { authority, otherAuthority, serverCert, serverKey } from "../../support/certificates.ts";
import { runtimeName, unlessNoTlsOverStreams } from "../../support/runtime.ts";
import { tracing } from "../../support/tracing.ts";
import { readAll, readUntil } from "../../support/wire.ts";
import { helloFor } from "./hello.ts";
import { type Scene, scene, statusOf } from "./scene.ts";

interface Test {
  after(fn: () => Promise<void>): void;
}

/** A proxy that looks into tunnels to `name.test`, an origin with TLS behind it, and a client that trusts both. */
async function intercepting(
  t: Test,
  options: ForwardProxyOptions = {},
): Promise<{ s: Scene; client: Client; seen: string[] }> {
  const seen: string[] = [];
  const origin = serve(
    { port: 0, hostname: "127.0.0.1", tls: { cert: serverCert, key: serverKey } },
    async (request, info) => {
      seen.push(`${request.method} ${info.head.target} ${[...info.head.fields].map(([name]) => name).join(" ")}`);
      if (request.headers.has("upgrade")) {
        return upgradeResponse(request, "echo", {}, async (io) => {
          for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) await io.write(chunk);
          await io.close();
        }).response;
      }
      return new Response(`${request.headers.get("authorization")} ${await request.text()}`);
    },
  );
  const [{ port }] = await origin.listening;
  const s = await scene(t, {
    allow: ["*.test:443"],
    resolve: () => Promise.resolve(["192.88.98.7"]),
    dial: (_, { signal }) => connect({ hostname: "127.0.0.1", port }, { signal }),
    intercept: {
      hosts: ["name.test"],
      certificateFor: (name) => {
        seen.push(`certificate ${name}`);
        return { cert: serverCert, key: serverKey };
      },
      tls: { caCerts: [authority] },
    },
    headers: (fields) => fields.set("Authorization", "Bearer secret"),
    ...options,
  });
  const client = new Client({
    proxy: `http://127.0.0.1:${s.port}`,
    tls: { caCerts: [authority] },
    headers: { accept: "*/*", "user-agent": "t" },
    decompress: false,
  });
  t.after(async () => {
    await client.abort();
    await s.proxy.close();
    await origin.shutdown({ upgraded: "close" });
  });
  return { s, client, seen };
}

test(
  "a tunnel that is looked into: requests inside go by the rules, with fields that the client never sees",
  unlessNoTlsOverStreams,
  async (t) => {
    const { s, client, seen } = await intercepting(t, {
      allow: [{ name: "api", host: "name.test:443", methods: ["GET", "POST"], paths: ["/v1/*"] }],
    });
    const url = "https://name.test/v1/a?q=1";
    for (let i = 0; i < 2; i++) {
      const response = await client.fetch(url, { method: "POST", body: "hello" });
      assertEquals([response.status, await response.text()], [200, "Bearer secret hello"]);
    }
    const refused = await client.fetch("https://name.test/v2");
    assertEquals([refused.status, refused.headers.get("proxy-status")?.includes("http_request_denied")], [403, true]);
    assertEquals(await refused.text(), "This proxy does not lead to name.test:443 with GET: no rule allows it\n");
    const post = "POST /v1/a?q=1 host content-type accept user-agent content-length via authorization";
    assertEquals(seen.map((line) => line.toLowerCase()), [
      "certificate name.test",
      post.toLowerCase(),
      post.toLowerCase(),
    ]);
    const inside = (await s.ends(3)).filter(({ kind }) => kind === "request");
    assertEquals(
      inside.map((
        { tunnel, authority, path, status, rule, address },
      ) => [tunnel, authority, path, status, rule, address]),
      [
        [1, "name.test:443", "/v1/a", 200, "api", "192.88.98.7"],
        [1, "name.test:443", "/v1/a", 200, "api", "192.88.98.7"],
        [1, "name.test:443", "/v2", 403, "default", null],
      ],
    );
    await client.abort();
    const tunnel = (await s.ends(4)).find(({ kind }) => kind === "tunnel")!;
    assertEquals([tunnel.reason, tunnel.status, tunnel.rule], ["done", 200, "api"]);
    assert(!JSON.stringify(s.events).includes("secret"));
  },
);

test(
  "upgrades inside of a tunnel that is looked into work, and end with both sides",
  unlessNoTlsOverStreams,
  async (t) => {
    const { s, client } = await intercepting(t);
    const io = await client.upgrade("https://name.test/", { protocol: "echo" });
    await io.write(wire("to and fro"));
    assertEquals(await readUntil(io, "to and fro"), "to and fro");
    await io.closeWrite();
    assertEquals(await readAll(io), "");
    await io.close();
    const ends = (await s.ends(2)).map(({ kind, status, reason }) => `${kind} ${status} ${reason}`).toSorted().join();
    // Bun's TLS over a duplex ends both sides when the peer ends one (1.4.5): the origin's end finds no client any more.
    assertEquals(runtimeName === "bun" ? ends.replace("cut", "done") : ends, "request 101 done,tunnel 200 done");
  },
);

test("tunnels that no rule selects are not looked into", unlessNoTlsOverStreams, async (t) => {
  const { client, seen, s } = await intercepting(t, { allow: ["localhost:443"] });
  const response = await client.fetch("https://localhost/", {});
  assertEquals(await response.text(), "null ");
  assertEquals(seen.length, 1);
  assertEquals(s.events.filter(({ kind }) => kind === "request"), []);
});

test(
  "an origin whose certificate is not to be trusted is 502, and the client learns nothing more",
  unlessNoTlsOverStreams,
  async (t) => {
    const { client } = await intercepting(t, {
      intercept: {
        hosts: ["name.test"],
        certificateFor: () => ({ cert: serverCert, key: serverKey }),
        tls: { caCerts: [otherAuthority] },
      },
    });
    const response = await client.fetch("https://name.test/");
    assertEquals(response.status, 502);
    assertEquals(await response.text(), "Cannot reach name.test:443: its certificate is not to be trusted\n");
  },
);

test(
  "a request inside for another host, or a hello for another name, gets nowhere",
  unlessNoTlsOverStreams,
  async (t) => {
    const { client, seen, s } = await intercepting(t);
    const fronted = await client.fetch("https://name.test/", { headers: { host: "other.test" } });
    assertEquals(fronted.status, 421);
    await fronted.text();
    assertEquals(seen, ["certificate name.test"]);
    const { head, io } = await s.ask("name.test:443");
    assertEquals(statusOf(head), 200);
    await io.write(helloFor("other.test"));
    assertEquals(text((await io.read())!), "\x15\x03\x03\0\x02\x021");
    const plain = await s.ask("name.test:443");
    await plain.io.write(wire("GET / HTTP/1.1¶Host: name.test¶¶"));
    assertEquals(await readAll(plain.io), "");
  },
);

test(
  "rules for a name count where a tunnel leads to its address and TLS asks for the name, and the origin is told that name",
  unlessNoTlsOverStreams,
  async (t) => {
    const { s } = await intercepting(t, {
      allow: ["*:443"],
      deny: [{ name: "no writes", host: "name.test", methods: ["DELETE"] }],
      intercept: {
        hosts: ["*"],
        certificateFor: () => ({ cert: serverCert, key: serverKey }),
        tls: { caCerts: [authority] },
      },
      headers: (fields) => fields.set("Authorization", `for ${fields.get("host")}`),
    });
    const { head, io } = await s.ask("192.88.98.7:443");
    assertEquals(statusOf(head), 200);
    const tls = startTls(io, { serverName: "name.test", caCerts: [authority] });
    const answered = (soFar: string) => /(?:for \S+ |denies it\n)$/.test(soFar);
    for (const host of ["name.test", "192.88.98.7"]) {
      await tls.write(wire(`GET / HTTP/1.1¶Host: ${host}¶¶`));
      assert((await readUntil(tls, answered)).endsWith("for name.test "), host);
      await tls.write(wire(`DELETE / HTTP/1.1¶Host: ${host}¶¶`));
      assertEquals(statusOf(await readUntil(tls, answered)), 403, host);
    }
    tls.abort();
  },
);

test(
  "a certificate that cannot be had ends the tunnel, and is told to the server",
  unlessNoTlsOverStreams,
  async (t) => {
    const told: unknown[] = [];
    const { client, s } = await intercepting(t, {
      intercept: {
        hosts: ["name.test"],
        certificateFor: () => Promise.reject(new Error("no certificate")),
      },
      ...{ serving: { onError: (error: unknown) => void told.push((error as Error).message) } },
    });
    await assertRejects(() => client.fetch("https://name.test/"));
    assertEquals((await s.ends(1))[0]!.reason, "cut");
    assertEquals(told, ["no certificate"]);
  },
);

test(
  "a tunnel that is looked into is told to intercept.trace, as serve() tells its connections",
  unlessNoTlsOverStreams,
  async (t) => {
    const { trace, told, until } = tracing<ServerTraceEvents>(
      Object.keys(serverChannels.kinds) as (keyof ServerTraceEvents)[],
    );
    const { client } = await intercepting(t, {
      intercept: {
        hosts: ["name.test"],
        certificateFor: () => ({ cert: serverCert, key: serverKey }),
        tls: { caCerts: [authority] },
        trace,
      },
    });
    await (await client.fetch("https://name.test/a", { method: "POST", body: "hello" })).text();
    const io = await client.upgrade("https://name.test/b", { protocol: "echo" });
    await io.write(wire("hello"));
    await readUntil(io, "hello");
    await io.close();
    await until("upgradedClosed");
    assertEquals(told.map(([name]) => name), [
      "connectionOpened",
      "requestBegun",
      "headDecided",
      "exchangeEnded",
      "requestBegun",
      "headDecided",
      "switched",
      "exchangeEnded",
      "connectionClosed",
      "upgradedClosed",
    ]);
    const [bodies] = told.flatMap(([name, event]) => name === "exchangeEnded" ? [event] : []);
    assertEquals([bodies!.requestBodyBytes, bodies!.responseBodyBytes], [5, "Bearer secret hello".length]);
    const [tunnel] = told.flatMap(([name, event]) => name === "upgradedClosed" ? [event] : []);
    assertEquals([tunnel!.receivedBytes, tunnel!.sentBytes], [5, 5]);
  },
);
