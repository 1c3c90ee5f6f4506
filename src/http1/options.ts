/**
 * The options of connections of both roles, their defaults, and their checks. `serveConnection()`, `handshake()` and
 * `serve()` fill them in here, once for all connections that share them.
 *
 * @module
 */

import { checkOneOf, checkOptions, type Kinds } from "../bytes/arguments.ts";
import { checkLeniency, type Http1Limits, HYPER_LENIENCY, type Leniency, limitsOf } from "./machine/limits.ts";
import { rememberChecked } from "./machine/http1_machine.ts";
import { NAME_CASES, type NameCase } from "./machine/write_head.ts";
import { checkClock, type Clock, systemClock } from "../duplex/clock.ts";
import type { IncomingRequest } from "./incoming.ts";

/** Options of either role. All time limits are in milliseconds; 0 switches one off. */
export interface ConnectionOptions {
  /** Bounds on what the peer may send; see `DEFAULT_LIMITS`. */
  readonly limits?: Partial<Http1Limits> | undefined;
  /** What is let pass although the grammar forbids it; nothing by default. */
  readonly leniency?: Leniency | undefined;
  /** `"hyper"` lets pass what hyper does, as far as that is safe: `HYPER_LENIENCY`. */
  readonly compat?: "hyper" | undefined;
  /** How field names are written: `"as-given"` by default, or `"title"` for `Like-This`. */
  readonly nameCase?: NameCase | undefined;
  /** How long an upgrade that was not claimed is kept open. 30,000. */
  readonly unclaimedUpgradeTimeoutMs?: number | undefined;
  /** How long the peer may pause before it ends its side after we ended ours. 2,000. */
  readonly closeTimeoutMs?: number | undefined;
  /** How long the peer may refuse to take our bytes. 60,000, as nginx' `send_timeout`. */
  readonly writeTimeoutMs?: number | undefined;
  /** The most of an unwanted body that is read so that the connection can go on. 65,536. */
  readonly maxDrainBytes?: number | undefined;
  /** The source of time. The platform's by default. */
  readonly clock?: Clock | undefined;
}

/** Options of a server's connection. */
export interface ServerConnectionOptions extends ConnectionOptions {
  /** Whether a connection serves more than one request. True. */
  readonly keepAlive?: boolean | undefined;
  /** How long a head may take, from the moment the connection is opened or its first byte came. 30,000, as hyper. */
  readonly headTimeoutMs?: number | undefined;
  /** How long a connection may wait for another request. 75,000, as nginx. */
  readonly idleTimeoutMs?: number | undefined;
  /** How long the client may pause within a body that is being read; then 408, if nothing was answered. 60,000. */
  readonly bodyTimeoutMs?: number | undefined;
  /** How long the rest of an unwanted body may take, or the reader of a wanted one pause behind the response. 5,000. */
  readonly drainTimeoutMs?: number | undefined;
  /**
   * How long a client may go on sending behind the last response, so that one that writes all before it reads gets it
   * (RFC 9112 §9.6). Each of its pauses is limited by `closeTimeoutMs`. 30,000, as nginx' `lingering_time`.
   */
  readonly lingerTimeoutMs?: number | undefined;
  /** The most that it may send then. It is dropped as it comes. 268,435,456. */
  readonly maxLingerBytes?: number | undefined;
  /** How long the handler may take to answer; then 503, and `request.signal` aborts. 0, which is without limit. */
  readonly requestTimeoutMs?: number | undefined;
  /** The same for a request that proposes a switch. 60,000, or `requestTimeoutMs` if that is shorter. */
  readonly upgradeTimeoutMs?: number | undefined;
  /** Whether `Date` is added to responses. True. */
  readonly dateHeader?: boolean | undefined;
  /**
   * Whether a client that ends its side, but does not cut the connection, is waited for without end, while `request.signal`
   * stays quiet. False.
   */
  readonly allowHalfClose?: boolean | undefined;
  /**
   * How long a client that has ended its side is waited for without `allowHalfClose`: until its answer begins, and in each
   * pause of it. Then the connection ends, and what the handler answers later is discarded. 2,000.
   */
  readonly halfCloseTimeoutMs?: number | undefined;
  /** Whether responses to requests that came together leave together, about 64 KiB at a time. False. */
  readonly pipelineFlush?: boolean | undefined;
  /** Told of what a handler threw, or of a response that could not be sent. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** Told of each final response head that is sent, refusals included; `null` where no request could be read. */
  readonly onResponse?: ((request: IncomingRequest | null, head: { readonly status: number }) => void) | undefined;
}

/** Options of a client's connection. */
export interface ClientConnectionOptions extends ConnectionOptions {
  /** How long a request with `Expect: 100-continue` holds back its body. 1,000, as curl. */
  readonly continueTimeoutMs?: number | undefined;
}

