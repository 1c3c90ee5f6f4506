/** A Chromium that Playwright has started, and Playwright's own requests, through `forwardProxy()` with rules. */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";
import { chromium } from "../support/chromium.ts";
import { decisions, programScene } from "../support/program_scene.ts";
import { runtimeName, skipUnless } from "../support/runtime.ts";

// Loaded by name, without types: those of Playwright want the DOM.
const PLAYWRIGHT = "playwright-core";

const reason = runtimeName === "node" ? "chromium is not installed" : "Playwright is for Node";
const withPlaywright = { ...skipUnless(runtimeName === "node" && chromium !== undefined, reason), timeout: 120_000 };

/** As much of Playwright as is used. */
interface Answer {
  status(): number;
  text(): Promise<string>;
}

interface Page {
  goto(url: string): Promise<Answer>;
  title(): Promise<string>;
  evaluate<Value>(expression: string): Promise<Value>;
  readonly request: { get(url: string): Promise<Answer>; post(url: string, init: object): Promise<Answer> };
}

interface Browser {
  newPage(options: object): Promise<Page>;
  close(): Promise<void>;
}

/** Resolves to the answer to a text of 100,000 characters, or to `refused`. */
const talk = (to: string): string =>
  `new Promise((resolve) => {
    const socket = new WebSocket("${to}");
    socket.onopen = () => socket.send("x".repeat(100000));
    socket.onmessage = ({ data }) => resolve(data.length);
    socket.onerror = () => resolve("refused");
  })`;

test(
  "Playwright through forwardProxy(): pages, WebSockets and requests, with TLS and without",
  withPlaywright,
  async (t) => {
    const { host, secureHost, deniedHost, proxy, events } = await programScene(t, async (request) => {
      if (request.headers.has("upgrade")) {
        return upgradeWebSocket(request, {}, async (io) => {
          for await (const message of io) await io.write(message);
        }).response;
      }
      if (request.method === "POST") return new Response(`${(await request.bytes()).length}`);
      return new Response("<!doctype html><title>allowed</title>", { headers: { "content-type": "text/html" } });
    });
    const { chromium: launcher } = await import(PLAYWRIGHT) as {
      readonly chromium: { launch(options: object): Promise<Browser> };
    };
    const browser = await launcher.launch({
      executablePath: chromium!,
      chromiumSandbox: false,
      args: ["--disable-gpu", "--disable-background-networking"],
      proxy: { server: proxy },
    });
    try {
      const page = await browser.newPage({ ignoreHTTPSErrors: true });
      for (const base of [`http://${host}/`, `https://${secureHost}/`]) {
        await page.goto(base);
        assertEquals(await page.title(), "allowed");
        assertEquals(await page.evaluate(talk(base.replace("http", "ws"))), 100_000);
        assertEquals((await page.request.get(base)).status(), 200);
        assertEquals(await (await page.request.post(base, { data: "x".repeat(1_000_000) })).text(), "1000000");
      }
      assertEquals((await page.goto(`http://${deniedHost}/`)).status(), 403);
      assertEquals(await page.evaluate(talk(`ws://${deniedHost}/`)), "refused");
    } finally {
      await browser.close();
    }
    // The browser itself asks for places of its maker, which no rule allows.
    assertEquals(decisions(events).filter((each) => each.endsWith(".test")), [
      "allowed allowed.test",
      "allowed name.test",
      "denied denied.test",
    ]);
  },
);
