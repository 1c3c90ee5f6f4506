/**
 * What the tests of `trace` share: a record of events in the order in which they are told.
 *
 * @module
 */

import type { TraceHooks } from "../../src/http/trace.ts";
import { turns } from "./wire.ts";

/** An event by name, with what it came with. */
export type Told<Events> = {
  readonly [Name in keyof Events]: readonly [name: Name, event: Events[Name]];
}[keyof Events];

/** A record. */
export interface Traced<Events> {
  /** The option `trace` that fills it. */
  readonly trace: TraceHooks<Events>;
  /** What was told so far. */
  readonly told: Told<Events>[];
  /** The names of it. */
  names(): (keyof Events)[];
  /** Waits until an event was told so often. */
  until(name: keyof Events, times?: number): Promise<void>;
}

/** Records events of these names. */
export function tracing<Events extends object>(names: readonly (keyof Events & string)[]): Traced<Events> {
  const told: Told<Events>[] = [];
  const hooks = names.map((name) => [name, (event: never) => told.push([name, event])]);
  return {
    trace: Object.fromEntries(hooks) as TraceHooks<Events>,
    told,
    names: () => told.map(([name]) => name),
    async until(name, times = 1) {
      while (told.filter(([each]) => each === name).length < times) await turns();
    },
  };
}
