/**
 * A machine of HTTP/2 and a peer that sends what it likes: what the machine finds, and what it sends.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Http2Error } from "../../src/errors/http2_error.ts";
import { Http2ClientMachine } from "../../src/http2/machine/client_machine.ts";
import type { Http2ClientEvent, Http2ServerEvent } from "../../src/http2/machine/events.ts";
import type { Http2Limits } from "../../src/http2/machine/limits.ts";
import type { OutgoingHttp2Request } from "../../src/http2/machine/message.ts";
import { Http2ServerMachine } from "../../src/http2/machine/server_machine.ts";
import { everyCut, latin1 } from "./bytes.ts";
import { GET, headers, PREFACE, settings, settingsAck, Speller } from "./h2_wire.ts";
import { joined } from "./switching.ts";

/** A side of a connection. */
export type Role = "server" | "client";
/** The two sides that are tested. */
export const ROLES: readonly Role[] = ["server", "client"];

type Machine<R extends Role> = R extends "server" ? Http2ServerMachine : Http2ClientMachine;
type AnyMachine = Http2ServerMachine | Http2ClientMachine;

/** What the machine is made to do; a method, so that what is for one role stands in a list for both. */
interface Act<R extends Role> {
  act(machine: Machine<R>): void;
}

/** The peer sends bytes, or the machine is made to do something. */
export type Step<R extends Role = Role> = Uint8Array | Act<R>["act"];

/** What came of a dialogue. */
export interface Transcript {
  /** The events, spelled, but for `need-data`. */
  readonly found: string[];
  /** The frames that the machine has sent, spelled. */
  readonly sent: string[];
}

/** How a dialogue is begun. */
export interface TalkOptions {
  /** Bounds of the machine. */
  readonly limits?: Partial<Http2Limits>;
  /** See the server's machine. */
  readonly connectProtocol?: boolean;
  /** Whether both prefaces are part of what is told; by default they are exchanged before, and settings acknowledged. */
  readonly bare?: boolean;
}

/** A dialogue, its bytes as they are. */
export function talk<R extends Role>(role: R, steps: readonly Step<R>[], options: TalkOptions = {}): Transcript {
  return run(role, steps, options);
}

/**
 * A dialogue that must come to the same whole, byte by byte and cut at every point.
 *
 * @returns What it came to.
 */
export function everyTalk<R extends Role>(role: R, steps: readonly Step<R>[], options: TalkOptions = {}): Transcript {
  const whole = run(role, steps, options);
  const bytewise = steps.flatMap((step): Step<R>[] => step instanceof Uint8Array ? bytesOf(step) : [step]);
  assertEquals(run(role, bytewise, options), whole, "byte by byte");
  for (const [i, step] of steps.entries()) {
    if (!(step instanceof Uint8Array) || step.length > 1000) continue;
    for (const { how, chunks } of everyCut(step)) {
      assertEquals(run(role, steps.toSpliced(i, 1, ...chunks), options), whole, `step ${i} ${how}`);
    }
  }
  return whole;
}

function bytesOf(bytes: Uint8Array): Uint8Array[] {
  return bytes.length > 1000 ? [bytes] : Array.from(bytes, (byte) => Uint8Array.of(byte));
}

function run<R extends Role>(role: R, steps: readonly Step<R>[], options: TalkOptions): Transcript {
  const { bare = false, limits, connectProtocol } = options;
  const machine =
    (role === "server"
      ? new Http2ServerMachine({ limits, connectProtocol })
      : new Http2ClientMachine({ limits })) as Machine<R>;
  const speller = new Speller(role === "client");
  const found: string[] = [];
  const sent: string[] = [];
  const listen = () => {
    for (let more = true; more;) more = tell(machine, found);
    sent.push(...speller.spell(joined(...machine.take().map((bytes) => bytes.slice()))));
    for (let more = true; more;) more = tell(machine, found); // what was sent made room
  };
  if (!bare) {
    machine.receive(joined(role === "server" ? PREFACE : new Uint8Array(0), settings(), settingsAck));
    listen();
    found.length = sent.length = 0;
  } else {
    listen();
  }
  for (const step of steps) {
    if (step instanceof Uint8Array) machine.receive(step.slice());
    else step(machine);
    listen();
  }
  return { found, sent };
}

