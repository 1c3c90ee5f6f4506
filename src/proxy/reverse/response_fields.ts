/**
 * The fields of a response on their way back to the client (RFC 9110 §7.6), and what is changed in cookies and locations.
 * Pure.
 *
 * @module
 */

import { equalsIgnoringCase } from "../../bytes/ascii.ts";
import { addLength, type Field } from "../../semantics/fields.ts";
import type { ResponseHead } from "../../semantics/message.ts";
import type { Replacements } from "./options.ts";
import { namedByConnection } from "./request_fields.ts";

/**
 * The fields of a response, or of a 1xx, that go on. `Upgrade` goes with a switch and with a 426, which must have it; else
 * it would offer what only the server's connection has.
 */
export function responseFields(head: ResponseHead): Field[] {
  const switches = head.status === 101 || head.status === 426;
  const named = namedByConnection(head.fields);
  const chunked = head.fields.has("transfer-encoding");
  const fields: Field[] = [];
  let length: string | null = null;
  for (const line of head.fields) {
    const name = line[0];
    switch (name.length) {
      case 7:
        if (!switches && equalsIgnoringCase(name, "upgrade")) continue;
        break;
      case 10:
        if (equalsIgnoringCase(name, "keep-alive")) continue;
        if (!equalsIgnoringCase(name, "connection")) break;
        if (switches && /(?:^|,)[ \t]*upgrade[ \t]*(?:,|$)/i.test(line[1])) {
          fields.push([name, /upgrade/i.exec(line[1])![0]]);
        }
        continue;
      case 14:
        if (!equalsIgnoringCase(name, "content-length")) break;
        if (!chunked) length = addLength(fields, line, length);
        continue;
      case 16:
        if (equalsIgnoringCase(name, "proxy-connection")) continue;
        break;
    }
    if (named === null || !named.has(name.toLowerCase()) || isKept(name)) {
      fields.push(line);
    }
  }
  return fields;
}

/** What is needed to read the message, whatever Connection names. Content-Length went before. */
function isKept(name: string): boolean {
  return equalsIgnoringCase(name, "transfer-encoding") || equalsIgnoringCase(name, "upgrade");
}

/** What is changed in the fields of a response. */
export interface FieldRewrites {
  /** See `RewriteOptions`. */
  readonly cookieDomain?: Replacements | undefined;
  /** See `RewriteOptions`. */
  readonly cookiePath?: Replacements | undefined;
  /** Makes another location of one. */
  readonly location: ((location: string) => string) | null;
}

/** Changes the fields in place. */
export function rewriteFields(fields: Field[], { cookieDomain, cookiePath, location }: FieldRewrites): void {
  for (let i = 0; i < fields.length; i++) {
    const [name, value] = fields[i]!;
    if (equalsIgnoringCase(name, "set-cookie")) {
      let cookie = value;
      if (cookieDomain !== undefined) cookie = rewriteAttribute(cookie, "domain", cookieDomain);
      if (cookiePath !== undefined) cookie = rewriteAttribute(cookie, "path", cookiePath);
      if (cookie !== value) fields[i] = [name, cookie];
    } else if (location !== null && isLocation(name)) {
      fields[i] = [name, location(value)];
    }
  }
}

function isLocation(name: string): boolean {
  return equalsIgnoringCase(name, "location") || equalsIgnoringCase(name, "content-location");
}

/** Changes an attribute of a cookie wherever it stands behind the cookie itself (RFC 6265 §4.1). */
export function rewriteAttribute(cookie: string, attribute: string, to: Replacements): string {
  const [pair, ...attributes] = cookie.split(";");
  const kept = attributes.flatMap((text) => {
    const [, lead = "", name = "", value = ""] = /^(\s*)([^=\s]*)\s*=?(.*)$/s.exec(text)!;
    if (!equalsIgnoringCase(name, attribute)) return [text];
    const replaced = replacement(value.trim(), to);
    if (replaced === null) return [text];
    return replaced === "" ? [] : [`${lead}${name}=${replaced}`];
  });
  return [pair, ...kept].join(";");
}

/** What stands in place of a value, or `null` where nothing does. A domain may begin with a dot that means nothing. */
function replacement(value: string, to: Replacements): string | null {
  if (typeof to === "string") return to;
  const plain = value.replace(/^\./, "").toLowerCase();
  const found = Object.keys(to).find((each) => each !== "*" && each.replace(/^\./, "").toLowerCase() === plain);
  return found === undefined ? to["*"] ?? null : to[found]!;
}

/** Both ends of a location. */
export interface LocationEnds {
  /** Where the server is. */
  readonly server: URL;
  /** The hosts that a server may call itself. */
  readonly hosts: readonly string[];
  /** The path of the server's URL. */
  readonly basePath: string;
  /** How the client calls the proxy: scheme and host. */
  readonly origin: string;
}

/** A location as the client would call it. One that leads elsewhere, or is relative to the request, stays as it is. */
export function locationForClient(location: string, { server, hosts, basePath, origin }: LocationEnds): string {
  const absolute = /^(https?:)?\/\/([^/?#]*)(.*)$/is.exec(location);
  if (absolute !== null) {
    const [, , host = "", rest = ""] = absolute;
    if (host !== server.host && !hosts.includes(host)) return location;
    return origin + withoutBase(rest, basePath);
  }
  return location.startsWith("/") ? withoutBase(location, basePath) : location;
}

function withoutBase(path: string, basePath: string): string {
  if (basePath === "" || !path.startsWith(basePath)) return path;
  const rest = path.slice(basePath.length);
  return rest === "" || rest[0] === "/" || rest[0] === "?" || rest[0] === "#" ? rest || "/" : path;
}
