/**
 * A request of HTTP/2 in the words that handlers know from HTTP/1.1, so that they need not know which one it came with:
 *
 * | on the wire                              | what the handler gets                                                   |
 * | ---------------------------------------- | ----------------------------------------------------------------------- |
 * | `:authority: a.example`                  | `Host: a.example` before the other fields, in place of another one      |
 * | `:method: GET`, `:path: /x`              | method `GET`, target `/x`                                               |
 * | `:scheme: ftp` besides, neither of the web | target `ftp://a.example/x`, as a proxy gets it                        |
 * | `:method: CONNECT`, `:authority: b:443`  | method `CONNECT`, target `b:443`: a tunnel is proposed                  |
 * | `:protocol: websocket` (RFC 8441)        | method `GET`, `Connection: upgrade`, `Upgrade: websocket`: an upgrade   |
 *
 * @module
 */

import { type BodyFraming, CHUNKED, NO_BODY } from "../http1/machine/framing.ts";
import { ProtocolError } from "../errors/protocol_error.ts";
import { type Field, Fields, quoted } from "../semantics/fields.ts";
import type { RequestHead } from "../semantics/message.ts";
import { NOT_REQUESTED, type Proposal } from "../semantics/switching.ts";
import { parseAuthority, parseTarget } from "../semantics/target.ts";
import type { Http2RequestEvent } from "./machine/events.ts";
import type { Http2RequestHead } from "./machine/message.ts";

/**
 * The head for the handler.
 *
 * @throws {ProtocolError} `bad-target`: HTTP/1.1 has no words for the target.
 */
export function requestHeadOf(head: Http2RequestHead): RequestHead {
  const { method, authority, protocol } = head;
  const fields: Field[] = [];
  if (authority !== null) fields.push(["host", authority]);
  if (protocol !== null) fields.push(["connection", "upgrade"], ["upgrade", protocol]);
  for (const field of head.fields) if (authority === null || field[0] !== "host") fields.push(field);
  return {
    method: protocol === null ? method : "GET",
    target: targetOf(head),
    version: "2",
    fields: Fields.ofChecked(fields),
  };
}

function targetOf({ scheme, authority, path, fields }: Http2RequestHead): string {
  if (path === null) return authority!;
  return scheme === "https" || scheme === "http"
    ? path
    : absoluteTarget(scheme!, authority ?? fields.get("host"), path);
}

/** RFC 9113 §8.3.1: a proxy may speak for other schemes. The machine knows no rule of theirs, so it has let pass any text. */
function absoluteTarget(scheme: string, authority: string | null, path: string): string {
  const target = `${scheme}://${authority ?? ""}${path}`;
  const parsed = parseTarget("GET", target);
  if (parsed.form === "absolute" && parsed.authority === authority) return target;
  const why = `Cannot use the path ${quoted(path)}: with its authority in front it would name another one`;
  throw new ProtocolError("bad-target", why, "RFC 9112 §3.2.2");
}

/** What the request proposes. */
export function http2Proposal({ method, authority, protocol }: Http2RequestHead): Proposal {
  if (protocol !== null) return { type: "upgrade", protocols: [protocol] };
  return method === "CONNECT" ? { type: "connect", authority: parseAuthority(authority!) } : NOT_REQUESTED;
}

/** How its body is delimited: by the end of the stream, unless its length is announced. */
export function framingOf({ head, endStream }: Http2RequestEvent): BodyFraming {
  return head.method === "CONNECT" ? NO_BODY : framingIn(head.fields, endStream);
}

/** The same of any message; its length was checked when it came. */
export function framingIn(fields: Fields, endStream: boolean): BodyFraming {
  if (endStream) return NO_BODY;
  const [length] = fields.list("content-length"); // those behind it are the same
  return length === undefined ? CHUNKED : { type: "length", bytes: Number(length) };
}
