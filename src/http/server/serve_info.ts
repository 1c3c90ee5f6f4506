/**
 * What a handler can ask about the connection of its request. `exchanges.ts` makes one for each request.
 *
 * @module
 */

import { checkObject } from "../../bytes/arguments.ts";
import { inThisContext } from "../../duplex/async_context.ts";
import { headerLines } from "../../http1/header_lines.ts";
import type { IncomingRequest } from "../../http1/incoming.ts";
import { checkTrailers, type OutgoingTrailers } from "../../http1/outgoing_body.ts";
import type { Parts } from "../../http1/parts.ts";
import type { SocketAddress, SocketInfo } from "../../duplex/socket.ts";
import type { TlsInfo } from "../../duplex/tls_info.ts";
import { StateError } from "../../errors/state_error.ts";
import type { FieldsInit } from "../../semantics/fields.ts";
import type { RequestHead } from "../../semantics/message.ts";
import { trailerHeaders } from "../trailer_headers.ts";
import { showsContent } from "./light_request.ts";
import type { ServedConnection } from "./served_connection.ts";

/** What a handler of `serve()` can ask and do beside its request; its second argument. */
export interface ServeInfo {
  /** The client's address. */
  readonly remote: SocketAddress;
  /** The address that it reached. */
  readonly local: SocketAddress;
  /** What TLS agreed on, and the client's certificate; `null` without TLS. Asked of the runtime when first looked at. */
  readonly tls: TlsInfo | null;
  /** The head as it stood on the wire: target, spelling, order and repetitions included. */
  readonly head: RequestHead;
  /**
   * The fields behind the body of the request; empty for most, and for GET and HEAD, whose content is not shown. Resolves when the
   * body was read to its end. A rejection needs no handler.
   */
  readonly trailers: Promise<Headers>;

  /**
   * Sends a 1xx response before the final one.
   *
   * @param status 100 or 102–199; 103 for early hints.
   * @param headers Its headers.
   * @throws {StateError} The response is on its way, or the client speaks HTTP/1.0.
   */
  sendInformational(status: number, headers?: HeadersInit): Promise<void>;

  /**
   * Sends fields behind the body of the response, whichever response middleware makes of the handler's. Its header
   * `Trailer` must announce them. Clients that do not say `TE: trailers` get none; for the others the body goes out in
   * chunks (RFC 9110 §6.5.1).
   *
   * @param trailers The fields, or what makes them once the body is over, in the async context of this call.
   * @throws {StateError} `head-sent`: the response was decided.
   */
  setTrailers(trailers: OutgoingTrailers): void;

  /**
   * Takes the transport, with nothing written in answer to this request. What the handler returns is not sent from this
   * call on, and no byte is lost: an unread body is part of `readBuf`. A read of it that is pending is taken back, and rejects.
   *
   * @throws {StateError} The response was decided, or a read is pending that cannot be taken back; `no-switch`: HTTP/2 has other
   * streams on the same transport.
   */
  takeOver(): Promise<Parts>;
}

/** What is known of a connection from the beginning. */
export interface Place {
  /** Where it leads. */
  readonly info: SocketInfo;
  /** The connection. */
  readonly connection: ServedConnection;
}

/**
 * The trailers that a handler gives beside its response, as they are kept.
 *
 * @param decided Whether the response was decided: then it is too late.
 */
export function keptTrailers(trailers: OutgoingTrailers, decided: boolean): OutgoingTrailers {
  checkTrailers(trailers, "trailers");
  if (decided) throw new StateError("head-sent", "Cannot set trailers: the response was decided");
  return typeof trailers === "function" ? inThisContext<void, FieldsInit>(trailers) : trailers;
}

/** The info of one request. */
export class ExchangeInfo implements ServeInfo {
  readonly #incoming: IncomingRequest;
  readonly #place: Place;
  #trailers: OutgoingTrailers | undefined = undefined;
  #decided = false;

  constructor(incoming: IncomingRequest, place: Place) {
    this.#incoming = incoming;
    this.#place = place;
  }

  /** What `setTrailers` was told; from now on that is too late. */
  decide(): OutgoingTrailers | undefined {
    this.#decided = true;
    return this.#trailers;
  }

  get remote(): SocketAddress {
    return this.#place.info.remote;
  }

  get local(): SocketAddress {
    return this.#place.info.local;
  }

  get tls(): TlsInfo | null {
    return this.#place.info.tls;
  }

  get head(): RequestHead {
    return this.#incoming;
  }

  get trailers(): Promise<Headers> {
    const incoming = this.#incoming;
    // A handler cannot read what is not shown, and would wait for ever for what is behind it.
    return showsContent(incoming) ? trailerHeaders(incoming.body) : Promise.resolve(new Headers());
  }

  sendInformational(status: number, headers: HeadersInit = []): Promise<void> {
    checkObject(headers, "headers");
    return this.#incoming.sendInformational(status, headerLines(headers));
  }

  setTrailers(trailers: OutgoingTrailers): void {
    this.#trailers = keptTrailers(trailers, this.#decided);
  }

  takeOver(): Promise<Parts> {
    return this.#place.connection.takeOver(this.#incoming);
  }
}
