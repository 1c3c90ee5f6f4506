/**
 * What a client asks for, as functions of the program see it, and what they say of it.
 *
 * @module
 */

import type { RequestHead } from "../../semantics/message.ts";
import type { Identity } from "./identity.ts";

/** What a client asks for. */
export interface Asked {
  /** A tunnel, or a request whose method and path are seen. */
  readonly kind: "tunnel" | "request";
  /** `host:port` in its canonical form. */
  readonly authority: string;
  /** A name in lower case and without a dot at its end, IDN as `xn--`; or an address, IPv6 without brackets. */
  readonly hostname: string;
  /** 1–65535. */
  readonly port: number;
  /** `CONNECT` for a tunnel. */
  readonly method: string;
  /** Path and query of a request, as they came; `null` for a tunnel. */
  readonly path: string | null;
  /** The address of the client. */
  readonly client: string;
  /** Who asks, where names are asked for. */
  readonly identity: Identity | null;
  /** The head as it came. It has the credentials for this proxy. */
  readonly head: RequestHead;
}

/**
 * What a function says of what is asked for: `true` allows it, with public addresses; an object allows it and says which other
 * addresses the name may lead to; `false` or a reason denies it; `undefined` leaves it to the rules that allow.
 */
export type Verdict = boolean | string | { readonly addresses: readonly string[] } | undefined;
