import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import { ProtocolError } from "../../../src/errors/protocol_error.ts";
import { StateError } from "../../../src/errors/state_error.ts";
import { TransportError, type TransportErrorCode } from "../../../src/errors/transport_error.ts";
import { UnsentError } from "../../../src/errors/unsent_error.ts";
import { UpgradeRejected } from "../../../src/errors/upgrade_rejected.ts";
import { Client } from "../../../src/http/client/client.ts";
import type { ClientBody, ClientOptions } from "../../../src/http/client/options.ts";
import { retry, type RetryOptions } from "../../../src/http/client/retry.ts";
import type { IncomingRequest } from "../../../src/http1/incoming.ts";
import { serveConnection } from "../../../src/http1/server_connection.ts";
import { upgradeResponse } from "../../../src/http1/switch.ts";
import { duplexPair } from "../../../src/duplex/pair.ts";
import { manualStream } from "../../support/client.ts";
import { type Dialing, dialing, dialingServed, rejection } from "../../support/dialing.ts";
import { headers, rstStream } from "../../support/h2_wire.ts";
import { playing } from "../../support/http2_dialing.ts";
import { isPending } from "../../support/switching.ts";
import { FakeClock, readUntil, turns, wire } from "../../support/wire.ts";

/** What a server answers, one after the other; the last one again and again. */
type Answers = readonly (readonly [status: number, retryAfter?: string])[];

/** A client that retries, its server, its time, and what came to the server so far. */
interface Retrying extends Dialing {
  readonly clock: FakeClock;
  readonly asked: string[];
}

function retrying(answers: Answers, options: RetryOptions = {}, clientOptions: ClientOptions = {}): Retrying {
  const clock = new FakeClock();
  const asked: string[] = [];
  const handler = async (request: IncomingRequest) => {
    asked.push(`${request.method} ${await request.body.text()}`.trim());
    const [status, retryAfter] = answers[Math.min(asked.length, answers.length) - 1]!;
    const fields: [string, string][] = retryAfter === undefined ? [] : [["Retry-After", retryAfter]];
    return { status, fields, body: `answer ${asked.length}` };
  };
  const dialed = dialingServed(handler, { clock, idleTimeoutMs: 0, ...clientOptions });
  dialed.client.use(retry({ random: () => 1, ...options }));
  return { ...dialed, clock, asked };
}

/** Lets promises settle and time pass until nothing is waited for. */
async function played<T>(clock: FakeClock, outcome: Promise<T>): Promise<T> {
  outcome.catch(() => {});
  await turns();
  for (let i = 0; i < 20 && await isPending(outcome); i++) await clock.advance(60_000);
  return await outcome;
}

const statuses: readonly (readonly [status: number, attempts: number, options?: RetryOptions])[] = [
  [429, 4],
  [502, 4],
  [503, 4],
  [504, 4],
  [200, 1],
  [404, 1],
  [408, 1],
  [500, 1],
  [501, 1],
  [503, 2, { maxAttempts: 2 }],
  [503, 1, { maxAttempts: 1 }],
  [503, 1, { statuses: [] }],
  [500, 4, { statuses: [500] }],
];

for (const [status, attempts, options] of statuses) {
  test(`retry(${JSON.stringify(options) ?? ""}) asks ${attempts} times for ${status}, and gives the last answer`, async () => {
    const { client, clock, asked } = retrying([[status]], options);
    const response = await played(clock, client.fetch("http://a/"));
    assertEquals([response.status, await response.text()], [status, `answer ${attempts}`]);
    assertEquals(asked.length, attempts);
    await client.close();
    assertEquals(clock.pending, 0);
  });
}

async function* generated() {
  yield wire("body");
}

