import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { StateError } from "../../src/errors/state_error.ts";
import type { Proposal } from "../../src/semantics/switching.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { wantsUpgrade } from "../../src/http1/proposing.ts";
import { connectResponse, type Switch, upgradeResponse } from "../../src/http1/switch.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import { readUntil, wire } from "../support/wire.ts";
import { serving } from "../support/switching.ts";

/** A request that proposes these protocols. */
function proposing(...protocols: string[]): { readonly proposal: Proposal } {
  return { proposal: { type: "upgrade", protocols } };
}

function fieldsOf({ response }: Switch<OutgoingResponse>): unknown {
  return response.fields;
}

test("upgradeResponse() makes a 101 with Connection and Upgrade (RFC 9110 §7.8) [E1]", () => {
  const made = upgradeResponse(proposing("echo"), "echo");
  assertEquals(made.response, {
    status: 101,
    reason: undefined,
    fields: [["Connection", "upgrade"], ["Upgrade", "echo"]],
  });
});

test("upgradeResponse() takes further fields and the reason", () => {
  const made = upgradeResponse(proposing("echo"), "echo", { reason: "Go", fields: { "x-one": "1", "x-two": "2" } });
  assertEquals(made.response.reason, "Go");
  assertEquals(fieldsOf(made), [["Connection", "upgrade"], ["Upgrade", "echo"], ["x-one", "1"], ["x-two", "2"]]);
});

test("upgradeResponse() takes the first of its own preference that was offered", () => {
  const request = proposing("a", "b", "c");
  assertEquals(fieldsOf(upgradeResponse(request, ["x", "c", "a"])), [["Connection", "upgrade"], ["Upgrade", "c"]]);
});

test("upgradeResponse() compares without case and answers in its own spelling (RFC 9110 §7.8) [E2]", () => {
  assertEquals(fieldsOf(upgradeResponse(proposing("WebSocket"), "websocket")), [
    ["Connection", "upgrade"],
    ["Upgrade", "websocket"],
  ]);
});

test("upgradeResponse() compares the version as well (RFC 9110 §7.8) [E2]", () => {
  const request = proposing("foo/2", "bar");
  assertEquals(fieldsOf(upgradeResponse(request, ["foo/1", "FOO/2"])), [["Connection", "upgrade"], [
    "Upgrade",
    "FOO/2",
  ]]);
  for (const other of ["foo", "foo/1", "foo/20", "foo/"]) {
    assertThrows(() => upgradeResponse(request, other), StateError, "was not offered");
  }
});

for (
  const { what, request, protocol } of [
    { what: "a protocol that was not offered", request: proposing("a"), protocol: "b" },
    { what: "a list of such", request: proposing("a"), protocol: ["b", "c"] },
    { what: "no protocol", request: proposing("a"), protocol: [] },
    {
      what: "a request that proposes none",
      request: { proposal: { type: "none", why: "not-requested" } },
      protocol: "a",
    },
    {
      what: "a CONNECT",
      request: { proposal: { type: "connect", authority: { hostname: "a", port: 1 } } },
      protocol: "a",
    },
  ] as { what: string; request: { readonly proposal: Proposal }; protocol: string | string[] }[]
) {
  test(`upgradeResponse() throws no-switch for ${what} (RFC 9110 §7.8) [E2]`, () => {
    const error = assertThrows(() => upgradeResponse(request, protocol), StateError);
    assert(error instanceof StateError && error.code === "no-switch");
  });
}

test("connectResponse() makes a 200 with nothing but the given fields (RFC 9110 §9.3.6)", () => {
  const made = connectResponse({ proposal: { type: "connect", authority: { hostname: "a", port: 1 } } }, {
    fields: [["via", "1.1 us"]],
  });
  assertEquals(made.response, { status: 200, reason: undefined, fields: [["via", "1.1 us"]] });
});

test("wantsUpgrade() tells whether a request proposes an upgrade, and to what", () => {
  const request = proposing("foo/2", "Bar");
  assert(wantsUpgrade(request));
  assert(wantsUpgrade(request, "bar") && wantsUpgrade(request, "FOO/2"));
  assert(!wantsUpgrade(request, "foo") && !wantsUpgrade(request, ""));
  assert(!wantsUpgrade({ proposal: { type: "none", why: "http10" } }));
  assert(!wantsUpgrade({ proposal: { type: "connect", authority: { hostname: "a", port: 1 } } }));
});

test("upgradeResponse() puts several offers, versions and cases on the wire as they are [E2]", async () => {
  const { client } = serving((request) => {
    assertEquals(request.proposal, { type: "upgrade", protocols: ["HTTP/2.0", "SHTTP/1.3", "IRC/6.9", "RTA/x11"] });
    return upgradeResponse(request, ["irc/6.9", "HTTP/2.0"]).response;
  });
  await client.write(
    wire("GET / HTTP/1.1¶Host: a¶Upgrade: HTTP/2.0, SHTTP/1.3,,¶Connection: Upgrade¶upgrade: IRC/6.9, RTA/x11¶¶"),
  );
  assertEquals(
    await readUntil(client, "¶¶"),
    "HTTP/1.1 101 Switching Protocols¶Connection: upgrade¶Upgrade: irc/6.9¶¶",
  );
});

test("upgradeResponse() promises the same upgrade as onUpgrade()", async () => {
  const { client, connection } = serving((request) => {
    const { response, upgraded } = upgradeResponse(request, "foobar");
    assertStrictEquals(upgraded, onUpgrade(request));
    assertStrictEquals(upgraded, onUpgrade(request));
    return response;
  });
  await client.write(wire("GET / HTTP/1.1¶Host: a¶Upgrade: foobar¶Connection: upgrade¶¶"));
  assertEquals(await connection.closed, { reason: "upgrade" });
});

test("onUpgrade() rejects not-requested for any other object", async () => {
  const rejected = await assertRejects(() => onUpgrade({}), UpgradeRejected);
  assert(rejected instanceof UpgradeRejected && rejected.code === "not-requested");
});
