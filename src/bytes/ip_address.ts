/**
 * IP addresses and networks as bytes: reading, writing, comparing. Clients compare `no_proxy` with them, SOCKS sends them,
 * proxies decide by them, and sockets know by them what the system need not be asked.
 *
 * @module
 */

/** The bytes of an address: 4, or 16. An IPv4 address that is written in IPv6 (`::ffff:1.2.3.4`) has 4. */
export type IpAddress = readonly number[];

/** An address and how many of its first bits count. */
export interface IpNetwork {
  /** Its bits behind those that count mean nothing. */
  readonly address: IpAddress;
  /** 0–32 or 0–128. */
  readonly bits: number;
}

const IPV4 = /^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/;
const GROUP = /^[0-9A-Fa-f]{1,4}$/;

/** The bytes of an IP address without brackets, or `null` for all else. IPv4 is four decimal numbers, as RFC 3986 has it. */
export function parseIp(text: string): IpAddress | null {
  if (!text.includes(":")) return parseIpv4(text);
  const bytes = parseIpv6(text);
  return bytes !== null && isMapped(bytes) ? bytes.slice(12) : bytes;
}

/** Whether a text is four decimal numbers without leading zeros, as IPv4 addresses are written. They may be above 255. */
export function looksLikeIpv4(text: string): boolean {
  return IPV4.test(text);
}

function parseIpv4(text: string): number[] | null {
  if (!looksLikeIpv4(text)) return null;
  const bytes = text.split(".").map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : null;
}

/** Eight groups, the last two perhaps as an IPv4 address; `::`, once, stands for those that are left out (RFC 4291 §2.2). */
function parseIpv6(text: string): number[] | null {
  // A peer chooses the text: three halves, or nine groups, are too many however many there are.
  const halves = text.split("::", 3).map(halfOf);
  const [head, tail] = halves;
  if (halves.length > 2 || !head || tail === null) return null;
  if (tail === undefined) return head.length === 16 ? head : null;
  // A dotted half in front of `::` is none: an IPv4 address stands at the end.
  if (text.split("::")[0]!.includes(".") || head.length + tail.length > 14) return null;
  return [...head, ...Array<number>(16 - head.length - tail.length).fill(0), ...tail];
}

function halfOf(half: string): number[] | null {
  const bytes: number[] = [];
  const groups = half === "" ? [] : half.split(":", 9);
  for (const [i, group] of groups.entries()) {
    const last = i === groups.length - 1 && group.includes(".") ? parseIpv4(group) : null;
    if (last !== null) bytes.push(...last);
    else if (GROUP.test(group)) bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff);
    else return null;
  }
  return bytes;
}

function isMapped(bytes: IpAddress): boolean {
  return bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
}

/** Writes an address, without brackets; IPv6 in the one form of RFC 5952. */
export function formatIp(address: IpAddress): string {
  if (address.length === 4) return address.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => (address[2 * i]! << 8 | address[2 * i + 1]!).toString(16));
  const zeros = longestZeros(groups);
  if (zeros === null) return groups.join(":");
  return `${groups.slice(0, zeros.from).join(":")}::${groups.slice(zeros.to).join(":")}`;
}

/** The first of the longest runs of two or more zeros. */
function longestZeros(groups: readonly string[]): { readonly from: number; readonly to: number } | null {
  let found = { from: 0, to: 1 };
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (groups[to] === "0") to++;
    if (to - from > found.to - found.from) found = { from, to };
    from = Math.max(from, to);
  }
  return found.to - found.from >= 2 ? found : null;
}

/** Reads an address, or a network (`10.0.0.0/8`, `[fd00::]/8`); `null` for all else. */
export function parseNetwork(text: string): IpNetwork | null {
  const [, bracketed, plain, mask] = /^(?:\[([^\[\]/]*)\]|([^\[\]/]*))(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const address = host === undefined ? null : parseIp(host);
  if (address === null) return null;
  // The mask of an IPv4 address in IPv6 counts the 96 bits in front of it.
  const front = address.length === 4 && host!.includes(":") ? 96 : 0;
  const bits = mask === undefined ? address.length * 8 : Number(mask) - front;
  return bits < 0 || bits > address.length * 8 ? null : { address, bits };
}

/** Whether an address is one of a network. */
export function inNetwork(address: IpAddress, network: IpNetwork): boolean {
  if (address.length !== network.address.length) return false;
  for (let bit = 0; bit < network.bits; bit += 8) {
    const mask = network.bits - bit >= 8 ? 0xff : 0xff00 >> (network.bits - bit) & 0xff;
    if (((address[bit >> 3]! ^ network.address[bit >> 3]!) & mask) !== 0) return false;
  }
  return true;
}
