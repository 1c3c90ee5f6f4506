/**
 * What a client of ours and its server say to each other until a proposal is decided.
 *
 * What has no meaning in HTTP/2 is in `tests/http1/`, byte for byte: a 101 that was not asked for or names another protocol, HTTP/1.0,
 * the tokens of Connection, bodies and Expect under an upgrade, methods that upgrade, a refusal that ends with the connection,
 * `ready()`, `withoutShutdown()`, `compat: "hyper"`.
 *
 * @module
 */

import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import type { ResponseHead } from "../../src/semantics/message.ts";
import { StateError } from "../../src/errors/state_error.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { expectText, isPending, rejectedFor } from "../support/switching.ts";
import { readAll } from "../support/wire.ts";
import { wire } from "../support/bytes.ts";
import { type ClientScene, type Row, talks } from "./scenes.ts";

const accepted: readonly Row<ClientScene>[] = [
  {
    rule: "what came behind the answer is read first, and then bytes go both ways [R4, E8, F1, F4, H4]",
    async play(scene) {
      const { peer, how } = scene;
      const sending = scene.asks(how);
      await peer.gets(how);
      await peer.accepts({ fields: ["x-more: 1"], early: "EARLY" });
      const response = await sending;
      assertEquals([await response.body.text(), response.fields.get("x-more")], ["", "1"]);
      const io = await onUpgrade(response);
      assertEquals(io.protocol, how === "tunnel" ? null : "foobar");
      assertEquals((io.head as ResponseHead).status, response.status);
      await expectText(io, "EARLY");
      await scene.handedOver();
      await talks(peer, io);
    },
  },
  ...["", "E"].map((early): Row<ClientScene> => ({
    rule: `a server that ends its side with the answer${early === "" ? "" : " and with bytes behind it"} still listens`,
    async play(scene) {
      const sending = scene.asks(scene.how);
      await scene.peer.gets(scene.how);
      await scene.peer.accepts({ early, ends: true });
      const io = await onUpgrade(await sending);
      assertEquals([await readAll(io), await io.read()], [early, null]);
      await io.write(wire("late"));
      await scene.peer.hears("late");
      await io.closeWrite();
      await scene.peer.hearsEnd();
    },
  })),
  ...[201, 204, 299].map((status): Row<ClientScene> => ({
    rule: `${status} opens a tunnel: every 2xx does (RFC 9110 §9.3.6) [R8, F5]`,
    hows: ["tunnel"],
    async play(scene) {
      const sending = scene.asks("tunnel");
      await scene.peer.gets("tunnel");
      await scene.peer.accepts({ status, early: "DATA" });
      const response = await sending;
      assertEquals(response.status, status);
      await expectText(await onUpgrade(response), "DATA");
    },
  })),
  ...["content-length: 5", "content-length: 0"].map((field): Row<ClientScene> => ({
    rule: `${field} in an answer that switches is shown, and says nothing (RFC 9110 §8.6 and §9.3.6) [R3, R7, B6, F4]`,
    async play(scene) {
      const sending = scene.asks(scene.how);
      await scene.peer.gets(scene.how);
      await scene.peer.accepts({ fields: [field], early: "hello" });
      const response = await sending;
      assertEquals([await response.body.text(), response.fields.get("content-length")], ["", field.slice(-1)]);
      const io = await onUpgrade(response);
      await scene.peer.ends();
      assertEquals(await readAll(io), "hello");
    },
  })),
  {
    rule: "informational responses in front of the switch are told (RFC 9110 §15.2) [R4, R9, D4]",
    async play(scene) {
      const { peer } = scene;
      const statuses: number[] = [];
      const sending = scene.asks(scene.how, {}, { onInformational: (head) => void statuses.push(head.status) });
      await peer.gets(scene.how);
      await peer.informs(100);
      await peer.informs(103, ["link: </a>"]);
      await peer.accepts({ early: "E" });
      await expectText(await onUpgrade(await sending), "E");
      assertEquals(statuses, [100, 103]);
    },
  },
  {
    rule: "nothing is sent between a proposal and its answer (RFC 9931) [O1, O2, E10]",
    whole: true,
    async play(scene) {
      const sending = scene.asks(scene.how);
      await scene.peer.gets(scene.how);
      await scene.peer.hearsNothing();
      await scene.peer.accepts();
      const io = await onUpgrade(await sending);
      await scene.peer.hearsNothing();
      await talks(scene.peer, io);
    },
  },
  {
    rule: "content-length and transfer-encoding are left out of a proposal (RFC 9110 §9.3.6)",
    hows: ["tunnel"],
    async play(scene) {
      const sending = scene.asks("tunnel", { fields: [["Content-Length", "0"], ["Transfer-Encoding", "chunked"]] });
      await scene.peer.gets("tunnel");
      await scene.peer.accepts();
      await talks(scene.peer, await onUpgrade(await sending));
    },
  },
  {
    rule: "a request behind another one is accepted as the first is",
    async play(scene) {
      const { peer } = scene;
      const before = scene.asks("nothing");
      await peer.gets("nothing");
      await peer.responds(200, { body: "ok" });
      assertEquals(await (await before).body.text(), "ok");
      const sending = scene.asks(scene.how);
      await peer.gets(scene.how);
      await peer.accepts({ early: "E" });
      await expectText(await onUpgrade(await sending), "E");
      await scene.handedOver();
    },
  },
  {
    rule: "gracefulShutdown() lets a proposal be accepted that is under way [U13]",
    async play(scene) {
      const sending = scene.asks(scene.how);
      await scene.peer.gets(scene.how);
      scene.connection.gracefulShutdown();
      await scene.peer.accepts({ early: "E" });
      const io = await onUpgrade(await sending);
      await expectText(io, "E");
      await talks(scene.peer, io);
    },
  },
  {
    rule: "gracefulShutdown() leaves what has switched alone",
    async play(scene) {
      const io = await scene.switched();
      scene.connection.gracefulShutdown();
      await talks(scene.peer, io);
    },
  },
  {
    rule: "the signal of send() has no effect behind the switch",
    async play(scene) {
      const controller = new AbortController();
      const sending = scene.asks(scene.how, {}, { signal: controller.signal });
      await scene.peer.gets(scene.how);
      await scene.peer.accepts({ early: "E" });
      const response = await sending;
      controller.abort(new Error("too late"));
      const io = await onUpgrade(response);
      await expectText(io, "E");
      await talks(scene.peer, io);
    },
  },
  {
    rule: "a response that is disposed of behind onUpgrade() leaves the new protocol alone [R12]",
    async play(scene) {
      const sending = scene.asks(scene.how);
      await scene.peer.gets(scene.how);
      await scene.peer.accepts();
      const response = await sending;
      const io = await onUpgrade(response);
      await response[Symbol.asyncDispose]();
      await talks(scene.peer, io);
    },
  },
];

