/**
 * A client's and a server's machine joined in memory, with pieces of any size between them.
 *
 * @module
 */

import { concat } from "../../../src/bytes/concat.ts";
import { Http2ClientMachine } from "../../../src/http2/machine/client_machine.ts";
import type { Http2ClientEvent, Http2ServerEvent } from "../../../src/http2/machine/events.ts";
import { Http2ServerMachine, type Http2ServerMachineOptions } from "../../../src/http2/machine/server_machine.ts";
import type { Http2Limits } from "../../../src/http2/machine/limits.ts";

/** What both sides have found since they were asked last. */
export interface Found {
  readonly client: Http2ClientEvent[];
  readonly server: Http2ServerEvent[];
}

/** The two machines. */
export class Http2Pair {
  readonly client: Http2ClientMachine;
  readonly server: Http2ServerMachine;
  readonly #pieceBytes: number;

  constructor(
    pieceBytes: number = Infinity,
    clientLimits: Partial<Http2Limits> = {},
    serverOptions: Http2ServerMachineOptions = {},
  ) {
    this.client = new Http2ClientMachine({ limits: clientLimits });
    this.server = new Http2ServerMachine(serverOptions);
    this.#pieceBytes = pieceBytes;
  }

  /** Carries bytes both ways until neither has any; gives what was found. */
  run(found: Found = { client: [], server: [] }): Found {
    for (let moved = true; moved;) moved = this.step(found);
    return found;
  }

  /** Carries what is ready, once in each direction; tells whether that was anything. */
  step(found: Found): boolean {
    listen(this.client, found.client);
    const sent = this.#carry(this.client, this.server, found.server);
    listen(this.server, found.server);
    return this.#carry(this.server, this.client, found.client) || sent;
  }

  #carry<Event extends { readonly type: string }>(
    from: Http2ClientMachine | Http2ServerMachine,
    to: { receive(bytes: Uint8Array): void; next(): Event },
    found: Event[],
  ): boolean {
    const bytes = concat(from.take());
    for (let at = 0; at < bytes.length; at += this.#pieceBytes) {
      to.receive(bytes.slice(at, Math.min(bytes.length, at + this.#pieceBytes)));
      listen(to, found);
    }
    return bytes.length > 0;
  }
}

/** All events up to `need-data` or `closed`, which is one of them. */
export function listen<Event extends { readonly type: string }>(machine: { next(): Event }, found: Event[]): Event[] {
  for (;;) {
    const event = machine.next();
    if (event.type === "need-data") return found;
    found.push(event);
    if (event.type === "closed") return found;
  }
}
