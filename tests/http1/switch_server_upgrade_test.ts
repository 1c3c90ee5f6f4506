import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { wantsUpgrade } from "../../src/http1/proposing.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { wire } from "../support/wire.ts";
import { expectText, OK, serving, SWITCHED, switchedServer, UPGRADE } from "../support/switching.ts";

const plain: OutgoingResponse = { status: 200, body: "ok" };

/** Answers every proposal with a 101 and keeps the upgrades. */
function accepting(upgrades: Upgraded[]): (request: IncomingRequest) => OutgoingResponse {
  return (request) => {
    if (!wantsUpgrade(request, "foobar")) return plain;
    const { response, upgraded } = upgradeResponse(request, "foobar");
    upgraded.then((io) => upgrades.push(io), () => {});
    return response;
  };
}

test("serveConnection() answers what is pipelined in front of an Upgrade first (RFC 9110 §7.8) [E11]", async () => {
  const upgrades: Upgraded[] = [];
  const { client, connection } = serving(accepting(upgrades));
  await client.write(wire(`GET /1 HTTP/1.1¶Host: a¶¶GET /2 HTTP/1.1¶Host: a¶¶${UPGRADE}EARLY`));
  await expectText(client, OK + OK + SWITCHED);
  assertEquals(await connection.closed, { reason: "upgrade" });
  await expectText(upgrades[0]!, "EARLY");
});

test("serveConnection() finds the option upgrade in any Connection line and in any case (RFC 9110 §7.6.1)", async () => {
  const request = "GET / HTTP/1.1¶Host: a¶CONNECTION: keep-alive¶upgrade: FOOBAR¶connection: x, UpGrade¶¶EARLY";
  const { io } = await switchedServer(request, { status: 101, fields: { upgrade: "foobar" } });
  assertEquals(io.protocol, "foobar");
  await expectText(io, "EARLY");
});

test("serveConnection() with pipelineFlush sends the answers in front of the 101 before it hands over [E11]", async () => {
  const upgrades: Upgraded[] = [];
  const { client } = serving(accepting(upgrades), { pipelineFlush: true });
  await client.write(wire(`GET /1 HTTP/1.1¶Host: a¶¶GET /2 HTTP/1.1¶Host: a¶¶${UPGRADE}EARLY`));
  await expectText(client, OK + OK + SWITCHED);
  await expectText(upgrades[0]!, "EARLY");
});

test("serveConnection() upgrades a HEAD as it does a GET [R6]", async () => {
  const { head, io } = await switchedServer(`${UPGRADE.replace("GET", "HEAD")}EARLY`, { status: 101 });
  assertEquals(head, "HTTP/1.1 101 Switching Protocols¶upgrade: foobar¶connection: upgrade¶¶");
  await expectText(io, "EARLY");
});

test("ServerConnection.closed is upgrade, whatever is called afterwards (hyper http1_graceful_shutdown_after_upgrade)", async () => {
  const { io, client, connection } = await switchedServer(UPGRADE, { status: 101 });
  assertEquals(await connection.gracefulShutdown(), { reason: "upgrade" });
  connection.abort(new Error("too late"));
  await connection[Symbol.asyncDispose]();
  assertEquals(await connection.closed, { reason: "upgrade" });
  await io.write(wire("still"));
  await expectText(client, "still");
  await client.write(wire("here"));
  await expectText(io, "here");
});

for (const call of ["gracefulShutdown", "abort", "dispose"] as const) {
  for (const later of [0, 1, 2, 3, 4, 5, 6]) {
    test(`ServerConnection: ${call}() ${later} ticks after the promise leaves the new protocol alone`, async () => {
      const { client, connection } = serving((request) => {
        const { response, upgraded } = upgradeResponse(request, "foobar");
        upgraded.then(async (io) => {
          for (let i = 0; i < later; i++) await null;
          if (call === "gracefulShutdown") connection.gracefulShutdown();
          else if (call === "abort") connection.abort();
          else connection[Symbol.asyncDispose]();
          await io.write(wire("alive"));
        });
        return response;
      });
      await client.write(wire(UPGRADE));
      await expectText(client, SWITCHED);
      await expectText(client, "alive");
      assertEquals(await connection.closed, { reason: "upgrade" });
    });
  }
}
