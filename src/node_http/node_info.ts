/**
 * What a handler on a server of `node:http` can ask beside its request. `node_handler.ts` makes one for each request.
 *
 * @module
 */

import { checkObject } from "../bytes/arguments.ts";
import { ignore, unattended } from "../duplex/deferred.ts";
import type { SocketAddress, SocketInfo } from "../duplex/socket.ts";
import type { TlsInfo } from "../duplex/tls_info.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import { showsContent } from "../http/server/light_request.ts";
import { keptTrailers, type ServeInfo } from "../http/server/serve_info.ts";
import { headerLines } from "../http1/header_lines.ts";
import type { OutgoingTrailers } from "../http1/outgoing_body.ts";
import type { Parts } from "../http1/parts.ts";
import type { RequestHead } from "../semantics/message.ts";
import { sendInformational } from "./informational.ts";
import { type IncomingMessage, type ServerResponse, trailersOf } from "./messages.ts";
import { nodeSocketInfo } from "./platform.ts";

/** The info of one request. */
export class NodeInfo implements ServeInfo {
  readonly head: RequestHead;
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;
  readonly #left: () => boolean;
  #place: SocketInfo | null;
  #trailers: OutgoingTrailers | undefined = undefined;
  #decided = false;

  /**
   * Takes what `node:http` has made.
   *
   * @param left Whether the client has left before the response was complete.
   * @param place What is known of the connection, or `null` if it was not asked for yet.
   */
  constructor(
    req: IncomingMessage,
    res: ServerResponse,
    head: RequestHead,
    left: () => boolean,
    place: SocketInfo | null,
  ) {
    this.head = head;
    this.#req = req;
    this.#res = res;
    this.#left = left;
    this.#place = place;
  }

  /** What `setTrailers` was told; from now on that is too late. */
  decide(): OutgoingTrailers | undefined {
    this.#decided = true;
    return this.#trailers;
  }

  get #info(): SocketInfo {
    return this.#place ??= nodeSocketInfo(this.#req.socket);
  }

  get remote(): SocketAddress {
    return this.#info.remote;
  }

  get local(): SocketAddress {
    return this.#info.local;
  }

  get tls(): TlsInfo | null {
    return this.#info.tls;
  }

  get trailers(): Promise<Headers> {
    const req = this.#req;
    if (!showsContent(this.head)) return Promise.resolve(new Headers());
    return unattended(
      new Promise((resolve, reject) => {
        const onEnd = (): void => resolve(new Headers(trailersOf(req)));
        const onLeft = (): void => reject(new TransportError("closed", "The client has left within a body"));
        if (req.readableEnded) return onEnd();
        if (req.destroyed || this.#left()) return onLeft(); // no event tells of that any more
        req.on("end", onEnd);
        req.on("error", ignore);
        req.on("close", onLeft);
      }),
    );
  }

  sendInformational(status: number, headers: HeadersInit = []): Promise<void> {
    checkObject(headers, "headers");
    if (this.#decided) return Promise.reject(new StateError("head-sent", "Cannot send 1xx: the response was decided"));
    if (this.#req.httpVersion === "1.0") {
      return Promise.reject(new StateError("http10", "Cannot send 1xx: the client speaks HTTP/1.0"));
    }
    return sendInformational(this.#res, status, headerLines(headers));
  }

  setTrailers(trailers: OutgoingTrailers): void {
    this.#trailers = keptTrailers(trailers, this.#decided);
  }

  takeOver(): Promise<Parts> {
    const message = "Cannot take over: node:http reads this connection; proposals come as `upgrade` events";
    return Promise.reject(new StateError("no-switch", message));
  }
}
