import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type ProxyOptions, type RunningProxy, startProxy } from "../../scripts/examples/forward_proxy.ts";
import { type Handler, serveConnection } from "../../src/http1/server_connection.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import type { Socket } from "../../src/duplex/socket.ts";
import { connect, listen } from "../../src/net/mod.ts";
import { readAll, readUntil, wire } from "../support/wire.ts";

interface Scene {
  readonly proxy: RunningProxy;
  /** `host:port` of the origin server. */
  readonly origin: string;
  /** What the proxy logged. */
  readonly lines: string[];
  /** A connection to the proxy. */
  dial(): Socket;
  close(): Promise<void>;
}

/** A proxy, and an origin server that does with each connection what it is told. */
async function scene(options: ProxyOptions, serve: (socket: Socket) => void): Promise<Scene> {
  const listener = await listen({ hostname: "127.0.0.1" });
  const accepting = (async () => {
    for await (const socket of listener) serve(socket);
  })();
  const lines: string[] = [];
  const proxy = await startProxy({ log: (line) => lines.push(line), ...options });
  return {
    proxy,
    origin: `127.0.0.1:${(listener.address as { readonly port: number }).port}`,
    lines,
    dial: () => connect({ hostname: "127.0.0.1", port: proxy.port }),
    async close() {
      await proxy.close();
      await listener.close();
      await accepting;
    },
  };
}

function handling(handler: Handler): (socket: Socket) => void {
  return (socket) => serveConnection(socket, handler, { dateHeader: false });
}

/** An origin that says one thing, whatever it hears, and closes; `heard` gets what it heard up to `until`. */
function saying(answer: string, heard: string[] = [], until = "¶¶"): (socket: Socket) => void {
  return async (socket) => {
    heard.push(await readUntil(socket, until));
    await socket.write(wire(answer));
    await socket.close();
  };
}

/** Sends one request, ends this side, and gives everything that comes back, without the proxy's own fields. */
async function ask({ dial }: Scene, request: string): Promise<string> {
  const client = dial();
  await client.write(wire(request));
  await client.closeWrite();
  return anonymous(await readAll(client));
}

function anonymous(message: string): string {
  return message.replaceAll(/http-upgrade-[0-9a-f]{8}/g, "US").replaceAll(/date: [^¶]*¶/g, "");
}

test("proxy: absolute-form becomes origin-form with the target's Host, without hop-by-hop fields [A9, E16, H3]", async () => {
  const heard: string[] = [];
  const s = await scene(
    {},
    saying("HTTP/1.1 200 OK¶Content-Length: 2¶X-Hop: 1¶Connection: x-hop¶Via: 1.1 o¶¶ok", heard),
  );
  const answer = await ask(
    s,
    `GET http://${s.origin}/a/%2e%2e/b?c=d HTTP/1.1¶hOST: elsewhere¶Connection: keep-alive, X-Secret¶X-Secret: 1¶` +
      `Keep-Alive: 5¶Proxy-Connection: keep-alive¶Proxy-Authorization: Basic eDp5¶X-CaSe: kept¶TE: gzip¶¶`,
  );
  assertEquals(
    anonymous(heard[0]!),
    `GET /a/%2e%2e/b?c=d HTTP/1.1¶Host: ${s.origin}¶X-CaSe: kept¶Via: 1.1 US¶Connection: close¶¶`,
  );
  assertEquals(answer, "HTTP/1.1 200 OK¶Content-Length: 2¶Via: 1.1 o¶Via: 1.1 US¶¶ok");
  assertEquals(s.lines, [`GET http://${s.origin}/a/%2e%2e/b?c=d 200`]);
  await s.close();
});

test("proxy: a connection serves several requests, each to its own server", async () => {
  const s = await scene({}, handling((request) => ({ status: 200, body: request.target })));
  const client = s.dial();
  for (const path of ["/one", "/two", "/three"]) {
    await client.write(wire(`GET http://${s.origin}${path} HTTP/1.1¶Host: x¶¶`));
    assertStringIncludes(await readUntil(client, path), "200 OK");
  }
  await client.close();
  await s.close();
});

