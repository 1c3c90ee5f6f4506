import { test } from "node:test";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { UnsentError } from "../../../src/errors/unsent_error.ts";
import { duplexPair } from "../../../src/duplex/pair.ts";
import { TransportError } from "../../../src/errors/transport_error.ts";
import { StateError } from "../../../src/errors/state_error.ts";
import { Client } from "../../../src/http/client/client.ts";
import type { ClientOptions } from "../../../src/http/client/options.ts";
import { answer, dialing, dialingServed, rejection } from "../../support/dialing.ts";
import { isPending } from "../../support/switching.ts";
import { FakeClock, readUntil, turns, wire } from "../../support/wire.ts";

const OK = "HTTP/1.1 200 OK¶Content-Length: 2¶¶ok";
const ok = () => ({ status: 200, body: "ok" });

test("Client uses a connection again for the same origin, and not for another one", async () => {
  const { client, dialed } = dialingServed(ok);
  for (let i = 0; i < 3; i++) await (await client.fetch("http://a/")).text();
  assertEquals(dialed.length, 1);
  await (await client.fetch("http://a:81/")).text();
  await (await client.fetch("http://b/")).text();
  assertEquals(dialed.map(({ address }) => `${address.hostname}:${address.port}`), ["a:80", "a:81", "b:80"]);
  assertEquals(client.connections, 3);
  await client.close();
  assertEquals(client.connections, 0);
});

test("Client opens as many connections as there are requests at once, and keeps maxIdlePerOrigin", async () => {
  const { client, dialed } = dialingServed(ok, { maxIdlePerOrigin: 2 });
  const responses = await Promise.all([1, 2, 3, 4, 5].map(() => client.fetch("http://a/")));
  assertEquals(dialed.length, 5);
  for (const response of responses) await response.text();
  await turns();
  assertEquals(client.connections, 2);
  await client.close();
});

test("Client does not use a connection whose body was not read", async () => {
  const { client, dialed } = dialingServed(ok);
  const first = await client.fetch("http://a/");
  const second = await client.fetch("http://a/");
  assertEquals(dialed.length, 2);
  assertEquals([await first.text(), await second.text()], ["ok", "ok"]);
  await client.close();
});

test("Client uses a connection again after a short body was canceled", async () => {
  const { client, dialed } = dialingServed(ok);
  await (await client.fetch("http://a/")).body!.cancel();
  await turns();
  await (await client.fetch("http://a/")).text();
  assertEquals(dialed.length, 1);
  await client.close();
});

test("Client closes a connection whose long body was canceled", async () => {
  const { client, connection } = dialing();
  const fetching = client.fetch("http://a/");
  const { far, near } = await connection(0);
  await answer(far, "HTTP/1.1 200 OK¶Content-Length: 1000000¶¶");
  const response = await fetching;
  const pushing = (async () => {
    for (let i = 0; i < 10; i++) await far.write(new Uint8Array(50_000));
  })();
  await response.body!.cancel();
  await near.closed.catch(() => {});
  await pushing.catch(() => {});
  await turns();
  assertEquals(client.connections, 0);
  await client.close();
});

test("Client closes a connection after `Connection: close` of either side [C2]", async () => {
  const { client, dialed } = dialingServed(({ target }) => ({
    status: 200,
    body: "ok",
    fields: target === "/close" ? [["connection", "close"]] : [],
  }));
  await (await client.fetch("http://a/close")).text();
  await (await client.fetch("http://a/", { headers: { connection: "close" } })).text();
  await (await client.fetch("http://a/")).text();
  assertEquals(dialed.length, 3);
  await turns();
  assertEquals(client.connections, 1);
  await client.close();
});

test("Client with keepAlive: false asks for the end after each response", async () => {
  const { client, dialed } = dialingServed(ok, { keepAlive: false });
  for (let i = 0; i < 2; i++) await (await client.fetch("http://a/")).text();
  await turns();
  assertEquals([dialed.length, client.connections], [2, 0]);
  await client.close();
});

const waits: readonly (readonly [name: string, options: ClientOptions, fields: [string, string][], limitMs: number])[] =
  [
    ["closes a connection that has waited for idleTimeoutMs, and leaves no timer", { idleTimeoutMs: 1000 }, [], 1000],
    ["waits less where Keep-Alive says so", {}, [["keep-alive", "timeout=5, max=100"]], 4000],
  ];

