import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { LightResponse } from "../../../src/http1/light_response.ts";
import { serve } from "../../../src/http/server/serve.ts";
import type { ServeHandler } from "../../../src/http/server/serve_options.ts";
import { listening, say } from "../../support/http_server.ts";

const Platform = Response;
const GET = "GET / HTTP/1.1¶Host: a¶Connection: close¶¶";
const replaceGlobalResponse = true;

/** Runs `act` while a server with the option is there. */
async function replaced(act: () => void | Promise<void>): Promise<void> {
  const { server } = await listening(() => new Response("x"), { replaceGlobalResponse });
  try {
    assert(Response !== Platform);
    await act();
  } finally {
    await server.shutdown();
  }
  assertEquals(Response, Platform);
}

/** What a response looks like from outside, or the name of the error. */
async function seen(make: () => Response): Promise<unknown> {
  let response: Response;
  try {
    response = make();
  } catch (error) {
    return (error as Error).name;
  }
  const { status, statusText, ok, type, url, redirected, bodyUsed } = response;
  const headers = [...response.headers];
  if (headers.some(([name, value]) => name === "content-type" && value.startsWith("multipart"))) headers.length = 0;
  const bodied = response.body !== null;
  const bytes = [...new Uint8Array(await response.arrayBuffer())].length;
  const rest = { bodyUsed, after: response.bodyUsed };
  return { status, statusText, ok, type, url, redirected, headers, bodied, bytes, ...rest };
}

const form = new FormData();
form.set("a", "b");
const bodies: readonly (() => ConstructorParameters<typeof Response>[0])[] = [
  () => undefined,
  () => null,
  () => "",
  () => "tea",
  () => "ä\ud800",
  () => new Uint8Array([1, 2, 3]),
  () => new Uint8Array([1, 2, 3]).subarray(1),
  () => new Uint8Array([1, 2, 3]).buffer,
  () => new DataView(new ArrayBuffer(2)),
  () => new Blob(["tea"], { type: "text/tea" }),
  () => new URLSearchParams("a=b"),
  () => form,
  () => new Blob(["tea"]).stream(),
  () => 5 as unknown as string,
];
const inits: readonly (() => ResponseInit | undefined)[] = [
  () => undefined,
  () => null as unknown as undefined,
  () => ({}),
  () => ({ status: 201, statusText: "Made" }),
  () => ({ status: 204 }),
  () => ({ status: 304 }),
  () => ({ status: 101 }),
  () => ({ status: 600 }),
  () => ({ status: "404" as unknown as number }),
  () => ({ statusText: "a\nb" }),
  () => ({ headers: {} }),
  () => ({ headers: { "X-B": "1", "X-A": " 2 ", "Content-Type": "a/b" } }),
  () => ({ headers: { "x-a": 5 as unknown as string } }),
  () => ({ headers: { "x a": "1" } }),
  () => ({ headers: { "x-a": "1\r\nx-b: 2" } }),
  () => ({ headers: { "x-a": "\u0100" } }),
  () => ({ headers: [["Set-Cookie", "a=1"], ["set-cookie", "b=2"], ["X-A", "1"], ["x-a", "2"]] }),
  () => ({ headers: [["x-a"]] as unknown as [string, string][] }),
  () => ({ headers: new Map([["x-a", "1"]]) as unknown as [string, string][] }),
  () => ({ headers: new Headers({ "x-a": "1" }) }),
  () => ({ headers: null as unknown as [string, string][] }),
  () => new Platform("x", { status: 202, headers: { "x-a": "1" } }),
  () => LightResponse.of("x", { status: 202, headers: { "x-a": "1" } }),
];

test("replaceGlobalResponse: new Response() makes, or refuses, the same as the platform's", async () => {
  await replaced(async () => {
    for (const body of bodies) {
      for (const init of inits) {
        const expected = await seen(() => new Platform(body(), init()));
        assertEquals(await seen(() => new Response(body(), init())), expected, `${body} ${init}`);
      }
    }
  });
});

test("replaceGlobalResponse: Response.json(), error() and redirect() are the same as the platform's", async () => {
  const ways: readonly ((R: typeof Response) => Response)[] = [
    (R) => R.json({ a: ["ä"] }),
    (R) => R.json(null, { status: 201, headers: { "x-a": "1" } }),
    (R) => R.json("x", { headers: { "Content-Type": "application/problem+json" } }),
    (R) => R.json(1, { status: 204 }),
    (R) => R.json(undefined),
    (R) => R.json(1n),
    (R) => R.error(),
    (R) => R.redirect("http://a/b", 307),
    (R) => R.redirect("http://a/b", 200),
  ];
  await replaced(async () => {
    for (const way of ways) assertEquals(await seen(() => way(Response)), await seen(() => way(Platform)), `${way}`);
  });
});

