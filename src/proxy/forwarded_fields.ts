/**
 * The fields of a message that go on to the next hop (RFC 9110 §7.6).
 *
 * @module
 */

import { checkString } from "../bytes/arguments.ts";
import { Fields } from "../http1/fields.ts";
import { checkHead, type Version } from "../http1/message.ts";

/** What is meant for one connection only, whether Connection names it or not (RFC 9110 §7.6.1, §11.7). */
const HOP_BY_HOP: readonly string[] = [
  "Connection",
  "Keep-Alive",
  "Proxy-Authenticate",
  "Proxy-Authentication-Info",
  "Proxy-Authorization",
  "Proxy-Connection",
  "TE",
  "Transfer-Encoding",
  "Upgrade",
];

/**
 * The fields of a received message without those that were meant for its own connection: Connection and every field
 * that it names, Keep-Alive, TE, Transfer-Encoding, Upgrade, and what begins with Proxy-. Via gains this hop.
 *
 * Order and spelling are kept. The framing and Host are the caller's to set: the first hop's need not be right for the
 * next one, and a peer can make Connection name them.
 *
 * @param message A request or a response; it is not changed.
 * @param by How this hop calls itself in Via: a host, optionally with a port, or a pseudonym.
 * @returns New fields.
 * @throws {TypeError} `by` cannot stand in a field, or the message has no fields.
 *
 * @example
 * ```ts
 * import { forwardedFields } from "@http-upgrade/http-upgrade/proxy";
 * import { Fields } from "@http-upgrade/http-upgrade";
 * import { assertEquals } from "@std/assert";
 *
 * const fields = new Fields([["Accept", "text/html"], ["Connection", "X-Hop, keep-alive"], ["X-Hop", "1"]]);
 * assertEquals([...forwardedFields({ version: "1.1", fields }, "edge")], [["Accept", "text/html"], ["Via", "1.1 edge"]]);
 * ```
 */
export function forwardedFields(message: { readonly version: Version; readonly fields: Fields }, by: string): Fields {
  checkHead(message, "message");
  checkString(message.version, "message.version");
  checkString(by, "by");
  const forwarded = new Fields(message.fields);
  for (const name of [...HOP_BY_HOP, ...message.fields.list("connection")]) forwarded.delete(name);
  forwarded.append("Via", `${message.version} ${by}`);
  return forwarded;
}
