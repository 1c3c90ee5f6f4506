/**
 * A client whose connections lead into the test: it plays the server byte by byte, or lets a served connection answer.
 *
 * @module
 */

import type { ServerConnectionOptions } from "../../src/http1/options.ts";
import { type Handler, serveConnection } from "../../src/http1/server_connection.ts";
import { duplexPair, type PairEnd } from "../../src/duplex/pair.ts";
import { Client } from "../../src/http/client/client.ts";
import type { ClientOptions, DialAddress } from "../../src/http/client/options.ts";
import { readUntil, wire } from "./wire.ts";

/** One connection that the client has opened. */
export interface Dialed {
  /** Where it was to lead. */
  readonly address: DialAddress;
  /** The client's end: `closed` tells whether it let go. */
  readonly near: PairEnd;
  /** The server's end. */
  readonly far: PairEnd;
}

/** A client and the connections that it opens. */
export interface Dialing {
  /** The client. */
  readonly client: Client;
  /** All connections so far, in order. */
  readonly dialed: readonly Dialed[];
  /** The connection of this number, as soon as it is opened. */
  connection(index: number): Promise<Dialed>;
}

/** A client whose server the test plays. */
export function dialing(options: ClientOptions = {}, opened: (dialed: Dialed) => void = () => {}): Dialing {
  const dialed: Dialed[] = [];
  const waiting: (() => void)[] = [];
  const client = new Client({
    headers: { accept: "*/*", "user-agent": "t" },
    decompress: false,
    ...options,
    dial: (address) => {
      const [near, far] = duplexPair();
      const connection = { address, near, far };
      dialed.push(connection);
      opened(connection);
      for (const wake of waiting.splice(0)) wake();
      return near;
    },
  });
  return {
    client,
    dialed,
    async connection(index) {
      while (dialed[index] === undefined) await new Promise<void>((resolve) => waiting.push(resolve));
      return dialed[index];
    },
  };
}

/** A client whose connections are all served by `handler`. */
export function dialingServed(
  handler: Handler,
  options: ClientOptions = {},
  serverOptions: ServerConnectionOptions = {},
): Dialing {
  return dialing(options, ({ far }) => {
    serveConnection(far, handler, { dateHeader: false, ...serverOptions });
  });
}

/** Reads one request without a body, answers it, and gives what was read. */
export async function answer(far: PairEnd, response: string): Promise<string> {
  const request = await readUntil(far, "¶¶");
  await far.write(wire(response));
  return request;
}

/** What a promise rejects with; fails if it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then((value) => ({ value }), (error: unknown) => ({ error }));
  if ("error" in outcome) return outcome.error;
  throw new Error(`Expected a rejection, got ${outcome.value}`);
}