for (const [name, options, fields, limitMs] of waits) {
  test(`Client ${name}`, async () => {
    const clock = new FakeClock();
    const { client, dialed } = dialingServed(() => ({ status: 200, body: "ok", fields }), { ...options, clock });
    await (await client.fetch("http://a/")).text();
    await turns();
    await clock.advance(limitMs - 1);
    assertEquals(client.connections, 1);
    await clock.advance(1);
    assertEquals(client.connections, 0);
    await dialed[0]!.near.closed;
    assertEquals(clock.pending, 0);
    await client.close();
  });
}

for (
  const [what, method, status] of [["HEAD", "HEAD", 200], ["204", "GET", 204], ["a redirect", "GET", 302]] as const
) {
  test(`Client heeds Keep-Alive of an answer without content: ${what} (RFC 2068 §19.7.1.1)`, async () => {
    const clock = new FakeClock();
    const fields = [["keep-alive", "timeout=5"], ["location", "/"]] as const;
    const { client } = dialingServed(() => ({ status, fields }), { clock });
    await client.fetch("http://a/", { method, redirect: "manual" });
    await turns();
    await clock.advance(3999);
    assertEquals(client.connections, 1);
    await clock.advance(1);
    assertEquals(client.connections, 0);
    await client.close();
  });
}

test("Client begins to wait anew after each use", async () => {
  const clock = new FakeClock();
  const { client, dialed } = dialingServed(ok, { idleTimeoutMs: 1000, clock });
  for (let i = 0; i < 4; i++) {
    await (await client.fetch("http://a/")).text();
    await turns();
    await clock.advance(600);
  }
  assertEquals([client.connections, dialed.length], [1, 1]);
  await clock.advance(400);
  assertEquals(client.connections, 0);
  await client.close();
});

test("Client lets go of an idle connection that the server closes", async () => {
  const { client, connection, dialed } = dialing();
  const fetching = client.fetch("http://a/");
  const { far, near } = await connection(0);
  await answer(far, OK);
  await (await fetching).text();
  await far.close();
  await near.closed;
  await turns();
  assertEquals(client.connections, 0);
  const again = client.fetch("http://a/");
  await answer((await connection(1)).far, OK);
  assertEquals(await (await again).text(), "ok");
  assertEquals(dialed.length, 2);
  await client.close();
});

test("Client lets go of an idle connection on which the server speaks unasked [B15]", async () => {
  const { client, connection } = dialing();
  const fetching = client.fetch("http://a/");
  const { far } = await connection(0);
  await answer(far, OK);
  await (await fetching).text();
  await far.write(wire("HTTP/1.1 408 Request Timeout¶Content-Length: 0¶¶"));
  await turns();
  assertEquals(client.connections, 0);
  await client.close();
});

/** A client with one connection that has answered a first request and is kept. */
async function kept(method = "GET", body: BodyInit | null = null) {
  const dialer = dialing();
  const first = dialer.client.fetch("http://a/first");
  const { far } = await dialer.connection(0);
  await answer(far, OK);
  await (await first).text();
  await turns();
  const init = body === null ? { method } : { method, body };
  const second = dialer.client.fetch("http://a/second", init);
  second.catch(() => {});
  await readUntil(far, (soFar) => soFar.includes("¶¶"));
  return { ...dialer, far, second };
}

test("fetch() repeats an idempotent request once on a new connection when a kept one died (RFC 9112 §9.3.1)", async () => {
  const { client, connection, far, second } = await kept("PUT", "x");
  await far.closeWrite();
  const retried = await connection(1);
  await readUntil(retried.far, (soFar) => soFar.endsWith("¶¶x"));
  await retried.far.write(wire(OK));
  assertEquals(await (await second).text(), "ok");
  await client.close();
});

test("fetch() repeats it after a reset as well", async () => {
  const { client, connection, far, second } = await kept();
  far.abort(new TransportError("reset", "cut"));
  await answer((await connection(1)).far, OK);
  assertEquals(await (await second).text(), "ok");
  await client.close();
});

test("fetch() repeats a request once only", async () => {
  const { client, connection, dialed, far, second } = await kept();
  await far.closeWrite();
  const retried = await connection(1);
  await readUntil(retried.far, "¶¶");
  await retried.far.closeWrite();
  await assertRejects(() => second);
  assertEquals(dialed.length, 2);
  await client.close();
});

const notRepeated: readonly (readonly [what: string, method: string, body: BodyInit | null, begun: string])[] = [
  ["a POST that may have been taken (RFC 9110 §9.2.2)", "POST", "x", ""],
  ["a request whose body is a stream that was read", "PUT", new Blob(["x"]).stream(), ""],
  ["a request once an answer has begun", "GET", null, "HTTP/1.1 2"],
];

