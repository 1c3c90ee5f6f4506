import { test } from "node:test";
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import type { Owned } from "../../src/http1/owned.ts";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import type { Handler } from "../../src/http1/server_connection.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { upgradeOf } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { conversing } from "../support/serving.ts";
import { CONNECT, UPGRADE } from "../support/switching.ts";
import { readUntil, turns, wire } from "../support/wire.ts";

/** Something that was opened, and how often it was ended. */
function opened() {
  const reasons: unknown[] = [];
  const target: Owned = {
    abort(reason) {
      reasons.push(reason);
      throw new Error("nobody wants to hear of this");
    },
  };
  return { target, reasons };
}

const proposals = [
  ["upgradeResponse()", UPGRADE, (request, owns) => upgradeResponse(request, "foobar", { owns }).response],
  ["connectResponse()", CONNECT, (request, owns) => connectResponse(request, { owns }).response],
] as const satisfies readonly (readonly [
  string,
  string,
  (request: Parameters<Handler>[0], owns: Owned) => OutgoingResponse,
])[];

for (const [name, head, accept] of proposals) {
  test(`${name} aborts what it owns when the connection fails under the head that switches`, async () => {
    const { target, reasons } = opened();
    const { client, connection } = conversing((request) => accept(request, target));
    const written = client.write(wire(head));
    client.abort();
    await written.catch(() => {});
    await connection.closed;
    await turns();
    assertEquals(reasons.length <= 1, true);
    const again = opened();
    const failing = conversing((request) => {
      failing.client.abort();
      return accept(request, again.target);
    });
    await failing.client.write(wire(head));
    await failing.connection.closed;
    await turns();
    assertEquals(again.reasons.map((reason) => (reason as { code?: string }).code), ["canceled"]);
  });

  test(`${name} aborts what it owns when its upgrade ends before anybody claims it, and leaves no timer`, async () => {
    const { target, reasons } = opened();
    let upgraded: Upgraded | undefined;
    const { client, clock } = conversing((request) => {
      upgradeOf(request)!.onSwitched = (switched) => upgraded = switched;
      return accept(request, target);
    });
    await client.write(wire(head));
    await readUntil(client, "¶¶");
    await turns();
    assertEquals([reasons, clock.pending], [[], 1]);
    upgraded?.abort();
    await turns();
    assertEquals(reasons.map((reason) => (reason as StateError).code), ["canceled"]);
    assertEquals(clock.pending, 0);
  });

  test(`${name} aborts what it owns when it throws, and refuses what cannot be aborted`, () => {
    const { target, reasons } = opened();
    const request = { proposal: { type: "none", why: "not-requested" } } as never;
    const error = assertThrows(() => accept(request, target), StateError);
    assertStrictEquals(reasons[0], error);
    assertThrows(() => accept(request, {} as Owned), TypeError, "init.owns");
  });

  test(`${name} of a light request refuses headers, and aborts what it owns`, () => {
    const { target, reasons } = opened();
    const init = { owns: target, headers: { a: "b" } } as never;
    const error = assertThrows(
      () => {
        if (name === "connectResponse()") connectResponse({ proposal: { type: "connect" } } as never, init);
        else upgradeResponse({ proposal: { type: "upgrade", protocols: ["foobar"] } } as never, "foobar", init);
      },
      TypeError,
      "init.headers must be left out: a light response takes fields, not headers",
    );
    assertStrictEquals(reasons[0], error);
  });
}
