/**
 * How a server of ours refuses what a client proposes, and what becomes of a proposal where something fails.
 *
 * @module
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { StateError } from "../../src/errors/state_error.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { wantsUpgrade } from "../../src/http1/proposing.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { wire } from "../support/bytes.ts";
import { expectText, rejectedFor } from "../support/switching.ts";
import { turns } from "../support/wire.ts";
import { moment } from "./peer.ts";
import type { Row, ServerScene } from "./scenes.ts";

/** A body that tells when it is canceled, beside bodies that cannot be. */
const bodies: readonly {
  readonly kind: string;
  body(canceled: () => void): OutgoingResponse["body"];
  told: boolean;
}[] = [
  { kind: "text", body: () => "data", told: false },
  { kind: "bytes", body: () => wire("data"), told: false },
  { kind: "a stream", body: (canceled) => new ReadableStream<Uint8Array>({ cancel: canceled }), told: true },
  {
    kind: "an iterable",
    body: (canceled) => ({
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.resolve({ done: false as const, value: wire("data") }),
        return: () => (canceled(), Promise.resolve({ done: true as const, value: undefined })),
      }),
    }),
    told: true,
  },
];

const refused: readonly Row<ServerScene>[] = [
  ...[[403], [301, 400, 403, 404, 426, 500, 503]].map((statuses): Row<ServerScene> => ({
    rule: `a refusal with ${statuses.join(", ")} is a response, its promise rejects with it, and the connection can ` +
      "still switch [U3, U5, E4, O4]",
    hows: ["upgrade"],
    whole: statuses.length > 1,
    async play(scene) {
      const { peer } = scene;
      for (const status of statuses) {
        await peer.asks("upgrade");
        const { upgraded, answers } = await scene.request();
        answers({ status, fields: [["x-more", "1"]], body: "no" });
        assertEquals((await rejectedFor("refused", upgraded)).status, status);
        await peer.hearsResponse(status, { fields: ["x-more: 1"], body: "no" });
      }
      await peer.asks("upgrade", { early: "E" });
      const upgraded = (await scene.request()).accepts();
      await peer.hearsSwitch();
      await expectText(await upgraded, "E");
    },
  })),
  ...[300, 302, 403, 407, 502].map((status): Row<ServerScene> => ({
    rule: `nothing behind a CONNECT that is refused with ${status} is taken for a request (RFC 9931) [T5, O3, F5]`,
    hows: ["tunnel"],
    async play(scene) {
      await scene.peer.asks("tunnel", { early: "GET /smuggled HTTP/1.1¶Host: a¶¶" });
      const { upgraded, answers } = await scene.request();
      answers({ status, fields: { "proxy-authenticate": "Basic" }, body: "no" });
      await scene.peer.hearsResponse(status, { fields: ["proxy-authenticate: Basic"], body: "no" });
      assertEquals((await rejectedFor("refused", upgraded)).status, status);
      if (scene.version === "1.1") {
        await scene.peer.ends();
        assertEquals(await scene.connection.closed, { reason: "shutdown" });
      } else await scene.goesOn();
      assert(!scene.hasRequest);
    },
  })),
  {
    rule: "the promise rejects when the head is decided, not when the body ends [U3]",
    hows: ["upgrade"],
    async play(scene) {
      await scene.peer.asks("upgrade");
      const { upgraded, answers } = await scene.request();
      const body = new TransformStream<Uint8Array, Uint8Array>();
      answers({ status: 404, body: body.readable });
      assertEquals((await rejectedFor("refused", upgraded)).status, 404);
      const writer = body.writable.getWriter();
      writer.write(wire("no"));
      writer.close();
      await scene.peer.hearsResponse(404, { body: "no", unknownLength: true });
    },
  },
  {
    rule: "another response than the one that accepts withdraws the upgrade [U3]",
    async play(scene) {
      await scene.peer.asks(scene.how);
      const exchange = await scene.request();
      const { upgraded } = exchange.offer();
      exchange.answers({ status: 404 });
      await scene.peer.hearsResponse(404);
      assertEquals((await rejectedFor("refused", upgraded)).status, 404);
      assertStrictEquals(onUpgrade(exchange.request), upgraded);
    },
  },
  {
    rule: "onUpgrade() rejects for a request that proposes nothing [U8]",
    hows: ["nothing"],
    async play(scene) {
      await scene.peer.asks("nothing");
      const { upgraded, answers, request } = await scene.request();
      assert(!wantsUpgrade(request));
      await rejectedFor("not-requested", upgraded);
      answers({ status: 200, body: "ok" });
      await scene.peer.hearsResponse(200, { body: "ok" });
    },
  },
];

