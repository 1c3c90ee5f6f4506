/**
 * What one machine of HTTP/2 writes the other one reads: random exchanges at once on one connection, with windows, frames and pieces
 * of any size between them, and readers that read when they like. RFC 9113 as a whole.
 */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { concat } from "../../../src/bytes/concat.ts";
import type { Http2ClientMachine } from "../../../src/http2/machine/client_machine.ts";
import type { Http2ServerMachine } from "../../../src/http2/machine/server_machine.ts";
import { Fields } from "../../../src/semantics/fields.ts";
import { rounds } from "../../support/rounds.ts";
import { Http2Pair } from "./h2_pair.ts";

/** A body to be sent: its parts, whether its length is announced, and what follows it. */
interface Sent {
  readonly parts: readonly Uint8Array[];
  readonly known: boolean;
  readonly trailers: readonly (readonly [string, string])[];
}

/** A message that has come. */
interface Came {
  head: string;
  body: Uint8Array[];
  trailers: string;
  done: boolean;
}

const sent: fc.Arbitrary<Sent> = fc.record({
  parts: fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }),
  known: fc.boolean(),
  trailers: fc.array(fc.constantFrom<readonly [string, string]>(["x-sum", "1"], ["x-note", "a b"]), { maxLength: 2 }),
});

const exchange = fc.record({ method: fc.constantFrom("POST", "PUT", "X-Y"), request: sent, response: sent });

const setting = fc.record({
  exchanges: fc.array(exchange, { minLength: 1, maxLength: 8 }),
  pieceBytes: fc.constantFrom(1, 2, 7, 100, Infinity),
  streamWindowBytes: fc.constantFrom(1, 10, 65_535, 100_000),
  maxConcurrentStreams: fc.constantFrom(1, 3, 100),
  fieldTableBytes: fc.constantFrom(0, 100, 4096),
  readEvery: fc.integer({ min: 1, max: 3 }),
});

/** One of the machines, with the bodies that it sends and the messages that it gets. */
class Side {
  readonly came: Map<number, Came> = new Map();
  readonly #machine: Http2ClientMachine | Http2ServerMachine;
  readonly #sending: Map<number, { readonly sent: Sent; next: number; waits: boolean }> = new Map();
  #unread: { readonly streamId: number; readonly bytes: number }[] = [];

  constructor(machine: Http2ClientMachine | Http2ServerMachine) {
    this.#machine = machine;
  }

  send(streamId: number, body: Sent): void {
    this.#sending.set(streamId, { sent: body, next: 0, waits: false });
    this.#goOn(streamId);
  }

  #goOn(streamId: number): void {
    const state = this.#sending.get(streamId)!;
    state.waits = false;
    while (state.next < state.sent.parts.length) {
      if (!this.#machine.sendData(streamId, state.sent.parts[state.next++]!)) {
        state.waits = true;
        return;
      }
    }
    this.#sending.delete(streamId);
    this.#machine.sendEnd(streamId, state.sent.trailers.length === 0 ? null : new Fields(state.sent.trailers));
  }

  take(event: ReturnType<(Http2ClientMachine | Http2ServerMachine)["next"]>): void {
    switch (event.type) {
      case "request":
      case "response": {
        const { head, streamId, endStream } = event;
        const start = "status" in head ? String(head.status) : `${head.method} ${head.path}`;
        this.came.set(streamId, { head: start, body: [], trailers: "", done: endStream });
        return;
      }
      case "data":
        this.came.get(event.streamId)!.body.push(event.bytes.slice());
        this.#unread.push({ streamId: event.streamId, bytes: event.bytes.length });
        return;
      case "end": {
        const message = this.came.get(event.streamId)!;
        message.trailers = spell(event.trailers);
        message.done = true;
        return;
      }
      case "drained":
        return this.#goOn(event.streamId);
      default:
        assertEquals(event.type, "settings");
    }
  }

  read(): boolean {
    const unread = this.#unread;
    this.#unread = [];
    for (const { streamId, bytes } of unread) this.#machine.consume(streamId, bytes);
    return unread.length > 0;
  }
}

function spell(fields: Iterable<readonly [string, string]>): string {
  return [...fields].map(([name, value]) => `${name}: ${value}`).join(", ");
}

function lengthField({ parts, known }: Sent): [string, string][] {
  return known ? [["content-length", String(concat([...parts]).length)]] : [];
}

test("exchanges on one connection come as they were sent, whatever the windows, frames, pieces and readers", () => {
  fc.assert(
    fc.property(setting, ({ exchanges, pieceBytes, readEvery, ...limits }) => {
      const pair = new Http2Pair(pieceBytes, limits, { limits });
      pair.run(); // else a client could not know yet how many streams it may open
      const client = new Side(pair.client);
      const server = new Side(pair.server);
      const streamOf: number[] = [];
      const answered = new Set<number>();
      for (let turn = 0; answered.size < exchanges.length || pair.client.openStreams > 0; turn++) {
        while (streamOf.length < exchanges.length && pair.client.canSend) {
          const { method, request } = exchanges[streamOf.length]!;
          const path = `/${streamOf.length}`;
          const control = { method, scheme: "http", authority: "a.example", path, protocol: null };
          const streamId = pair.client.sendRequest({ ...control, fields: lengthField(request) }, false);
          streamOf.push(streamId);
          client.send(streamId, request);
        }
        const found = { client: [], server: [] };
        let moved = pair.step(found);
        for (const event of found.client) client.take(event);
        for (const event of found.server) server.take(event);
        for (const [streamId, { done }] of server.came) {
          if (!done || answered.has(streamId)) continue;
          answered.add(streamId);
          const { response } = exchanges[streamOf.indexOf(streamId)]!;
          pair.server.sendResponse(streamId, { status: 200, fields: lengthField(response) }, false);
          server.send(streamId, response);
          moved = true;
        }
        if (turn % readEvery === 0) moved = [client.read(), server.read()].includes(true) || moved;
        else moved = true;
        if (!moved) throw new Error("nothing goes on");
      }
      for (const [at, { method, request, response }] of exchanges.entries()) {
        assertMessage(server.came.get(streamOf[at]!)!, `${method} /${at}`, request);
        assertMessage(client.came.get(streamOf[at]!)!, "200", response);
      }
      assertEquals([pair.client.openStreams, pair.server.openStreams], [0, 0]);
    }),
    rounds(60),
  );
});

function assertMessage(came: Came, head: string, { parts, trailers }: Sent): void {
  assertEquals(came.head, head);
  assertEquals(concat(came.body), concat([...parts]));
  assertEquals([came.done, came.trailers], [true, spell(trailers)]);
}