test("proxy: a body with a length goes both ways as it is [B13]", async () => {
  const heard: string[] = [];
  const s = await scene({}, saying("HTTP/1.1 201 Made¶Content-Length: 5¶¶there", heard, "hello"));
  assertEquals(
    await ask(s, `PUT http://${s.origin} HTTP/1.1¶Host: x¶Content-Length: 5¶¶hello`),
    "HTTP/1.1 201 Made¶Content-Length: 5¶Via: 1.1 US¶¶there",
  );
  assertEquals(
    anonymous(heard[0]!),
    `PUT / HTTP/1.1¶Host: ${s.origin}¶Via: 1.1 US¶Connection: close¶Content-Length: 5¶¶hello`,
  );
  await s.close();
});

test("proxy: chunks and trailers go both ways [B11]", async () => {
  const heard: string[] = [];
  const answer = "HTTP/1.1 200 OK¶Trailer: X-Sum¶Transfer-Encoding: chunked¶¶2¶ab¶0¶X-Sum: 7¶¶";
  const s = await scene({}, saying(answer, heard, "0¶X-Digest: 9¶¶"));
  assertEquals(
    await ask(
      s,
      `POST http://${s.origin}/ HTTP/1.1¶Host: x¶TE: trailers¶Connection: TE¶Trailer: X-Digest¶` +
        "Transfer-Encoding: chunked¶¶3¶abc¶0¶X-Digest: 9¶¶",
    ),
    "HTTP/1.1 200 OK¶Trailer: X-Sum¶Via: 1.1 US¶transfer-encoding: chunked¶¶2¶ab¶0¶X-Sum: 7¶¶",
  );
  assertEquals(
    anonymous(heard[0]!),
    `POST / HTTP/1.1¶Host: ${s.origin}¶Trailer: X-Digest¶Via: 1.1 US¶TE: trailers¶Connection: close, TE¶` +
      "Transfer-Encoding: chunked¶¶3¶abc¶0¶X-Digest: 9¶¶",
  );
  await s.close();
});

test("proxy: a Content-Length that Transfer-Encoding overrides goes no further (RFC 9112 §6.3) [B1]", async () => {
  const s = await scene({}, saying("HTTP/1.1 200 OK¶Content-Length: 1¶Transfer-Encoding: chunked¶¶5¶hello¶0¶¶"));
  assertEquals(
    await ask(s, `GET http://${s.origin}/ HTTP/1.1¶Host: x¶¶`),
    "HTTP/1.1 200 OK¶Via: 1.1 US¶transfer-encoding: chunked¶¶5¶hello¶0¶¶",
  );
  await s.close();
});

test("proxy: a body streams, the answer to it too, while both are open", async () => {
  const s = await scene({}, handling((request) => ({ status: 200, body: request.body })));
  const client = s.dial();
  await client.write(wire(`POST http://${s.origin}/ HTTP/1.1¶Host: x¶Transfer-Encoding: chunked¶¶`));
  for (const part of ["first", "then", "last"]) {
    await client.write(wire(`${part.length}¶${part}¶`));
    await readUntil(client, `${part.length}¶${part}¶`);
  }
  await client.write(wire("0¶¶"));
  assertEquals(await readUntil(client, "0¶¶"), "0¶¶");
  await client.close();
  await s.close();
});

test("proxy: an answer that ends with its connection is passed on in chunks, and to HTTP/1.0 as it is [B14]", async () => {
  const s = await scene({}, saying("HTTP/1.0 200 OK¶¶until the end"));
  assertEquals(
    await ask(s, `GET http://${s.origin}/ HTTP/1.1¶Host: x¶¶`),
    "HTTP/1.1 200 OK¶Via: 1.0 US¶transfer-encoding: chunked¶¶D¶until the end¶0¶¶",
  );
  assertEquals(await ask(s, `GET http://${s.origin}/ HTTP/1.0¶¶`), "HTTP/1.0 200 OK¶Via: 1.0 US¶¶until the end");
  await s.close();
});

