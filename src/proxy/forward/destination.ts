/**
 * From a host that rules allow to the addresses that may be dialed. The name is looked up once, each of its addresses is
 * checked, and those very addresses are dialed: what the name means a moment later is of no importance.
 *
 * @module
 */

import { onAbort, unlessAborted } from "../../duplex/abort.ts";
import { type Clock, Deadline } from "../../duplex/clock.ts";
import type { DuplexLike } from "../../duplex/duplex.ts";
import type { Dial } from "../../http/client/options.ts";
import { abandon, type ConnectLimits, dialed, tooLate, whenOpen } from "../../http/client/way/connector.ts";
import { alternate, race } from "../../http/client/way/happy_eyeballs.ts";
import { formatIp, type IpAddress, parseIp } from "../../semantics/ip_address.ts";
import { connect } from "../platform.ts";
import { type Allowed, decideAddress, type Denied, type Rules } from "./decide.ts";
import { authorityText } from "./host.ts";
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

/**
 * Dials one address, until the signal aborts or time is up.
 *
 * @throws {TransportError} `timeout`, or what connecting fails with.
 * @throws {unknown} The reason of the signal.
 */
export async function dialAddress(
  address: IpAddress,
  port: number,
  limits: ConnectLimits,
  signal: AbortSignal,
): Promise<Dialed> {
  signal.throwIfAborted();
  const hostname = formatIp(address);
  const socket = connect({ hostname, port });
  const { connectTimeoutMs, clock } = limits;
  const deadline = new Deadline(clock);
  deadline.set(
    connectTimeoutMs,
    () => socket.abort(tooLate(authorityText({ type: "address", address }, port), limits)),
  );
  const unlisten = onAbort(signal, () => socket.abort(signal.reason));
  try {
    await socket.opened;
    return { io: socket, address: hostname, via: NO_PROXIES };
  } finally {
    deadline.stop();
    unlisten();
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
