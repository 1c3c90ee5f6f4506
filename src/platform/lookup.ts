/**
 * From names to addresses, by `node:dns`. The client calls it before it connects.
 *
 * @module
 */

import type { LookupAddress } from "node:dns";

/**
 * Asks the system's resolver, as the platform's own `connect` would.
 *
 * @returns Every address, in the resolver's order (RFC 6724); at least one.
 * @throws {Error} The platform's own error: there is no such name.
 */
export async function lookup(hostname: string): Promise<string[]> {
  const dns = await import("node:dns");
  const found = await new Promise<LookupAddress[]>((resolve, reject) => {
    dns.lookup(hostname, { all: true, verbatim: true }, (error, addresses) => {
      if (error === null) resolve(addresses);
      else reject(error);
    });
  });
  return [...new Set(found.map(({ address }) => address))];
}
