/**
 * What a reverse proxy must pass that is no single exchange: switches, waits, pressure, and ends of all kinds. Each throws
 * what went wrong.
 *
 * @module
 */

import { readRequest, readResponse } from "./message.ts";
import type { Backend, Peer } from "./peer.ts";

/** Both ends of a proxy. */
export interface Ends {
  /** Opens a connection to the proxy. */
  dial(): Promise<Peer>;
  /** The server behind it. */
  readonly backend: Backend;
}

/** One thing that must pass. */
export interface ProxyFlow {
  readonly title: string;
  readonly clause: string;
  /** Whether the proxy must reset a connection. */
  readonly resets?: boolean;
  /** Throws where it does not pass. */
  readonly play: (ends: Ends) => Promise<void>;
}

const UPGRADE = "GET /chat HTTP/1.1¶Host: a¶Connection: Upgrade¶Upgrade: echo/1¶¶";
const SWITCHED = "HTTP/1.1 101 Switching Protocols¶Upgrade: echo/1¶Connection: Upgrade¶¶";
const WEBSOCKET = "GET /chat HTTP/1.1¶Host: a¶Connection: keep-alive, Upgrade¶Upgrade: websocket¶" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==¶Sec-WebSocket-Version: 13¶" +
  "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-own; a=1¶Sec-WebSocket-Protocol: a, b¶¶";
const WEBSOCKET_SWITCHED = "HTTP/1.1 101 Switching Protocols¶Upgrade: websocket¶Connection: Upgrade¶" +
  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=¶Sec-WebSocket-Extensions: x-own; a=1¶" +
  "Sec-WebSocket-Protocol: b¶¶";

/** A request of this text is at the server. */
interface Begun {
  readonly client: Peer;
  readonly server: Peer;
}

async function begun(ends: Ends, text: string): Promise<Begun> {
  const client = await ends.dial();
  client.send(text);
  return { client, server: await ends.backend.next() };
}

async function switched(ends: Ends, early = ""): Promise<Begun> {
  const both = await begun(ends, UPGRADE + early);
  await readRequest(both.server);
  both.server.send(SWITCHED);
  await readResponse(both.client, "GET");
  return both;
}

function expect(what: string, got: unknown, wanted: unknown): void {
  if (got !== wanted) throw new Error(`${what}: ${JSON.stringify(got)} and not ${JSON.stringify(wanted)}`);
}

/** Names of fields are spelled as each proxy likes; what else is asked for has no other case. */
function expectMatch(what: string, got: string, wanted: RegExp): void {
  if (!new RegExp(wanted, "i").test(got)) throw new Error(`${what}: ${JSON.stringify(got)}`);
}

function flow(title: string, clause: string, play: ProxyFlow["play"]): ProxyFlow {
  return { title, clause, play };
}

/** Runs `play` and lets go of both ends. */
function between(start: (ends: Ends) => Promise<Begun>, play: (begun: Begun, ends: Ends) => Promise<void>) {
  return async (ends: Ends): Promise<void> => {
    const both = await start(ends);
    try {
      await play(both, ends);
    } finally {
      both.client.close();
      both.server.close();
    }
  };
}

const SWITCHING = "RFC 9110 §7.8";

