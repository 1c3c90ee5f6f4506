/**
 * What lets TLS with a server resume (RFC 8446 §2.2, RFC 5077), without certificates and signatures: kept by what connects
 * to it again and again with the same options, filled and used by the runtimes' adapters.
 *
 * @module
 */

import type { StartTlsOptions } from "./tls_options.ts";

/** One session. */
export interface TlsTicket {
  /** As the runtime gives it and takes it. */
  readonly session: Uint8Array;
  /** The server's certificate, as the runtime tells it. Node knows none when a session is resumed (seen on 26). */
  readonly certificate: unknown;
}

/** Servers give two with each connection of TLS 1.3, and use them once. */
const MAX_TICKETS = 4;

/** The sessions with one server. One is only kept once the certificate of that server was checked. */
export class TlsSession {
  readonly #tickets: TlsTicket[] = [];

  /** One to resume, or `null`. The last one is given again: a server that resumes may give no other (so Node's). */
  take(): TlsTicket | null {
    return (this.#tickets.length > 1 ? this.#tickets.shift() : this.#tickets[0]) ?? null;
  }

  /** Keeps another one. */
  keep(ticket: TlsTicket): void {
    if (this.#tickets.length === MAX_TICKETS) this.#tickets.shift();
    this.#tickets.push(ticket);
  }

  /** None of them is of use any more. */
  forget(): void {
    this.#tickets.length = 0;
  }
}

/** How many servers' sessions a client keeps, as many as Node's own agent. */
const MAX_SERVERS = 100;

/** The sessions of one client, by the way to a server. */
export class TlsSessions {
  readonly #sessions: Map<string, TlsSession> = new Map();

  /**
   * Those of one way.
   *
   * @param key Different for other options of TLS and other names.
   */
  of(key: string): TlsSession {
    let session = this.#sessions.get(key);
    if (session === undefined) {
      // A Map keeps the order in which keys came.
      if (this.#sessions.size === MAX_SERVERS) this.#sessions.delete(this.#sessions.keys().next().value!);
      this.#sessions.set(key, session = new TlsSession());
    }
    return session;
  }
}

/** Goes with the options, through each copy of them. */
const SESSION: unique symbol = Symbol("session");

interface Resumable {
  readonly [SESSION]?: TlsSession;
}

/** Options of `startTls()` that resume a session where there is one, and keep the next. */
export function resuming(options: StartTlsOptions, session: TlsSession): StartTlsOptions {
  return Object.assign<StartTlsOptions, Resumable>({ ...options }, { [SESSION]: session });
}

/** The sessions that go with options. */
export function sessionOf(options: StartTlsOptions & Resumable): TlsSession | null {
  return options[SESSION] ?? null;
}

/** A handshake of a client, as far as sessions go. */
export class TlsResumption {
  readonly #session: TlsSession;
  /** What is offered, or `null`. */
  readonly ticket: TlsTicket | null;
  #certificate: unknown = null;
  #checked = false;
  #early: Uint8Array | null = null;

  /** Takes what there is. */
  constructor(session: TlsSession) {
    this.#session = session;
    this.ticket = session.take();
  }

  /** The server has given a session. With TLS 1.2 that is before its certificate is checked. */
  given(session: Uint8Array): void {
    if (this.#checked) this.#session.keep({ session, certificate: this.#certificate });
    else this.#early = session;
  }

  /**
   * The handshake is done and the server is who it should be.
   *
   * @param resumed Whether what was offered was taken; else the rest of the tickets is as old.
   * @param certificate The server's, if the runtime knows it.
   * @returns The certificate that is known, if any.
   */
  succeeded(resumed: boolean, certificate: unknown): unknown {
    if (!resumed && this.ticket !== null) this.#session.forget();
    this.#certificate = certificate ?? (resumed ? this.ticket?.certificate : null);
    this.#checked = true;
    if (this.#early !== null) this.given(this.#early);
    this.#early = null;
    return this.#certificate;
  }

  /** The connection has failed. If that was before its handshake was done, what was offered may be why. */
  failed(): void {
    if (this.ticket !== null && !this.#checked) this.#session.forget();
  }
}
