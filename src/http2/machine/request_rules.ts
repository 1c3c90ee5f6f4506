/**
 * Which pseudo-fields go together in a request: RFC 9113 §8.3.1 and §8.5, RFC 8441 §4. Requests are read and written by it.
 *
 * @module
 */

import { isHostAndPort } from "../../semantics/target.ts";
import type { Wrong } from "./field_kind.ts";
import type { RequestControl } from "./message.ts";

const SLASH = 0x2f;
const COLON = 0x3a;

/**
 * What is wrong with a request as a whole; `null` if nothing is. Each part by itself is well formed.
 *
 * @param validAuthority Whether `:authority` is a host, with or without a port.
 * @param host The value of `Host`, or `null`.
 */
export function wrongRequest(request: RequestControl, validAuthority: boolean, host: string | null): Wrong | null {
  const { method, scheme, authority, path, protocol } = request;
  if (protocol !== null) {
    if (method !== "CONNECT") return PROTOCOL_WITHOUT_CONNECT;
    if (scheme === null || path === null || authority === null) return EXTENDED_INCOMPLETE;
  } else if (method === "CONNECT") {
    return wrongConnect(request, validAuthority, host);
  }
  if (scheme === null || path === null) return INCOMPLETE;
  if (scheme !== "https" && scheme !== "http") return wrongHost(authority, host, scheme);
  const asterisk = path === "*" && method === "OPTIONS";
  if (path.charCodeAt(0) !== SLASH && !asterisk) return BAD_PATH;
  if (authority !== null) return validAuthority ? wrongHost(authority, host, scheme) : BAD_AUTHORITY;
  if (host !== null) return isHostAndPort(host) ? null : BAD_HOST;
  return asterisk ? null : NO_AUTHORITY;
}

function wrongConnect({ scheme, authority, path }: RequestControl, valid: boolean, host: string | null): Wrong | null {
  if (scheme !== null || path !== null) return CONNECT_WITH_PATH;
  if (authority === null || !valid || !hasPort(authority)) return CONNECT_WITHOUT_AUTHORITY;
  return wrongHost(authority, host, null);
}

/** Whether a valid authority names a port that can be connected to. */
function hasPort(authority: string): boolean {
  const port = authority.slice(authority.lastIndexOf(":") + 1);
  return authority.charCodeAt(authority.length - port.length - 1) === COLON && Number(port) > 0;
}

function wrongHost(authority: string | null, host: string | null, scheme: string | null): Wrong | null {
  if (authority === null || host === null || authority === host) return null;
  return normalAuthority(authority, scheme) === normalAuthority(host, scheme) ? null : OTHER_HOST;
}

/** A host without regard to case, and without the port that its scheme has by default (RFC 3986 §6.2.3). */
function normalAuthority(authority: string, scheme: string | null): string {
  const lower = authority.toLowerCase();
  const port = scheme === "https" ? ":443" : scheme === "http" ? ":80" : ":";
  if (lower.endsWith(port)) return lower.slice(0, -port.length);
  return lower.endsWith(":") ? lower.slice(0, -1) : lower;
}

const INCOMPLETE = wrong("A request lacks :scheme or :path", "RFC 9113 §8.3.1");
const BAD_PATH = wrong("The path of a request does not begin with a slash", "RFC 9113 §8.3.1");
const BAD_AUTHORITY = wrong("The authority of a request is no host", "RFC 9113 §8.3.1");
const BAD_HOST = wrong("The Host of a request is no host", "RFC 9110 §7.2");
const NO_AUTHORITY = wrong("A request names no host", "RFC 9110 §7.2");
const OTHER_HOST = wrong("Host and :authority of a request differ", "RFC 9113 §8.3.1");
const CONNECT_WITH_PATH = wrong("A CONNECT has :scheme or :path", "RFC 9113 §8.5");
const CONNECT_WITHOUT_AUTHORITY = wrong("A CONNECT does not name a host and a port", "RFC 9113 §8.5");
const PROTOCOL_WITHOUT_CONNECT = wrong("A request that is no CONNECT has :protocol", "RFC 8441 §4");
const EXTENDED_INCOMPLETE = wrong("An extended CONNECT lacks :scheme, :path or :authority", "RFC 8441 §4");

function wrong(why: string, rfc: string): Wrong {
  return { why, rfc };
}
