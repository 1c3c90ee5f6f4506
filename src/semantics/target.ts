/**
 * The four forms of a request-target, and the host and port that go with them (RFC 9112 §3.2).
 *
 * @module
 */

import { checkInteger, checkObject, checkString } from "../bytes/arguments.ts";
import { ProtocolError } from "../errors/protocol_error.ts";
import { quoted } from "./fields.ts";
import { parseIp } from "../bytes/ip_address.ts";

/** A request-target, told apart by its form. */
export type RequestTarget =
  | { readonly form: "origin"; readonly path: string; readonly query: string | null }
  | { readonly form: "absolute"; readonly scheme: string; readonly authority: string; readonly path: string }
  | { readonly form: "authority"; readonly authority: Authority }
  | { readonly form: "asterisk" };

/** A host and a port that must both be there: what CONNECT names. */
export interface Authority {
  /** A name or an address; an IPv6 address without its brackets. */
  readonly hostname: string;
  /** 1–65535. */
  readonly port: number;
}

const REG_NAME = /^(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+$/;
const IP_FUTURE = /^[vV][0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+$/;
/** A target in absolute-form: scheme, authority, path. */
export const ABSOLUTE_FORM: RegExp = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?]*)(.*)$/;

/**
 * Reads the target of a request.
 *
 * @param method Decides which forms are allowed: authority-form only with CONNECT and nothing else with it, `*` only
 * with OPTIONS.
 * @throws {ProtocolError} `bad-target`.
 *
 * @example
 * ```ts
 * import { parseTarget } from "@http-upgrade/http-upgrade/http1";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseTarget("CONNECT", "[::1]:443"), { form: "authority", authority: { hostname: "::1", port: 443 } });
 * ```
 */
export function parseTarget(method: string, target: string): RequestTarget {
  checkString(method, "method");
  checkString(target, "target");
  if (method === "CONNECT") return { form: "authority", authority: parseAuthority(target) };
  if (target.charCodeAt(0) === 0x2f) return originForm(target);
  if (target === "*" && method === "OPTIONS") return { form: "asterisk" };
  const match = ABSOLUTE_FORM.exec(target);
  if (match === null || !isHostAndPort(match[2]!)) {
    throw badTarget(target, "it has none of the four forms that go with this method");
  }
  return { form: "absolute", scheme: match[1]!.toLowerCase(), authority: match[2]!, path: match[3]! };
}

function originForm(target: string): RequestTarget {
  const mark = target.indexOf("?");
  if (mark === -1) return { form: "origin", path: target, query: null };
  return { form: "origin", path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/**
 * Reads `host:port`, both required (RFC 9112 §3.2.3).
 *
 * @throws {ProtocolError} `bad-target`: no host, or a port that is missing, 0, above 65535 or not a number.
 */
export function parseAuthority(text: string): Authority {
  checkString(text, "text");
  const colon = text.lastIndexOf(":");
  const host = text.slice(0, colon);
  const port = text.slice(colon + 1);
  if (colon < 1 || !/^[0-9]{1,5}$/.test(port) || Number(port) === 0 || Number(port) > 65535) {
    throw badTarget(text, "CONNECT names a host and a port from 1 to 65535");
  }
  if (!isHost(host)) throw badTarget(text, "this is no host");
  return { hostname: host[0] === "[" ? host.slice(1, -1) : host, port: Number(port) };
}

/** Writes `host:port`, with brackets around an IPv6 address. */
export function formatAuthority(authority: Authority): string {
  checkObject(authority, "authority");
  const { hostname, port } = authority;
  checkString(hostname, "authority.hostname");
  checkInteger(port, "authority.port", 1, 65_535);
  return `${hostname.includes(":") && hostname[0] !== "[" ? `[${hostname}]` : hostname}:${port}`;
}

/** Whether the text is a valid, non-empty `uri-host [":" port]` (RFC 9110 §7.2), which has no user in front. */
export function isHostAndPort(text: string): boolean {
  const match = /^(\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/.exec(text);
  return match !== null && isHost(match[1]!) && Number(match[2] ?? 0) <= 65535;
}

function isHost(host: string): boolean {
  if (host.charCodeAt(0) !== 0x5b) return REG_NAME.test(host);
  const literal = host.slice(1, -1);
  return host.endsWith("]") && ((literal.includes(":") && parseIp(literal) !== null) || IP_FUTURE.test(literal));
}

function badTarget(target: string, why: string): ProtocolError {
  return new ProtocolError("bad-target", `Cannot use request-target ${quoted(target)}: ${why}`, "RFC 9112 §3.2");
}