const requests: readonly (readonly [
  what: string,
  method: string,
  body: () => ClientBody | null,
  asked: readonly string[],
  options?: RetryOptions,
])[] = [
  ["GET", "GET", () => null, ["GET", "GET"]],
  ["HEAD", "HEAD", () => null, ["HEAD", "HEAD"]],
  ["OPTIONS", "OPTIONS", () => null, ["OPTIONS", "OPTIONS"]],
  ["DELETE", "DELETE", () => null, ["DELETE", "DELETE"]],
  ["PUT of text", "PUT", () => "body", ["PUT body", "PUT body"]],
  ["PUT of bytes", "PUT", () => new TextEncoder().encode("body"), ["PUT body", "PUT body"]],
  ["PUT of a Blob", "PUT", () => new Blob(["body"]), ["PUT body", "PUT body"]],
  ["PUT of a stream", "PUT", () => new Blob(["body"]).stream(), ["PUT body"]],
  ["PUT of an async iterable", "PUT", generated, ["PUT body"]],
  ["POST", "POST", () => "body", ["POST body"]],
  ["PATCH", "PATCH", () => "body", ["PATCH body"]],
  ["POST that is said to be repeatable", "POST", () => "body", ["POST body", "POST body"], { methods: ["POST"] }],
  ["GET that is not said to be", "GET", () => null, ["GET"], { methods: ["POST"] }],
];

for (const [what, method, body, expected, options] of requests) {
  const said = expected.length === 1 ? "does not repeat" : "repeats";
  test(`retry() ${said} ${what} after a 503 (RFC 9110 §9.2.2)`, async () => {
    const { client, clock, asked } = retrying([[503], [200]], options);
    const response = await played(clock, client.fetch("http://a/", { method, body: body() }));
    assertEquals([response.status, asked], [expected.length === 1 ? 503 : 200, [...expected]]);
    await response.body?.cancel();
    await client.close();
  });
}

/** Sees each attempt begin right when it may, and not a moment before. */
async function attemptsAt({ client, clock, asked }: Retrying, waits: readonly number[]): Promise<Response> {
  const fetching = client.fetch("http://a/");
  await turns();
  for (const [index, ms] of waits.entries()) {
    assertEquals(asked.length, index + 1);
    await clock.advance(ms - 1);
    assertEquals(asked.length, index + 1, `before ${ms} ms`);
    await clock.advance(1);
    assertEquals(asked.length, index + 2, `after ${ms} ms`);
  }
  const response = await fetching;
  await response.text();
  await client.close();
  assertEquals(clock.pending, 0);
  return response;
}

const backOffs: readonly (readonly [what: string, options: RetryOptions, waits: readonly number[]])[] = [
  ["doubles the wait", {}, [500, 1000, 2000]],
  ["waits a random part of it", { random: () => 0.5 }, [250, 500, 1000]],
  ["waits no longer than maxDelayMs", { baseDelayMs: 100, maxDelayMs: 150 }, [100, 150, 150]],
  ["goes on for as many attempts as it is told", { maxAttempts: 6, baseDelayMs: 1 }, [1, 2, 4, 8, 16]],
  ["knows no longest wait where that is switched off", { maxDelayMs: 0, baseDelayMs: 20_000 }, [20_000, 40_000]],
];

for (const [what, options, waits] of backOffs) {
  test(`retry() ${what}`, async () => {
    const response = await attemptsAt(retrying([[503]], options), waits);
    assertEquals(response.status, 503);
  });
}

test("retry() asks its random source once for each wait, and waits for nothing at 0", async () => {
  let draws = 0;
  const { client, asked, clock } = retrying([[503]], { random: () => (draws++, 0) }, { keepAlive: false });
  assertEquals((await client.fetch("http://a/")).status, 503);
  assertEquals([asked.length, draws, clock.pending], [4, 3, 0]);
  await client.abort();
});

test("retry() refuses a random source that gives no number from 0 to 1", async () => {
  for (const share of [-1, 1.5, NaN]) {
    const { client } = retrying([[503]], { random: () => share });
    assertInstanceOf(await rejection(client.fetch("http://a/")), RangeError);
    await client.abort();
  }
});

