/**
 * Which proxy a URL goes through, and which URLs go through none. `route.ts` asks for each way, `proxy_env.ts` for `no_proxy`.
 *
 * @module
 */

import type { ProxyChoice } from "../options.ts";

/** A proxy, as its URL says. */
export interface ProxyServer {
  /** What is spoken with it. */
  readonly scheme: "http" | "https" | "socks5";
  /** Without brackets. */
  readonly hostname: string;
  /** From the URL, else 80, 443 or 1080. */
  readonly port: number;
  /** Both, with brackets where needed: what errors call it. */
  readonly address: string;
  /** Not percent-encoded: bytes, in any charset. Empty when the URL has none. */
  readonly username: Uint8Array;
  /** Not percent-encoded. */
  readonly password: Uint8Array;
  /** A `Proxy-Authorization`, or `null` when the URL has no credentials. */
  readonly authorization: string | null;
  /** The same for the same proxy and credentials. */
  readonly key: string;
}

const SCHEMES: Readonly<Record<string, readonly [scheme: ProxyServer["scheme"], port: number]>> = {
  "http:": ["http", 80],
  "https:": ["https", 443],
  "socks5:": ["socks5", 1080],
  "socks5h:": ["socks5", 1080],
};

const servers: Map<string, ProxyServer> = new Map();

/**
 * The proxy for a URL, or `null`.
 *
 * @throws {TypeError} The choice is no URL of a proxy.
 */
export function proxyFor(url: URL, choice: ProxyChoice | undefined, noProxy: string | undefined): ProxyServer | null {
  if (choice === undefined || choice === null || choice === "") return null;
  if (noProxy !== undefined && bypasses(url, noProxy)) return null;
  const chosen = typeof choice === "function" ? choice(url) : choice;
  return chosen === null || chosen === "" ? null : proxyServer(String(chosen));
}

/**
 * Reads the URL of a proxy; `host:port` alone means `http://`.
 *
 * @throws {TypeError} It is none.
 */
export function proxyServer(text: string): ProxyServer {
  let server = servers.get(text);
  if (server === undefined) {
    if (servers.size > 100) servers.clear();
    servers.set(text, server = parseProxy(text));
  }
  return server;
}

function parseProxy(text: string): ProxyServer {
  const spelled = /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text) ? text : `http://${text}`;
  // URL knows hosts and default ports of http only.
  const parts = /^([A-Za-z][A-Za-z0-9+.-]*:)(\/\/.*)$/s.exec(spelled);
  const known = SCHEMES[parts?.[1]?.toLowerCase() ?? ""];
  if (parts === null || known === undefined) throw new TypeError("Cannot use the proxy: its URL is none of a proxy");
  const [scheme, defaultPort] = known;
  let url: URL;
  try {
    url = new URL(`http:${parts[2]}`);
  } catch {
    // The message of the platform would show the password.
    throw new TypeError("Cannot use the proxy: its URL cannot be read");
  }
  const port = url.port !== "" ? Number(url.port) : /:0*80\/?$/.test(parts[2]!) ? 80 : defaultPort;
  const [username, password] = [percentDecode(url.username), percentDecode(url.password)];
  const authorization = username.length === 0 && password.length === 0 ? null : basicAuthorization(url);
  const key = `${scheme}://${url.username}:${url.password}@${url.hostname}:${port}`;
  const address = `${url.hostname}:${port}`;
  return { scheme, hostname: bareHost(url.hostname), port, address, username, password, authorization, key };
}

/** The credentials of a URL as the value of an authorization field (RFC 7617, in UTF-8 unless they are escaped bytes). */
export function basicAuthorization(url: URL): string {
  const bytes = [...percentDecode(url.username), 0x3a, ...percentDecode(url.password)];
  return `Basic ${btoa(String.fromCharCode(...bytes))}`;
}

