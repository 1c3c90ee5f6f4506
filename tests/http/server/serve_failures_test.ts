import { test, type TestContext } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { TransportError } from "../../../src/errors/transport_error.ts";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import { connect } from "../../../src/net/node/mod.ts";
import { dial, listening, say } from "../../support/http_server.ts";
import { readAll, readUntil, turns, wire } from "../../support/wire.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";

/** What the server prints, as long as the test runs. */
function printed(t: TestContext): unknown[] {
  const lines: unknown[] = [];
  const { error } = console;
  console.error = (...parts: unknown[]) => void lines.push(...parts);
  t.after(() => void (console.error = error));
  return lines;
}

test("serve() answers 502 or 504 for a server behind it, and says so in a line without a stack (RFC 9110 §15.6.3)", async (t) => {
  const lines = printed(t);
  for (
    const [error, answer] of [
      [new TransportError("refused", "Cannot connect"), /^HTTP\/1\.1 502 .*¶¶Bad Gateway$/],
      [new TransportError("timeout", "Cannot connect"), /^HTTP\/1\.1 504 .*¶¶Gateway Timeout$/],
      [new DOMException("Cannot connect", "TimeoutError"), /^HTTP\/1\.1 504 .*¶¶Gateway Timeout$/],
    ] as const
  ) {
    const { server, port } = await listening(() => Promise.reject(error), { onError: undefined });
    assertMatch(await say(port, GET), answer);
    await server.shutdown();
    assertEquals(lines.splice(0), [`${error.name}: Cannot connect`]);
  }
});

test("serve() prints the error of a handler that has a bug as it is, and answers 500 (RFC 9110 §15.6.1)", async (t) => {
  const lines = printed(t);
  const bug = new Error("a bug");
  const { server, port } = await listening(() => Promise.reject(bug), { onError: undefined });
  assertMatch(await say(port, GET), /^HTTP\/1\.1 500 /);
  await server.shutdown();
  assertEquals(lines, [bug]);
});

for (const when of ["at once", "later"] as const) {
  test(`serve() asks onError for another response where the body of one that is there ${when} fails before its first byte`, async () => {
    const told: unknown[] = [];
    const failing = (): Response =>
      new Response(new ReadableStream({ pull: (source) => source.error(new Error("boom")) }));
    const { server, port } = await listening(when === "at once" ? failing : () => Promise.resolve(failing()), {
      onError(error, request) {
        told.push((error as Error).message);
        return new Response(`sorry for ${new URL(request!.url).pathname}`, { status: 503 });
      },
    });
    assertMatch(await say(port, "GET /x HTTP/1.1¶Host: a¶¶"), /^HTTP\/1\.1 503 .*sorry for \/x/s);
    assertEquals(told, ["boom"]);
    await server.shutdown();
  });
}

test("serve() answers 500 for an error whose causes go round in a circle (RFC 9110 §15.6.1)", async () => {
  const [first, second] = [new Error("the first"), new Error("the second")];
  first.cause = second;
  second.cause = first;
  const { server, port } = await listening(() => Promise.reject(first));
  assertMatch(await say(port, GET), /^HTTP\/1\.1 500 /);
  await server.shutdown();
});

test("serve() says and answers nothing where a handler gives up because its client has ended its side", async (t) => {
  const lines = printed(t);
  const { server, port } = await listening(async ({ signal }) => {
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    throw signal.reason;
  }, { onError: undefined });
  assertEquals(await say(port, GET), "");
  await server.shutdown();
  assertEquals(lines, []);
});

test("serve() says nothing of clients that cut the connection under a response, an upload or what they upgraded to", async (t) => {
  const lines = printed(t);
  const endless = (): Response =>
    new Response(
      new ReadableStream<Uint8Array>({ pull: (source) => turns().then(() => source.enqueue(new Uint8Array(10_000))) }),
    );
  const { server, port } = await listening(async (request) => {
    if (request.method === "POST") await request.text();
    if (!request.headers.has("upgrade")) return endless();
    return upgradeResponse(request, "echo", {}, async (io) => {
      await io.write(wire("hi"));
      await new Response(io.readable).text();
    }).response;
  }, { onError: undefined });
  const upgrade = GET.replace("¶¶", "¶Connection: upgrade¶Upgrade: echo¶¶");
  const upload = "POST / HTTP/1.1¶Host: a¶Content-Length: 5¶Expect: 100-continue¶¶";
  for (const request of [GET, upgrade, upload]) {
    const client = connect({ hostname: "127.0.0.1", port });
    await client.write(wire(request));
    await readUntil(client, (soFar) => soFar.includes(request === upgrade ? "¶¶hi" : "¶¶"));
    client.abort();
    while (server.connections > 0) await turns();
  }
  const half = dial(port);
  await half.write(wire(`${upload}he`));
  await half.closeWrite();
  assertMatch(await readAll(half), /HTTP\/1\.1 400 /);
  await server.shutdown();
  assertEquals(lines, []);
});