/** The clock begins at Tue, 14 Nov 2023 22:13:20 GMT. */
const retryAfters: readonly (readonly [value: string, waits: readonly number[], options?: RetryOptions])[] = [
  ["2", [2000]],
  ["0", [500]],
  ["30", [30_000]],
  ["Tue, 14 Nov 2023 22:13:27 GMT", [7000]],
  ["Tuesday, 14-Nov-23 22:13:27 GMT", [7000]],
  ["Tue Nov 14 22:13:27 2023", [7000]],
  ["Tue, 14 Nov 2023 22:13:10 GMT", [500]],
  ["Sunday, 06-Nov-94 08:49:37 GMT", [500]],
  ["Sun Nov  6 08:49:37 1994", [500]],
  ["31", []],
  ["99999999999999999999", []],
  ["Tue, 14 Nov 2023 22:13:51 GMT", []],
  ["Sat, 01 Jan 2028 00:00:00 GMT", []],
  ["50", [50_000], { maxDelayMs: 60_000 }],
  ["61", [], { maxDelayMs: 100_000 }],
  ["100", [100_000], { maxDelayMs: 0, maxTotalMs: 0 }],
  ["1.5", [500]],
  ["-1", [500]],
  ["soon", [500]],
  ["Tue, 14 Foo 2023 22:13:27 GMT", [500]],
  ["Tue, 14 ebM 2023 22:13:27 GMT", [500]],
  ["Tue, 14 Nov 2023 25:13:27 GMT", [500]],
  ["2023-11-14T22:13:27Z", [500]],
];

for (const [value, waits, options] of retryAfters) {
  const said = waits.length === 0 ? "gives the answer to the caller" : `waits ${waits[0]} ms`;
  test(`retry(${JSON.stringify(options) ?? ""}) ${said} with Retry-After: ${value} (RFC 9110 §10.2.3)`, async () => {
    const response = await attemptsAt(retrying([[503, value], [200]], options), waits);
    assertEquals(response.status, waits.length === 0 ? 503 : 200);
  });
}

test("retry() begins no attempt after maxTotalMs", async () => {
  const response = await attemptsAt(retrying([[503]], { maxTotalMs: 3499 }), [500, 1000]);
  assertEquals(response.status, 503);
  await attemptsAt(retrying([[503]], { maxTotalMs: 3500 }), [500, 1000, 2000]);
});

test("retry() cancels the body of an answer that it gives up: the connection is used again", async () => {
  const { client, clock, dialed, asked } = retrying([[503], [503], [200]], {}, { maxConnectionsPerOrigin: 1 });
  const response = await played(clock, client.fetch("http://a/"));
  assertEquals([response.status, asked.length, dialed.length], [200, 3, 1]);
  await response.text();
  await client.close();
});

test("retry() closes the connection of a long answer that it gives up", async () => {
  const clock = new FakeClock();
  const { client, connection } = dialing({ clock, idleTimeoutMs: 0 });
  client.use(retry());
  const fetching = client.fetch("http://a/");
  const first = await connection(0);
  await readUntil(first.far, "¶¶");
  await first.far.write(wire("HTTP/1.1 503 Busy¶Content-Length: 1000000¶¶"));
  const pushing = (async () => {
    for (let i = 0; i < 10; i++) await first.far.write(new Uint8Array(50_000));
  })().catch(() => {});
  await turns();
  await clock.advance(60_000);
  await Promise.all([first.near.closed.catch(() => {}), pushing]);
  const second = await connection(1);
  await readUntil(second.far, "¶¶");
  await second.far.write(wire("HTTP/1.1 200 OK¶Content-Length: 2¶¶ok"));
  assertEquals(await (await fetching).text(), "ok");
  await client.close();
  assertEquals(clock.pending, 0);
});

/** A client whose first connections fail: when they are dialed, or as soon as a request has come. */
function failing(failures: readonly (TransportErrorCode | "cut" | "truncated")[]) {
  const clock = new FakeClock();
  let dials = 0;
  const client = new Client({
    clock,
    idleTimeoutMs: 0,
    dial: () => {
      const failure = failures[dials++];
      const [near, far] = duplexPair();
      if (failure === undefined) {
        serveConnection(far, async (request) => ({ status: 200, body: `got ${await request.body.text()}` }));
      } else if (failure === "cut" || failure === "truncated") {
        readUntil(far, "¶¶").then(() => failure === "cut" ? far.abort() : far.close());
      } else {
        throw new TransportError(failure, "no");
      }
      return near;
    },
  });
  client.use(retry({ random: () => 1 }));
  return { client, clock, dials: () => dials };
}

