/**
 * The process at the other end of what is measured: the clients of a server, the server of a client, what is behind a
 * proxy.
 *
 * @module
 */

import process from "node:process";
import { answerLines } from "../lines.ts";
import { echo, fixedAnswer, frames, largeAnswer } from "../subjects/raw.ts";
import { bulk, roundTrips } from "./echoes.ts";
import { handshakes, hold } from "./handshakes.ts";
import { http2Requests, type Http2RequestsPlan } from "./http2_requests.ts";
import type { Load } from "./load.ts";
import { holdMessages, messages, type MessagesPlan } from "./messages.ts";
import type { Preface, SocketPreface } from "./preface.ts";
import { dropRequests, holdRequests, requests } from "./requests.ts";

/** What clients do. */
export type LoadPlan =
  | { readonly type: "requests" }
  | { readonly type: "handshakes" }
  | Http2RequestsPlan
  | { readonly type: "round-trips"; readonly connections: number; readonly bytes: number }
  | { readonly type: "bulk"; readonly connections: number }
  | MessagesPlan;

/** Starts a server, and is answered with its port. */
export type BehindCommand =
  | { readonly type: "echo" }
  | { readonly type: "answer" }
  | { readonly type: "answer-large" }
  | { readonly type: "answer-frames" };

/** What the main script says. */
export type GeneratorCommand =
  | BehindCommand
  | { readonly type: "start"; readonly port: number; readonly preface: Preface; readonly plan: LoadPlan }
  | { readonly type: "hold"; readonly port: number; readonly preface: SocketPreface; readonly connections: number }
  | { readonly type: "hold-requests"; readonly port: number; readonly connections: number; readonly partial: boolean }
  | { readonly type: "drop-requests" }
  | { readonly type: "hold-messages"; readonly port: number; readonly connections: number; readonly deflate: boolean }
  | { readonly type: "count" }
  | { readonly type: "stop" };

/** What has been done at which moment. */
export interface Count {
  /** Operations, or bytes. */
  readonly count: number;
  /** On the clock of the process that counts. */
  readonly ms: number;
  /** CPU time of the process that counts, in microseconds. */
  readonly cpuUs: number;
}

let load: Load | null = null;

function begin(port: number, preface: Preface, plan: LoadPlan): Load {
  switch (plan.type) {
    case "requests":
      return requests(port);
    case "handshakes":
      return handshakes(port, preface);
    case "http2-requests":
      return http2Requests(port, plan);
    case "round-trips":
      return roundTrips(port, preface, plan);
    case "bulk":
      return bulk(port, preface, plan.connections);
    case "messages":
      return messages(port, preface, plan);
    default:
      return plan satisfies never;
  }
}

async function obey(command: GeneratorCommand): Promise<unknown> {
  switch (command.type) {
    case "echo":
      return await echo();
    case "answer":
      return await fixedAnswer();
    case "answer-large":
      return await largeAnswer();
    case "answer-frames":
      return await frames();
    case "start":
      load = begin(command.port, command.preface, command.plan);
      return;
    case "hold":
      await hold(command.port, command.preface, command.connections);
      return;
    case "hold-messages":
      await holdMessages(command.port, command.connections, command.deflate);
      return;
    case "hold-requests":
      await holdRequests(command.port, command.connections, command.partial);
      return;
    case "drop-requests":
      await dropRequests();
      return;
    case "count": {
      const { user, system } = process.cpuUsage();
      return { count: load!.count(), ms: performance.now(), cpuUs: user + system } satisfies Count;
    }
    case "stop":
      await load!.stop();
      return;
    default:
      return command satisfies never;
  }
}

await answerLines((command) => obey(command as GeneratorCommand));