test("replaceGlobalResponse: instanceof holds for light and real responses, and for subclasses", async () => {
  class Tea extends Platform {}
  await replaced(async () => {
    class Coffee extends Response {
      readonly strong = true;
    }
    for (const each of [new Response("x"), new Platform("x"), new Tea("x"), new Coffee("x"), LightResponse.of("x")]) {
      assert(each instanceof Response && each instanceof Platform);
      assertEquals(await each.text(), "x");
    }
    const coffee = new Coffee("x");
    assert(coffee instanceof Coffee && coffee.strong);
    assert(!({} instanceof Response) && !(new Response("x") instanceof Coffee));
    assertEquals([Response.name, Response.length], ["Response", 0]);
    assertThrows(() => (Response as unknown as () => void)(), TypeError);
  });
});

test("replaceGlobalResponse: a light response is a copy of what it was made of", async () => {
  await replaced(async () => {
    const bytes = new Uint8Array([0x61]);
    const headers = new Headers({ "x-a": "1" });
    const record: Record<string, string> = { "x-a": "1" };
    const [first, second] = [new Response(bytes, { headers }), new Response(bytes, { headers: record })];
    bytes[0] = 0x62;
    headers.set("x-a", "2");
    record["x-a"] = "2";
    for (const response of [first, second]) {
      assertEquals([response.headers.get("x-a"), await response.text()], ["1", "a"]);
    }
  });
});

test("replaceGlobalResponse: headers that were changed hold for the clone, the rest and the wire", async () => {
  const handler: ServeHandler = () => {
    const response = new Response("x", { status: 202 });
    const { headers } = response;
    headers.set("x-a", "1");
    const clone = response.clone();
    headers.append("set-cookie", "a=1");
    headers.append("set-cookie", "b=2");
    assert(response.headers === headers);
    assertEquals([clone.status, clone.headers.get("x-a"), clone.headers.get("set-cookie")], [202, "1", null]);
    return response;
  };
  const answer = await answered(handler);
  assertEquals(answer.split("¶")[0], "HTTP/1.1 202 Accepted");
  for (const line of ["x-a: 1", "set-cookie: a=1", "set-cookie: b=2"]) assert(answer.split("¶").includes(line), answer);
  assert(answer.endsWith("¶¶x"), answer);
});

/** What a server with the option says to a request. */
async function answered(handler: ServeHandler): Promise<string> {
  const { server, port } = await listening(handler, { replaceGlobalResponse });
  const answer = await say(port, GET);
  await server.shutdown();
  return answer;
}

test("replaceGlobalResponse: bodies of every kind, and what middleware makes of them, reach the client", async () => {
  const later = async (response: Response): Promise<Response> => await response;
  const headers = { "x-a": "1" };
  const handlers: readonly ServeHandler[] = [
    () => new Response("tea", { headers }),
    () => new Response(new TextEncoder().encode("tea"), { headers }),
    () => new Response(new Blob(["tea"]), { headers }),
    () => new Response(new Blob(["tea"]).stream(), { headers }),
    () => later(new Response("tea", { headers })),
    () => {
      const response = new Response("tea", { headers });
      return new Response(response.body, response);
    },
    async () => new Response(await new Response("tea", { headers }).text(), { headers }),
    () => new Response("tea", { headers }).clone(),
    () => new (class extends Response {})("tea", { headers }),
    () => new Response("tea", new Response(null, { headers })),
  ];
  for (const handler of handlers) {
    const lines = (await answered(handler)).split("¶");
    assertEquals(lines[0], "HTTP/1.1 200 OK");
    assert(lines.includes("x-a: 1") && lines.join("¶").includes("tea"), `${handler} ${lines}`);
  }
  assert((await answered(() => Response.json({ tea: 1 }))).endsWith('¶content-length: 9¶connection: close¶¶{"tea":1}'));
  assertEquals(
    await answered(() => new Response(null, { status: 204 })),
    "HTTP/1.1 204 No Content¶connection: close¶¶",
  );
});

test("replaceGlobalResponse: a used body is not sent", async () => {
  const handler: ServeHandler = async () => {
    const response = new Response("x");
    await response.text();
    return response;
  };
  assertEquals((await answered(handler)).split("¶")[0], "HTTP/1.1 500 Internal Server Error");
});

test("replaceGlobalResponse: the class of before is back once no server asks for another one", async () => {
  const light = (): boolean => LightResponse.given(new Response("x")) !== null;
  const [first, second] = [
    await listening(() => new Response("x"), { replaceGlobalResponse }),
    await listening(() => new Response("x"), { replaceGlobalResponse }),
  ];
  assert(light());
  await first.server.shutdown();
  assert(light());
  await second.server.shutdown();
  assert(!light() && Response === Platform);
  const third = await listening(() => new Response("x"), { replaceGlobalResponse });
  class Other extends Platform {}
  const before = Object.getOwnPropertyDescriptor(globalThis, "Response")!;
  globalThis.Response = Other;
  await third.server.shutdown();
  assertEquals(Response, Other);
  Object.defineProperty(globalThis, "Response", { ...before, value: Platform });
});

test("replaceGlobalResponse: a server that cannot listen, and one without the option, leave the global alone", async () => {
  const { server, port } = await listening(() => new Response("x"));
  assertEquals(Response, Platform);
  const taken = serve({ hostname: "127.0.0.1", port, replaceGlobalResponse }, () => new Response("x"));
  await assertRejects(() => taken.finished);
  assertEquals(Response, Platform);
  await server.shutdown();
});