test("proxy: an answer that is cut short is not completed [B12]", async () => {
  const s = await scene({}, saying("HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶ab"));
  const client = s.dial();
  await client.write(wire(`GET http://${s.origin}/ HTTP/1.1¶Host: x¶¶`));
  const answer = await readAll(client).catch(() => "reset");
  assert(!answer.endsWith("0¶¶"), answer);
  await client.close();
  await s.close();
});

test("proxy: Expect: 100-continue asks the server, and the early answer spares the body [D1]", async () => {
  const s = await scene(
    {},
    handling(async (request) => {
      if (request.target === "/no") return { status: 413, fields: [["Connection", "close"]] };
      return { status: 200, body: await request.body.text() };
    }),
  );
  const wanted = s.dial();
  const head = (path: string): string =>
    `PUT http://${s.origin}${path} HTTP/1.1¶Host: x¶Expect: 100-continue¶Content-Length: 4¶¶`;
  await wanted.write(wire(head("/yes")));
  assertEquals(await readUntil(wanted, "¶¶"), "HTTP/1.1 100 Continue¶¶");
  await wanted.write(wire("body"));
  assertMatch(await readUntil(wanted, "body"), /^HTTP\/1\.1 200 OK¶/);
  await wanted.close();
  const refused = s.dial();
  await refused.write(wire(head("/no")));
  assertMatch(await readAll(refused), /^HTTP\/1\.1 413 /);
  await refused.close();
  await s.close();
});

test("proxy: informational responses are passed on, but not to HTTP/1.0 (RFC 9110 §15.2) [D4, D6]", async () => {
  const early = "HTTP/1.1 103 Early Hints¶Link: </a>¶Connection: close¶¶HTTP/1.1 204 No Content¶¶";
  const s = await scene({}, saying(early));
  assertEquals(
    await ask(s, `GET http://${s.origin}/ HTTP/1.1¶Host: x¶¶`),
    "HTTP/1.1 103 Early Hints¶Link: </a>¶Via: 1.1 US¶¶HTTP/1.1 204 No Content¶Via: 1.1 US¶¶",
  );
  assertMatch(await ask(s, `GET http://${s.origin}/ HTTP/1.0¶¶`), /^HTTP\/1\.0 204 /);
  await s.close();
});

test("proxy: OPTIONS for a whole server becomes *, and Max-Forwards is counted (RFC 9112 §3.2.4, RFC 9110 §7.6.2)", async () => {
  const s = await scene(
    {},
    handling(({ target, fields }) => ({ status: 200, body: `${target} ${fields.get("max-forwards")}` })),
  );
  const options = (path: string, hops: string): Promise<string> =>
    ask(s, `OPTIONS http://${s.origin}${path} HTTP/1.1¶Host: x¶Max-Forwards: ${hops}¶¶`);
  assertMatch(await options("", "2"), /¶\* 1$/);
  assertMatch(await options("?a", "2"), /¶\/\?a 1$/);
  assertMatch(await options("/x", "1"), /¶\/x 0$/);
  assertMatch(await options("/x", "0"), /^HTTP\/1\.1 204 /);
  assertMatch(await ask(s, `TRACE http://${s.origin}/ HTTP/1.1¶Host: x¶Max-Forwards: 0¶¶`), /^HTTP\/1\.1 405 /);
  await s.close();
});

