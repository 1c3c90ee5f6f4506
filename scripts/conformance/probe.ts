/**
 * What is probed, and what a probe needs to be told.
 *
 * @module
 */

import type { Verdict } from "./verdict.ts";

/** A requirement: a row of the table. */
export interface Requirement {
  /** The requirement, in one line. */
  readonly title: string;
  /** Where it is written. */
  readonly clause: string;
  /** Its number in this project's list of requirements, as in the names of tests. */
  readonly id: string;
}

/** A requirement on servers, and how to see whether one meets it. */
export interface ServerProbe extends Requirement {
  /** Plays the client. What it throws means that nothing can be said. */
  run(server: ServerUnderTest): Promise<Verdict>;
}

/** A requirement on clients, and how to see whether one meets it. */
export interface ClientProbe extends Requirement {
  /** Plays the server. What it throws means that nothing can be said. */
  run(client: ClientUnderTest): Promise<Verdict>;
}

/**
 * A server on loopback whose application does this: it accepts an offer of the protocol that it `speaks` and sends back
 * what it then gets, until the peer ends. It answers other requests with 200 and the text `METHOD /path body`. It opens
 * tunnels to wherever CONNECT asks for, but `refused.test`, which it answers with 403.
 */
export interface ServerUnderTest {
  /** Where it listens. */
  readonly port: number;
  /** `echo` where any protocol can be spoken, `websocket` where only that one is possible. */
  readonly speaks: "echo" | "websocket";
  /** Whether it can tunnel at all. */
  readonly tunnels: boolean;
  /** Over HTTP/2, where the same listens that has not told that it takes `:protocol`; at the same port when left out. */
  readonly untold?: number;
}

/**
 * A client. After a switch it writes `ping`, reads until the server has ended its side, writes `late`, and ends its own
 * side. It never rejects.
 */
export interface ClientUnderTest {
  /** GET, without anything special. */
  get(port: number): Promise<Outcome>;
  /** GET, or POST where there is a body, with an offer to speak `echo`. */
  upgrade(port: number, body: string | null): Promise<Outcome>;
  /** CONNECT to this `host:port`, the server at `port` being the proxy. */
  connect(port: number, authority: string): Promise<Outcome>;
}

/** What a client makes of it. */
export type Outcome =
  /** The connection is the caller's; `received` is all that came over it. */
  | { readonly type: "switched"; readonly status: number; readonly received: string }
  /** An ordinary response. */
  | { readonly type: "response"; readonly status: number; readonly body: string }
  /** The client says that it failed. */
  | { readonly type: "error"; readonly message: string }
  /** The client says nothing. */
  | { readonly type: "silence" }
  /** There is no way to ask for this. */
  | { readonly type: "unable" };
