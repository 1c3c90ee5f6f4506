/**
 * What the probes of clients share.
 *
 * @module
 */

import type { Outcome } from "./probe.ts";
import { listen, type RawSocket } from "./raw_socket.ts";
import { notApplicable, type Verdict } from "./verdict.ts";

/** An exchange that is over. */
export interface Exchanged {
  /** What the client made of it. */
  readonly outcome: Outcome;
  /** All that it sent. */
  readonly sent: string;
}

/**
 * Lets a client ask, answers when the head of its request is there, and judges. A client that cannot ask, or gives up
 * before it has connected, is not judged.
 */
export async function exchange(
  ask: (port: number) => Promise<Outcome>,
  answer: (socket: RawSocket) => void | Promise<void>,
  judge: (exchanged: Exchanged) => Verdict,
): Promise<Verdict> {
  const sockets: RawSocket[] = [];
  const answering: Promise<void>[] = [];
  const listener = await listen((socket) => {
    sockets.push(socket);
    answering.push(socket.until("\r\n\r\n").then((complete) => complete ? answer(socket) : undefined));
  });
  try {
    const outcome = await ask(listener.port);
    if (sockets.length === 0) return notApplicable();
    await Promise.all(answering);
    return judge({ outcome, sent: sockets[0]!.received });
  } finally {
    listener.close();
  }
}

/** What became of it, for a note. */
export function described(outcome: Outcome): string {
  switch (outcome.type) {
    case "switched":
      return "switches";
    case "response":
      return `a ${outcome.status} response`;
    case "error":
      return "error";
    case "silence":
      return "hangs";
    default:
      return "cannot ask";
  }
}

/** The 101 that a client of these probes waits for. */
export const switching: readonly string[] = [
  "HTTP/1.1 101 Switching Protocols",
  "Connection: Upgrade",
  "Upgrade: echo",
];