test("proxy: an upgrade that the server accepts is a tunnel from then on [E7, E8, E16]", async () => {
  const s = await scene(
    {},
    handling((request) => {
      const { response, upgraded } = upgradeResponse(request, "FOO");
      upgraded.then(({ readable, writable }) => readable.pipeTo(writable));
      return response;
    }),
  );
  const client = s.dial();
  await client.write(wire(`GET http://${s.origin}/ HTTP/1.1¶Host: x¶Connection: Upgrade¶Upgrade: foo, bar¶¶early`));
  const answer = anonymous(await readUntil(client, "early"));
  assertEquals(answer, "HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: FOO¶Via: 1.1 US¶¶early");
  await client.write(wire(" and late"));
  await client.closeWrite();
  assertEquals(await readAll(client), " and late");
  await s.close();
  assertEquals(s.lines.length, 2);
  assertStringIncludes(s.lines[1]!, "ended, 14 bytes sent, 14 received");
});

test("proxy: an upgrade that the server declines is an ordinary answer [E15]", async () => {
  const heard: string[] = [];
  const s = await scene(
    {},
    saying("HTTP/1.1 426 Upgrade Required¶Content-Length: 0¶Connection: upgrade¶Upgrade: a¶¶", heard),
  );
  assertEquals(
    await ask(s, `GET http://${s.origin}/ HTTP/1.1¶Host: x¶Connection: upgrade¶Upgrade: b¶¶`),
    "HTTP/1.1 426 Upgrade Required¶Content-Length: 0¶Via: 1.1 US¶¶",
  );
  assertStringIncludes(heard[0]!, "¶Upgrade: b¶Connection: upgrade¶¶");
  await s.close();
});

test("proxy: CONNECT opens a tunnel, bytes that came along go first, and each side ends on its own [F3, F6]", async () => {
  const s = await scene({}, async (socket) => {
    const heard = await readAll(socket);
    await socket.write(wire(`heard ${heard}`));
    await socket.close();
  });
  const client = s.dial();
  await client.write(wire(`CONNECT ${s.origin} HTTP/1.1¶Host: ${s.origin}¶¶early, `));
  assertEquals(anonymous(await readUntil(client, "¶¶")), "HTTP/1.1 200 OK¶¶");
  await client.write(wire("and late"));
  await client.closeWrite();
  assertEquals(await readAll(client), "heard early, and late");
  await s.close();
  assertEquals(s.lines, [
    `CONNECT ${s.origin} 200`,
    `CONNECT ${s.origin} ended, 15 bytes sent, 21 received`,
  ]);
});

test("proxy: a refused CONNECT says why and closes; nothing behind it is a request [O3, F9]", async () => {
  const s = await scene({ allow: ["a.test:443"] }, () => {});
  const answer = await ask(
    s,
    `CONNECT ${s.origin} HTTP/1.1¶Host: ${s.origin}¶¶GET http://${s.origin}/ HTTP/1.1¶Host: x¶¶`,
  );
  assertMatch(answer, /^HTTP\/1\.1 403 Forbidden¶.*Proxy-Status: US; error=http_request_denied¶.*connection: close¶/);
  assertEquals(answer.split("HTTP/1.1 ").length, 2);
  assertEquals(s.lines, [`CONNECT ${s.origin} 403`]);
  await s.close();
});

test("proxy: nobody listens at the destination: 502, for CONNECT and for http [F9]", async () => {
  const s = await scene({}, () => {});
  const gone = await listen({ hostname: "127.0.0.1" });
  const { port } = gone.address as { readonly port: number };
  await gone.close();
  for (const line of [`CONNECT 127.0.0.1:${port}`, `GET http://127.0.0.1:${port}/`]) {
    const answer = await ask(s, `${line} HTTP/1.1¶Host: 127.0.0.1:${port}¶¶`);
    assertMatch(answer, /^HTTP\/1\.1 502 Bad Gateway¶.*error=connection_refused¶/);
  }
  await s.close();
});

