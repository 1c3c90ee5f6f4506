/**
 * What the tests of the server's connection share: whole conversations, byte for byte, over every kind of transport.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Closed, ServerConnectionOptions } from "../../src/http1/options.ts";
import type { IncomingBody } from "../../src/http1/incoming_body.ts";
import { type Handler, serveConnection, type ServerConnection } from "../../src/http1/server_connection.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import type { HeldChannel } from "../../src/duplex/held_channel.ts";
import { rawEnd, type Transport, transports } from "./switching.ts";
import { everyCut, FakeClock, readAll, wire } from "./wire.ts";

/** What a client says and what it must be told; `¶` stands for CR LF. */
export interface Conversation {
  /** All that the client sends before it ends its side. */
  readonly input: string;
  /** All that it gets. No Date unless the options ask for it. */
  readonly output: string;
  /** Why the connection is over. `eof` when left out. */
  readonly closed?: Closed["reason"];
  /** The server's options. */
  readonly options?: ServerConnectionOptions;
}

/** A served connection with a clock of its own, and the client's raw end. */
export interface Conversing {
  readonly client: HeldChannel;
  readonly connection: ServerConnection;
  readonly clock: FakeClock;
}

const channels: Transport = transports[0]!;

/** Serves one end of a transport; time stands still unless the test moves the clock. No Date unless asked for. */
export function conversing(
  handler: Handler,
  options: ServerConnectionOptions = {},
  transport: Pick<Transport, "open"> = channels,
): Conversing {
  const clock = new FakeClock();
  const [near, far] = transport.open();
  const connection = serveConnection(far, handler, { dateHeader: false, clock, ...options });
  return { client: rawEnd(near), connection, clock };
}

/** A pair of channels of this capacity. */
export function holding(capacityBytes: number, readBytes: number = Infinity): Pick<Transport, "open"> {
  return { open: () => duplexPair({ capacityBytes, readBytes }) };
}

/** What came of a conversation. */
export interface Conversed {
  readonly output: string;
  readonly closed: Closed;
  /** The timers that outlived the connection. */
  readonly timers: number;
}

/** Sends the chunks, ends the client's side, and waits until the connection is over. */
export async function converse(
  chunks: readonly Uint8Array[],
  handler: Handler,
  options: ServerConnectionOptions = {},
  transport: Pick<Transport, "open"> = channels,
): Promise<Conversed> {
  const { client, connection, clock } = conversing(handler, options, transport);
  const output = readAll(client).catch((error) => `failed: ${error}`);
  for (const chunk of chunks) await client.write(chunk).catch(() => {});
  await client.closeWrite().catch(() => {});
  const closed = await connection.closed;
  return { output: await output, closed, timers: clock.pending };
}

/**
 * Expects a conversation to go exactly like this: whole, byte by byte and cut at every byte over channels; whole over
 * every other transport. No timer may be left.
 *
 * @param makeHandler Makes a handler for each run.
 */
export async function expectConversation(
  { input, output, closed = "eof", options = {} }: Conversation,
  makeHandler: () => Handler,
): Promise<void> {
  const bytes = wire(input);
  const check = (how: string, conversed: Conversed) =>
    assertEquals(
      { output: conversed.output, closed: conversed.closed.reason, timers: conversed.timers },
      { output, closed, timers: 0 },
      how,
    );
  for (const { how, chunks } of everyCut(bytes)) check(how, await converse(chunks, makeHandler(), options));
  for (const transport of transports.slice(1)) {
    check(transport.over, await converse([bytes], makeHandler(), options, transport));
  }
}

/** A handler that answers 200 with what `tell` says of the request's body. */
export function tellingBody(tell: (body: IncomingBody) => Promise<string>): () => Handler {
  return () => async (request) => ({ status: 200, body: await tell(request.body) });
}

/** A stream of these texts, one chunk each; then it ends, or fails with `failure`. */
export function streamOf(texts: readonly string[], failure?: unknown): ReadableStream<Uint8Array> {
  const left = [...texts];
  return new ReadableStream<Uint8Array>({
    pull(controller): void {
      const next = left.shift();
      if (next !== undefined) controller.enqueue(wire(next));
      else if (failure !== undefined) controller.error(failure);
      else controller.close();
    },
  }, { highWaterMark: 0 });
}

/** The same as an async generator. */
export async function* chunksOf(texts: readonly string[], failure?: unknown): AsyncGenerator<Uint8Array> {
  for (const part of texts) yield wire(part);
  if (failure !== undefined) throw failure;
}
