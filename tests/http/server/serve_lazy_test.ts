import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Client } from "../../../src/http/client/client.ts";
import { LightResponse } from "../../../src/http1/light_response.ts";
import type { ServeHandler } from "../../../src/http/server/serve_options.ts";
import { dial, listening } from "../../support/http_server.ts";
import { readUntil, wire } from "../../support/wire.ts";

const GET = "GET /tea?a=1 HTTP/1.1¶Host: a¶X-A: 1¶¶";
const CLASSES = ["AbortController", "Headers", "ReadableStream", "Request", "Response", "URL"] as const;

/** Which of the platform's classes are instantiated while a connection serves its second request. */
async function made(handler: ServeHandler): Promise<string[]> {
  const { server, port } = await listening(handler);
  const socket = dial(port);
  await socket.write(wire(GET));
  await readUntil(socket, "x");
  const seen: string[] = [];
  const globals = globalThis as unknown as Record<string, new (...args: unknown[]) => object>;
  const originals = CLASSES.map((name) => globals[name]!);
  CLASSES.forEach((name, i) => {
    globals[name] = new Proxy(originals[i]!, {
      construct(target, args, newTarget) {
        seen.push(name);
        return Reflect.construct(target, args, newTarget);
      },
    });
  });
  try {
    await socket.write(wire(GET));
    await readUntil(socket, "x");
  } finally {
    CLASSES.forEach((name, i) => globals[name] = originals[i]!);
  }
  await socket.close();
  await server.shutdown();
  return seen;
}

test("serve() makes none of the platform's objects that the handler does not touch", async () => {
  assertEquals(await made(() => LightResponse.of("x")), []);
  assertEquals(await made(async () => LightResponse.of("x")), []);
  const looks: ServeHandler = ({ method, url, bodyUsed, body }, { remote, local, tls, head }) => {
    assert(method === "GET" && url === "http://a/tea?a=1" && !bodyUsed && body === null);
    assert("port" in remote && "port" in local && tls === null && head.target === "/tea?a=1");
    return LightResponse.of("x");
  };
  assertEquals(await made(looks), []);
});

test("serve() makes each of the platform's objects when the handler touches it, and once", async () => {
  const touches: readonly (readonly [ServeHandler, readonly string[]])[] = [
    [({ headers }) => LightResponse.of(headers.get("x-a") === "1" ? "x" : "?"), ["Headers"]],
    [(request) => LightResponse.of(request.headers === request.headers ? "x" : "?"), ["Headers"]],
    [(request) => LightResponse.of(request.signal.aborted ? "?" : "x"), ["AbortController"]],
  ];
  for (const [handler, expected] of touches) assertEquals(await made(handler), expected);
});

test("LightResponse refuses what Response refuses: a body with a status that has none, a reason that is none (Fetch §5.5)", () => {
  for (const status of [204, 205, 304]) {
    assertEquals(LightResponse.of(null, { status }).status, status);
    assertEquals(LightResponse.of(undefined, { status }).body, null);
    for (const body of ["", "x", new Uint8Array(0)]) assertThrows(() => LightResponse.of(body, { status }), TypeError);
  }
  for (const statusText of ["a\nb", "a\r\nX-B: 1", "\0", "\u2603"]) {
    assertThrows(() => LightResponse.of("", { statusText }), TypeError, "init.statusText");
  }
  for (const statusText of ["", "It is fine\t", "\xe9t\xe9"]) {
    assertEquals(LightResponse.of("", { statusText }).statusText, statusText);
  }
});

test("LightResponse takes null for no init, as Response does (Web IDL, dictionaries)", async () => {
  const response = LightResponse.of("x", null as never);
  assertEquals([response.status, response.statusText, await response.clone().text()], [200, "", "x"]);
});

test("light objects say that they are what they stand for (Web IDL, class string)", async () => {
  const said = (object: unknown): string => Object.prototype.toString.call(object);
  const { server, port } = await listening((request) => LightResponse.of(said(request)));
  const client = new Client();
  const response = await client.fetch(`http://127.0.0.1:${port}/`);
  assertEquals([said(response), await response.text()], [said(new Response()), said(new Request("http://a/"))]);
  assertEquals([said(LightResponse.of("")), said(response)], ["[object Response]", "[object Response]"]);
  await client.close();
  await server.shutdown();
});
