/**
 * A request over HTTP/2 that names what matters only.
 *
 * @module
 */

import type { Http2ClientConnection } from "../../src/http2/client_connection.ts";
import type { IncomingResponse } from "../../src/http1/incoming.ts";
import type { OutgoingRequest, SendOptions } from "../../src/http1/outgoing_request.ts";
import { fieldList } from "../../src/semantics/fields.ts";

/** What is asked. */
export interface Asked extends Partial<Omit<OutgoingRequest, "target">>, SendOptions {
  /** `GET` when left out. */
  readonly method?: string;
  /** Host and port. */
  readonly authority: string;
  /** `/` when left out. */
  readonly path?: string;
}

/** Asks. */
export function ask(client: Http2ClientConnection, asked: Asked): Promise<IncomingResponse> {
  const { method = "GET", authority, path = "/", fields, signal, onInformational, ...rest } = asked;
  const all = [["host", authority], ...fieldList(fields)] as [string, string][];
  return client.send({ ...rest, method, target: path, fields: all }, { signal, onInformational });
}