for (const failure of ["refused", "unreachable", "timeout", "reset", "cut", "truncated"] as const) {
  test(`retry() sends GET again after failures of the network: ${failure}`, async () => {
    const { client, clock, dials } = failing([failure, failure]);
    const response = await played(clock, client.fetch("http://a/"));
    assertEquals([await response.text(), dials()], ["got ", 3]);
    await client.close();
    assertEquals(clock.pending, 0);
  });
}

for (const failure of ["tls", "address"] as const) {
  test(`retry() does not send again what fails again: ${failure}`, async () => {
    const { client, clock, dials } = failing([failure]);
    const error = await rejection(played(clock, client.fetch("http://a/")));
    assert(error instanceof TransportError && error.code === failure);
    assertEquals(dials(), 1);
    await client.close();
  });
}

test("retry() gives the last error after maxAttempts", async () => {
  const { client, clock, dials } = failing(["reset", "refused", "reset", "unreachable", "reset"]);
  const error = await rejection(played(clock, client.fetch("http://a/")));
  assert(error instanceof TransportError && error.code === "unreachable");
  assertEquals([dials(), clock.pending], [4, 0]);
  await client.close();
});

test("retry() sends anything again of which nothing was sent, a stream too (RFC 9110 §9.2.2)", async () => {
  for (const body of [() => "body", generated, () => new Blob(["body"]).stream()]) {
    const { client, clock, dials } = failing(["refused", "timeout"]);
    const response = await played(clock, client.fetch("http://a/", { method: "POST", body: body() }));
    assertEquals([await response.text(), dials()], ["got body", 3]);
    await client.close();
  }
});

test("retry() does not send POST again that may have come to the server", async () => {
  for (const [failure, kind] of [["cut", TransportError], ["truncated", ProtocolError]] as const) {
    const { client, clock, dials } = failing(["refused", failure]);
    const error = await rejection(played(clock, client.fetch("http://a/", { method: "POST", body: "" })));
    assertInstanceOf(error, kind);
    assertEquals(dials(), 2);
    await client.close();
  }
});

test("retry() does not send again what breaks the protocol or is wrong", async () => {
  const clock = new FakeClock();
  const { client, connection, dialed } = dialing({ clock });
  client.use(retry());
  const fetching = rejection(client.fetch("http://a/"));
  const { far } = await connection(0);
  await readUntil(far, "¶¶");
  await far.write(wire("nonsense¶¶"));
  assertInstanceOf(await played(clock, fetching), ProtocolError);
  assertInstanceOf(await rejection(client.fetch("http://a/", { headers: { "x-a": "\u{100}" } })), TypeError);
  assertEquals(dialed.length, 1);
  await client.close();
});

test("retry() asks a proxy again that gave no tunnel for now, whatever the method; and not one that gives none", async () => {
  for (const [status, attempts] of [[503, 4], [403, 1]] as const) {
    const clock = new FakeClock();
    let asked = 0;
    const handler = () => (asked++, { status, body: "no" });
    const { client } = dialingServed(handler, { clock, proxy: "http://proxy:3128", proxyTunnel: "always" });
    client.use(retry());
    const error = await rejection(played(clock, client.fetch("http://a/", { method: "POST", body: generated() })));
    assert(error instanceof UpgradeRejected && error.reason === "proxy-refused");
    assertEquals([error.status, await (error.response as Response).text(), asked], [status, "no", attempts]);
    await client.close();
    assertEquals(clock.pending, 0);
  }
});

test("retry() sends upgrades again; a switch is none of its business", async () => {
  const clock = new FakeClock();
  let asked = 0;
  const { client } = dialingServed((request) => {
    if (++asked < 3) return { status: 503, body: "busy" };
    const { response, upgraded } = upgradeResponse(request, "echo");
    upgraded.then((io) => io.close());
    return response;
  }, { clock });
  client.use(retry());
  const io = await played(clock, client.upgrade("http://a/", { protocol: "echo" }));
  assertEquals([await io.read(), asked], [null, 3]);
  await io.close();
  await client.close();
});

