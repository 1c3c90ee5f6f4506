/**
 * What a CONNECT asks for. The platform's `Request` cannot say it, so `exchanges.ts` gives this to the `connect` hook.
 *
 * @module
 */

import type { IncomingRequest } from "../../http1/incoming.ts";
import { standFor } from "../../http1/stand_in.ts";

/** A CONNECT, given to the `connect` hook of `serve`. It is an address, so `connect(request)` dials it. */
export class ConnectRequest {
  /** The target, `host:port`. */
  readonly authority: string;
  /** The host; an IPv6 address without brackets. */
  readonly hostname: string;
  /** 1–65535. */
  readonly port: number;
  readonly #incoming: IncomingRequest;
  #headers: Headers | null = null;

  /**
   * Servers make these.
   *
   * @param incoming The request below.
   * @param authority What it names.
   */
  constructor(incoming: IncomingRequest, authority: { readonly hostname: string; readonly port: number }) {
    this.#incoming = incoming;
    this.authority = incoming.target;
    this.hostname = authority.hostname;
    this.port = authority.port;
    standFor(this, incoming);
  }

  /** The headers, `Proxy-Authorization` among them. */
  get headers(): Headers {
    return this.#headers ??= new Headers([...this.#incoming.fields] as [string, string][]);
  }

  /** Aborts when the client leaves before the answer is decided, where the transport tells that without being read. */
  get signal(): AbortSignal {
    return this.#incoming.signal;
  }
}
