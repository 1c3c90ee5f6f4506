/**
 * What happens to a served connection, moment by moment, for tests of time limits: the steps of its client, the passing of
 * time, and what must be so then.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { TransportError } from "../../src/errors/transport_error.ts";
import type { Closed, ServerConnectionOptions } from "../../src/http1/options.ts";
import type { Handler } from "../../src/http1/server_connection.ts";
import { type Conversing, conversing } from "./serving.ts";
import { expectText, isPending, type Transport, transports } from "./switching.ts";
import { readAll, turns, wire } from "./wire.ts";

/** One client on one connection. */
interface Scene extends Conversing {
  /** What the client reads to the end, once it has begun to. */
  rest: Promise<string> | null;
}

/** A moment. */
export type Step = (scene: Scene) => Promise<unknown>;

/** The client sends. */
export const sends = (text: string): Step => async ({ client }) => {
  await client.write(wire(text));
  await turns();
};

/** The client reads this and no more. */
export const gets = (text: string): Step => async ({ client }) => {
  await expectText(client, text);
  await turns();
};

/** Time passes. */
export const passes = (ms: number): Step => ({ clock }) => clock.advance(ms);

/** Time passes, in which the client reads nothing and is not told of an end. */
export const quietFor = (ms: number): Step => async (scene) => {
  scene.rest ??= readAll(scene.client);
  await scene.clock.advance(ms);
  assert(await isPending(scene.rest));
};

/** Time passes, and the connection goes on. */
export const lastsFor = (ms: number): Step => async ({ clock, connection }) => {
  await clock.advance(ms);
  assert(await isPending(connection.closed));
};

/** The client reads this and the end. */
export const getsAtLast = (text: string): Step => async (scene) => {
  assertEquals(await (scene.rest ?? readAll(scene.client)), text);
  await turns();
};

/** The client ends its side. */
export const leaves: Step = ({ client }) => client.closeWrite();

/** The same again and again. */
export const times = (count: number, ...steps: readonly Step[]): Step[] => Array(count).fill(steps).flat();

/** What the steps are played with. */
export interface Timeline {
  readonly handler?: Handler;
  readonly options?: ServerConnectionOptions;
  /** The transports, one after the other. Default: channels. */
  readonly over?: readonly Pick<Transport, "open">[];
  /** Why the connection is over at the end. Default: time was up. */
  readonly closed?: "shutdown" | "eof";
}

/** A test that plays the steps, and expects that no timer is left. */
export function plays(steps: readonly (Step | readonly Step[])[], timeline: Timeline = {}): () => Promise<void> {
  const { handler = () => ({ status: 200, body: "ok" }), options, over = transports.slice(0, 1), closed } = timeline;
  return async () => {
    for (const transport of over) {
      const scene: Scene = { ...conversing(handler, options, transport), rest: null };
      for (const step of steps.flat()) await step(scene);
      const end = await scene.connection.closed;
      if (closed === undefined) expectTimedOut(end);
      else assertEquals(end, { reason: closed });
      assertEquals(scene.clock.pending, 0);
    }
  };
}

/** The connection is over because time was up. */
export function expectTimedOut(closed: Closed): void {
  assert(closed.reason === "error" && closed.error instanceof TransportError && closed.error.code === "timeout");
}
