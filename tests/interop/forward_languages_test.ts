/** HTTP clients of other languages through `forwardProxy()` with rules. */

import { createHash } from "node:crypto";
import { existsSync, renameSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { ServeHandler } from "../../src/http/server/serve_options.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import { upgradeWebSocket } from "../../src/websocket/upgrade.ts";
import { authority } from "../support/certificates.ts";
import { scratch } from "../support/curl.ts";
import { pythonWith } from "../support/peers.ts";
import { decisions, programScene } from "../support/program_scene.ts";
import { projectFile, skipUnless, spawn, which } from "../support/runtime.ts";

const python = pythonWith("aiohttp");
const go = which("go");
const timeout = 180_000;
const withAiohttp = { ...skipUnless(python !== undefined, "Python's aiohttp is not installed"), timeout };
const withGo = { ...skipUnless(go !== undefined, "go is not installed"), timeout };

/** Tells what it was asked; echoes behind an upgrade, to `echo` with a greeting. */
const origin: ServeHandler = async (request) => {
  const asked = request.headers.get("upgrade");
  if (asked === "echo") {
    const { response, upgraded } = upgradeResponse(request, "echo");
    upgraded.then(async (io) => {
      await io.write(new TextEncoder().encode("hello,"));
      for await (const chunk of io.readable) await io.write(chunk);
      await io.close();
    }).catch(() => {});
    return response;
  }
  if (asked === "websocket") {
    return upgradeWebSocket(request, {}, async (io) => {
      for await (const message of io) await io.write(message);
    }).response;
  }
  return new Response(`${request.method} ${(await request.bytes()).length}`);
};

const ALL = ["allowed allowed.test", "allowed name.test", "denied denied.test"];

test(
  "Python's aiohttp through forwardProxy(): requests, uploads, TLS, WebSockets, refusals",
  withAiohttp,
  async (t) => {
    const { host, secureHost, deniedHost, proxy, events } = await programScene(t, origin);
    const files = scratch();
    t.after(() => files.remove());
    const program = `
import aiohttp, asyncio, ssl
proxy = "${proxy}"
tls = ssl.create_default_context(cafile="${files.file("ca.pem", authority)}")
async def pieces():
    yield b"x" * 10
    yield b"y"
async def main():
    async with aiohttp.ClientSession() as s:
        for base, more in (("http://${host}/", {}), ("https://${secureHost}/", {"ssl": tls})):
            async with s.get(base, proxy=proxy, **more) as r: print(await r.text())
            async with s.post(base, data=b"x" * 1000000, proxy=proxy, **more) as r: print(await r.text())
            async with s.post(base, data=pieces(), proxy=proxy, **more) as r: print(await r.text())
            async with s.ws_connect(base.replace("http", "ws"), proxy=proxy, **more) as w:
                await w.send_str("z" * 100000)
                print(len((await w.receive()).data))
        async with s.get("http://${deniedHost}/", proxy=proxy) as r: print(r.status)
        try:
            await s.get("https://${deniedHost}/", proxy=proxy)
        except aiohttp.ClientHttpProxyError as e:
            print(e.status)
asyncio.run(main())
`;
    const { stdout, stderr } = await spawn(python!, ["-c", program]);
    const each = ["GET 0", "POST 1000000", "POST 11", "100000"];
    assertEquals([stdout.trim().split(/\s*\n/), stderr], [[...each, ...each, "403", "403"], ""]);
    assertEquals(decisions(events), ALL);
  },
);

const PROGRAM = `package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func text(r *http.Response, err error) {
	must(err)
	body, err := io.ReadAll(r.Body)
	must(err)
	r.Body.Close()
	fmt.Println(strings.TrimSpace(string(body)))
}

// Over HTTP/2 net/http refuses a request with Upgrade, which TLS would agree on.
var http1 = &http.Client{Transport: &http.Transport{
	Proxy:        http.ProxyFromEnvironment,
	TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{},
}}

func upgrade(url string) {
	request, err := http.NewRequest("GET", url, nil)
	must(err)
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "echo")
	response, err := http1.Do(request)
	must(err)
	wire := response.Body.(io.ReadWriteCloser)
	_, err = wire.Write(bytes.Repeat([]byte("x"), 200000))
	must(err)
	echoed := make([]byte, 200006)
	_, err = io.ReadFull(wire, echoed)
	must(err)
	fmt.Println(response.StatusCode, string(echoed[:7]), len(echoed))
	must(wire.Close())
}

func main() {
	for _, url := range os.Args[1:3] {
		text(http.Get(url))
		text(http.Post(url, "text/plain", bytes.NewReader(make([]byte, 1000000))))
		text(http.Post(url, "text/plain", io.MultiReader(strings.NewReader("a"), strings.NewReader("b"))))
		upgrade(url)
	}
	text(http.Get(os.Args[3]))
	_, err := http.Get(strings.Replace(os.Args[3], "http:", "https:", 1))
	fmt.Println(strings.Contains(err.Error(), "Forbidden"))
}
`;

/** Builds the program once for all runtimes, as that takes longer than all that it does. */
async function built(source: string): Promise<string> {
  const program = projectFile(`.cache/go/${createHash("sha256").update(source).digest("hex").slice(0, 16)}`);
  if (existsSync(program)) return program;
  const files = scratch();
  const own = `${program}.${process.pid}`;
  try {
    const { code, stderr } = await spawn(go!, ["build", "-o", own, files.file("main.go", source)], {
      timeoutMs: timeout,
    });
    assertEquals(code, 0, stderr);
  } finally {
    files.remove();
  }
  renameSync(own, program);
  return program;
}

test("Go's net/http through forwardProxy(): requests, uploads, TLS, upgrades, refusals", withGo, async (t) => {
  const { host, secureHost, deniedHost, env, events } = await programScene(t, origin);
  const files = scratch();
  t.after(() => files.remove());
  const urls = [`http://${host}/`, `https://${secureHost}/`, `http://${deniedHost}/`];
  const { stdout, stderr } = await spawn(await built(PROGRAM), urls, {
    env: { ...env, SSL_CERT_FILE: files.file("ca.pem", authority) },
  });
  const each = ["GET 0", "POST 1000000", "POST 2", "101 hello,x 200006"];
  const denied = `This proxy does not lead to ${deniedHost} with GET: no rule allows it`;
  assertEquals([stdout.trim().split("\n"), stderr], [[...each, ...each, denied, "true"], ""]);
  assertEquals(decisions(events), ALL);
});
