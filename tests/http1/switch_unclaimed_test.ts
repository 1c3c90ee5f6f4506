import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import process from "node:process";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { type Switch, upgradeResponse } from "../../src/http1/switch.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { FakeClock, readUntil, turns, wire } from "../support/wire.ts";
import {
  calling,
  expectText,
  OK,
  rejectedFor,
  serving,
  SWITCHED,
  UPGRADE,
  UPGRADE_REQUEST,
} from "../support/switching.ts";

test("onUpgrade() called after a refusal rejects with it", async () => {
  let request!: IncomingRequest;
  const { client, connection } = serving((incoming) => {
    request = incoming;
    return { status: 200, body: "ok" };
  });
  await client.write(wire(UPGRADE));
  await expectText(client, OK);
  connection.abort();
  await connection.closed;
  assertEquals((await rejectedFor("refused", onUpgrade(request))).status, 200);
  assertStrictEquals(onUpgrade(request), onUpgrade(request));
});

test("An upgrade that is claimed from the start leaves no timer on either side [E14]", async () => {
  const clock = new FakeClock();
  let claimed: Promise<Upgraded> | null = null;
  const { client, connection } = serving((request) => {
    const { response, upgraded } = upgradeResponse(request, "foobar");
    claimed = upgraded;
    return response;
  }, { clock });
  await client.write(wire(UPGRADE));
  await expectText(client, SWITCHED);
  await connection.closed;
  assertEquals(clock.pending, 0);
  assertEquals((await claimed!).protocol, "foobar");
});

test("An answer alone claims nothing: its upgrade is closed when time is up, unless somebody asks for it", async () => {
  for (const asks of [false, true]) {
    const clock = new FakeClock();
    let accepted: Switch<OutgoingResponse> | null = null;
    const { client, connection } = serving((request) => {
      accepted = upgradeResponse(request, "foobar");
      return accepted.response;
    }, { clock });
    await client.write(wire(UPGRADE));
    await expectText(client, SWITCHED);
    await connection.closed;
    await clock.advance(29_999);
    const io = asks ? await accepted!.upgraded : null;
    await clock.advance(1);
    assertEquals(clock.pending, 0);
    if (io === null) await assertRejects(() => client.write(wire("x")).then(() => client.read()));
    else await io.close();
  }
});

test("Promises of upgrades that nobody looks at raise no unhandled rejection [E13]", async () => {
  const unhandled: unknown[] = [];
  const listen = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", listen);
  try {
    for (const respond of [() => ({ status: 200 }), () => ({ status: 101, body: "x" }), throwing]) {
      const { client, connection } = serving((request) => {
        onUpgrade(request);
        return respond();
      });
      await client.write(wire(UPGRADE));
      await readUntil(client, "¶¶");
      connection.abort();
      await connection.closed;
    }
    for (const reply of ["HTTP/1.1 200 OK¶Content-Length: 0¶¶", `${SWITCHED}EARLY`]) {
      const { sender, server, connection } = calling();
      const sending = sender.send(UPGRADE_REQUEST);
      await readUntil(server, "¶¶");
      await server.write(wire(reply));
      onUpgrade(await sending);
      connection.abort();
    }
    onUpgrade({});
    await turns();
    await turns();
    assertEquals(unhandled, []);
  } finally {
    process.off("unhandledRejection", listen);
  }
});

function throwing(): never {
  throw new Error("no");
}

test("UpgradeRejected tells code, status and cause", () => {
  const cause = new Error("why");
  const rejected = new UpgradeRejected("refused", { status: 403, cause });
  assertEquals(rejected.name, "UpgradeRejected");
  assertEquals([rejected.code, rejected.status, rejected.response], ["refused", 403, undefined]);
  assertStrictEquals(rejected.cause, cause);
  assertEquals(rejected.message, "No upgrade: the answer was 403");
  assert(!("cause" in new UpgradeRejected("timeout")));
});