test("retry() repeats the request that a redirect led to, and not the redirect", async () => {
  const clock = new FakeClock();
  const asked: string[] = [];
  const { client } = dialingServed(({ target }) => {
    asked.push(target);
    if (target === "/1") return { status: 302, fields: [["Location", "/2"]] };
    return { status: asked.length < 3 ? 503 : 200 };
  }, { clock });
  client.use(retry());
  assertEquals((await played(clock, client.fetch("http://a/1"))).status, 200);
  assertEquals(asked, ["/1", "/2", "/2"]);
  await client.close();
});

const ends: Readonly<Record<string, (client: Client, controller: AbortController, reason: Error) => unknown>> = {
  "the signal aborts": (_, controller, reason) => controller.abort(reason),
  "the client is aborted": (client, _, reason) => client.abort(reason),
  "the client is closed": (client) => client.close(),
};

for (const [what, end] of Object.entries(ends)) {
  test(`retry() waits no more when ${what}, and leaves no timer`, async () => {
    const controller = new AbortController();
    const reason = new StateError("closed", "mine");
    const { client, clock, asked } = retrying([[503]]);
    const fetching = client.fetch("http://a/", { signal: controller.signal });
    const failing = rejection(fetching);
    await turns();
    assertEquals([asked.length, await isPending(fetching)], [1, true]);
    const ended = end(client, controller, reason);
    const error = await failing;
    if (what.endsWith("closed")) assert(error instanceof StateError && error.code === "closed");
    else assertStrictEquals(error, reason);
    await ended;
    await client.close();
    assertEquals([asked.length, clock.pending], [1, 0]);
  });
}

test("retry() does not send again what was given up", async () => {
  const clock = new FakeClock();
  const controller = new AbortController();
  const reason = new TransportError("timeout", "mine");
  const { client, connection, dialed } = dialing({ clock });
  client.use(retry());
  const fetching = rejection(client.fetch("http://a/", { signal: controller.signal }));
  await readUntil((await connection(0)).far, "¶¶");
  controller.abort(reason);
  assertStrictEquals(await fetching, reason);
  assertEquals(dialed.length, 1);
  await client.close();
  assertEquals(clock.pending, 0);
});

test("retry() gives each attempt to the interceptors behind it", async () => {
  const { client, clock, asked } = retrying([[503], [200]]);
  let seen = 0;
  client.use((request, next) => {
    seen++;
    return next(request);
  });
  assertEquals((await played(clock, client.fetch("http://a/"))).status, 200);
  assertEquals([seen, asked.length], [2, 2]);
  await client.abort();
});

test("retry() leaves a stream alone of which a server of HTTP/2 had taken something before it refused (RFC 9113 §8.7)", async () => {
  const { client, peer } = playing();
  let again = 0;
  client.use(retry({ baseDelayMs: 1 })).use((request, next) => {
    again++;
    return next(request);
  });
  const { stream, controller } = manualStream();
  controller.enqueue(wire("beginning"));
  const failure = rejection(client.fetch("http://a/", { method: "POST", body: stream }));
  const server = await peer(0);
  await server.until("DATA 1");
  const refusedStream = 7;
  await server.send(rstStream(1, refusedStream));
  const error = await Promise.race([failure, server.until("HEADERS 3")]);
  assertInstanceOf(error, UnsentError);
  assertEquals([error.bodyUsed, again], [true, 1]);
  await client.abort();
});

test("retry() sends text again that a server of HTTP/2 has refused, whatever the method (RFC 9113 §8.7)", async () => {
  const { client, peer } = playing();
  client.use(retry({ baseDelayMs: 1 }));
  const answered = client.fetch("http://a/", { method: "POST", body: "text" });
  const server = await peer(0);
  const refusedStream = 7;
  for (const streamId of [1, 3, 5, 7]) {
    await server.until(`DATA ${streamId} END text`);
    await server.send(rstStream(streamId, refusedStream));
  }
  assertEquals(await server.until("DATA 9"), "DATA 9 END text");
  await server.send(headers(9, [":status: 200"]));
  assertEquals((await answered).status, 200);
  await client.abort();
});
