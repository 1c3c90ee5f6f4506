import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
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
