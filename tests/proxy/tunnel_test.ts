import { createHash } from "node:crypto";
import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { Upgraded } from "../../src/http1/upgraded.ts";
import type { Duplex } from "../../src/duplex/duplex.ts";
import { duplexPair, type DuplexPairOptions, type PairEnd } from "../../src/duplex/pair.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { tunnel, type TunnelBytes, type TunnelOptions } from "../../src/proxy/tunnel.ts";
import { LendingEnd } from "../support/lending_end.ts";
import { digest, sendNoise } from "../support/noise.ts";
import { isAtLeast, runtimeName, skipUnless } from "../support/runtime.ts";
import { isPending } from "../support/switching.ts";
import { FakeClock, readAll, text, turns, wire } from "../support/wire.ts";

/** What a tunnel is given: an end that offers a channel, nothing but its streams, or one that reads as sockets do. */
const kinds: Readonly<Record<string, (end: PairEnd) => Duplex>> = {
  channels: (end) => end,
  streams: (end) => ({ readable: end.readable, writable: end.writable }),
  "what lends": (end) => new LendingEnd(end),
};

/** How much is under way at most in a direction beside the chunks of two pairs. */
const underWay: Readonly<Record<string, number>> = { channels: 0, streams: 0, "what lends": 256 * 1024 + 128 * 1024 };

interface Joined {
  /** The end whose bytes are `sent`. */
  readonly client: PairEnd;
  /** The end whose bytes are `received`. */
  readonly target: PairEnd;
  readonly over: Promise<TunnelBytes>;
}

function joined(kind: string, options: TunnelOptions = {}, pair: DuplexPairOptions = {}): Joined {
  const [client, a] = duplexPair(pair);
  const [b, target] = duplexPair(pair);
  const over = tunnel(kinds[kind]!(a), kinds[kind]!(b), options);
  over.catch(() => {});
  return { client, target, over };
}

async function readText(end: PairEnd): Promise<string> {
  return text((await end.read())!);
}

