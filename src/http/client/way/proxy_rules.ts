/**
 * Which proxy a URL goes through, and which URLs go through none. `route.ts` asks for each way, `proxy_env.ts` for `no_proxy`.
 *
 * @module
 */

import { wrongType } from "../../../bytes/arguments.ts";
import { inNetwork, parseIp, parseNetwork } from "../../../bytes/ip_address.ts";
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
  if (chosen === null || chosen === "") return null;
  // Text can be made of anything: a forgotten `return` would ask a host called "undefined".
  if (typeof chosen === "string" || chosen instanceof URL) return proxyServer(String(chosen));
  throw wrongType("what proxy() returns", "a URL or null", chosen);
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
  let given: string;
  try {
    url = new URL(`http:${parts[2]}`);
    given = url.port || new URL(`https:${parts[2]}`).port; // a URL leaves out the port that is its scheme's own
  } catch {
    // The message of the platform would show the password.
    throw new TypeError("Cannot use the proxy: its URL cannot be read");
  }
  const port = given === "" ? defaultPort : Number(given);
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