const failed: readonly Row<ServerScene>[] = [
  {
    rule: "a 101 to what does not propose an upgrade is a 500 (RFC 9110 §7.8) [U8, T6]",
    hows: ["nothing", "tunnel"],
    async play(scene) {
      await scene.peer.asks(scene.how);
      (await scene.request()).answers({ status: 101, fields: { upgrade: "foobar", connection: "upgrade" } });
      await scene.peer.hearsFailure();
      const [error] = scene.errors;
      assert(error instanceof StateError && error.code === "no-switch");
      await scene.failed(error);
    },
  },
  {
    rule: "a 101 to a protocol that was not offered is a 500 (RFC 9110 §7.8) [U9, E2]",
    hows: ["upgrade"],
    async play(scene) {
      await scene.peer.asks("upgrade");
      const { upgraded, answers } = await scene.request();
      answers({ status: 101, fields: { upgrade: "other" } });
      await scene.peer.hearsFailure();
      const { status, cause } = await rejectedFor("canceled", upgraded);
      assertEquals(status, 500);
      assert(cause instanceof StateError && cause.code === "no-switch");
    },
  },
  ...bodies.map(({ kind, body, told }): Row<ServerScene> => ({
    rule: `a head that switches with a body, ${kind}, is a 500 [U10, T3]`,
    whole: true,
    async play(scene) {
      await scene.peer.asks(scene.how);
      const exchange = await scene.request();
      const { response, upgraded } = exchange.offer();
      let canceled = false;
      exchange.answers({ ...response, body: body(() => canceled = true) } as OutgoingResponse);
      await scene.peer.hearsFailure();
      const { cause } = await rejectedFor("upgrade-body", upgraded);
      assert(cause instanceof StateError && cause.code === "upgrade-body");
      await scene.failed(cause);
      assertEquals(canceled, told);
    },
  })),
  {
    rule: "a handler that fails, also behind an informational response, is a 500 and never a switch [U21, E13]",
    async play(scene) {
      await scene.peer.asks(scene.how, { early: "E" });
      const exchange = await scene.request();
      await exchange.request.sendInformational(103);
      const { upgraded } = exchange.offer();
      const cause = new Error("no");
      exchange.fails(cause);
      await scene.peer.hearsInformational(103);
      await scene.peer.hearsFailure();
      const rejected = await rejectedFor("canceled", upgraded);
      assertStrictEquals(rejected.cause, cause);
      assertEquals(rejected.status, 500);
      await scene.failed(cause);
    },
  },
  {
    rule: "a head that switches and cannot be written is a 500 [U21]",
    whole: true,
    async play(scene) {
      await scene.peer.asks(scene.how);
      const exchange = await scene.request();
      const { response, upgraded } = exchange.offer();
      exchange.answers({ ...response, fields: [...response.fields as [string, string][], ["x", "a\r\nb"]] });
      await scene.peer.hearsFailure();
      assert((await rejectedFor("canceled", upgraded)).cause instanceof TypeError);
    },
  },
  ...[100, 102, 103, 199, 99, 1000, 200.5].map((status): Row<ServerScene> => ({
    rule: `${status} is no final status, and so a 500`,
    whole: true,
    async play(scene) {
      await scene.peer.asks(scene.how);
      const { upgraded, answers } = await scene.request();
      answers({ status });
      await scene.peer.hearsFailure();
      await rejectedFor("canceled", upgraded);
    },
  })),
  {
    rule: "a client that resets before it is answered cancels the upgrade [U21]",
    async play(scene) {
      await scene.peer.asks(scene.how, { early: "E" });
      const exchange = await scene.request();
      await scene.peer.resets();
      await moment();
      const { response, upgraded } = exchange.offer();
      exchange.answers(response);
      const { cause } = await rejectedFor("canceled", upgraded);
      assert(cause instanceof TransportError && cause.code === "reset");
      await scene.failed(cause);
    },
  },
  {
    rule: "abort() of the connection cancels the upgrade with its reason, and does not wait for the handler [U21]",
    async play(scene) {
      await scene.peer.asks(scene.how);
      const { upgraded, request, answers } = await scene.request();
      const reason = new Error("enough");
      assert(!request.signal.aborted);
      scene.connection.abort(reason);
      assertStrictEquals((await rejectedFor("canceled", upgraded)).cause, reason);
      assertEquals(await scene.connection.closed, { reason: "error", error: reason });
      assertStrictEquals(request.signal.reason, reason);
      let canceled = false;
      answers({ status: 404, body: new ReadableStream<Uint8Array>({ cancel: () => void (canceled = true) }) });
      await turns();
      assertEquals([canceled, scene.errors], [true, []]);
    },
  },
];

/** The dialogues. */
export const serverRefusalCases: readonly Row<ServerScene>[] = [...refused, ...failed];