test("proxy: a server that does not answer: 504 [F9]", async () => {
  const s = await scene({ answerTimeoutMs: 20 }, async (socket) => {
    await readAll(socket).catch(() => {});
    socket.abort();
  });
  assertMatch(await ask(s, `GET http://${s.origin}/ HTTP/1.1¶Host: x¶¶`), /^HTTP\/1\.1 504 Gateway Timeout¶/);
  await s.close();
});

test("proxy: a server that does not speak HTTP: 502 [B4]", async () => {
  const s = await scene({}, saying("SSH-2.0-x¶¶"));
  assertMatch(await ask(s, `GET http://${s.origin}/ HTTP/1.1¶Host: x¶¶`), /^HTTP\/1\.1 502 .*http_protocol_error/);
  await s.close();
});

test("proxy: what is no proxy request gets 400 and an explanation", async () => {
  const s = await scene({}, () => {});
  for (const target of ["/path", "https://a.test/", "ftp://a.test/"]) {
    const answer = await ask(s, `GET ${target} HTTP/1.1¶Host: a.test¶¶`);
    assertMatch(answer, /^HTTP\/1\.1 400 .*This is a proxy/);
  }
  await s.close();
});

test("proxy: a request that comes back to it is not sent again (RFC 9110 §7.6.3)", async () => {
  const s = await scene({}, handling(({ fields }) => ({ status: 200, body: fields.get("via") })));
  const first = s.dial();
  await first.write(wire(`GET http://${s.origin}/ HTTP/1.0¶¶`));
  const via = /1\.0 http-upgrade-[0-9a-f]{8}$/.exec(await readAll(first))![0];
  await first.close();
  const answer = await ask(s, `GET http://${s.origin}/ HTTP/1.1¶Host: x¶Via: 1.1 other, ${via}¶¶`);
  assertMatch(answer, /^HTTP\/1\.1 502 .*proxy_loop_detected/);
  await s.close();
});

test("proxy: a client that is gone takes its request along", { timeout: 10_000 }, async () => {
  let gone: (error: unknown) => void = () => {};
  const ended = new Promise<unknown>((resolve) => gone = resolve);
  const s = await scene({}, async (socket) => {
    await readUntil(socket, "¶¶");
    await socket.write(wire("HTTP/1.1 200 OK¶¶"));
    // Endless, until nobody takes it any more.
    try {
      while (true) await socket.write(new Uint8Array(65_536));
    } catch (error) {
      gone(error);
    }
  });
  const client = s.dial();
  await client.write(wire(`GET http://${s.origin}/ HTTP/1.1¶Host: x¶¶`));
  await client.read();
  client.abort();
  assert(await ended instanceof Error);
  await s.close();
});

test(
  "proxy: close() lets an answer end, cuts tunnels, and takes no more connections",
  { timeout: 10_000 },
  async () => {
    let answer: () => void = () => {};
    let asked: () => void = () => {};
    const isAsked = new Promise<void>((resolve) => asked = resolve);
    const s = await scene(
      {},
      handling(async ({ target }) => {
        if (target !== "/slow") return { status: 200 };
        asked();
        await new Promise<void>((resolve) => answer = resolve);
        return { status: 200, body: "at last" };
      }),
    );
    const tunneled = s.dial();
    await tunneled.write(wire(`CONNECT ${s.origin} HTTP/1.1¶Host: x:1¶¶`));
    await readUntil(tunneled, "¶¶");
    const slow = s.dial();
    await slow.write(wire(`GET http://${s.origin}/slow HTTP/1.1¶Host: x¶¶`));
    await isAsked;
    const closing = s.proxy.close();
    assertEquals(await readAll(tunneled).catch(() => ""), "");
    tunneled.abort();
    assertEquals(
      await connect({ hostname: "127.0.0.1", port: s.proxy.port }).opened.catch((error) => error.code),
      "refused",
    );
    answer();
    assertMatch(await readAll(slow), /at last$/);
    await slow.close();
    await closing;
    await s.close();
  },
);
