/**
 * Addresses as values and as text.
 *
 * @module
 */

import type { SocketAddress, SocketInfo } from "../duplex/socket.ts";

/**
 * Reads `host:port` or `[v6]:port`.
 *
 * @throws {TypeError} It is neither, or the port is not in 0–65535.
 */
export function parseAddress(address: SocketAddress | string): SocketAddress {
  if (typeof address === "string") {
    const [, v6, name, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address) ?? [];
    return checkAddress({ hostname: v6 ?? name ?? "", port: digits === undefined ? -1 : Number(digits) });
  }
  return checkAddress(address);
}

function checkAddress(address: SocketAddress): SocketAddress {
  if ("path" in address) return address;
  let { hostname, port } = address;
  if (hostname.startsWith("[") && hostname.endsWith("]")) hostname = hostname.slice(1, -1);
  if (hostname === "") throw new TypeError("Cannot use the address: it has no host");
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new TypeError(`Cannot use the address: the port must be an integer in 0–65535, got ${port}`);
  }
  return { hostname, port };
}

/** Writes `host:port`, `[v6]:port` or the path. */
export function addressText(address: SocketAddress): string {
  if ("path" in address) return address.path;
  const host = address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname;
  return `${host}:${address.port}`;
}

/** Says everything about a connection that is known of both ends. */
export function socketInfo(remote: SocketAddress, local: SocketAddress, alpn: string | null): SocketInfo {
  return { remote, local, remoteAddress: addressText(remote), localAddress: addressText(local), alpn };
}