for (const kind of Object.keys(kinds)) {
  test(`tunnel() over ${kind} copies both ways, passes on both ends and counts [F6]`, async () => {
    const { client, target, over } = joined(kind);
    await client.write(wire("to the target"));
    assertEquals(await readText(target), "to the target");
    await target.write(wire("back"));
    assertEquals(await readText(client), "back");
    await client.closeWrite();
    assertEquals(await target.read(), null);
    await target.closeWrite();
    assertEquals(await client.read(), null);
    assertEquals(await over, { sent: 13, received: 4 });
    await Promise.all([client.closed, target.closed]);
  });

  test(`tunnel() over ${kind} leaves the other direction alone when one has ended [F6]`, async () => {
    const { client, target, over } = joined(kind);
    await client.write(wire("all there is"));
    await client.closeWrite();
    assertEquals(await readAll(target), "all there is");
    for (const line of ["one", "two", "three"]) {
      await target.write(wire(line));
      assertEquals(await readText(client), line);
    }
    assert(await isPending(over));
    await target.closeWrite();
    assertEquals(await client.read(), null);
    assertEquals(await over, { sent: 12, received: 11 });
  });

  test(`tunnel() over ${kind} passes on an end without a byte before it, either way first [F6]`, async () => {
    for (const first of ["client", "target"] as const) {
      const ends = joined(kind);
      const second = first === "client" ? "target" : "client";
      await ends[first].closeWrite();
      assertEquals(await ends[second].read(), null);
      assert(await isPending(ends.over));
      await ends[second].closeWrite();
      assertEquals(await ends.over, { sent: 0, received: 0 });
    }
  });

  test(`tunnel() over ${kind} cuts one side when the other one is reset [F7]`, async () => {
    for (const first of ["client", "target"] as const) {
      const ends = joined(kind);
      const second = first === "client" ? "target" : "client";
      await ends[first].write(wire("x"));
      await ends[second].read();
      ends[first].abort(new Error("pulled the plug"));
      const error = await assertRejects(() => ends.over, TransportError);
      assertEquals(error.code, "reset");
      await assertRejects(() => ends[second].read());
      await assertRejects(() => ends[second].write(wire("y")));
    }
  });

  test(`tunnel() over ${kind} cuts a side that is being written to when the other one is reset [F7]`, async () => {
    const { client, target, over } = joined(kind, {}, { capacityBytes: 4 });
    const stuck = client.write(wire("more than fits"));
    await turns();
    target.abort();
    await assertRejects(() => over, TransportError);
    await stuck.catch(() => {});
    await assertRejects(() => client.write(wire("more")));
  });

  test(`tunnel() over ${kind} lets a side take what the other one sent before it was gone [F6]`, async () => {
    const clock = new FakeClock();
    const { client, target, over } = joined(kind, { clock });
    await target.write(wire("413, and that is all"));
    await target.closeWrite();
    await turns();
    target.abort();
    await client.write(wire("still uploading"));
    await turns();
    assertEquals(await readAll(client), "413, and that is all");
    await client.write(wire("and uploading"));
    assert(await isPending(over));
    await client.closeWrite();
    await assertRejects(() => over, TransportError);
    assertEquals(clock.pending, 0);
  });

  test(`tunnel() over ${kind} cuts a side that goes on for 2 s after the other one was gone [F7]`, async () => {
    const clock = new FakeClock();
    const { client, target, over } = joined(kind, { clock, idleTimeoutMs: 60_000 });
    await target.closeWrite();
    await turns();
    target.abort();
    await client.write(wire("still uploading"));
    assertEquals(await client.read(), null);
    await turns();
    await clock.advance(1999);
    await client.write(wire("and uploading"));
    assert(await isPending(over));
    await clock.advance(1);
    await assertRejects(() => over, TransportError);
    await assertRejects(() => client.write(wire("more")));
    assertEquals(clock.pending, 0);
  });

  test(`tunnel() over ${kind} takes no more than it may from a side whose bytes nobody reads`, async () => {
    const { client, target, over } = joined(kind, {}, { capacityBytes: 1000, readBytes: 1000 });
    let accepted = 0;
    const writing = (async () => {
      while (accepted < 1_000_000) {
        await client.write(new Uint8Array(1000));
        accepted += 1000;
      }
    })();
    writing.catch(() => {});
    for (let still = 0, before = -1; still < 20; still = accepted === before ? still + 1 : 0) {
      before = accepted;
      await turns();
    }
    assert(accepted <= 5000 + underWay[kind]!, `${accepted} bytes were taken`);
    await target.write(wire("the other direction is free"));
    assertEquals(await readText(client), "the other direction is free");
    target.abort();
    await assertRejects(() => over);
  });

  test(`tunnel() over ${kind} ends when nothing moved for idleTimeoutMs in either direction`, async () => {
    const clock = new FakeClock();
    const { client, target, over } = joined(kind, { clock, idleTimeoutMs: 1000 });
    for (const end of [client, target, target, client]) {
      await clock.advance(999);
      await end.write(wire("x"));
      await turns();
    }
    await client.closeWrite();
    await clock.advance(999);
    assert(await isPending(over));
    await clock.advance(1);
    const error = await assertRejects(() => over, TransportError);
    assertEquals(error.code, "timeout");
    await assertRejects(() => target.write(wire("late")));
    assertEquals(clock.pending, 0);
  });

  const abortReachesWrites = skipUnless(
    kind === "channels" || runtimeName !== "bun" || isAtLeast("1.4.0"),
    "Bun before 1.4 tells a sink of abort() only when its write has settled",
  );
  test(`tunnel() over ${kind} ends a side that takes nothing after idleTimeoutMs`, abortReachesWrites, async () => {
    const clock = new FakeClock();
    const { client, target, over } = joined(kind, { clock, idleTimeoutMs: 1000 }, { capacityBytes: 4 });
    client.write(wire("more than fits")).catch(() => {});
    client.closeWrite().catch(() => {});
    await target.closeWrite();
    await turns();
    await clock.advance(1000);
    const error = await assertRejects(() => over, TransportError);
    assertEquals(error.code, "timeout");
    await assertRejects(() => target.read());
  });

  test(`tunnel() over ${kind} sets no timer without idleTimeoutMs and leaves none behind`, async () => {
    const clock = new FakeClock();
    const silent = joined(kind, { clock });
    await silent.client.write(wire("x"));
    await silent.target.read();
    assertEquals(clock.pending, 0);
    await Promise.all([silent.client.closeWrite(), silent.target.closeWrite()]);
    await silent.over;
    const timed = joined(kind, { clock, idleTimeoutMs: 1000 });
    await turns();
    assertEquals(clock.pending, 1);
    await Promise.all([timed.client.closeWrite(), timed.target.closeWrite()]);
    await timed.over;
    assertEquals(clock.pending, 0);
  });

  test(`tunnel() over ${kind} cuts both sides with the reason of its signal`, async () => {
    const controller = new AbortController();
    const { client, target, over } = joined(kind, { signal: controller.signal });
    await client.write(wire("x"));
    await target.read();
    const reason = new Error("enough");
    controller.abort(reason);
    assertStrictEquals(await over.catch((error) => error), reason);
    await assertRejects(() => client.read());
    await assertRejects(() => target.read());
  });

  test(`tunnel() over ${kind} copies nothing when its signal is aborted already`, async () => {
    const reason = new Error("never mind");
    const { client, target, over } = joined(kind, { signal: AbortSignal.abort(reason) });
    assertStrictEquals(await over.catch((error) => error), reason);
    await assertRejects(() => client.write(wire("x")));
    await assertRejects(() => target.read());
  });

  test(`tunnel() over ${kind} gives onBytes the totals, and what it throws cuts both sides`, async () => {
    const totals: [number, number][] = [];
    const full = new Error("quota");
    const onBytes = (sent: number, received: number): void => {
      totals.push([sent, received]);
      if (sent + received > 9) throw full;
    };
    const { client, target, over } = joined(kind, { onBytes });
    await client.write(wire("four"));
    await target.read();
    await target.write(wire("five5"));
    await client.read();
    await turns();
    await client.write(wire("!"));
    assertStrictEquals(await over.catch((error) => error), full);
    assertEquals(totals, [[4, 0], [4, 5], [5, 5]]);
    await assertRejects(() => target.write(wire("x")));
  });

  test(`tunnel() over ${kind} ends at once when onBytes throws, also behind the end of the other direction`, async () => {
    const full = new Error("quota");
    const clock = new FakeClock();
    const { client, target, over } = joined(kind, {
      clock,
      onBytes: () => {
        throw full;
      },
    });
    await target.closeWrite();
    assertEquals(await client.read(), null);
    await client.write(wire("!"));
    assertStrictEquals(await over.catch((error) => error), full);
    assertEquals(clock.pending, 0);
  });

  test(`tunnel() over ${kind} copies byte by byte in order`, async () => {
    const { client, target, over } = joined(kind, {}, { readBytes: 1, capacityBytes: 1 });
    const line = "every byte on its own, and in its place";
    const writing = (async () => {
      await client.write(wire(line));
      await client.closeWrite();
      await target.write(wire(line.toUpperCase()));
      await target.closeWrite();
    })();
    assertEquals(await Promise.all([readAll(target), readAll(client)]), [line, line.toUpperCase()]);
    await writing;
    assertEquals(await over, { sent: line.length, received: line.length });
  });

  test(`tunnel() over ${kind} carries 20 MB each way at once, unchanged`, { timeout: 60_000 }, async () => {
    const { client, target, over } = joined(kind);
    const bytes = 20_000_000;
    const [there, back, received, returned] = await Promise.all([
      sendNoise(client, bytes, 1),
      sendNoise(target, bytes, 2),
      digest(target),
      digest(client),
    ]);
    assertEquals({ received, returned }, { received: there, returned: back });
    assertEquals(await over, { sent: bytes, received: bytes });
  });

  test(`tunnel() over ${kind} passes the end on behind the bytes that a slow side has not taken yet [F6]`, async () => {
    const { client, target, over } = joined(kind, {}, { capacityBytes: 1 });
    const sent = sendNoise(client, 300_000, 3);
    const hash = createHash("sha256");
    for (let chunk = await target.read(); chunk !== null; chunk = await target.read()) {
      hash.update(chunk);
      await turns();
    }
    await target.closeWrite();
    assertEquals(hash.digest("hex"), await sent);
    assertEquals(await over, { sent: 300_000, received: 0 });
  });

  test(`tunnel() over ${kind} refuses a locked stream and leaves both sides as they were`, async () => {
    const [client, a] = duplexPair();
    const [b, target] = duplexPair();
    const near = kinds[kind]!(a);
    const reader = b.readable.getReader();
    await assertRejects(() => tunnel(near, { readable: b.readable, writable: b.writable }), TypeError);
    reader.releaseLock();
    const over = tunnel(near, b);
    await client.write(wire("as if nothing had been"));
    assertEquals(await readText(target), "as if nothing had been");
    await Promise.all([client.closeWrite(), target.closeWrite()]);
    assertEquals(await over, { sent: 22, received: 0 });
  });
}

