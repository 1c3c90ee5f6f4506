import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertMatch, assertStrictEquals } from "@std/assert";
import type { HttpUpgradeError } from "../../src/errors/http_upgrade_error.ts";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { UnsentError } from "../../src/errors/unsent_error.ts";
import { type NoProposal, UpgradeRejected, type UpgradeRejection } from "../../src/errors/upgrade_rejected.ts";
import { WebSocketProtocolError } from "../../src/errors/web_socket_protocol_error.ts";
import * as main from "../../mod.ts";
import * as bun from "../../src/net/bun/mod.ts";
import * as deno from "../../src/net/deno/mod.ts";
import * as http1 from "../../src/http1/mod.ts";
import * as net from "../../src/net/mod.ts";
import * as node from "../../src/net/node/mod.ts";
import * as proxy from "../../src/proxy/mod.ts";
import * as websocket from "../../src/websocket/mod.ts";

const cause = new TypeError("before");

/** One of each class, and the clause that it names. */
const samples: Readonly<Record<string, readonly [HttpUpgradeError, string?]>> = {
  ProtocolError: [new ProtocolError("bad-host", "No host", "RFC 9112 §3.2", 400, { cause }), "RFC 9112 §3.2"],
  StateError: [new StateError("busy", "Cannot read: a read is pending", { cause })],
  TransportError: [new TransportError("reset", "127.0.0.1:1 cut the connection", { cause })],
  UnsentError: [new UnsentError({ method: "GET", target: "/" }, cause)],
  UpgradeRejected: [new UpgradeRejected("http10", { cause }), "RFC 9110 §7.8"],
  WebSocketProtocolError: [
    new WebSocketProtocolError("bad-utf8", "A text is not UTF-8", "RFC 6455 §8.1", 1007, { cause }),
    "RFC 6455 §8.1",
  ],
};

const exported = new Map<string, unknown>();
for (const entry of [main, http1, websocket, proxy, net, deno, bun, node]) {
  for (const [name, value] of Object.entries(entry)) {
    if (typeof value !== "function" || !(value.prototype instanceof Error)) continue;
    test(`${name} is one class, whichever entry it is imported from`, () => {
      assertStrictEquals(exported.get(name) ?? value, value);
    });
    exported.set(name, value);
  }
}

test("every error class that is exported has a sample here", () => {
  assertEquals([...exported.keys()].toSorted(), Object.keys(samples));
});

for (const [name, [error, rfc]] of Object.entries(samples)) {
  test(`${name} has name, code, message, cause, and rfc where a clause was broken`, () => {
    assertStrictEquals(error.constructor, exported.get(name));
    assertInstanceOf(error, Error);
    assertStrictEquals(error.name, name);
    assertMatch(error.code, /^[a-z0-9]+(?:-[a-z0-9]+)*$/);
    assert(error.message.length > 0);
    assertStrictEquals(error.cause, cause);
    assertStrictEquals(error.rfc, rfc);
    assert(rfc === undefined || error.message.includes(`(${rfc})`), error.message);
    assertStrictEquals(`${error}`, `${name}: ${error.message}`);
  });
}

test("UpgradeRejected names the clause on Upgrade for each request that proposes no switch, and for nothing else [RFC 9110 §7.8]", () => {
  const proposesNothing: Record<NoProposal, true> = {
    "not-requested": true,
    http10: true,
    "no-connection-token": true,
  };
  for (const code of Object.keys(proposesNothing)) {
    assertStrictEquals(new UpgradeRejected(code as NoProposal).rfc, "RFC 9110 §7.8");
  }
  assertStrictEquals(new UpgradeRejected("refused", { status: 403 }).rfc, undefined);
});

test("UpgradeRejected gives its code as reason too, and its response with its type", () => {
  const rejected: UpgradeRejected<Response> = new UpgradeRejected("refused", { response: new Response("no") });
  const reason: UpgradeRejection = rejected.reason;
  const body: ReadableStream<Uint8Array> | null | undefined = rejected.response?.body;
  assertStrictEquals(reason, rejected.code);
  assert(body);
});

test("UnsentError says in its message why nothing was sent", () => {
  const busy = new StateError("busy", "The connection is busy: await ready() first");
  assertEquals(new UnsentError({}, busy).message, `The request was not sent: ${busy.message}`);
  assertEquals(new UnsentError({}, undefined).message, "The request was not sent");
});

test("TransportError has no proxy to print where none has said so", () => {
  assertEquals(Object.hasOwn(new TransportError("reset", "no"), "proxy"), false);
  assertEquals(new TransportError("refused", "no", { proxy: "a:1080" }).proxy, "a:1080");
});