/** All of them. */
export const flows: readonly ProxyFlow[] = [
  flow(
    "an upgrade to any protocol",
    SWITCHING,
    between((ends) => begun(ends, UPGRADE), async ({ client, server }) => {
      const { head } = await readRequest(server);
      expectMatch("the server was offered", head, /¶Upgrade: echo\/1¶/i);
      expectMatch("the server was told", head, /¶Connection: Upgrade¶/i);
      server.send(SWITCHED);
      expectMatch(
        "the client was told",
        (await readResponse(client, "GET")).head,
        /^HTTP\/1\.1 101 .*¶Upgrade: echo\/1¶/i,
      );
      client.send("ping");
      expect("the server got", await server.take(4), "ping");
      server.send("pong");
      expect("the client got", await client.take(4), "pong");
    }),
  ),
  flow(
    "bytes that come with the request for an upgrade",
    SWITCHING,
    between((ends) => switched(ends, "early"), async ({ server }) => {
      expect("the server got", await server.take(5), "early");
    }),
  ),
  flow(
    "bytes that come with the 101",
    SWITCHING,
    between((ends) => begun(ends, UPGRADE), async ({ client, server }) => {
      await readRequest(server);
      server.send(`${SWITCHED}early`);
      await readResponse(client, "GET");
      expect("the client got", await client.take(5), "early");
    }),
  ),
  flow(
    "a refused upgrade with its body, and the next request",
    SWITCHING,
    between((ends) => begun(ends, UPGRADE), async ({ client, server }, ends) => {
      await readRequest(server);
      server.send("HTTP/1.1 403 Forbidden¶X-Why: tea¶Content-Length: 6¶¶no tea");
      const { head, body } = await readResponse(client, "GET");
      expectMatch("the client was told", head, /^HTTP\/1\.1 403 Forbidden¶X-Why: tea¶/);
      expect("the client got", body, "no tea");
      ends.backend.again(server);
      client.send("GET /next HTTP/1.1¶Host: a¶¶");
      const next = await ends.backend.next();
      expectMatch("the server got", (await readRequest(next)).head, /^GET \/next /);
      next.send("HTTP/1.1 200 OK¶Content-Length: 0¶¶");
      await readResponse(client, "GET");
    }),
  ),
  flow(
    "426 keeps the protocols that it demands",
    "RFC 9110 §15.5.22",
    between((ends) => begun(ends, "GET / HTTP/1.1¶Host: a¶¶"), async ({ client, server }) => {
      await readRequest(server);
      server.send("HTTP/1.1 426 Upgrade Required¶Upgrade: echo/1¶Connection: Upgrade¶Content-Length: 0¶¶");
      expectMatch("the client was told", (await readResponse(client, "GET")).head, /¶Upgrade: echo\/1¶/);
    }),
  ),
  flow(
    "an upgrade with a body",
    SWITCHING,
    between(
      (ends) =>
        begun(ends, "POST /exec HTTP/1.1¶Host: a¶Connection: Upgrade¶Upgrade: tcp¶Content-Length: 5¶¶helloearly"),
      async ({ client, server }) => {
        expect("the server got", (await readRequest(server)).body, "hello");
        server.send("HTTP/1.1 101 UPGRADED¶Connection: Upgrade¶Upgrade: tcp¶¶");
        expectMatch("the client was told", (await readResponse(client, "POST")).head, /^HTTP\/1\.1 101 UPGRADED¶/);
        expect("the server got", await server.take(5), "early");
      },
    ),
  ),
  flow(
    "a WebSocket's handshake, its extensions and protocols untouched",
    "RFC 6455 §4",
    between((ends) => begun(ends, WEBSOCKET), async ({ client, server }) => {
      const { head } = await readRequest(server);
      expectMatch(
        "the server got",
        head,
        /¶Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-own; a=1¶/,
      );
      expectMatch("the server got", head, /¶Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==¶/);
      server.send(WEBSOCKET_SWITCHED);
      expectMatch("the client got", (await readResponse(client, "GET")).head, /¶Sec-WebSocket-Extensions: x-own; a=1¶/);
      client.send("\xc1\x85\x01\x02\x03\x04hello");
      expect("the server got", await server.take(11), "\xc1\x85\x01\x02\x03\x04hello");
    }),
  ),
  flow(
    "behind a switch the client ends its side alone",
    "RFC 9293 §3.6",
    between((ends) => switched(ends), async ({ client, server }) => {
      client.send("question");
      client.end();
      expect("the server got", await server.rest(), "question");
      expect("which ended by", server.ended, "end");
      server.send("answer");
      expect("the client got", await client.take(6), "answer");
    }),
  ),
  flow(
    "behind a switch the server ends its side alone",
    "RFC 9293 §3.6",
    between((ends) => switched(ends), async ({ client, server }) => {
      server.send("answer");
      server.end();
      expect("the client got", await client.rest(), "answer");
      client.send("late");
      expect("the server got", await server.take(4), "late");
    }),
  ),
  {
    resets: true,
    ...flow(
      "behind a switch a reset is a reset",
      "RFC 9293 §3.5",
      between((ends) => switched(ends), async ({ client, server }) => {
        client.send("x");
        await server.take(1);
        client.reset();
        expect("the server's connection ended by", await server.untilEnd(), "reset");
      }),
    ),
  },
  flow(
    "Expect: the client waits for the server's 100",
    "RFC 9110 §10.1.1",
    between(
      (ends) => begun(ends, "POST / HTTP/1.1¶Host: a¶Expect: 100-continue¶Content-Length: 5¶¶"),
      async ({ client, server }) => {
        expectMatch("the server got", await server.through("¶¶"), /¶Expect: 100-continue¶/);
        expect("before the server said so, the client got", client.received, "");
        server.send("HTTP/1.1 100 Continue¶¶");
        expectMatch("the client got", await client.through("¶¶"), /^HTTP\/1\.1 100 Continue¶/);
        client.send("hello");
        expect("the server got", await server.take(5), "hello");
        server.send("HTTP/1.1 200 OK¶Content-Length: 0¶¶");
        expectMatch("the client got", (await readResponse(client, "POST")).head, /^HTTP\/1\.1 200 /);
      },
    ),
  ),
  flow(
    "Expect: a refusal comes instead of the 100",
    "RFC 9110 §10.1.1",
    between(
      (ends) => begun(ends, "POST / HTTP/1.1¶Host: a¶Expect: 100-continue¶Content-Length: 5¶¶"),
      async ({ client, server }) => {
        await server.through("¶¶");
        server.send("HTTP/1.1 401 Unauthorized¶WWW-Authenticate: Basic¶Content-Length: 2¶¶no");
        expectMatch("the client got", await client.through("¶¶"), /^HTTP\/1\.1 401 /);
        expect("with", await client.take(2), "no");
      },
    ),
  ),
  flow(
    "server-sent events come one by one",
    "RFC 9112 §7.1",
    between(
      (ends) => begun(ends, "GET /events HTTP/1.1¶Host: a¶Accept: text/event-stream¶¶"),
      async ({ client, server }) => {
        await readRequest(server);
        const [first, second] = ["data: 1\n\n", "data: 2\n\n"];
        const head = "HTTP/1.1 200 OK¶Content-Type: text/event-stream¶Transfer-Encoding: chunked¶¶";
        server.send(`${head}9¶${first}¶`);
        await client.through(first!);
        server.send(`9¶${second}¶`);
        await client.through(second!);
      },
    ),
  ),
  flow(
    "the head comes before the first byte of the body",
    "RFC 9112 §6",
    between((ends) => begun(ends, "GET / HTTP/1.1¶Host: a¶¶"), async ({ client, server }) => {
      await readRequest(server);
      server.send("HTTP/1.1 200 OK¶Content-Length: 5¶¶");
      await client.through("¶¶");
      server.send("hello");
      expect("the client got", await client.take(5), "hello");
    }),
  ),
  flow(
    "a request's body goes on while it comes",
    "RFC 9112 §6",
    between((ends) => begun(ends, "POST / HTTP/1.1¶Host: a¶Content-Length: 10¶¶hello"), async ({ client, server }) => {
      await server.through("¶¶");
      expect("the server got", await server.take(5), "hello");
      client.send("world");
      expect("the server got", await server.take(5), "world");
      server.send("HTTP/1.1 200 OK¶Content-Length: 0¶¶");
      await readResponse(client, "POST");
    }),
  ),
  flow(
    "a response that comes before the request is complete",
    "RFC 9112 §9.5",
    between((ends) => begun(ends, "POST / HTTP/1.1¶Host: a¶Content-Length: 10¶¶hello"), async ({ client, server }) => {
      await server.through("¶¶");
      server.send("HTTP/1.1 413 Content Too Large¶Content-Length: 4¶Connection: close¶¶long");
      const { head, body } = await readResponse(client, "POST");
      expectMatch("the client got", head, /^HTTP\/1\.1 413 /);
      expect("with", body, "long");
    }),
  ),
  flow(
    "a client that does not read stops the server",
    "RFC 9293 §3.8",
    between((ends) => begun(ends, "GET / HTTP/1.1¶Host: a¶¶"), async ({ client, server }) => {
      await readRequest(server);
      client.pause();
      server.send(`HTTP/1.1 200 OK¶Content-Length: ${FLOOD.length}¶¶`);
      server.sendBytes(FLOOD);
      await server.untilStalled();
      expect("the server could send all", server.flushed, false);
      client.resume();
      await client.through("¶¶");
      await client.skip(FLOOD.length);
    }),
  ),
  flow(
    "a server that does not read stops the client",
    "RFC 9293 §3.8",
    between(
      (ends) => begun(ends, `POST / HTTP/1.1¶Host: a¶Content-Length: ${FLOOD.length + 1}¶¶x`),
      async ({ client, server }) => {
        await server.through("¶¶x");
        server.pause();
        client.sendBytes(FLOOD);
        await client.untilStalled();
        expect("the client could send all", client.flushed, false);
        server.resume();
        await server.skip(FLOOD.length);
      },
    ),
  ),
  flow(
    "a client that leaves ends its request to the server",
    "RFC 9112 §9.5",
    between((ends) => begun(ends, "GET / HTTP/1.1¶Host: a¶¶"), async ({ client, server }) => {
      await readRequest(server);
      client.reset();
      await server.untilEnd();
    }),
  ),
  flow(
    "a client that leaves within a response ends that",
    "RFC 9112 §9.5",
    between((ends) => begun(ends, "GET / HTTP/1.1¶Host: a¶¶"), async ({ client, server }) => {
      await readRequest(server);
      server.send("HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶");
      await client.through("hello");
      client.reset();
      await server.untilEnd();
    }),
  ),
  flow(
    "a response that is cut short does not look complete",
    "RFC 9112 §8",
    between((ends) => begun(ends, "GET / HTTP/1.1¶Host: a¶¶"), async ({ client, server }) => {
      await readRequest(server);
      server.send("HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶");
      await client.through("hello");
      server.reset();
      if ((await client.rest()).includes("0¶¶")) throw new Error("the client got a last chunk");
    }),
  ),
  flow(
    "a request that is cut short does not look complete",
    "RFC 9112 §8",
    between(
      (ends) => begun(ends, "POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶5¶hello¶"),
      async ({ client, server }) => {
        await server.through("hello");
        client.reset();
        if ((await server.rest()).includes("0¶¶")) throw new Error("the server got a last chunk");
      },
    ),
  ),
  flow("requests in one packet are answered in their order", "RFC 9112 §9.3.2", async (ends) => {
    const client = await ends.dial();
    try {
      client.send("GET /1 HTTP/1.1¶Host: a¶¶GET /2 HTTP/1.1¶Host: a¶¶");
      for (const path of ["/1", "/2"]) {
        const server = await ends.backend.next();
        expectMatch("the server got", (await readRequest(server)).head, new RegExp(`^GET ${path} `));
        server.send(`HTTP/1.1 200 OK¶Content-Length: 2¶¶${path}`);
        expect("the client got", (await readResponse(client, "GET")).body, path);
        ends.backend.again(server);
      }
    } finally {
      client.close();
    }
  }),
  flow(
    "a server that cannot be read is a 502",
    "RFC 9110 §15.6.3",
    between((ends) => begun(ends, "POST / HTTP/1.1¶Host: a¶Content-Length: 0¶¶"), async ({ client, server }) => {
      await readRequest(server);
      server.send("SSH-2.0-OpenSSH¶¶");
      server.end();
      expectMatch("the client got", (await readResponse(client, "POST")).head, /^HTTP\/1\.1 502 /);
    }),
  ),
  flow(
    "a server that hangs up is a 502",
    "RFC 9110 §15.6.3",
    between((ends) => begun(ends, "POST / HTTP/1.1¶Host: a¶Content-Length: 0¶¶"), async ({ client, server }) => {
      await readRequest(server);
      server.end();
      expectMatch("the client got", (await readResponse(client, "POST")).head, /^HTTP\/1\.1 502 /);
    }),
  ),
];

/** 32 MiB: more than a proxy and the system keep for it. */
const FLOOD = new Uint8Array(32 << 20);
