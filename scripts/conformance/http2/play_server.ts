/**
 * What the probes of clients share: a server that is played.
 *
 * @module
 */

import type { Outcome } from "../probe.ts";
import { listen } from "../raw_socket.ts";
import { notApplicable, type Verdict } from "../verdict.ts";
import { ENABLE_CONNECT_PROTOCOL } from "./frames.ts";
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
