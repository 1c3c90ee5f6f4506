import { test } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { connectResponse, upgradeResponse } from "../../src/http1/switch.ts";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import { serveConnection } from "../../src/http1/server_connection.ts";
import { handshake } from "../../src/http1/client_connection.ts";
import { onUpgrade } from "../../src/http1/upgrade.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import { FakeClock, readAll, readUntil, turns, wire } from "../support/wire.ts";
import { expectText, rawEnd, rejectedFor, SWITCHED, transports, UPGRADE_REQUEST } from "../support/switching.ts";
import { rounds } from "../support/rounds.ts";

type Treatment = "untouched" | "read" | "cancelled" | "begun" | "held";
type Framing = "none" | "length" | "chunked";

/** A request, and what the handler does with its body. */
interface Exchange {
  readonly proposes: boolean;
  readonly framing: Framing;
  readonly body: string;
  readonly treatment: Treatment;
  readonly late: boolean;
}

const bodies = fc.string({ unit: fc.constantFrom(..."abc\r\n0:;GET "), maxLength: 40 });

const exchanges: fc.Arbitrary<Exchange> = fc.record({
  proposes: fc.boolean(),
  framing: fc.constantFrom<Framing>("none", "length", "chunked"),
  body: bodies,
  treatment: fc.constantFrom<Treatment>("untouched", "read", "cancelled", "begun", "held"),
  late: fc.boolean(),
});

function requestOf({ proposes, framing, body }: Exchange, nth: number): string {
  const upgrade = proposes ? "Connection: upgrade¶Upgrade: foobar¶" : "";
  const head = `POST /${nth} HTTP/1.1¶Host: a¶${upgrade}`;
  if (framing === "none") return `${head}¶`;
  if (framing === "length") return `${head}Content-Length: ${body.length}¶¶${body}`;
  const chunk = body === "" ? "" : `${body.length.toString(16)}¶${body}¶`;
  return `${head}Transfer-Encoding: chunked¶¶${chunk}0¶¶`;
}

async function treat(request: IncomingRequest, treatment: Treatment): Promise<void> {
  if (treatment === "read") await request.body.bytes();
  else if (treatment === "cancelled") request.body.cancel();
  else if (treatment === "begun") await request.body.read();
  else if (treatment === "held") request.body.stream.getReader();
}

/** Where to cut, as parts of the whole. */
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 });

function cutAt(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const points = [...new Set(at.map((part) => Math.floor(part * bytes.length)))].sort((a, b) => a - b);
  return [0, ...points].map((from, i) => bytes.slice(from, points[i] ?? bytes.length)).filter((part) =>
    part.length > 0
  );
}

for (const { over, open } of transports) {
  test(`serveConnection() answers any requests in front of a switch and gives exactly what is behind it, over ${over} [E4, E5, E7, E11, H4]`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(exchanges, { maxLength: 4 }),
        exchanges,
        bodies,
        cuts,
        async (before, last, early, at) => {
          const all = [...before, { ...last, proposes: true }];
          const [near, far] = open();
          const client = rawEnd(near);
          let upgraded!: Promise<Upgraded>;
          const rejections: Promise<unknown>[] = [];
          const connection = serveConnection(far, async (request) => {
            const nth = Number(request.target.slice(1));
            const { treatment, late, proposes } = all[nth]!;
            await treat(request, treatment);
            if (late) await turns();
            if (nth === all.length - 1) {
              ({ upgraded } = upgradeResponse(request, "foobar"));
              return upgradeResponse(request, "foobar").response;
            }
            if (proposes) rejections.push(rejectedFor("refused", onUpgrade(request)));
            // A body that was begun and is not read on would keep the connection busy until its time is up.
            if (treatment === "begun") request.body.cancel();
            return { status: 200, body: String(nth) };
          }, { dateHeader: false, clock: new FakeClock() });
          const input = wire(all.map(requestOf).join("") + early);
          const writing = (async () => {
            for (const chunk of cutAt(input, at)) {
              await client.write(chunk);
              await turns();
            }
            await client.closeWrite();
          })();
          const answers = before.map((_, nth) => `HTTP/1.1 200 OK¶content-length: 1¶¶${nth}`).join("");
          await expectText(client, answers + SWITCHED);
          assertEquals(await readAll(await upgraded), early.replaceAll("\r\n", "¶"));
          assertEquals(await connection.closed, { reason: "upgrade" });
          await writing;
          await Promise.all(rejections);
        },
      ),
      rounds(15),
    );
  });

  test(`handshake() takes any answers in front of a switch and gives exactly what is behind it, over ${over} [E8, E15, H4]`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(exchanges, { maxLength: 3 }), bodies, cuts, async (before, early, at) => {
        const [near, far] = open();
        const server = rawEnd(far);
        const { sender, connection } = handshake(near, { clock: new FakeClock() });
        async function answer(reply: string): Promise<void> {
          await readUntil(server, "¶¶");
          for (const chunk of cutAt(wire(reply), at)) {
            await server.write(chunk);
            await turns();
          }
        }
        for (const { framing, body, treatment } of before) {
          const head = "HTTP/1.1 403 No¶";
          const chunk = body === "" ? "" : `${body.length.toString(16)}¶${body}¶`;
          const reply = framing === "chunked"
            ? `${head}Transfer-Encoding: chunked¶¶${chunk}0¶¶`
            : framing === "length"
            ? `${head}Content-Length: ${body.length}¶¶${body}`
            : "HTTP/1.1 204 No¶¶";
          const answering = answer(reply);
          const response = await sender.send(UPGRADE_REQUEST);
          await rejectedFor("refused", onUpgrade(response));
          if (treatment === "read") await response.body.bytes();
          else response.body.cancel();
          await answering;
          await sender.ready();
        }
        const answering = answer(SWITCHED + early).then(() => server.closeWrite());
        const io = await onUpgrade(await sender.send(UPGRADE_REQUEST));
        assertEquals(await readAll(io), early.replaceAll("\r\n", "¶"));
        await answering;
        assertEquals(await connection.closed, { reason: "upgrade" });
      }),
      rounds(15),
    );
  });
}

test("A tunnel carries any writes in any pieces, both ways at once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
      fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 64 }),
      fc.integer({ min: 1, max: 64 }),
      async (up, down, capacityBytes, readBytes) => {
        const [near, far] = duplexPair({ capacityBytes, readBytes });
        let upgraded!: Promise<Upgraded>;
        serveConnection(far, (request) => {
          const { response, upgraded: promise } = connectResponse(request);
          upgraded = promise;
          return response;
        }, { clock: new FakeClock() });
        const { sender } = handshake(near, { clock: new FakeClock() });
        const target = { method: "CONNECT", target: "a:1", fields: { host: "a:1" } };
        const client = await onUpgrade(await sender.send(target));
        const server = await upgraded;
        await Promise.all([
          pass(client, server, up),
          pass(server, client, down),
        ]);
      },
    ),
    rounds(15),
  );
});

async function pass(from: Upgraded, to: Upgraded, chunks: readonly Uint8Array[]): Promise<void> {
  const writing = (async () => {
    for (const chunk of chunks) await from.write(chunk);
    await from.closeWrite();
  })();
  const received: number[] = [];
  for (let chunk = await to.read(); chunk !== null; chunk = await to.read()) received.push(...chunk);
  assertEquals(received, chunks.flatMap((chunk) => [...chunk]));
  await writing;
}
