/**
 * What the probes of clients share: a server that is played.
 *
 * @module
 */

import type { Outcome } from "../probe.ts";
import { listen } from "../raw_socket.ts";
import { described } from "../play_server.ts";
import { notApplicable, right, type Verdict, wrong } from "../verdict.ts";
import { data, ENABLE_CONNECT_PROTOCOL, headers } from "./frames.ts";
import { Http2Wire } from "./wire.ts";

/** The stream that a client asks on. */
export const FIRST = 1;

/** An exchange that is over. */
export interface Exchanged {
  /** What the client made of it. */
  readonly outcome: Outcome;
  /** The connection, and all that the client sent. */
  readonly wire: Http2Wire;
}

/** What a server tells. */
type Settings = readonly (readonly [id: number, value: number])[];

/** That it takes upgrades. */
export const TAKES_UPGRADES: Settings = [[ENABLE_CONNECT_PROTOCOL, 1]];

/**
 * Lets a client ask, answers when the head of its request is there, and judges. A client that asks nothing is not judged, if nothing
 * keeps it from that.
 */
export async function exchange(
  ask: (port: number) => Promise<Outcome>,
  answer: (wire: Http2Wire) => void | Promise<void>,
  judge: (exchanged: Exchanged) => Verdict,
  told: Settings = TAKES_UPGRADES,
): Promise<Verdict> {
  const wires: Http2Wire[] = [];
  const answering: Promise<void>[] = [];
  const listener = await listen((socket) => {
    const wire = new Http2Wire(socket, "server", told);
    wires.push(wire);
    answering.push(
      wire.until(() => wire.stream(FIRST).heads.length > 0).then((asked) => asked ? answer(wire) : undefined),
    );
  });
  try {
    const outcome = await ask(listener.port);
    const [wire] = wires;
    if (outcome.type === "unable" || wire === undefined) return notApplicable();
    if (told === TAKES_UPGRADES && wire.stream(FIRST).heads.length === 0) return notApplicable();
    await Promise.all(answering);
    return judge({ outcome, wire });
  } finally {
    listener.close();
  }
}

/** Judges what came behind a switch. */
export function got(expected: string, otherwise = "it is lost"): (exchanged: Exchanged) => Verdict {
  return ({ outcome }) => {
    if (outcome.type !== "switched") return wrong(described(outcome));
    return outcome.received === expected ? right() : wrong(otherwise);
  };
}

/** Switches, and ends its side as soon as the client has said something. */
export async function endFirst(wire: Http2Wire): Promise<void> {
  wire.send(headers(FIRST, [":status: 200"]));
  await wire.until(() => wire.stream(FIRST).data.includes("ping"));
  wire.send(data(FIRST, "", true));
  await wire.until(() => wire.stream(FIRST).ended || wire.stream(FIRST).code !== null);
}

/** Judges what the client says behind the end of the server's side. */
export function saidLate({ outcome, wire }: Exchanged): Verdict {
  if (outcome.type !== "switched") return wrong(described(outcome));
  const { data, ended } = wire.stream(FIRST);
  return data === "pinglate" && ended ? right() : wrong("what it says then is lost");
}
