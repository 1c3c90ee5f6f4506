/**
 * What a server of ours and its client say to each other until a proposal is accepted.
 *
 * What has no meaning in HTTP/2 is in `tests/http1/`, byte for byte: the tokens of Connection and several lines of Upgrade, several
 * protocols in one 101, HTTP/1.0, a Host beside CONNECT, bodies and Expect under an upgrade, HEAD and POST that upgrade, what is
 * pipelined in front and the single reader, a 2xx to an upgrade, `takeOver()` and `withoutShutdown()`, `keepAlive`,
 * `keepAfterRefusedConnect` and the other leniencies, `compat: "hyper"`.
 *
 * @module
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { StateError } from "../../src/errors/state_error.ts";
import { wantsUpgrade } from "../../src/http1/proposing.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { wire } from "../support/bytes.ts";
import { expectText, isPending } from "../support/switching.ts";
import { readAll } from "../support/wire.ts";
import { moment } from "./peer.ts";
import { type Row, type ServerScene, talks } from "./scenes.ts";

/** The dialogues. */
export const serverCases: readonly Row<ServerScene>[] = [
  {
    rule: "what came behind the proposal is read first, and then bytes go both ways [U1, T1, E1, E7, F3, H4]",
    async play(scene) {
      const { peer, how } = scene;
      await peer.asks(how, { early: "EARLY" });
      const upgraded = (await scene.request()).accepts();
      await peer.hearsSwitch();
      const io = await upgraded;
      await expectText(io, "EARLY");
      assertEquals(io.protocol, how === "tunnel" ? null : "foobar");
      await scene.handedOver();
      await talks(peer, io);
    },
  },
  {
    rule: "nothing behind a proposal that is accepted is taken for a request [U2, E11]",
    async play(scene) {
      await scene.peer.asks(scene.how, { early: "GET /2 HTTP/1.1¶Host: a¶¶" });
      const upgraded = (await scene.request()).accepts();
      await scene.peer.hearsSwitch();
      await expectText(await upgraded, "GET /2 HTTP/1.1¶Host: a¶¶");
      assert(!scene.hasRequest);
    },
  },
  {
    rule: "the request says what it proposes",
    async play(scene) {
      await scene.peer.asks(scene.how);
      const { request } = await scene.request();
      if (scene.how === "tunnel") {
        assertEquals(request.proposal, { type: "connect", authority: { hostname: "a", port: 443 } });
        assertEquals([request.method, request.target, request.authority], ["CONNECT", "a:443", "a:443"]);
      } else {
        assertEquals(request.proposal, { type: "upgrade", protocols: ["foobar"] });
        assertEquals([request.method, request.target, request.authority], ["GET", "/", "a"]);
      }
      const { how } = scene;
      assertEquals([wantsUpgrade(request), wantsUpgrade(request, "FOOBAR")], [how === "upgrade", how === "upgrade"]);
    },
  },
  {
    rule: "a tunnel leads to an address of IPv6 as well; its head is the request's [T1]",
    hows: ["tunnel"],
    async play(scene) {
      await scene.peer.asks("tunnel", { authority: "[::1]:8443" });
      const exchange = await scene.request();
      const { method, target, version, fields, proposal } = exchange.request;
      assertEquals(proposal, { type: "connect", authority: { hostname: "::1", port: 8443 } });
      assertEquals(target, "[::1]:8443");
      const { head } = await exchange.accepts();
      assertEquals({ ...head, fields: [...head.fields] }, { method, target, version, fields: [...fields] });
    },
  },
  {
    rule: "informational responses come before the switch, fields with each (RFC 9110 §15.2) [R4]",
    async play(scene) {
      const { peer } = scene;
      await peer.asks(scene.how);
      const exchange = await scene.request();
      await exchange.request.sendInformational(103, [["link", "</a>"]]);
      await peer.hearsInformational(103, ["link: </a>"]);
      const upgraded = exchange.accepts({ fields: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] });
      await peer.hearsSwitch({ fields: ["set-cookie: a=1", "set-cookie: b=2"] });
      await talks(peer, await upgraded);
    },
  },
  {
    rule: "an informational response behind the switch is refused, and the new protocol does not see it",
    async play(scene) {
      const { peer } = scene;
      await peer.asks(scene.how);
      const exchange = await scene.request();
      const upgraded = exchange.accepts();
      await peer.hearsSwitch();
      const io = await upgraded;
      const error = await exchange.request.sendInformational(103).then(() => null, (reason) => reason);
      assert(error instanceof StateError);
      assert(!exchange.request.signal.aborted);
      await talks(peer, io);
    },
  },
  {
    rule: "a request behind another one is accepted as the first is",
    async play(scene) {
      const { peer } = scene;
      await peer.asks("nothing");
      (await scene.request()).answers({ status: 200, body: "ok" });
      await peer.hearsResponse(200, { body: "ok" });
      await peer.asks(scene.how, { early: "E" });
      const upgraded = (await scene.request()).accepts();
      await peer.hearsSwitch();
      await expectText(await upgraded, "E");
    },
  },
  ...[201, 204, 205, 299].map((status): Row<ServerScene> => ({
    rule: `${status} opens a tunnel: every 2xx does (RFC 9110 §9.3.6) [T4]`,
    hows: ["tunnel"],
    async play(scene) {
      await scene.peer.asks("tunnel", { early: "E" });
      const { upgraded, answers } = await scene.request();
      answers({ status });
      await scene.peer.hearsSwitch({ status });
      await expectText(await upgraded, "E");
      await talks(scene.peer, await upgraded);
    },
  })),
  ...[
    [["content-length", "0"]],
    [["Content-Length", "5"]],
    [["Transfer-Encoding", "chunked"]],
    [["transfer-encoding", "chunked"], ["Trailer", "x"], ["CONTENT-LENGTH", "1"]],
  ].map((fields): Row<ServerScene> => ({
    rule: `${fields.map((field) => field.join(": ")).join(", ")} is left out of what switches ` +
      "(RFC 9110 §8.6 and §9.3.6, RFC 9112 §6.1) [U11, U12, T2, F3, B7]",
    async play(scene) {
      await scene.peer.asks(scene.how);
      const upgraded = (await scene.request()).accepts({ fields: [...fields as [string, string][], ["x-more", "1"]] });
      await scene.peer.hearsSwitch({ fields: ["x-more: 1"] });
      await talks(scene.peer, await upgraded);
    },
  })),
  ...["", "E"].map((early): Row<ServerScene> => ({
    rule:
      `a client that ends its side with the proposal${early === "" ? "" : " and with bytes behind it"} still gets ` +
      "its answer [T10, T11]",
    async play(scene) {
      const { peer } = scene;
      await peer.asks(scene.how, { early, ends: true });
      const exchange = await scene.request();
      await moment();
      assert(!exchange.request.signal.aborted);
      assert(await isPending(exchange.upgraded));
      const upgraded = exchange.accepts();
      await peer.hearsSwitch();
      const io = await upgraded;
      await scene.handedOver();
      assertEquals([await readAll(io), await io.read()], [early, null]);
      await io.write(wire("late"));
      const closing = io.close();
      await peer.hears("late");
      await peer.hearsEnd();
      await closing;
    },
  })),
  {
    rule: "Content-Length: 0 says nothing about what is behind a CONNECT [T8]",
    hows: ["tunnel"],
    async play(scene) {
      await scene.peer.asks("tunnel", { fields: ["content-length: 0"], early: "E" });
      const upgraded = (await scene.request()).accepts();
      await scene.peer.hearsSwitch();
      await expectText(await upgraded, "E");
    },
  },
  {
    rule: "Expect has no meaning where there is no body (RFC 9110 §10.1.1) [D2]",
    hows: ["tunnel"],
    async play(scene) {
      await scene.peer.asks(scene.how, { fields: ["expect: 100-continue"] });
      (await scene.request()).accepts();
      await scene.peer.hearsSwitch();
    },
  },
  {
    rule: "gracefulShutdown() lets a proposal be accepted that has come [U13, U19]",
    async play(scene) {
      const { peer } = scene;
      await peer.asks(scene.how, { early: "E" });
      const exchange = await scene.request();
      scene.connection.gracefulShutdown();
      const upgraded = exchange.accepts();
      await peer.hearsSwitch();
      await expectText(await upgraded, "E");
      await talks(peer, await upgraded);
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
    rule: "onUpgrade() gives the same promise whenever it is called",
    async play(scene) {
      await scene.peer.asks(scene.how, { early: "E" });
      const exchange = await scene.request();
      const { response, upgraded } = exchange.offer();
      assertStrictEquals(upgraded, onUpgrade(exchange.request));
      exchange.answers(response);
      assertStrictEquals(upgraded, onUpgrade(exchange.request));
      await scene.peer.hearsSwitch();
      assertStrictEquals(upgraded, onUpgrade(exchange.request));
      await expectText(await upgraded, "E");
    },
  },
];