const refused: readonly Row<ClientScene>[] = [
  {
    rule:
      "a refusal is a response with its body, the promise rejects with it, and the next may be accepted [R2, R10, E15]",
    async play(scene) {
      const { peer, how } = scene;
      const sending = scene.asks(how);
      await peer.gets(how);
      await peer.responds(407, { fields: ["proxy-authenticate: Basic"], body: "no" });
      const response = await sending;
      const rejected = await rejectedFor("refused", onUpgrade(response));
      assertEquals(rejected.status, 407);
      assertStrictEquals(rejected.response, response);
      assertEquals([await response.body.text(), response.fields.get("proxy-authenticate")], ["no", "Basic"]);
      const again = scene.asks(how, { fields: [["proxy-authorization", "Basic eDp5"]] });
      await peer.gets(how, ["proxy-authorization: Basic eDp5"]);
      await peer.accepts({ early: "E" });
      await expectText(await onUpgrade(await again), "E");
      await scene.handedOver();
    },
  },
  {
    rule: "any other status than 2xx refuses (RFC 9110 §9.3.6) [F5]",
    async play(scene) {
      for (const status of [300, 302, 404, 500]) {
        const sending = scene.asks(scene.how);
        await scene.peer.gets(scene.how);
        await scene.peer.responds(status);
        const response = await sending;
        assertEquals(response.status, status);
        assertEquals((await rejectedFor("refused", onUpgrade(response))).status, status);
        await response.body.text();
      }
    },
  },
  {
    rule: "a GET goes behind a refusal if the server goes on [R10]",
    async play(scene) {
      const sending = scene.asks(scene.how);
      await scene.peer.gets(scene.how);
      await scene.peer.responds(403);
      await (await sending).body.text();
      const next = scene.asks("nothing");
      await scene.peer.gets("nothing");
      await scene.peer.responds(200, { body: "ok" });
      assertEquals(await (await next).body.text(), "ok");
    },
  },
  {
    rule: "the promise rejects although the body of the refusal goes on [R2]",
    async play(scene) {
      const sending = scene.asks(scene.how);
      await scene.peer.gets(scene.how);
      await scene.peer.beginsResponse(403);
      assertEquals((await rejectedFor("refused", onUpgrade(await sending))).status, 403);
    },
  },
  {
    rule: "onUpgrade() rejects for a response to a request that proposed nothing [R2]",
    hows: ["nothing"],
    async play(scene) {
      const sending = scene.asks("nothing");
      await scene.peer.gets("nothing");
      await scene.peer.responds(200);
      await rejectedFor("not-requested", onUpgrade(await sending));
    },
  },
  {
    rule: "a proposal with a body is refused before it is sent, and the connection goes on (RFC 9110 §9.3.6) [T8]",
    hows: ["tunnel"],
    async play(scene) {
      for (const body of ["x", new Blob(["x"]).stream()]) {
        const error = await assertRejects(() => scene.asks("tunnel", { body }), StateError);
        assert(error instanceof StateError && error.code === "upgrade-body");
      }
      await talks(scene.peer, await scene.switched());
    },
  },
];

