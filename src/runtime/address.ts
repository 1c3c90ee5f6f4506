/**
 * Addresses as values and as text.
 *
 * @module
 */

import { checkInteger, checkString, wrongType } from "../bytes/arguments.ts";
import type { SocketAddress, SocketInfo } from "../duplex/socket.ts";

/**
 * Reads `host:port` or `[v6]:port`.
 *
 * @throws {TypeError} It is neither.
 * @throws {RangeError} The port is not in 0–65535.
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
  if ("path" in address) {
    checkString(address.path, "address.path");
    return address;
  }
  let { hostname, port } = address;
  checkString(hostname, "address.hostname");
  if (hostname.startsWith("[") && hostname.endsWith("]")) hostname = hostname.slice(1, -1);
  if (hostname === "") throw wrongType("address.hostname", "a name or an address", "");
  checkInteger(port, "address.port", 0, 65_535);
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
