import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Client } from "../../../src/http/client/client.ts";
import { connect } from "../../../src/net/mod.ts";
import { wire } from "../../support/bytes.ts";
import { authority, serverCert, serverKey } from "../../support/certificates.ts";
import { unlessNoTlsOverStreams } from "../../support/runtime.ts";
import { readUntil, turns } from "../../support/wire.ts";
import { scene, statusOf } from "./scene.ts";

test("a chain of proxies: each asks the next one for a tunnel, and the last one looks the name up", async (t) => {
  const basic = { a: "x" };
  const last = await scene(t, { allow: ["public.test:443"], auth: { basic }, name: "last" });
  const middle = await scene(t, {
    allow: [`127.0.0.1:${last.port}`],
    dial: ({ hostname, port }, { signal }) => connect({ hostname, port }, { signal }),
  });
  const upstream = [`http://127.0.0.1:${middle.port}`, `http://a:x@127.0.0.1:${last.port}`];
  const s = await scene(t, {
    allow: ["*.test:443", "*.org"],
    deny: ["other.test"],
    dial: undefined,
    resolve: () => Promise.reject(new Error("nothing is looked up here")),
    upstream: ({ hostname }) => hostname.endsWith(".test") ? upstream : null,
  });
  const { head, io } = await s.ask("public.test:443");
  assertEquals(statusOf(head), 200);
  const target = await last.target();
  await io.write(wire("through two"));
  await readUntil(target, "through two");
  assertEquals(last.dialed, ["192.88.98.7:443"]);
  const [event] = s.events;
  assertEquals([event!.via, event!.address], [[`127.0.0.1:${middle.port}`, `127.0.0.1:${last.port}`], null]);
  assert(!JSON.stringify(event).includes("a:x"));
  const refused = await s.ask("two.test:443");
  assertEquals(statusOf(refused.head), 502);
  assert(refused.head.includes("error=http_upgrade_failed; received-status=403;"), refused.head);
  assertEquals(statusOf((await s.ask("other.test:443")).head), 403);
  assertEquals(statusOf((await s.ask("a.org:1")).head), 502);
});

test(
  "tunnels through an https: proxy share one connection of HTTP/2, which ends with the rules, or with close()",
  unlessNoTlsOverStreams,
  async (t) => {
    const tls = { cert: serverCert, key: serverKey };
    const last = await scene(t, { allow: ["public.test:443"], name: "last", echo: true, serving: { tls } });
    const rules = {
      allow: ["*.test:443"],
      dial: undefined,
      upstream: `https://localhost:${last.port}`,
      upstreamTls: { caCerts: [authority] },
    };
    const s = await scene(t, rules);
    const echo = async () => {
      const { head, io } = await s.ask("public.test:443");
      assertEquals(statusOf(head), 200);
      await io.write(wire("to and fro"));
      await readUntil(io, "to and fro");
      return io;
    };
    const tunnels = await Promise.all([1, 2, 3].map(echo));
    assertEquals(statusOf((await s.ask("other.test:443")).head), 502);
    assertEquals(last.server.connections, 1);
    s.proxy.reload(rules);
    await echo();
    assertEquals(last.server.connections, 2);
    for (const io of tunnels) io.abort();
    while (last.server.connections > 1) await turns();
    for (const { io } of [await s.ask("public.test:443")]) io.abort();
    await s.proxy.close();
    await s.server.shutdown({ upgraded: "close" });
    while (last.server.connections > 0) await turns();
  },
);

test("plain requests through an HTTP proxy go in absolute-form, with the credentials for it", async (t) => {
  const last = await scene(t, { allow: ["public.test"], auth: { basic: { a: "x" } }, name: "last" });
  const s = await scene(t, { allow: ["*"], dial: undefined, upstream: `http://a:x@127.0.0.1:${last.port}` });
  const client = new Client({ proxy: `http://127.0.0.1:${s.port}`, decompress: false });
  t.after(() => client.abort());
  const answered = client.fetch("http://public.test/a?b", { headers: { accept: "a", "user-agent": "u" } });
  const target = await last.target();
  assertEquals(
    await readUntil(target, "¶¶"),
    "GET /a?b HTTP/1.1¶Host: public.test¶accept: a¶user-agent: u¶Via: 1.1 p¶Via: 1.1 last¶¶".replace("Host", "host"),
  );
  await target.write(wire("HTTP/1.1 200 OK¶Content-Length: 2¶¶ok"));
  assertEquals(await (await answered).text(), "ok");
  const refused = await client.fetch("http://other.test/");
  assertEquals([refused.status, refused.headers.get("proxy-status")?.startsWith("last;")], [403, true]);
  await refused.text();
  assertEquals(s.events.filter(({ event }) => event === "end").map(({ via, address }) => [via, address]), [
    [[`127.0.0.1:${last.port}`], null],
    [[`127.0.0.1:${last.port}`], null],
  ]);
});
