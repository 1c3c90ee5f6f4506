/**
 * Where a socket is on its way from opening to over, and what calls are refused with then. `net_socket.ts` goes that way.
 *
 * @module
 */

import type { OpenListener } from "../duplex/held_channel.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import type { Doing } from "./errors.ts";

/** Where a socket is. */
export type SocketState = OpeningState | { readonly is: "open" } | OverState;

/** It is opening. */
export interface OpeningState {
  readonly is: "opening";
  /** What is being done, for the message if it fails. */
  readonly step: OpeningStep;
  /** What `abort()` and `close()` call. */
  readonly cancel: (() => void) | null;
  /** Is told what becomes of it. */
  readonly listener: OpenListener | null;
}

/** It is over. */
export interface OverState {
  readonly is: "over";
  /** Why calls are refused; `undefined` when it ended as it should. */
  readonly reason: unknown;
  readonly failed: boolean;
}

/** What is being done while a socket is opening, and where. */
export interface OpeningStep {
  readonly doing: Doing;
  readonly place?: string;
}

/** Those that were accepted share this: nothing is to be canceled. */
export const OPENING: OpeningState = { is: "opening", step: { doing: "connect" }, cancel: null, listener: null };
/** All sockets that are open share this. */
export const OPEN: SocketState = { is: "open" };
/** All that have ended as they should share this. */
export const ENDED: OverState = { is: "over", reason: undefined, failed: false };
/** What a socket refuses that TLS goes on with. */
export function becameTls(): StateError {
  return new StateError("already-taken", "The socket became a TLS socket");
}

/** What a socket refuses that has ended as it should. */
export function closedError(): TransportError {
  return new TransportError("closed", "The socket is closed");
}