const failed: readonly Row<ClientScene>[] = [
  {
    rule: "a signal that is aborted already sends nothing, and the connection goes on",
    async play(scene) {
      const reason = new Error("enough");
      const sending = scene.asks(scene.how, {}, { signal: AbortSignal.abort(reason) });
      assertStrictEquals(await sending.catch((error) => error), reason);
      await talks(scene.peer, await scene.switched());
    },
  },
  ...(["its signal", "abort() of the connection"] as const).map((how): Row<ClientScene> => ({
    rule: `${how} ends a request that waits for its answer, with the reason`,
    whole: true,
    async play(scene) {
      const controller = new AbortController();
      const sending = scene.asks(scene.how, {}, { signal: controller.signal });
      sending.catch(() => {});
      await scene.peer.gets(scene.how);
      const reason = new Error("enough");
      if (how === "its signal") controller.abort(reason);
      else scene.connection.abort(reason);
      assertStrictEquals(await sending.catch((error) => error), reason);
      await scene.peer.hearsReset();
      if (how === "its signal") await scene.failed(reason);
    },
  })),
  {
    rule: "a server that resets before it answers ends the request",
    async play(scene) {
      const sending = scene.asks(scene.how);
      sending.catch(() => {});
      await scene.peer.gets(scene.how);
      await scene.peer.informs(103);
      await scene.peer.resets();
      const error = await sending.catch((reason) => reason);
      assert(error instanceof TransportError && error.code === "reset", `${error}`);
      await scene.failed(error);
    },
  },
  {
    rule: "a response that is disposed of without onUpgrade() ends what has switched [R12]",
    async play(scene) {
      const sending = scene.asks(scene.how);
      await scene.peer.gets(scene.how);
      await scene.peer.accepts();
      const response = await sending;
      const disposing = response[Symbol.asyncDispose]();
      await scene.peer.hearsEnd();
      await scene.peer.ends();
      await disposing;
      assert(!(await isPending(onUpgrade(response))));
    },
  },
];

/** The dialogues. */
export const clientCases: readonly Row<ClientScene>[] = [...accepted, ...refused, ...failed];
