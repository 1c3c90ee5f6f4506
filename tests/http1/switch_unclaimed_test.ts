import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import process from "node:process";
import { StateError } from "../../src/errors/state_error.ts";
import type { IncomingRequest, IncomingResponse } from "../../src/http1/incoming.ts";
import type { OutgoingResponse } from "../../src/http1/outgoing_response.ts";
import { type Switch, upgradeResponse } from "../../src/http1/switch.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import { UpgradeRejected } from "../../src/errors/upgrade_rejected.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { FakeClock, readUntil, turns, wire } from "../support/wire.ts";
import {
  calling,
  expectText,
  isPending,
  OK,
  rejectedFor,
  serving,
  SWITCHED,
  UPGRADE,
  UPGRADE_REQUEST,
} from "../support/switching.ts";

/** A switch in which nobody has asked for the upgrade yet. */
interface Unclaimed {
  readonly message: IncomingRequest | IncomingResponse;
  readonly peer: { read(): Promise<Uint8Array | null>; write(bytes: Uint8Array): Promise<void> };
  readonly closed: Promise<{ readonly reason: string }>;
  readonly clock: FakeClock;
}

const sides: readonly { side: string; open: (unclaimedUpgradeTimeoutMs?: number) => Promise<Unclaimed> }[] = [
  {
    side: "serveConnection()",
    open: async (unclaimedUpgradeTimeoutMs) => {
      const clock = new FakeClock();
      let message!: IncomingRequest;
      const { client, connection } = serving((request) => {
        message = request;
        return { status: 101, fields: [["Connection", "upgrade"], ["Upgrade", "foobar"]] };
      }, { clock, unclaimedUpgradeTimeoutMs });
      await client.write(wire(`${UPGRADE}EARLY`));
      await expectText(client, SWITCHED);
      await connection.closed;
      return { message, peer: client, closed: connection.closed, clock };
    },
  },
  {
    side: "handshake()",
    open: async (unclaimedUpgradeTimeoutMs) => {
      const clock = new FakeClock();
      const { sender, server, connection } = calling({ clock, unclaimedUpgradeTimeoutMs });
      const sending = sender.send(UPGRADE_REQUEST);
      await readUntil(server, "¶¶");
      await server.write(wire(`${SWITCHED}EARLY`));
      return { message: await sending, peer: server, closed: connection.closed, clock };
    },
  },
];

for (const { side, open } of sides) {
  test(`${side} parks an upgrade that nobody asks for, and closes it after 30 s [R12]`, async () => {
    const { peer, closed, clock } = await open();
    assertEquals((await closed).reason, "upgrade");
    assertEquals(clock.pending, 1);
    const read = peer.read();
    await clock.advance(29_999);
    assert(await isPending(read));
    await clock.advance(1);
    await assertRejects(() => read);
    assertEquals(clock.pending, 0);
  });

  test(`${side} parks with reads paused: nothing is taken from the peer [R12]`, async () => {
    const { message, peer, clock } = await open();
    await peer.write(wire("LATER"));
    await clock.advance(1000);
    const io = await onUpgrade(message);
    await expectText(io, "EARLY");
    await expectText(io, "LATER");
  });

  test(`${side} gives an upgrade that is asked for within the time, and leaves no timer [E14]`, async () => {
    const { message, peer, clock } = await open();
    await clock.advance(29_999);
    const io = await onUpgrade(message);
    assertEquals(clock.pending, 0);
    await clock.advance(1_000_000);
    await expectText(io, "EARLY");
    await io.write(wire("alive"));
    await expectText(peer, "alive");
  });

  test(`${side} tells whoever asks too late that it was closed [R12]`, async () => {
    const { message, clock } = await open();
    await clock.advance(30_000);
    const io = await onUpgrade(message);
    await expectText(io, "EARLY");
    const error = await assertRejects(() => io.read(), StateError);
    assert(error instanceof StateError && error.code === "canceled");
    await assertRejects(() => io.write(wire("x")));
  });

  test(`${side} takes unclaimedUpgradeTimeoutMs, and 0 for never [R12]`, async () => {
    const { peer, clock } = await open(5);
    await clock.advance(5);
    await assertRejects(() => peer.read());

    const patient = await open(0);
    assertEquals(patient.clock.pending, 0);
    await patient.clock.advance(1_000_000_000);
    await expectText(await onUpgrade(patient.message), "EARLY");
  });

  test(`onUpgrade() always gives the same promise after the switch, on the side of ${side}`, async () => {
    const { message } = await open();
    const first = onUpgrade(message);
    assertStrictEquals(onUpgrade(message), first);
    assertStrictEquals(await onUpgrade(message), await first);
  });
}

test("onUpgrade() called twice before the switch gives the same promise", async () => {
  const promises: Promise<Upgraded>[] = [];
  const { client } = serving((request) => {
    promises.push(onUpgrade(request), onUpgrade(request));
    return { status: 101 };
  });
  await client.write(wire(UPGRADE));
  assertStrictEquals(promises[0], promises[1]);
  assertStrictEquals(await promises[0], await promises[1]);
});

test("onUpgrade() called after the response was returned, before it is written", async () => {
  let request!: IncomingRequest;
  const { client } = serving((incoming) => {
    request = incoming;
    return Promise.resolve({ status: 101 });
  });
  await client.write(wire(`${UPGRADE}EARLY`));
  await readUntil(client, "¶¶");
  await expectText(await onUpgrade(request), "EARLY");
});

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