for (const [what, method, body, begun] of notRepeated) {
  test(`fetch() does not repeat ${what}`, async () => {
    const { client, dialed, far, second } = await kept(method, body);
    if (begun !== "") await far.write(wire(begun));
    await far.closeWrite();
    await assertRejects(() => second);
    assertEquals(dialed.length, 1);
    await client.close();
  });
}

test("fetch() does not repeat a request on a connection that was new", async () => {
  const { client, connection, dialed } = dialing();
  const fetching = client.fetch("http://a/");
  const { far } = await connection(0);
  await readUntil(far, "¶¶");
  await far.closeWrite();
  const error = await rejection(fetching);
  assert(!(error instanceof UnsentError), `${error}`);
  assertEquals(dialed.length, 1);
  await client.close();
});

test("close() ends idle connections at once and lets exchanges end", async () => {
  const { client, connection } = dialing();
  const idle = client.fetch("http://a/");
  await answer((await connection(0)).far, OK);
  await (await idle).text();
  const busy = client.fetch("http://b/");
  const { far, near } = await connection(1);
  await readUntil(far, "¶¶");
  const closing = client.close();
  await (await connection(0)).near.closed;
  assert(await isPending(closing));
  await far.write(wire(OK));
  assertEquals(await (await busy).text(), "ok");
  await closing;
  await near.closed;
  assertEquals(client.connections, 0);
});

test("close() lets a request end that is still connecting", async () => {
  const [near, far] = duplexPair();
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => open = resolve);
  const client = new Client({ dial: () => gate.then(() => near) });
  const fetching = client.fetch("http://a/");
  const closing = client.close();
  open();
  await answer(far, OK);
  const response = await fetching;
  assert(await isPending(closing));
  assertEquals(await response.text(), "ok");
  await closing;
  await near.closed;
});

test("leaving the scope of a client cuts what is under way and leaves nothing", async () => {
  const clock = new FakeClock();
  const { client, connection } = dialing({ clock });
  const waiting = client.fetch("http://a/");
  const reading = client.fetch("http://b/");
  await answer((await connection(1)).far, "HTTP/1.1 200 OK¶Content-Length: 5¶¶ab");
  const response = await reading;
  const text = response.text();
  const outcomes = Promise.all([rejection(waiting), rejection(text)]);
  await client[Symbol.asyncDispose]();
  const [unanswered] = await outcomes;
  assert(unanswered instanceof StateError && unanswered.code === "closed", `${unanswered}`);
  for (const index of [0, 1]) await (await connection(index)).near.closed.catch(() => {});
  assertEquals([client.connections, clock.pending], [0, 0]);
});

test("abort() gives up what is connecting", async () => {
  let aborted: AbortSignal | null = null;
  const client = new Client({
    dial: (_address, { signal }) => {
      aborted = signal;
      return new Promise(() => {});
    },
  });
  const outcome = rejection(client.fetch("http://a/"));
  await turns();
  const reason = new Error("enough");
  await client.abort(reason);
  assertEquals(await outcome, reason);
  assertEquals(aborted!.aborted, true);
});

test("close({ signal }) cuts what nobody reads when the signal aborts, and only then", async () => {
  for (const early of [true, false]) {
    const { client, connection } = dialing();
    const fetching = client.fetch("http://a/");
    const { far } = await connection(0);
    await answer(far, "HTTP/1.1 200 OK¶Content-Length: 9¶¶half");
    const response = await fetching;
    const patience = new AbortController();
    const reason = new Error("enough");
    if (early) patience.abort(reason);
    const closing = client.close({ signal: patience.signal });
    if (!early) {
      assert(await isPending(closing));
      patience.abort(reason);
    }
    await closing;
    assertEquals(client.connections, 0);
    const failure = await rejection(response.text());
    assert(failure === reason || (failure as Error).cause === reason, `${failure}`);
  }
});

test("close({ signal }) takes its listener from a signal that never aborts", async () => {
  const { client, connection } = dialing();
  const fetching = client.fetch("http://a/");
  const { far } = await connection(0);
  await answer(far, OK);
  const patience = new AbortController();
  const closing = client.close({ signal: patience.signal });
  assertEquals(await (await fetching).text(), "ok");
  await closing;
  patience.abort();
  assertEquals(client.connections, 0);
});
