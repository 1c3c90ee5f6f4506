import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import type { Upgraded } from "../../../src/http1/upgraded.ts";
import { serve } from "../../../src/http/server/serve.ts";
import type { ServeHandler } from "../../../src/http/server/serve_options.ts";
import { dial, listening, say } from "../../support/http_server.ts";
import { text, wire } from "../../support/wire.ts";

const Platform = Request;
const platformFetch = fetch;
const replaceGlobalRequest = true;
const POST = "POST /a?b HTTP/1.1¶Host: x¶X-A: 1¶Content-Length: 3¶Connection: close¶¶tea";

/** What the handler answers to {@linkcode POST}, as text. */
async function answered(handler: (request: Request) => Promise<string> | string): Promise<string> {
  const { server, port } = await listening(async (request) => new Response(await handler(request)), {
    replaceGlobalRequest,
  });
  const [, body = ""] = (await say(port, POST)).split("¶¶");
  await server.shutdown();
  assert(Request === Platform && fetch === platformFetch);
  return body;
}

async function echo(io: Upgraded): Promise<void> {
  for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) await io.write(bytes);
  await io.close();
}

async function seen(request: Request): Promise<string> {
  return `${request.method} ${request.url} ${request.headers.get("x-a")} ${await request.text()}`;
}

test("replaceGlobalRequest: new Request(request) is the request, with its body", async () => {
  assertEquals(await answered((request) => seen(new Request(request))), "POST http://x/a?b 1 tea");
});

test("replaceGlobalRequest: an init says what is different, and a new body may take the place of one that was read", async () => {
  const changed = (request: Request): Promise<string> =>
    seen(new Request(request, { method: "PUT", headers: { "x-a": "2" } }));
  assertEquals(await answered(changed), "PUT http://x/a?b 2 tea");
  const read = async (request: Request): Promise<string> => {
    const text = await request.text();
    return await seen(new Request(request, { body: `${text} with milk` }));
  };
  assertEquals(await answered(read), "POST http://x/a?b 1 tea with milk");
});

test("replaceGlobalRequest: a body that was read, or is being read, is not taken again", async () => {
  const again = async (request: Request): Promise<string> => {
    await assertRejects(async () => await new Request(request).text(), TypeError);
    return "refused";
  };
  assertEquals(await answered((request) => request.text().then(() => again(request))), "refused");
  const locked = (request: Request): Promise<string> => {
    request.body!.getReader();
    return again(request);
  };
  assertEquals(await answered(locked), "refused");
});

test("replaceGlobalRequest: fetch(request) sends the request on", async () => {
  // Bun's fetch() leaves Host as it is.
  const there = await listening(async (request) =>
    new Response(`${new URL(request.url).pathname} ${await request.text()}`)
  );
  const here = await listening((request) => {
    const elsewhere = new Request(new URL("/b", there.origin), request);
    return fetch(request.url.endsWith("/a") ? elsewhere : request);
  }, { replaceGlobalRequest });
  const answer = await platformFetch(`${here.origin}/a`, { method: "POST", body: "tea" });
  assertEquals(await answer.text(), "/b tea");
  // A proxy is told the whole URL.
  const absolute = `POST ${there.origin}/c HTTP/1.1¶Host: 127.0.0.1:${there.port}¶X-A: 1¶Content-Length: 3¶¶tea`;
  const socket = dial(here.port);
  await socket.write(wire(absolute));
  const chunk = await socket.read();
  assertStringIncludes(text(chunk!), "HTTP/1.1 200 ");
  socket.abort();
  await here.server.shutdown();
  await there.server.shutdown();
});

test("replaceGlobalRequest: everything else is as it was", async () => {
  const { server } = await listening(() => new Response("x"), { replaceGlobalRequest });
  assert(Request !== Platform && Request.prototype === Platform.prototype && Request.name === "Request");
  assert(fetch !== platformFetch && fetch.name === "fetch" && fetch.length === platformFetch.length);
  const plain = new Request("http://a/", { method: "PUT", body: "tea" });
  assert(plain instanceof Request && plain instanceof Platform);
  assertEquals(await seen(plain), "PUT http://a/ null tea");
  class Own extends Request {}
  assert(new Own("http://a/") instanceof Own);
  assertEquals(new Request(new Own(new URL("http://a/b"))).url, "http://a/b");
  for (const input of ["/no base", undefined, null]) {
    const names = [Platform, Request].map((Made) => {
      try {
        return new Made(input as string).url;
      } catch (error) {
        return (error as Error).name;
      }
    });
    assertEquals(names[1], names[0]);
  }
  await server.shutdown();
  assert(Request === Platform && fetch === platformFetch);
});

test("replaceGlobalRequest: a request that was made of one that proposes an upgrade can be upgraded", async () => {
  const handler: ServeHandler = (request) => upgradeResponse(new Request(request), "echo", {}, echo).response;
  const { server, port } = await listening(handler, { replaceGlobalRequest });
  const answer = await say(port, "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo¶¶early");
  assert(answer.startsWith("HTTP/1.1 101 ") && answer.endsWith("¶¶early"), answer);
  await server.shutdown();
});

test("replaceGlobalRequest: a server that cannot listen, and one without the option, leave the globals alone", async () => {
  const { server, port } = await listening(() => new Response("x"));
  assert(Request === Platform && fetch === platformFetch);
  const taken = serve({ hostname: "127.0.0.1", port, replaceGlobalRequest }, () => new Response("x"));
  await assertRejects(() => taken.finished);
  assert(Request === Platform && fetch === platformFetch);
  await server.shutdown();
});
