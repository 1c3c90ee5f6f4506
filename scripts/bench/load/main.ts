/**
 * The load generator's process.
 *
 * @module
 */

import { answerLines } from "../lines.ts";
import { bulk, roundTrips } from "./echoes.ts";
import { handshakes, held } from "./handshakes.ts";
import type { Load } from "./load.ts";
import type { Preface } from "./preface.ts";
import { requests } from "./requests.ts";

/** What is sent. */
export type LoadPlan =
  | { readonly type: "requests" }
  | { readonly type: "handshakes" }
  | { readonly type: "round-trips"; readonly connections: number; readonly bytes: number }
  | { readonly type: "bulk"; readonly connections: number };

/** What the main script says. */
export type LoadCommand =
  | { readonly type: "start"; readonly port: number; readonly preface: Preface; readonly plan: LoadPlan }
  | { readonly type: "hold"; readonly port: number; readonly preface: Preface; readonly connections: number }
  | { readonly type: "count" }
  | { readonly type: "stop" };

/** What has been done at which moment. */
export interface Count {
  /** Operations, or bytes. */
  readonly count: number;
  /** On the generator's clock. */
  readonly ms: number;
}

let load: Load | null = null;

function start(port: number, preface: Preface, plan: LoadPlan): Load {
  switch (plan.type) {
    case "requests":
      return requests(port);
    case "handshakes":
      return handshakes(port, preface);
    case "round-trips":
      return roundTrips(port, preface, plan.connections, plan.bytes);
    case "bulk":
      return bulk(port, preface, plan.connections);
    default:
      return plan satisfies never;
  }
}

async function obey(command: LoadCommand): Promise<unknown> {
  switch (command.type) {
    case "start":
      load = start(command.port, command.preface, command.plan);
      return;
    case "hold":
      await held(command.port, command.preface, command.connections);
      return;
    case "count":
      return { count: load!.count(), ms: performance.now() } satisfies Count;
    case "stop":
      await load!.stop();
      return;
    default:
      return command satisfies never;
  }
}

await answerLines((command) => obey(command as LoadCommand));
