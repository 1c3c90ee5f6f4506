/**
 * What has happened, told as it happens: one event when it is known what becomes of a request or a tunnel, and one when that
 * is over. No bodies, no credentials, no queries of URLs.
 *
 * @module
 */

import type { Clock } from "../../duplex/clock.ts";
import { type Linked, LinkedSet } from "../../duplex/linked_set.ts";

/** What is known of a request or a tunnel. Of each there are two events with the same `id`. */
export interface AuditEvent {
  /** `start`: it is decided, and answered or about to be sent on. `end`: it is over. */
  readonly event: "start" | "end";
  /** Counts up from 1. */
  readonly id: number;
  /** What it is. */
  readonly kind: "tunnel" | "request";
  /** When the event happened, in milliseconds of the Unix epoch. */
  readonly time: number;
  /** The address of the client. */
  readonly client: string;
  /** Who asks, where that is known. */
  readonly identity: string | null;
  /** `CONNECT` for a tunnel. */
  readonly method: string;
  /** Where to: `host:port` in its canonical form; as it came where that cannot be read. */
  readonly authority: string;
  /** Of a request, without its query. */
  readonly path: string | null;
  /** Of a request inside of a tunnel: the tunnel's `id`. */
  readonly tunnel: number | null;
  /** `null` where it was not come to that. */
  readonly decision: "allowed" | "denied" | null;
  /** The rule that decided, or what has taken its place: an option's name, `default`, a class of addresses. */
  readonly rule: string | null;
  /** The address that was connected to; `null` where another proxy does that, or none was. */
  readonly address: string | null;
  /** The proxies on the way, `host:port`. */
  readonly via: readonly string[];
  /** What the client was answered; `null` while that is not known. */
  readonly status: number | null;
  /** Bytes from the client to the target: of a tunnel, or of a body. */
  readonly sent: number;
  /** Bytes from the target to the client. */
  readonly received: number;
  /** Since the request came, in milliseconds. */
  readonly durationMs: number;
  /** Why it is over; `null` at the start. */
  readonly reason: EndReason | null;
}

/**
 * Why something is over.
 *
 * - `done`: it came to its end; `refused`: it was never begun; `failed`: there was no way to the target.
 * - `client-left`: before there was an answer.
 * - `cut`: a side was reset, or the server was ended.
 * - `idle-timeout`, `time-limit`, `byte-limit`: of a tunnel.
 * - `client-hello`: what the tunnel began with was not allowed.
 */
export type EndReason =
  | "done"
  | "refused"
  | "failed"
  | "client-left"
  | "cut"
  | "idle-timeout"
  | "time-limit"
  | "byte-limit"
  | "client-hello";

/** What is under way, as it is now. */
export type OpenExchange = Omit<AuditEvent, "event" | "reason">;

/** How much there was since the proxy was made. */
export interface Traffic {
  /** Requests and tunnels that have begun, those that were refused among them. */
  readonly exchanges: number;
  /** Those that rules, limits or the doorkeeper refused. */
  readonly denied: number;
  /** Bytes from clients to targets. */
  readonly sent: number;
  /** Bytes from targets to clients. */
  readonly received: number;
}

/** What is known of an exchange so far. */
type Known = { -readonly [Key in keyof OpenExchange]: OpenExchange[Key] };

const NO_PROXIES: readonly string[] = [];

/** One request or tunnel, from the moment when it came. */
export class Exchange implements Linked<Exchange> {
  /** See {@linkcode Linked}. */
  previous: Exchange | null = null;
  /** See {@linkcode Linked}. */
  next: Exchange | null = null;
  /** Those write it who find it out. */
  readonly known: Known;
  readonly #audit: Audit;
  readonly #began: number;
  #ended = false;
  #onEnd: (() => void) | null = null;

  constructor(audit: Audit, known: Known) {
    this.#audit = audit;
    this.#began = known.time;
    this.known = known;
  }

  /** How much has gone through. */
  count(sent: number, received: number): void {
    this.known.sent = sent;
    this.known.received = received;
  }

  /** What is known now. */
  get open(): OpenExchange {
    const { now } = this.#audit;
    return { ...this.known, time: now, durationMs: now - this.#began };
  }

  /** Runs when it is over. */
  onEnd(callback: () => void): void {
    this.#onEnd = callback;
  }

  /** It is decided. */
  start(): void {
    if (this.#audit.listening) this.#audit.tell(this.#event("start", null));
  }

  /** It is over. Counts once. */
  end(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd?.();
    this.#audit.over(this);
    if (this.#audit.listening) this.#audit.tell(this.#event("end", reason));
  }

  #event(event: AuditEvent["event"], reason: EndReason | null): AuditEvent {
    const { now } = this.#audit;
    return { event, ...this.known, time: now, durationMs: now - this.#began, reason };
  }
}

/** Keeps what is open, and tells what happens. */
export class Audit {
  readonly #clock: Clock;
  readonly #open: LinkedSet<Exchange> = new LinkedSet();
  #listener: ((event: AuditEvent) => void) | undefined = undefined;
  #count = 0;
  #denied = 0;
  #sent = 0;
  #received = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Who is told from now on. */
  set listener(listener: ((event: AuditEvent) => void) | undefined) {
    this.#listener = listener;
  }

  /** Whether anybody is. */
  get listening(): boolean {
    return this.#listener !== undefined;
  }

  get now(): number {
    return this.#clock.now();
  }

  /** What is under way, the oldest first. */
  get open(): OpenExchange[] {
    return [...this.#open].map(({ open }) => open);
  }

  get traffic(): Traffic {
    const open = this.open;
    const sum = (key: "sent" | "received", past: number): number => open.reduce((all, each) => all + each[key], past);
    return {
      exchanges: this.#count,
      denied: this.#denied,
      sent: sum("sent", this.#sent),
      received: sum("received", this.#received),
    };
  }

  /** Something is asked for. */
  begin(asked: Pick<Known, "kind" | "client" | "method" | "authority" | "path" | "tunnel">): Exchange {
    const exchange = new Exchange(this, {
      ...asked,
      id: ++this.#count,
      time: this.now,
      identity: null,
      decision: null,
      rule: null,
      address: null,
      via: NO_PROXIES,
      status: null,
      sent: 0,
      received: 0,
      durationMs: 0,
    });
    this.#open.add(exchange);
    return exchange;
  }

  /** Tells an event. */
  tell(event: AuditEvent): void {
    this.#listener?.(event);
  }

  /** Something is over. */
  over(exchange: Exchange): void {
    const { sent, received, decision } = exchange.known;
    this.#open.delete(exchange);
    this.#sent += sent;
    this.#received += received;
    if (decision === "denied") this.#denied++;
  }
}
