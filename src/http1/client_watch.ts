/**
 * Who is told when the client of an exchange leaves: `request.signal`, the readers of the body, the connection.
 * `server_exchange.ts` makes one when the first of them is to be told; `vigil.ts` notices it, `request_intake.ts` as well.
 *
 * @module
 */

import { ProtocolError } from "../errors/protocol_error.ts";
import type { TransportError } from "../errors/transport_error.ts";
import { departed } from "./failure.ts";
import type { IncomingRequest } from "./incoming.ts";
import { cancelOwned, type Owned } from "./owned.ts";
import type { RequestBodyOwner } from "./request_intake.ts";
import type { ServerCore } from "./server_core.ts";
import type { Vigil, VigilOwner } from "./vigil.ts";

/** The exchange. */
export interface Watched {
  /** Its request. */
  readonly request: IncomingRequest;
  /** Whether it may still lead to a switch. */
  readonly undecided: boolean;
  /** Whether it was answered. */
  readonly over: boolean;
}

/** Tells of a client that leaves. */
export class ClientWatch implements RequestBodyOwner, VigilOwner {
  readonly #core: ServerCore;
  readonly #exchange: Watched;
  #controller: AbortController | null = null;
  #owned: Owned | null = null;
  #vigil: Vigil | null = null;
  /** Why the handler was told to give up, once it was: it may look for the first time later. */
  #aborted: { readonly reason: unknown } | null = null;
  /** Why the client is lost, once it is. Only this class writes it. */
  lostFor: { readonly error: unknown } | null = null;

  /** Watches nothing yet. */
  constructor(core: ServerCore, exchange: Watched) {
    this.#core = core;
    this.#exchange = exchange;
  }

  /** The handler wants to know. Behind a request that may switch the watch begins when the answer takes long. */
  signal(controller: AbortController): void {
    if (this.#aborted !== null) return controller.abort(this.#aborted.reason);
    if (this.#exchange.over) return;
    const { machine, why, over } = this.#core;
    if (why?.reason === "error") return controller.abort(why.error);
    this.#controller = controller;
    const answering = machine.canRespond || machine.responding;
    if (over || !answering || this.undecided || !machine.requestComplete) return;
    this.#vigil = this.#core.vigil;
    this.#vigil.begin(this);
  }

  /** Something ends with the client. Unlike {@linkcode signal} it begins no watch: that of a long exchange tells. */
  own(owned: Owned): void {
    const { why } = this.#core;
    if (this.#aborted !== null) cancelOwned(owned, this.#aborted.reason);
    else if (why?.reason === "error") cancelOwned(owned, why.error);
    else this.#owned = owned;
  }

  /** The answer is waited for, or goes out by and by. */
  beginIfLong(): void {
    if (this.#core.over) return;
    this.#vigil = this.#core.vigil;
    this.#vigil.beginLater(this);
  }

  /** The answer is decided, or has gone out. */
  end(): void {
    this.#vigil?.end();
  }

  /** Tells the handler. */
  abort(reason: unknown): void {
    this.#aborted = { reason };
    this.#controller?.abort(reason);
    if (this.#owned !== null) cancelOwned(this.#owned, reason);
  }

  /** See {@linkcode VigilOwner}. */
  get undecided(): boolean {
    return this.#exchange.undecided;
  }

  /** See {@linkcode RequestBodyOwner}. */
  stir(): void {
    this.#vigil?.stir();
  }

  /** See {@linkcode RequestBodyOwner}. A request that is complete can be watched better; one that never is is aborted. */
  bodyOver(error: unknown): void {
    if (error === null) {
      this.#vigil?.requestCompleted();
      if (this.#controller !== null) this.signal(this.#controller);
    } else if (error instanceof ProtocolError) {
      if (error.code === "truncated") departed(error);
      this.abort(error);
    } else {
      this.lost(error);
    }
  }

  /** See {@linkcode RequestBodyOwner}. */
  tooSlow(error: TransportError): void {
    this.#core.refuseAndClose(this.#exchange.request, 408, error);
  }

  /** See {@linkcode VigilOwner}. */
  ended(error: TransportError): void {
    this.abort(departed(error));
  }

  /** See {@linkcode VigilOwner}. What the handler answers later is discarded. */
  overdue(error: unknown): void {
    if (this.#core.why === null) this.#core.close({ reason: "error", error: departed(error) });
  }

  /** See {@linkcode VigilOwner}. A body that is cut short fails with the first of these errors. */
  lost(error: unknown): void {
    this.lostFor ??= { error: departed(error) };
    this.overdue(error);
  }
}