test("tunnel() takes its hands off the signal when it is over", async () => {
  const signal = new AbortController().signal;
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  const { client, target, over } = joined("channels", { signal });
  await turns();
  assertEquals(listeners, 1);
  await Promise.all([client.closeWrite(), target.closeWrite()]);
  await over;
  assertEquals(listeners, 0);
});

test("tunnel() learns from a channel's closed that a side is gone from which nobody reads [F7]", async () => {
  const stalled = joined("channels", {}, { capacityBytes: 4 });
  stalled.client.write(wire("more than fits")).catch(() => {});
  await turns();
  stalled.client.abort();
  await assertRejects(() => stalled.over, TransportError);
  await assertRejects(() => stalled.target.write(wire("x")));

  const clock = new FakeClock();
  const ended = joined("channels", { clock });
  await ended.client.closeWrite();
  await turns();
  ended.client.abort();
  await turns();
  await clock.advance(1999);
  assert(await isPending(ended.over));
  await clock.advance(1);
  await assertRejects(() => ended.over, TransportError);
  await assertRejects(() => ended.target.write(wire("x")));
});

test("tunnel() joins a pair of streams with a channel", async () => {
  const upper = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => controller.enqueue(wire(text(chunk).toUpperCase())),
  });
  const [client, a] = duplexPair();
  const over = tunnel(a, upper);
  await client.write(wire("shout"));
  assertEquals(await readText(client), "SHOUT");
  await client.closeWrite();
  assertEquals(await client.read(), null);
  assertEquals(await over, { sent: 5, received: 5 });
});

test("tunnel() sends what came along with the switch first [E7]", async () => {
  const [client, a] = duplexPair();
  const [b, target] = duplexPair();
  const over = tunnel(new Upgraded(a, wire("first, "), { protocol: null }), b);
  await client.write(wire("second"));
  await client.closeWrite();
  assertEquals(await readAll(target), "first, second");
  await target.closeWrite();
  assertEquals(await over, { sent: 13, received: 0 });
});
