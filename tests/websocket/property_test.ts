/**
 * Properties of open WebSockets, over transports and with extensions that nobody chose.
 */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { allMessages, bothEnds, withPeer } from "../support/frame_peer.ts";
import { bytesOf, closePayload, hex, OPCODES, roles, toward, unhex } from "../support/frames.ts";
import { joined } from "../support/switching.ts";
import { rounds } from "../support/rounds.ts";

const PMD = "permessage-deflate";
const windows = fc.constantFrom("", "=9", "=10", "=12", "=15");

const extensions = fc.oneof(
  fc.constant(""),
  fc.record({
    server: windows,
    client: windows,
    forgets: fc.constantFrom("", "; server_no_context_takeover", "; client_no_context_takeover"),
  })
    .map(({ server, client, forgets }) =>
      PMD + forgets + (server === "" ? "" : `; server_max_window_bits${server}`) +
      (client === "" ? "" : `; client_max_window_bits${client}`)
    ),
);

const message = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 4 }).chain((unit) =>
    fc.nat({ max: 4000 }).map((times) => unit.repeat(times))
  ),
  fc.uint8Array({ maxLength: 300 }),
  fc.constantFrom(new Uint8Array(140_000), new Uint8Array(70_000).map((_, i) => (i * i) >> 3)),
);

const action = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant("write" as const), message }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant("parts" as const),
      parts: fc.array(fc.string({ unit: "grapheme", maxLength: 200 }), { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("ping" as const), message: fc.constant("") }) },
);
const actions = fc.array(action, { maxLength: 8 });

/** A message so that it can be compared. */
function spelled(message: string | Uint8Array): string {
  return `${typeof message} ${hex(bytesOf(message))}`;
}

test("whatever both ends send arrives in order, over any transport, with any extension [W17, L3]", async () => {
  const scenario = fc.record({
    extensions,
    thresholdBytes: fc.constantFrom(0, 100, 1024),
    capacityBytes: fc.constantFrom(1, 100, 65_536, 10_000_000),
    fromClient: actions,
    fromServer: actions,
    waits: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ extensions, thresholdBytes, capacityBytes, fromClient, fromServer, waits }) => {
      const { client, server, clock } = bothEnds({ extensions, deflate: { thresholdBytes } }, { capacityBytes });
      const expected = { client: expectedOf(fromClient), server: expectedOf(fromServer) };
      const received = { client: allMessages(server), server: allMessages(client) };
      const speak = async (io: typeof client, acts: typeof fromClient) => {
        for (const act of acts) {
          const done = act.type === "ping"
            ? io.ping()
            : act.type === "write"
            ? io.write(act.message)
            : io.writeParts((async function* () {
              for (const part of act.parts) yield part;
            })());
          if (waits) await done;
        }
      };
      await Promise.all([speak(client, fromClient), speak(server, fromServer)]);
      const closed = await Promise.all([client.close({ closeCode: 1000 }), server.close({ closeCode: 1000 })]);
      assertEquals((await received.client).map(spelled), expected.client);
      assertEquals((await received.server).map(spelled), expected.server);
      assertEquals(closed.map(({ closeCode, wasClean }) => [closeCode, wasClean]), [[1000, true], [1000, true]]);
      assertEquals([client.bufferedAmount, server.bufferedAmount, clock.pending], [0, 0, 0]);
    }),
    rounds(30),
  );
});

type Action = typeof action extends fc.Arbitrary<infer Value> ? Value : never;

function expectedOf(acts: readonly Action[]): string[] {
  const expected: string[] = [];
  for (const act of acts) {
    if (act.type === "write") expected.push(spelled(wellFormed(act.message)));
    else if (act.type === "parts") {
      const text = act.parts.join("");
      expected.push(text === "" ? spelled(act.parts.length > 0 ? "" : new Uint8Array()) : spelled(text));
    }
  }
  return expected;
}

function wellFormed(message: string | Uint8Array): string | Uint8Array {
  return typeof message === "string" ? new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytesOf(message)) : message;
}

test("traffic with one wrong byte ends in messages and an outcome, never in anything else [W10, K6]", async () => {
  const scenario = fc.constantFrom(...roles).chain((role) => {
    const right = joined(
      toward(role, { opcode: OPCODES.text, payload: "plain" }),
      toward(role, { opcode: OPCODES.text, rsv: 4, payload: unhex("f2 48 cd c9 c9 07 00") }),
      toward(role, { opcode: OPCODES.text, rsv: 4, fin: false, payload: unhex("f2 00 11") }),
      toward(role, { opcode: OPCODES.ping, payload: "p" }),
      toward(role, { opcode: OPCODES.continuation, payload: unhex("00 00") }),
      toward(role, { opcode: OPCODES.close, payload: closePayload(1000, "bye") }),
    );
    return fc.record({
      role: fc.constant(role),
      right: fc.constant(right),
      at: fc.nat({ max: right.length - 1 }),
      byte: fc.nat({ max: 255 }),
      how: fc.constantFrom("change", "add", "take", "stop"),
    });
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ role, right, at, byte, how }) => {
      const { io, peer, clock } = withPeer(role, { extensions: PMD, maxMessageBytes: 1000 });
      const bytes = how === "stop" ? right.slice(0, at) : joined(
        right.slice(0, at),
        how === "take" ? new Uint8Array() : new Uint8Array([byte]),
        right.slice(how === "add" ? at : at + 1),
      );
      const reading = allMessages(io).then(() => "end", (error: Error) => error.name);
      const frames = peer.all();
      await peer.end.write(bytes);
      await peer.end.closeWrite();
      const outcome = await reading;
      const { closeCode, wasClean } = await io.closed;
      await frames;
      if (outcome === "end") assertEquals(wasClean, true);
      else {
        assert(/^(?:WebSocketProtocolError|TransportError)$/.test(outcome), outcome);
        assertEquals([closeCode, wasClean], [1006, false]);
      }
      assertEquals(clock.pending, 0);
    }),
    rounds(150),
  );
});
