/**
 * The fields of a message that go on to the next hop (RFC 9110 §7.6).
 *
 * @module
 */

import { checkString } from "../bytes/arguments.ts";
import { addLength, type Field, Fields } from "../semantics/fields.ts";
import { checkHead, type Version } from "../semantics/message.ts";
import { viaField } from "./via.ts";

/** What is meant for one connection only, whether Connection names it or not (RFC 9110 §7.6.1, §11.7). */
export const HOP_BY_HOP: readonly string[] = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
];

/**
 * The fields of a received message without those that were meant for its own connection: Connection and every field
 * that it names, Keep-Alive, TE, Transfer-Encoding, Upgrade, and what begins with Proxy-. Via gains this hop. Where
 * Transfer-Encoding came, Content-Length goes too: it was overridden and is not the length of the body (RFC 9112 §6.3).
 * A length that was said several times stays once (RFC 9110 §8.6).
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
  const dropped = new Set(HOP_BY_HOP);
  for (const option of message.fields.list("connection")) dropped.add(option.toLowerCase());
  if (message.fields.has("transfer-encoding")) dropped.add("content-length");
  const kept = [...message.fields].filter(([name]) => !dropped.has(name.toLowerCase()));
  const forwarded = new Fields(message.fields.has("content-length") ? withLengthOnce(kept) : kept);
  forwarded.append(...viaField(message.version, by));
  return forwarded;
}

function withLengthOnce(fields: readonly Field[]): Field[] {
  const kept: Field[] = [];
  let length: string | null = null;
  for (const line of fields) {
    if (line[0].toLowerCase() === "content-length") length = addLength(kept, line, length);
    else kept.push(line);
  }
  return kept;
}
