import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { assertEquals } from "@std/assert";
import { Client, serve, UpgradeRejected, upgradeResponse, wantsUpgrade } from "../../../mod.ts";
import { tunnel } from "../../../src/proxy/tunnel.ts";
import { wire } from "../../support/wire.ts";

const hostname = "127.0.0.1";

test("a handler of serve can answer with the responses and connections of a Client", async () => {
  const origin = serve({ port: 0, hostname }, async (request) => {
    const { pathname } = new URL(request.url);
    if (wantsUpgrade(request, "echo") && pathname !== "/refused") {
      const { response, upgraded } = upgradeResponse(request, "echo");
      upgraded.then((io) => io.readable.pipeTo(io.writable)).catch(() => {});
      return response;
    }
    if (pathname === "/gzip") {
      return new Response(new Uint8Array(gzipSync("zipped")), { headers: { "content-encoding": "gzip" } });
    }
    return new Response(`${request.method} ${pathname} ${await request.text()}`, { status: 201 });
  });
  const [address] = await origin.listening;
  const backend = new Client();
  const front = serve({ port: 0, hostname }, async (request) => {
    const url = new URL(request.url);
    url.port = String((address as { port: number }).port);
    if (!wantsUpgrade(request)) return await backend.fetch(url, { method: request.method, body: request.body });
    try {
      const peer = await backend.upgrade(url, { protocol: "echo" });
      const { response, upgraded } = upgradeResponse(request, "echo");
      upgraded.then((io) => tunnel(io, peer)).catch(() => peer.abort());
      return response;
    } catch (error) {
      if (error instanceof UpgradeRejected) return error.response as Response;
      throw error;
    }
  });
  const [frontAddress] = await front.listening;
  const base = `http://${hostname}:${(frontAddress as { port: number }).port}`;
  const client = new Client();
  const posted = await client.fetch(`${base}/a`, { method: "POST", body: "body" });
  assertEquals([posted.status, await posted.text()], [201, "POST /a body"]);
  const zipped = await client.fetch(`${base}/gzip`);
  assertEquals([zipped.headers.get("content-encoding"), await zipped.text()], [null, "zipped"]);
  const io = await client.upgrade(`${base}/`, { protocol: "echo" });
  await io.write(wire("hi"));
  assertEquals(await io.read(), wire("hi"));
  await io.closeWrite();
  assertEquals(await io.read(), null);
  await io.close();
  const refused = await client.upgrade(`${base}/refused`, { protocol: "echo" }).then(() => null, (error) => error);
  assertEquals(await (refused.response as Response).text(), "GET /refused ");
  await client.close();
  await front.shutdown();
  await backend.close();
  await origin.shutdown();
});
