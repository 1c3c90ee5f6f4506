/**
 * Chromium in front of `reverseProxy()`, in each combination of versions that it and the server can speak.
 */

import { after, test } from "node:test";
import { assertEquals } from "@std/assert";
import type { ServerTrace } from "../../src/http/server/server_trace.ts";
import { reverseProxy } from "../../src/proxy/reverse/reverse_proxy.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { type Browser, chromium, startChromium } from "../support/chromium.ts";
import { listening } from "../support/http_server.ts";
import { skipUnless, unlessTlsIsRefused } from "../support/runtime.ts";
import { expectedEvents, playEvents } from "../support/websocket_events.ts";
import { talking } from "../support/websocket_talk.ts";

const options = {
  ...unlessTlsIsRefused,
  ...skipUnless(chromium !== undefined, "chromium is not installed"),
  timeout: 60_000,
};
const secure = { tls: { cert: serverCert, key: serverKey }, http2: { connectProtocol: true } };

/** One for the file: it takes longer to start than the tests to run. */
let started: Promise<Browser> | null = null;

after(async () => await (await started)?.[Symbol.asyncDispose]());

/** What the browser speaks, what the option of the proxy says, and what the server is spoken to in. */
const ways: readonly (readonly [browser: "1.1" | "2", option: boolean | undefined, server: string])[] = [
  ["2", undefined, "2"],
  ["1.1", true, "2"],
  ["2", false, "1.1"],
  ["1.1", undefined, "1.1"],
];

for (const [spoken, option, expected] of ways) {
  test(
    `Chromium over HTTP/${spoken} through reverseProxy() to HTTP/${expected}: a page, posts, and WebSockets with messages, closes, cuts`,
    options,
    async (t) => {
      const versions = new Set<string>();
      const trace: ServerTrace = { requestBegun: ({ exchange }) => void versions.add(exchange.head.version) };
      const talk = talking({ deflate: true });
      const server = await listening((request, info) => {
        if (request.headers.has("upgrade")) return talk(request, info);
        if (request.method === "POST") return new Response(request.body);
        return new Response("<!doctype html><title>WebSockets</title>", { headers: { "content-type": "text/html" } });
      }, { ...secure, trace });
      const http2 = option === undefined ? {} : { http2: option };
      const proxy = reverseProxy(`https://localhost:${server.port}`, { tls: { caCerts: [authority] }, ...http2 });
      const front = await listening(proxy, spoken === "2" ? secure : {});
      t.after(async () => {
        // The page keeps connections.
        await front.server.shutdown({ signal: AbortSignal.timeout(100) });
        await proxy[Symbol.asyncDispose]();
        await server.server.shutdown({ signal: AbortSignal.timeout(100) });
      });
      const page = await (await (started ??= startChromium())).open(
        `http${spoken === "2" ? "s" : ""}://localhost:${front.port}`,
      );
      const url = JSON.stringify(`ws${spoken === "2" ? "s" : ""}://localhost:${front.port}`);
      const lines = await page.evaluate<string[]>(`(${playEvents})(WebSocket, ${url}, "permessage-deflate")`);
      assertEquals(lines, expectedEvents);
      const posted = await page.evaluate<string[]>(
        `Promise.all([1, 2, 3].map(async (n) => {
          const response = await fetch("/" + n, { method: "POST", body: String(n).repeat(100000) });
          return (await response.text()) === String(n).repeat(100000);
        }))`,
      );
      assertEquals([posted, [...versions]], [[true, true, true], [expected]]);
      await page.close();
    },
  );
}