/** Percent-decode of the URL standard: each valid escape is a byte, and everything else stays what it is. */
export function percentDecode(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    const escape = bytes[i] === 0x25
      ? /^[0-9a-f]{2}$/i.exec(String.fromCharCode(...bytes.subarray(i + 1, i + 3)))
      : null;
    bytes[length++] = escape === null ? bytes[i]! : Number.parseInt(escape[0], 16);
    if (escape !== null) i += 2;
  }
  return bytes.slice(0, length);
}

/** A host without the brackets of IPv6. */
export function bareHost(hostname: string): string {
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}

/** The port of a URL of http or https. */
export function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "https:" ? 443 : 80;
}

/** Whether a list such as `NO_PROXY` exempts a URL; see `RouteOptions.noProxy`. */
export function bypasses(url: URL, noProxy: string): boolean {
  const host = bareHost(url.hostname).toLowerCase().replace(/\.$/, "");
  const port = portOf(url);
  return noProxy.split(/[\s,]+/).some((rule) => rule !== "" && exempts(rule.toLowerCase(), host, port));
}

/** A rule that cannot be read exempts nothing. */
function exempts(rule: string, host: string, port: number): boolean {
  if (rule === "*") return true;
  const [name, rulePort] = splitPort(rule);
  if (rulePort !== undefined && Number(rulePort) !== port) return false;
  const address = parseIp(host);
  if (address !== null || name.includes("/")) {
    const network = parseNetwork(name);
    return address !== null && network !== null && inNetwork(address, network);
  }
  const suffix = name.replace(/^\*?\./, "").replace(/\.$/, "");
  return suffix !== "" && (host === suffix || host.endsWith(`.${suffix}`));
}

function splitPort(rule: string): [name: string, port: string | undefined] {
  const [, bracketed, plain, port] = /^(?:(\[[^\]]*\](?:\/[^:]*)?)|([^:]*))(?::(\d+))?$/.exec(rule) ?? [];
  return bracketed === undefined && plain === undefined ? [rule, undefined] : [bracketed ?? plain!, port];
}

/** An address and how many of its first bits count. */
interface Network {
  readonly address: readonly number[];
  readonly bits: number;
}

function parseNetwork(text: string): Network | null {
  const [, bracketed, plain, mask] = /^(?:\[([^\[\]/]*)\]|([^\[\]/]*))(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const address = host === undefined ? null : parseIp(host);
  if (address === null) return null;
  // The mask of an IPv4 address in IPv6 counts the 96 bits in front of it.
  const front = address.length === 4 && host!.includes(":") ? 96 : 0;
  const bits = mask === undefined ? address.length * 8 : Number(mask) - front;
  return bits < 0 || bits > address.length * 8 ? null : { address, bits };
}

function inNetwork(address: readonly number[], network: Network): boolean {
  if (address.length !== network.address.length) return false;
  for (let bit = 0; bit < network.bits; bit += 8) {
    const mask = network.bits - bit >= 8 ? 0xff : 0xff00 >> (network.bits - bit) & 0xff;
    if (((address[bit >> 3]! ^ network.address[bit >> 3]!) & mask) !== 0) return false;
  }
  return true;
}

/** The bytes of an IP address, 4 or 16, or `null` for a name. An IPv4 address in IPv6 (`::ffff:1.2.3.4`) has 4. */
export function parseIp(text: string): readonly number[] | null {
  if (/^(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}$/.test(text)) {
    const bytes = text.split(".").map(Number);
    return bytes.every((byte) => byte <= 255) ? bytes : null;
  }
  if (!text.includes(":") || !/^[0-9a-fA-F:.]+$/.test(text)) return null;
  let normal: string;
  try {
    normal = bareHost(new URL(`http://[${text}]/`).hostname);
  } catch {
    return null;
  }
  const [head = "", tail] = normal.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  const bytes = [...before, ...zeros, ...after].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return mapped ? bytes.slice(12) : bytes;
}