/** Adds the next event; tells whether there may be another one. */
function tell(machine: AnyMachine, found: string[]): boolean {
  try {
    const event = machine.next();
    if (event.type === "need-data") return false;
    if (event.type !== "closed" || found.at(-1) !== "closed") found.push(spelled(event));
    return event.type !== "closed";
  } catch (error) {
    if (!(error instanceof Http2Error) || error.streamId !== 0) throw error;
    found.push(`error ${error.code}`);
    return true;
  }
}

function spelled(event: Http2ServerEvent | Http2ClientEvent): string {
  switch (event.type) {
    case "request":
      return `request ${event.streamId} ${event.head.method} ${event.head.path}${event.endStream ? " end" : ""}`;
    case "response":
      return `response ${event.streamId} ${event.head.status}${event.endStream ? " end" : ""}`;
    case "informational":
      return `informational ${event.streamId} ${event.head.status}`;
    case "data":
      return `data ${event.streamId} ${event.bytes.length > 40 ? `(${event.bytes.length})` : latin1(event.bytes)}`;
    case "end": {
      const trailers = [...event.trailers].map(([name, value]) => ` ${name}: ${value}`);
      return `end ${event.streamId}${trailers.join("")}`;
    }
    case "reset":
      return `reset ${event.streamId} ${event.code}${event.error === null ? "" : " by us"}${
        event.processed ? "" : " unprocessed"
      }`;
    case "goaway":
      return `goaway ${event.lastStreamId} ${event.code}${event.debug.length > 0 ? ` ${latin1(event.debug)}` : ""}`;
    case "pong":
      return `pong ${latin1(event.payload)}`;
    case "drained":
      return `drained ${event.streamId}`;
    default:
      return event.type;
  }
}

/** What became of the last frame of a dialogue: an error of the connection, of a stream, or what was found. */
export function verdict({ found, sent }: Transcript): string {
  const goaway = sent.find((frame) => frame.startsWith("GOAWAY"));
  if (goaway !== undefined) {
    const told = found.filter((event) => event.startsWith("error")).length === 1 && found.at(-1) === "closed";
    return `connection ${goaway.split(" ")[2]}${told ? "" : " UNTOLD"}${sent.at(-1) === goaway ? "" : " AND MORE"}`;
  }
  const resets = sent.filter((frame) => frame.startsWith("RST_STREAM"));
  if (resets.length > 0) return `stream ${resets.map((reset) => reset.split(" ")[2]).join(" ")}`;
  return found.length > 0 ? found.join(", ") : "ignored";
}

/** A request that a client's machine sends. */
export const REQUEST: OutgoingHttp2Request = {
  method: "GET",
  scheme: "https",
  authority: "a",
  path: "/",
  protocol: null,
  fields: [],
};

/** The same with a body. */
export const UPLOAD: OutgoingHttp2Request = { ...REQUEST, method: "POST" };

/** What shows that the connection goes on: an exchange on another stream, and what comes of it. */
export function goesOn(
  role: Role,
  streamId: number,
): { readonly steps: Step[]; readonly last: Transcript } {
  if (role === "server") {
    const answer = (machine: Http2ServerMachine) => machine.sendResponse(streamId, { status: 204, fields: [] }, true);
    return {
      steps: [headers(streamId, GET), answer],
      last: { found: [`request ${streamId} GET / end`], sent: [`HEADERS ${streamId} END :status: 204`] },
    };
  }
  const ask = (machine: Http2ClientMachine) => assertEquals(machine.sendRequest(REQUEST, true), streamId);
  return {
    steps: [ask, headers(streamId, [":status: 204"])],
    last: {
      found: [`response ${streamId} 204 end`],
      sent: [`HEADERS ${streamId} END :method: GET, :scheme: https, :authority: a, :path: /`],
    },
  };
}
