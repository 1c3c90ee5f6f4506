/**
 * What `connect()`, `listen()` and `startTls()` take, checked before anything is done: by `net/adapter.ts`, and by `serve()`
 * and `Client` for the options that they pass on.
 *
 * @module
 */

import { checkInteger, checkObject, checkOptions, checkString, type Kinds, wrongType } from "../bytes/arguments.ts";
import type { ConnectOptions, ListenOptions, SocketOptions } from "./network.ts";
import type { StartTlsOptions, TlsOptions, TlsServerOptions } from "./tls_options.ts";

const SOCKET: Kinds<SocketOptions> = { noDelay: "boolean", keepAlive: "boolean", allowHalfOpen: "boolean" };

const TLS: Kinds<TlsOptions> = {
  serverName: checkHost,
  alpnProtocols: "strings",
  caCerts: "strings",
  cert: "string",
  key: "string",
};

const TLS_SERVER: Kinds<TlsServerOptions> = {
  cert: "string",
  key: "string",
  alpnProtocols: "strings",
  caCerts: "strings",
  requireClientCert: "boolean",
};

/** What `connect()` takes. */
export const CONNECT: Kinds<ConnectOptions> = { ...SOCKET, tls: checkTls, signal: "signal" };

/** What `listen()` takes, and `serve()` as well. */
export const LISTEN: Kinds<ListenOptions> = {
  ...SOCKET,
  hostname: checkHost,
  port: (value, name) => checkInteger(isDigits(value) ? Number(value) : value, name, 0, 65_535),
  path: checkPath,
  tls: checkServerTls,
  reusePort: "boolean",
  backlog: "number",
};

/** A port may come from the environment (`process.env.PORT`) as text: all platforms take that. */
function isDigits(value: unknown): boolean {
  return typeof value === "string" && /^[0-9]+$/.test(value);
}

const NOT_IN_HOST = /[\0-\x20\x7f]/;

/**
 * Refuses what is neither a name nor an address. Platforms take an empty one for "localhost", and some end it at a NUL:
 * then another host would be connected to, or looked for in the certificate.
 */
export function checkHost(value: unknown, name: string): void {
  checkString(value, name);
  if (value === "" || NOT_IN_HOST.test(value as string)) throw wrongType(name, "a name or an address", value);
}

/** Refuses what cannot be the path of a unix socket: Bun and Node 20 end it at a NUL, and are at another socket then. */
export function checkPath(value: unknown, name: string): void {
  checkString(value, name);
  if (value === "") throw wrongType(name, "a path", value);
  if ((value as string).includes("\0")) throw wrongType(name, "a path without NUL", value);
}

/** Refuses wrong options of `startTls()`. */
export function checkStartTlsOptions(options: StartTlsOptions): void {
  checkObject(options, "options");
  const common = { isServer: "boolean", signal: "signal" } as const;
  if (options.isServer === true) {
    checkOptions(options, { ...TLS_SERVER, ...common });
    checkCertificate(options, "options");
  } else {
    checkOptions(options, { ...TLS, ...common });
  }
}

/** Refuses wrong options of TLS as a client. */
export function checkTls(value: unknown, name: string): void {
  checkOptions(value as TlsOptions, TLS, name);
}

function checkServerTls(value: unknown, name: string): void {
  checkOptions(value as TlsServerOptions, TLS_SERVER, name);
  checkCertificate(value as TlsServerOptions, name);
}

function checkCertificate({ cert, key }: TlsServerOptions, name: string): void {
  if (cert === undefined) throw wrongType(`${name}.cert`, "a string", cert);
  if (key === undefined) throw wrongType(`${name}.key`, "a string", key);
}