const SHARED: Kinds<ConnectionOptions> = {
  limits: "object",
  leniency: checkLeniency,
  compat: (value, name) => checkOneOf(value, name, ["hyper"]),
  nameCase: (value, name) => checkOneOf(value, name, NAME_CASES),
  unclaimedUpgradeTimeoutMs: "number",
  closeTimeoutMs: "number",
  writeTimeoutMs: "number",
  maxDrainBytes: "number",
  clock: checkClock,
};

const SERVER: Kinds<ServerConnectionOptions> = {
  ...SHARED,
  keepAlive: "boolean",
  headTimeoutMs: "number",
  idleTimeoutMs: "number",
  bodyTimeoutMs: "number",
  lingerTimeoutMs: "number",
  maxLingerBytes: "number",
  drainTimeoutMs: "number",
  halfCloseTimeoutMs: "number",
  requestTimeoutMs: "number",
  upgradeTimeoutMs: "number",
  dateHeader: "boolean",
  allowHalfClose: "boolean",
  pipelineFlush: "boolean",
  onError: "function",
  onResponse: "function",
};

const CLIENT: Kinds<ClientConnectionOptions> = { ...SHARED, continueTimeoutMs: "number" };

/** Options with every default filled in. */
export type Settings<Options> = { readonly [Name in keyof Options]-?: Exclude<Options[Name], undefined> };

/** Server options with every default filled in. */
export type ServerSettings = Settings<Omit<ServerConnectionOptions, "compat" | "onError" | "onResponse">> & {
  readonly onError: ServerConnectionOptions["onError"];
  readonly onResponse: ServerConnectionOptions["onResponse"];
};

/** Client options with every default filled in. */
export type ClientSettings = Settings<Omit<ClientConnectionOptions, "compat">>;

/** Fills in what both roles share. */
function sharedSettings(options: ConnectionOptions): Settings<Omit<ConnectionOptions, "compat">> {
  return {
    limits: limitsOf(options.limits),
    leniency: options.compat === "hyper" ? { ...HYPER_LENIENCY, ...options.leniency } : options.leniency ?? {},
    nameCase: options.nameCase ?? "as-given",
    unclaimedUpgradeTimeoutMs: options.unclaimedUpgradeTimeoutMs ?? 30_000,
    closeTimeoutMs: options.closeTimeoutMs ?? 2000,
    writeTimeoutMs: options.writeTimeoutMs ?? 60_000,
    maxDrainBytes: options.maxDrainBytes ?? 65_536,
    clock: options.clock ?? systemClock,
  };
}

const knownSettings: WeakMap<ServerConnectionOptions, ServerSettings> = new WeakMap();
let defaultSettings: ServerSettings | null = null;

/**
 * Fills in the defaults of a server; once for all connections that share their options.
 *
 * @throws {TypeError} An option is of another kind.
 * @throws {RangeError} A number is below 0 or NaN.
 */
export function serverSettings(options: ServerConnectionOptions | undefined): ServerSettings {
  if (options === undefined) return defaultSettings ??= filledIn({});
  let settings = knownSettings.get(options);
  if (settings === undefined) {
    settings = filledIn(options);
    knownSettings.set(options, settings);
  }
  return settings;
}

function filledIn(options: ServerConnectionOptions): ServerSettings {
  checkOptions(options, SERVER);
  const settings: ServerSettings = {
    ...sharedSettings(options),
    keepAlive: options.keepAlive ?? true,
    headTimeoutMs: options.headTimeoutMs ?? 30_000,
    idleTimeoutMs: options.idleTimeoutMs ?? 75_000,
    bodyTimeoutMs: options.bodyTimeoutMs ?? 60_000,
    drainTimeoutMs: options.drainTimeoutMs ?? 5000,
    lingerTimeoutMs: options.lingerTimeoutMs ?? 30_000,
    maxLingerBytes: options.maxLingerBytes ?? 268_435_456,
    requestTimeoutMs: options.requestTimeoutMs ?? 0,
    upgradeTimeoutMs: options.upgradeTimeoutMs ?? 60_000,
    dateHeader: options.dateHeader ?? true,
    allowHalfClose: options.allowHalfClose ?? false,
    halfCloseTimeoutMs: options.halfCloseTimeoutMs ?? 2000,
    pipelineFlush: options.pipelineFlush ?? false,
    onError: options.onError,
    onResponse: options.onResponse,
  };
  rememberChecked(settings);
  return settings;
}

/**
 * Fills in the defaults of a client.
 *
 * @throws {TypeError} An option is of another kind.
 * @throws {RangeError} A number is below 0 or NaN.
 */
export function clientSettings(options: ClientConnectionOptions): ClientSettings {
  checkOptions(options, CLIENT);
  return { ...sharedSettings(options), continueTimeoutMs: options.continueTimeoutMs ?? 1000 };
}

/** Why a connection is over. */
export type Closed =
  | { readonly reason: "shutdown" }
  | { readonly reason: "upgrade" }
  | { readonly reason: "eof" }
  | { readonly reason: "error"; readonly error: unknown };
