/**
 * Opens what HTTP is spoken over: TCP or what the caller dials, TLS with an `https:` proxy, the tunnel, TLS with the
 * server. What fails on the way, or is given up, leaves nothing open. `opener.ts` calls it; it calls the platform's sockets
 * and TLS, `happy_eyeballs.ts`, `socks5.ts` and, for CONNECT, what that gives.
 *
 * ```text
 *  dial ─▶ [TLS with the proxy] ─▶ [CONNECT or SOCKS5] ─▶ [TLS with the server]
 * ```
 *
 * @module
 */

import { checkObject } from "../../../bytes/arguments.ts";
import { onAbort, unlessAborted } from "../../../duplex/abort.ts";
import { type Clock, Deadline } from "../../../duplex/clock.ts";
import type { DuplexLike } from "../../../duplex/duplex.ts";
import { holdChannel, offersChannel } from "../../../duplex/hold_channel.ts";
import { TransportError } from "../../../errors/transport_error.ts";
import type { TlsOptions } from "../../../duplex/tls_options.ts";
import { resuming, type TlsSession, type TlsSessions } from "../../../duplex/tls_session.ts";
import { parseIp } from "../../../bytes/ip_address.ts";
import type { Dial, DialAddress } from "../options.ts";
import { alternate, race } from "./happy_eyeballs.ts";
import { connect, lookup, startTls } from "../../platform.ts";
import { HTTP_1, type ProxyWay, type Route } from "./route.ts";
import { socks5 } from "./socks5.ts";

/** What a connector needs. */
export interface ConnectorSettings {
  /** TLS with an `https:` proxy. */
  readonly proxyTls: TlsOptions | undefined;
  /** What TLS resumes, of servers and `https:` proxies. */
  readonly sessions: TlsSessions;
  /** How long it may take, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** The source of time. */
  readonly clock: Clock;
  /** Opens a tunnel through an HTTP proxy. */
  openTunnel(way: ProxyWay, authority: string, signal: AbortSignal): Promise<DuplexLike>;
}

/** How long connecting may take. */
export type ConnectLimits = Pick<ConnectorSettings, "connectTimeoutMs" | "clock">;

/** RFC 8305 §8: the recommended delay. */
const STAGGER_MS = 250;

/**
 * Runs `open` until it ends, `controller` aborts, or time is up.
 *
 * @param place Where `open` leads, for the message.
 * @param controller Its signal is what `open` gets.
 * @throws {TransportError} `timeout`.
 * @throws {unknown} What the controller was aborted with, or what `open` fails with.
 */
