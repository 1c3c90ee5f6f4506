/**
 * What `connect()`, `listen()` and `startTls()` take, checked before anything is done.
 *
 * @module
 */

import { checkInteger, checkObject, checkOptions, type Kinds, wrongType } from "../bytes/arguments.ts";
import type { ConnectOptions, ListenOptions, SocketOptions } from "./network.ts";
import type { StartTlsOptions, TlsOptions, TlsServerOptions } from "./tls_options.ts";

const SOCKET: Kinds<SocketOptions> = { noDelay: "boolean", keepAlive: "boolean", allowHalfOpen: "boolean" };

const TLS: Kinds<TlsOptions> = {
  serverName: "string",
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

const CONNECT: Kinds<ConnectOptions> = { ...SOCKET, tls: checkTls, signal: "signal" };

/** What `listen()` and `serve()` understand alike. */
export const LISTEN: Kinds<ListenOptions> = {
  ...SOCKET,
  hostname: "string",
  port: (value, name) => checkInteger(value, name, 0, 65_535),
  path: "string",
  tls: checkServerTls,
  reusePort: "boolean",
  backlog: "number",
};

/** Refuses wrong options of `connect()`. */
export function checkConnectOptions(options: ConnectOptions): void {
  checkOptions(options, CONNECT);
}

/** Refuses wrong options of `listen()`. */
export function checkListenOptions(options: ListenOptions, name = "options"): void {
  checkOptions(options, LISTEN, name);
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
