/**
 * The options of connections of HTTP/2: those of HTTP/1.1 that have a meaning here, and their own bounds.
 *
 * @module
 */

import { checkObject, checkOneOf, checkOptions, type Kinds } from "../bytes/arguments.ts";
import {
  type ClientConnectionOptions,
  type ClientSettings,
  clientSettings,
  type ServerConnectionOptions,
  type ServerSettings,
  serverSettings,
} from "../http1/options.ts";
import { type Http2Limits, http2LimitsOf } from "./machine/limits.ts";

/** What HTTP/2 has besides the options of any connection. */
export interface Http2Options {
  /** Bounds on what the peer may send; see `DEFAULT_HTTP2_LIMITS`. */
  readonly limits?: Partial<Http2Limits> | undefined;
  /**
   * Whether WebSockets and other upgrades are taken over HTTP/2, and told to be: SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441). False by
   * default, since browsers open WebSockets this way as soon as they are told: for servers that answer them.
   */
  readonly connectProtocol?: boolean | undefined;
}

/** The kinds of these options. */
export const HTTP2: Kinds<Http2Options> = {
  limits: (value, name) => {
    checkObject(value, name);
    http2LimitsOf(value as Partial<Http2Limits>);
  },
  connectProtocol: "boolean",
};

/** Options of a server's connection of HTTP/2. All time limits are in milliseconds; 0 switches one off. */
export interface Http2ServerConnectionOptions extends
  Omit<
    ServerConnectionOptions,
    | "limits"
    | "leniency"
    | "compat"
    | "nameCase"
    | "keepAlive"
    | "pipelineFlush"
    | "maxDrainBytes"
    | "allowHalfClose"
    | "halfCloseTimeoutMs"
  >,
  Http2Options {}

/** Everything that holds for a server's connection. */
export interface Http2ServerSettings {
  /** Times and callbacks. */
  readonly server: ServerSettings;
  /** Bounds. */
  readonly limits: Http2Limits;
  /** See {@linkcode Http2Options}. */
  readonly connectProtocol: boolean;
}

/**
 * Fills in the defaults.
 *
 * @throws {TypeError} An option is of another kind.
 * @throws {RangeError} A number is out of range.
 */
export function http2ServerSettings(options: Http2ServerConnectionOptions = {}): Http2ServerSettings {
  checkObject(options, "options");
  const { limits, connectProtocol, ...server } = options;
  return http2Settings(serverSettings(server), { limits, connectProtocol });
}

/** The same for a server that has the settings of its connections already. */
export function http2Settings(server: ServerSettings, options: Http2Options): Http2ServerSettings {
  checkOptions(options, HTTP2);
  return { server, limits: http2LimitsOf(options.limits), connectProtocol: options.connectProtocol ?? false };
}

/** Options of a client's connection of HTTP/2. All time limits are in milliseconds; 0 switches one off. */
export interface Http2ClientConnectionOptions
  extends Omit<ClientConnectionOptions, "limits" | "leniency" | "compat" | "nameCase" | "maxDrainBytes"> {
  /** Bounds on what the server may send; see `DEFAULT_HTTP2_LIMITS`. */
  readonly limits?: Partial<Http2Limits> | undefined;
  /** `:scheme` of requests whose target names none. `"https"`. */
  readonly scheme?: "http" | "https" | undefined;
}

const CLIENT: Kinds<Pick<Http2ClientConnectionOptions, "limits" | "scheme">> = {
  limits: "object",
  scheme: (value, name) => checkOneOf(value, name, ["http", "https"]),
};

/** Everything that holds for a client's connection. */
export interface Http2ClientSettings {
  /** Times and callbacks. */
  readonly client: ClientSettings;
  /** Bounds. */
  readonly limits: Http2Limits;
  /** `:scheme` of requests whose target names none. */
  readonly scheme: "http" | "https";
}

/**
 * Fills in the defaults.
 *
 * @throws {TypeError} An option is of another kind.
 * @throws {RangeError} A number is out of range.
 */
export function http2ClientSettings(options: Http2ClientConnectionOptions): Http2ClientSettings {
  checkObject(options, "options");
  const { limits, scheme, ...client } = options;
  checkOptions({ limits, scheme }, CLIENT);
  return { client: clientSettings(client), limits: http2LimitsOf(limits), scheme: scheme ?? "https" };
}