export async function withinTime<T>(
  place: string,
  limits: ConnectLimits,
  controller: AbortController,
  open: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new Deadline(limits.clock);
  deadline.set(limits.connectTimeoutMs, () => controller.abort(tooLate(place, limits)));
  try {
    return await open(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    deadline.stop();
  }
}

/** The error of a connection that did not come in time. */
export function tooLate(
  place: string,
  { connectTimeoutMs }: Pick<ConnectLimits, "connectTimeoutMs">,
): TransportError {
  return new TransportError("timeout", `Cannot connect to ${place}: no connection within ${connectTimeoutMs} ms`);
}

/** What HTTP is spoken over. */
export interface Opened {
  /** The transport. */
  readonly io: DuplexLike;
  /** What ALPN has agreed on, or `null`. */
  readonly alpn: string | null;
}

/**
 * Opens the way to an origin.
 *
 * @param alpnProtocols What is offered by ALPN.
 * @param signal Gives up at any moment.
 */
export async function openRoute(
  route: Route,
  alpnProtocols: readonly string[],
  settings: ConnectorSettings,
  signal: AbortSignal,
): Promise<Opened> {
  const { proxy, forward, tunnel, dial } = route;
  if (proxy !== null && forward) return await openProxy({ proxy, alpnProtocols, dial }, settings, signal);
  const io = tunnel === null
    ? await openTransport(route, dial, settings.clock, signal)
    : await tunneled(tunnel, route, settings, signal);
  if (!route.secure) return { io, alpn: null };
  const tls = { ...route.tls, alpnProtocols };
  return await secured(io, route.hostname, tls, settings.sessions.of(`${route.key} ${alpnProtocols}`), signal);
}

/**
 * Opens a connection to a proxy, with TLS if it is an `https:` one.
 *
 * @param signal Gives up at any moment.
 */
export async function openProxy(
  { proxy, alpnProtocols, dial }: Pick<ProxyWay, "proxy" | "alpnProtocols" | "dial">,
  { proxyTls, sessions, clock }: Omit<ConnectorSettings, "openTunnel">,
  signal: AbortSignal,
): Promise<Opened> {
  const io = await openTransport(proxy, dial, clock, signal);
  if (proxy.scheme !== "https") return { io, alpn: null };
  const tls = { ...proxyTls, alpnProtocols };
  return await secured(io, proxy.hostname, tls, sessions.of(`proxy ${proxy.address} ${alpnProtocols}`), signal);
}

async function tunneled(
  way: ProxyWay,
  route: Route,
  settings: ConnectorSettings,
  signal: AbortSignal,
): Promise<DuplexLike> {
  if (way.proxy.scheme !== "socks5") return await settings.openTunnel(way, route.authority, signal);
  const { io } = await openProxy(way, settings, signal);
  return await givingUp(io, signal, () => socks5(io, route, way.proxy));
}

/** Opens a transport without TLS: the caller's, or TCP. */
async function openTransport(
  to: DialAddress,
  dial: Dial | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<DuplexLike> {
  const address = { hostname: to.hostname, port: to.port };
  if (dial === undefined) return await openTcp(address, clock, signal);
  return await dialed(dial, address, signal);
}

/** Opens a transport as the caller does. One that comes, or is still opening, when the signal has aborted is closed. */
export async function dialed(dial: Dial, address: DialAddress, signal: AbortSignal): Promise<DuplexLike> {
  const opening = Promise.resolve(dial(address, { signal })).then((io) => whenOpen(io, signal));
  return await unlessGivenUp(opening, signal);
}

/**
 * Sockets exist before they are open.
 *
 * @param signal Cuts one that is still opening, if that does not listen to it by itself.
 */
export async function whenOpen<T extends DuplexLike>(io: T, signal?: AbortSignal): Promise<T> {
  checkObject(io, "what dial returns");
  const { opened } = io as DuplexLike & { readonly opened?: Promise<unknown> };
  if (opened === undefined) return io;
  const unlisten = onAbort(signal, () => abandon(io, signal!.reason));
  try {
    await opened;
  } finally {
    unlisten();
  }
  return io;
}

async function openTcp({ hostname, port }: DialAddress, clock: Clock, signal: AbortSignal): Promise<DuplexLike> {
  const direct = () => whenOpen(connect({ hostname, port }, { signal }));
  if (parseIp(hostname) !== null) return await direct();
  const addresses = await addressesOf(hostname, signal);
  if (addresses.length === 0) return await direct();
  try {
    return await race(alternate(addresses), {
      attempt: (address, signal) => whenOpen(connect({ hostname: address, port }, { signal })),
      discard: abandon,
      staggerMs: STAGGER_MS,
      clock,
      signal,
    });
  } catch (error) {
    // A runtime with permissions may grant the name and not its addresses.
    if (error instanceof TransportError && error.code === "address" && !signal.aborted) return await direct();
    throw error instanceof TransportError ? namingHost(error, hostname, port) : error;
  }
}

/** The error of an attempt at one of a name's addresses; `ECONNREFUSED 127.0.0.1:80` tells little of `db.internal`. */
function namingHost({ code, message, cause }: TransportError, hostname: string, port: number): TransportError {
  const text = message.replace(/^Cannot connect to /, "");
  return new TransportError(code, `Cannot connect to ${hostname}:${port} at ${text}`, { cause });
}

/** None where the resolver cannot be asked: then the platform resolves by itself, and says what is wrong. */
function addressesOf(hostname: string, signal: AbortSignal): Promise<string[]> {
  return unlessAborted(lookup(hostname).catch(() => []), signal);
}

/** Puts TLS on a connection, for HTTP/1.1 unless the options say otherwise. Without TLS there is no connection. */
export async function secured(
  io: DuplexLike,
  hostname: string,
  tls: TlsOptions | undefined,
  session: TlsSession,
  signal: AbortSignal,
): Promise<Opened> {
  try {
    const { serverName = withoutRoot(hostname), alpnProtocols = HTTP_1 } = tls ?? {};
    const socket = startTls(io, resuming({ ...tls, serverName, alpnProtocols, signal }, session));
    return { io: socket, alpn: (await socket.opened).alpn };
  } catch (error) {
    abandon(io);
    throw error;
  }
}

/** `a.example.` asks no search list of the resolver's, but a server is asked for as `a.example` (RFC 6066 §3). */
function withoutRoot(hostname: string): string {
  return hostname.length > 1 && hostname.endsWith(".") ? hostname.slice(0, -1) : hostname;
}

/** Runs a conversation that knows no signal; an abort cuts the connection below it. */
async function givingUp<T>(io: DuplexLike, signal: AbortSignal, talk: () => Promise<T>): Promise<T> {
  const talking = talk();
  const unlisten = onAbort(signal, () => abandon(io, signal.reason));
  try {
    return await talking;
  } finally {
    unlisten();
  }
}

/** Gives up waiting when the signal aborts; a connection that comes later is closed. */
async function unlessGivenUp(opening: Promise<DuplexLike>, signal: AbortSignal): Promise<DuplexLike> {
  opening.then((io) => {
    if (signal.aborted) abandon(io, signal.reason);
  }, () => {});
  return await unlessAborted(opening, signal);
}

/** Cuts a connection that is not wanted any more. */
export function abandon(io: DuplexLike, reason?: unknown): void {
  if (offersChannel(io)) return io.abort(reason);
  if (io.readable.locked || io.writable.locked) return;
  holdChannel(io).abort(reason);
}
