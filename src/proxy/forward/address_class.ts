/**
 * What kind of network an address belongs to. A name that leads to anything but a public one is refused unless a rule says
 * otherwise: behind those is what the proxy can reach and its clients should not.
 *
 * @module
 */

import { inNetwork, type IpAddress, type IpNetwork, parseNetwork } from "../../bytes/ip_address.ts";

/** The kinds, by the registries of RFC 6890, RFC 4291 and what clouds have made of them. */
export const ADDRESS_CLASSES = [
  "public",
  "loopback",
  "private",
  "link-local",
  "unique-local",
  "metadata",
  "multicast",
  "unspecified",
  "reserved",
] as const;

/** One of {@linkcode ADDRESS_CLASSES}. */
export type AddressClass = (typeof ADDRESS_CLASSES)[number];

/** The first one that holds an address says what it is. */
const V4: readonly Kind[] = kinds([
  ["169.254.169.254", "metadata"], // most clouds
  ["169.254.170.2", "metadata"], // credentials of AWS containers
  ["169.254.170.23", "metadata"], // of AWS pods
  ["100.100.100.200", "metadata"], // Alibaba
  ["168.63.129.16", "metadata"], // Azure, in the midst of public addresses
  ["192.0.0.192", "metadata"], // Oracle
  ["0.0.0.0/8", "unspecified"], // "this network": Linux connects 0.0.0.0 to itself
  ["127.0.0.0/8", "loopback"],
  ["10.0.0.0/8", "private"],
  ["172.16.0.0/12", "private"],
  ["192.168.0.0/16", "private"],
  ["100.64.0.0/10", "private"], // shared by carriers (RFC 6598)
  ["169.254.0.0/16", "link-local"],
  ["224.0.0.0/4", "multicast"],
  ["192.0.0.0/24", "reserved"],
  ["192.0.2.0/24", "reserved"],
  ["192.88.99.0/24", "reserved"],
  ["198.18.0.0/15", "reserved"],
  ["198.51.100.0/24", "reserved"],
  ["203.0.113.0/24", "reserved"],
  ["240.0.0.0/4", "reserved"], // 255.255.255.255 among them
  ["0.0.0.0/0", "public"],
]);

const V6: readonly Kind[] = kinds([
  ["fd00:ec2::254", "metadata"], // AWS
  ["fd00:ec2::23", "metadata"],
  ["fd20:ce::254", "metadata"], // Google
  ["fd00:c1::a9fe:a9fe", "metadata"], // Oracle
  ["::", "unspecified"],
  ["::1", "loopback"],
  ["fc00::/7", "unique-local"],
  ["fe80::/10", "link-local"],
  ["fec0::/10", "private"], // site-local of old
  ["ff00::/8", "multicast"],
  ["64:ff9b:1::/48", "private"], // a translation that is local (RFC 8215)
  ["2001::/23", "reserved"], // Teredo among them, which leads to addresses that it hides
  ["2001:db8::/32", "reserved"],
  ["3fff::/20", "reserved"],
  ["5f00::/16", "reserved"],
  ["2000::/3", "public"],
  ["::/0", "reserved"],
]);

/** Where an IPv4 address stands in addresses that lead to it, and at which byte. */
const EMBEDDED: readonly (readonly [IpNetwork, number])[] = [
  [parseNetwork("64:ff9b::/96")!, 12], // NAT64 (RFC 6052)
  [parseNetwork("2002::/16")!, 2], // 6to4 (RFC 3056)
];

type Kind = readonly [network: IpNetwork, kind: AddressClass];

function kinds(rows: readonly (readonly [network: string, kind: AddressClass])[]): Kind[] {
  return rows.map(([network, kind]) => [parseNetwork(network)!, kind]);
}

/** What kind of address this is; one that leads to an IPv4 address is what that is. */
export function addressClass(address: IpAddress): AddressClass {
  const { length } = address;
  if (length === 16) {
    const embedded = EMBEDDED.find(([network]) => inNetwork(address, network));
    if (embedded !== undefined) return addressClass(address.slice(embedded[1], embedded[1] + 4));
  }
  for (const kind of length === 4 ? V4 : V6) {
    if (inNetwork(address, kind[0])) return kind[1];
  }
  return "reserved"; // never: each table ends with a network of all addresses
}
