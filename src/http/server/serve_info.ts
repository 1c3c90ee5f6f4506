/**
 * What a handler can ask about the connection of its request.
 *
 * @module
 */

import { checkObject } from "../../bytes/arguments.ts";
import { inThisContext } from "../../duplex/async_context.ts";
import type { IncomingRequest } from "../../http1/incoming.ts";
import { checkTrailers, type OutgoingTrailers } from "../../http1/outgoing_body.ts";
import type { ServerConnection } from "../../http1/server_connection.ts";
import type { Parts } from "../../http1/upgraded.ts";
import type { SocketAddress, SocketInfo } from "../../duplex/socket.ts";
import { StateError } from "../../errors/state_error.ts";
import type { FieldsInit } from "../../semantics/fields.ts";
import type { RequestHead } from "../../semantics/message.ts";
import { fieldsOf } from "./response_writer.ts";
import { trailerHeaders } from "../trailer_headers.ts";

/** See the module. */
export class ServeInfo {
  readonly #incoming: IncomingRequest;
  readonly #connection: ServerConnection;
  readonly #socket: SocketInfo;
  readonly #secure: boolean;
  #trailers: OutgoingTrailers | undefined = undefined;
  #decided = false;

  /**
   * Servers make these.
   *
   * @param incoming The request.
   * @param connection Its connection.
   * @param socket Where that leads.
   * @param secure Whether it is TLS.
   */
  constructor(incoming: IncomingRequest, connection: ServerConnection, socket: SocketInfo, secure: boolean) {
    this.#incoming = incoming;
    this.#connection = connection;
    this.#socket = socket;
    this.#secure = secure;
  }

  /** What `setTrailers` was told; from now on that is too late. */
  static trailers(info: ServeInfo): OutgoingTrailers | undefined {
    info.#decided = true;
    return info.#trailers;
  }

  /** The client's address. */
  get remote(): SocketAddress {
    return this.#socket.remote;
  }

  /** The address that it reached. */
  get local(): SocketAddress {
    return this.#socket.local;
  }

  /** What TLS agreed on, or `null` without TLS. */
  get tls(): { readonly alpn: string | null } | null {
    return this.#secure ? { alpn: this.#socket.alpn } : null;
  }

  /** The head as it stood on the wire: target, spelling, order and repetitions included. */
  get head(): RequestHead {
    return this.#incoming;
  }

  /**
   * Sends a 1xx response before the final one.
   *
   * @param status 100 or 102–199; 103 for early hints.
   * @param headers Its headers.
   * @throws {StateError} The response is on its way, or the client speaks HTTP/1.0.
   */
  sendInformational(status: number, headers: HeadersInit = []): Promise<void> {
    checkObject(headers, "headers");
    return this.#incoming.sendInformational(status, fieldsOf(headers));
  }

  /**
   * The fields behind the body of the request; empty for most. Resolves when the body was read to its end. A rejection
   * needs no handler.
   */
  get trailers(): Promise<Headers> {
    return trailerHeaders(this.#incoming.body);
  }

  /**
   * Sends fields behind the body of the response, whichever response middleware makes of the handler's. Its header
   * `Trailer` must announce them. Clients that do not say `TE: trailers` get none; for the others the body goes out in
   * chunks (RFC 9110 §6.5.1).
   *
   * @param trailers The fields, or what makes them once the body is over, in the async context of this call.
   * @throws {StateError} `head-sent`: the response was decided.
   */
  setTrailers(trailers: OutgoingTrailers): void {
    checkTrailers(trailers, "trailers");
    if (this.#decided) throw new StateError("head-sent", "Cannot set trailers: the response was decided");
    this.#trailers = typeof trailers === "function" ? inThisContext<void, FieldsInit>(trailers) : trailers;
  }

  /**
   * Takes the transport, with nothing written in answer to this request. What the handler returns is not sent then, and
   * no byte is lost: an unread body is part of `readBuf`.
   *
   * @throws {StateError} The response was decided, or a read is pending that cannot be taken back.
   */
  takeOver(): Parts {
    return this.#connection.takeOver(this.#incoming);
  }
}
