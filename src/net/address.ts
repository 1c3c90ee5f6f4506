/**
 * Addresses as values and as text, for adapters and messages.
 *
 * @module
 */

import { checkInteger, wrongType } from "../bytes/arguments.ts";
import { looksLikeIpv4 } from "../bytes/ip_address.ts";
import { checkHost, checkPath } from "../duplex/check_network.ts";
import type { ListenOptions } from "../duplex/network.ts";
import type { SocketAddress, SocketInfo, TcpAddress } from "../duplex/socket.ts";
import type { TlsInfo } from "../duplex/tls_info.ts";

/**
 * Reads `host:port` or `[v6]:port`.
 *
 * @throws {TypeError} It is neither.
 * @throws {RangeError} The port is not in 0–65535, or a path is too long.
 */
export function parseAddress(address: SocketAddress | string): SocketAddress {
  if (typeof address === "string") {
    const [, v6, name, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address) ?? [];
    if (digits === undefined || Number(digits) > 65_535) {
      throw new TypeError('address must be "host:port", "[v6]:port" or an object');
    }
    return checkAddress({ hostname: v6 ?? name!, port: Number(digits) });
  }
  if (typeof address !== "object" || address === null) throw wrongType("address", 'an object or "host:port"', address);
  return checkAddress(address);
}

function checkAddress(address: SocketAddress): SocketAddress {
  if ("path" in address && address.path !== undefined) {
    checkPath(address.path, "address.path");
    checkPathLength(address.path, "address.path");
    return { path: address.path };
  }
  const { hostname, port } = address as TcpAddress;
  checkHost(hostname, "address.hostname");
  checkInteger(port, "address.port", 0, 65_535);
  return { hostname: withoutBrackets(hostname), port };
}

/**
 * Where to listen, by options that have been checked; the port may still be a text of digits.
 *
 * @throws {RangeError} The path is too long.
 */
export function placeOf({ hostname = "0.0.0.0", port = 0, path }: ListenOptions): SocketAddress {
  if (path === undefined) return { hostname: withoutBrackets(hostname), port: Number(port) };
  checkPathLength(path, "options.path");
  return { path };
}

function withoutBrackets(hostname: string): string {
  return hostname.startsWith("[") && hostname.endsWith("]") ? hostname.slice(1, -1) : hostname;
}

/** `sun_path` without its NUL, in bytes: Node 20 cuts what is longer, and is at another socket then. */
function checkPathLength(path: string, name: string): void {
  const { process } = globalThis as { process?: { platform?: string } };
  if (process?.platform === "win32") return; // pipes, with names that may be longer
  const most = process?.platform === "linux" ? 107 : 103;
  const length = new TextEncoder().encode(path).byteLength;
  if (length > most) throw new RangeError(`${name} must have at most ${most} bytes, not ${length}`);
}

/** Writes `host:port`, `[v6]:port` or the path. */
export function addressText(address: SocketAddress): string {
  if ("path" in address) return address.path;
  const host = address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname;
  return `${host}:${address.port}`;
}

/**
 * Says everything about a connection that is known of both ends.
 *
 * @param describeTls Asks the runtime about its TLS; called once at most.
 */
export function socketInfo(
  remote: SocketAddress,
  local: SocketAddress,
  alpn: string | null,
  describeTls: (() => TlsInfo) | null = null,
): SocketInfo {
  return new KnownInfo(remote, local, alpn, describeTls);
}

/** The texts, and what TLS tells, are made when they are asked for: most connections come and go without. */
class KnownInfo implements SocketInfo {
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  readonly alpn: string | null;
  #tls: TlsInfo | (() => TlsInfo) | null;

  static {
    for (const name of ["remoteAddress", "localAddress", "tls"]) {
      Object.defineProperty(this.prototype, name, { enumerable: true });
    }
  }

  constructor(remote: SocketAddress, local: SocketAddress, alpn: string | null, tls: (() => TlsInfo) | null) {
    this.remote = remote;
    this.local = local;
    this.alpn = alpn;
    this.#tls = tls;
  }

  get tls(): TlsInfo | null {
    return typeof this.#tls === "function" ? this.#tls = this.#tls() : this.#tls;
  }

  get remoteAddress(): string {
    return addressText(this.remote);
  }

  get localAddress(): string {
    return addressText(this.local);
  }
}

/** What is known of both ends of a socket. Those of a unix socket have only the path that is known already. */
export function infoOf(native: NativeEnds, known: SocketAddress): SocketInfo {
  if ("path" in known) return socketInfo(known, known, null);
  const { remoteAddress = "", remotePort = 0, localAddress = "", localPort = 0 } = native;
  return socketInfo({ hostname: remoteAddress, port: remotePort }, { hostname: localAddress, port: localPort }, null);
}

/** Whether it is one IPv4 address, written as the system does. 0.0.0.0 stands for all of this host's. */
export function isOneIpv4(address: SocketAddress): boolean {
  return !("path" in address) && looksLikeIpv4(address.hostname) && address.hostname !== "0.0.0.0";
}

/** The same of one that has connected. An IPv4 address is the peer's, which is not asked then. */
export function connectedInfo(native: NativeEnds, to: SocketAddress): SocketInfo {
  if (!isOneIpv4(to)) return infoOf(native, to);
  const { localAddress = "", localPort = 0 } = native;
  return socketInfo(to, { hostname: localAddress, port: localPort }, null);
}

/**
 * The same of one that was accepted. Asking the system costs as much as parsing a request: what the listener's own address tells,
 * if it is `known`, is not asked.
 */
export function acceptedInfo(native: NativeEnds, bound: SocketAddress, known: boolean): SocketInfo {
  if (!known) return infoOf(native, bound);
  const { remoteAddress = "", remotePort = 0 } = native;
  return socketInfo({ hostname: remoteAddress, port: remotePort }, bound, null);
}

/** As the sockets of Node and Bun tell it. */
export interface NativeEnds {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}
