/**
 * Host names and addresses in the one form in which they are compared, however they were written. Rules are read with it,
 * and what clients ask for. Nothing is looked up here.
 *
 * @module
 */

import { formatIp, type IpAddress, parseIp } from "../../bytes/ip_address.ts";

/** Where something leads. */
export type Host =
  | {
    readonly type: "name";
    /** Lower case, ASCII (IDN as `xn--`), without a dot at its end. */
    readonly name: string;
  }
  | {
    readonly type: "address";
    readonly address: IpAddress;
    /** Without brackets. */
    readonly text: string;
  };

/** What a name may be made of. RFC 952 has no underscore, and the DNS has. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
const MAX_NAME_LENGTH = 253;
/** A name that is in its one form already: no IDN, and a letter begins its last label, so it is no number. */
const PLAIN_NAME = /^(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * Reads a host as browsers do, so that every spelling of an address is that address: decimal, octal and hexadecimal numbers,
 * one to four of them, percent-encoding, full-width digits, IPv6 in any form, IPv4 in IPv6.
 *
 * @param text Without a port; an IPv6 address with or without brackets.
 * @returns `null` if it is neither a name that the DNS can have nor an address.
 */
export function canonicalHost(text: string): Host | null {
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  if (bare !== text || bare.includes(":")) return addressOf(bare);
  // What most clients write needs no URL to be read.
  const address = addressOf(text);
  if (address !== null) return address;
  if (text.length <= MAX_NAME_LENGTH && PLAIN_NAME.test(text) && !text.includes("xn--")) {
    return { type: "name", name: text };
  }
  // A URL loses tabs and line ends, and what is behind any of the others is not its host.
  if (/[\0-\x20\x7f/?#@\\]/.test(text) || !URL.canParse(`http://${text}/`)) return null;
  const { hostname } = new URL(`http://${text}/`);
  return addressOf(hostname) ?? nameOf(hostname);
}

function addressOf(text: string): Host | null {
  const address = parseIp(text);
  return address === null ? null : { type: "address", address, text: formatIp(address) };
}

function nameOf(hostname: string): Host | null {
  const name = hostname.endsWith(".") ? hostname.slice(0, -1) : hostname;
  const fits = name.length <= MAX_NAME_LENGTH && name.split(".").every((label) => LABEL.test(label));
  return fits ? { type: "name", name } : null;
}

/** The host as text, without brackets. */
export function hostText(host: Host): string {
  return host.type === "name" ? host.name : host.text;
}

/** `host:port`, with brackets around an IPv6 address. */
export function authorityText(host: Host, port: number): string {
  return authorityOf(hostText(host), port);
}

/** The same of a host that is text already, without brackets. */
export function authorityOf(text: string, port: number): string {
  return `${text.includes(":") ? `[${text}]` : text}:${port}`;
}
