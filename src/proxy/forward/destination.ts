/**
 * From a host that rules allow to the addresses that may be dialed. The name is looked up once, each of its addresses is
 * checked, and those very addresses are dialed: what the name means a moment later is of no importance.
 *
 * @module
 */

import { unlessAborted } from "../../duplex/abort.ts";
import type { Clock } from "../../duplex/clock.ts";
import type { DuplexLike } from "../../duplex/duplex.ts";
import type { Opening, OpenListener } from "../../duplex/held_channel.ts";
import type { Socket } from "../../duplex/socket.ts";
import type { TimeLimit, Wait, Waiting } from "../../duplex/time_limit.ts";
import type { Dial } from "../../http/client/options.ts";
import { abandon, dialed, tooLate, whenOpen } from "../../http/client/way/connector.ts";
import { alternate, race } from "../../http/client/way/happy_eyeballs.ts";
import type { Owned } from "../../http1/owned.ts";
import { formatIp, type IpAddress, parseIp } from "../../bytes/ip_address.ts";
import { connect } from "../platform.ts";
import { type Allowed, decideAddress, type Denied, type Rules } from "./decide.ts";
import { authorityText, type Host } from "./host.ts";
import { Refusal, refusalBy } from "./refusal.ts";
import type { Question } from "./rule.ts";

/** Looks a name up: its addresses as text, IPv4 or IPv6, the preferred one first. */
export type Resolve = (name: string, options: { readonly signal: AbortSignal }) => Promise<readonly string[]>;

const NO_PROXIES: readonly string[] = [];
/** RFC 8305 §8: the recommended delay. */
const STAGGER_MS = 250;

/**
 * The addresses of what was asked for that may be dialed.
 *
 * @throws {Refusal} The name has none, or none that may be.
 */
export async function permittedAddresses(
  question: Question,
  rules: Rules,
  allowed: Allowed,
  resolve: Resolve,
  signal: AbortSignal,
): Promise<readonly IpAddress[]> {
  const { host } = question;
  const found = host.type === "address" ? [host.address] : await resolved(host.name, resolve, signal);
  const permitted: IpAddress[] = [];
  let denied: Denied | null = null;
  for (const address of found) {
    const decision = decideAddress(rules, question, allowed, address);
    if (decision.type === "allowed") permitted.push(address);
    else denied ??= decision;
  }
  if (permitted.length === 0 && denied !== null) throw refusalBy(denied);
  if (permitted.length === 0) throw notFound(question);
  return permitted;
}

async function resolved(name: string, resolve: Resolve, signal: AbortSignal): Promise<IpAddress[]> {
  let texts: readonly string[];
  try {
    texts = await unlessAborted(resolve(name, { signal }), signal);
  } catch (cause) {
    signal.throwIfAborted();
    throw new Refusal("dns_error", `Cannot reach ${name}: its address cannot be found`, { cause });
  }
  return texts.map(parseIp).filter((address) => address !== null);
}

function notFound({ host, port }: Question): Refusal {
  return new Refusal("dns_error", `Cannot reach ${authorityText(host, port)}: the name has no address`);
}

/** A connection, and where it leads. */
export interface Dialed {
  readonly io: DuplexLike;
  /** `null` where another proxy has chosen it. */
  readonly address: string | null;
  /** The proxies on the way. */
  readonly via: readonly string[];
}

/** Who asks for a connection: when they leave before it is there, it is given up. */
export interface Asker {
  readonly signal: AbortSignal;
  /** Ends something with them. It costs less than the signal. */
  own(owned: Owned): void;
}

/**
 * Dials one address, until who asks leaves or time is up.
 *
 * @param limit How long it may take.
 * @returns Rejects with a `TransportError`: `timeout`, or what connecting fails with; or with why who asks has left.
 */
export function dialAddress(host: AddressHost, port: number, limit: TimeLimit, asker: Asker): Promise<Dialed> {
  return new Promise((resolve, reject) => new Dialing(host, port, limit, resolve, reject).begin(asker));
}

type AddressHost = Extract<Host, { readonly type: "address" }>;

/** A connection that is being opened. */
class Dialing implements OpenListener, Owned, Waiting {
  /** See {@linkcode Waiting}. */
  waits: Wait | null = null;
  readonly #host: AddressHost;
  readonly #port: number;
  readonly #limit: TimeLimit;
  readonly #resolve: (dialed: Dialed) => void;
  readonly #reject: (reason: unknown) => void;
  #socket: (Socket & Opening) | null = null;
  #over = false;

  constructor(
    host: AddressHost,
    port: number,
    limit: TimeLimit,
    resolve: (dialed: Dialed) => void,
    reject: (reason: unknown) => void,
  ) {
    this.#host = host;
    this.#port = port;
    this.#limit = limit;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(asker: Asker): void {
    asker.own(this);
    if (this.#over) return;
    const socket = connect({ hostname: this.#host.text, port: this.#port }) as Socket & Opening;
    this.#socket = socket;
    this.#limit.begin(this);
    socket.tellOpen(this);
  }

  /** See {@linkcode OpenListener}. */
  onOpen(): void {
    this.#end();
    this.#resolve({ io: this.#socket!, address: this.#host.text, via: NO_PROXIES });
  }

  /** See {@linkcode OpenListener}. */
  onOpenFailure(reason: unknown): void {
    this.#end();
    this.#reject(reason);
  }

  /** See {@linkcode Waiting}. */
  expired(): void {
    const place = authorityText(this.#host, this.#port);
    this.#socket!.abort(tooLate(place, { connectTimeoutMs: this.#limit.limitMs }));
  }

  /** See {@linkcode Owned}. */
  abort(reason: unknown): void {
    if (this.#over) return;
    if (this.#socket !== null) return this.#socket.abort(reason);
    this.onOpenFailure(reason);
  }

  #end(): void {
    this.#over = true;
    this.#limit.end(this);
  }
}

/** Dials the first of these addresses that answers (happy eyeballs), and no other one. */
export async function dialAddresses(
  addresses: readonly IpAddress[],
  port: number,
  dial: Dial | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<Dialed> {
  const attempt = async (address: string, signal: AbortSignal): Promise<Dialed> => {
    return { io: await opened(address, port, dial, signal), address, via: NO_PROXIES };
  };
  if (addresses.length === 1) return await attempt(formatIp(addresses[0]!), signal);
  return await race<Dialed>(alternate(addresses.map(formatIp)), {
    attempt,
    discard: ({ io }) => abandon(io),
    staggerMs: STAGGER_MS,
    clock,
    signal,
  });
}

function opened(hostname: string, port: number, dial: Dial | undefined, signal: AbortSignal): Promise<DuplexLike> {
  const address = { hostname, port };
  return dial === undefined ? whenOpen(connect(address, { signal })) : dialed(dial, address, signal);
}
