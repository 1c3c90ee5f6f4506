/**
 * A request in the words of HTTP/1.1 as one of HTTP/2: the mirror of `request_head.ts`.
 *
 * @module
 */

import { StateError } from "../errors/state_error.ts";
import { bodySize, sortBody, type SortedBody } from "../http1/outgoing_body.ts";
import type { OutgoingRequest } from "../http1/outgoing_request.ts";
import { type Field, fieldPairs, listElements } from "../semantics/fields.ts";
import { NOT_REQUESTED, type Proposal } from "../semantics/switching.ts";
import { parseAuthority } from "../semantics/target.ts";
import { CONNECTION_FIELDS } from "./machine/field_kind.ts";
import type { OutgoingHttp2Request } from "./machine/message.ts";
import { addLength } from "./response_head.ts";
import { splitTarget } from "./split_target.ts";

/** A request as it goes out, and what it proposes. */
export interface OutgoingHead {
  /** For the machine. */
  readonly head: OutgoingHttp2Request;
  /** What it proposes. */
  readonly proposal: Proposal;
  /** What is sent behind it. */
  readonly body: SortedBody;
  /** Whether the head is all: no body follows, no trailers, and no other protocol. */
  readonly ends: boolean;
}

/** Fields that say in HTTP/1.1 what pseudo-fields, or nothing, say here. */
const LEFT_OUT: ReadonlySet<string> = new Set([...CONNECTION_FIELDS, "host", "http2-settings"]);

/**
 * Fields that a proposal cannot have besides. RFC 9110 §9.3.6: its data is no content, which a length would be compared with
 * (RFC 9113 §8.1.1). RFC 8441 §5: a WebSocket has no key.
 */
const LEFT_OUT_OF_PROPOSALS: ReadonlySet<string> = new Set(["content-length", "sec-websocket-key"]);

/**
 * Translates a request.
 *
 * @param scheme Of requests whose target names none.
 * @throws {ProtocolError} `bad-target`: a CONNECT that names no host and port.
 * @throws {StateError} `upgrade-body`: it proposes, and has content.
 * @throws {TypeError} Its body is none of the kinds, or a stream that is locked.
 */
export function outgoingHead(request: OutgoingRequest, scheme: "http" | "https"): OutgoingHead {
  const { method, target } = request;
  const body = sortBody(request.body);
  const fields: Field[] = [];
  let host: string | null = null;
  let upgrade: string | null = null;
  for (const field of fieldPairs(request.fields ?? [])) {
    const name = String(field[0]).toLowerCase();
    if (name === "host") host ??= field[1];
    else if (name === "upgrade") upgrade ??= listElements(field[1])[0] ?? null;
    if (!LEFT_OUT.has(name)) fields.push(field);
  }
  if (method === "CONNECT") {
    const proposal: Proposal = { type: "connect", authority: parseAuthority(target) };
    return proposing({ method, scheme: null, authority: target, path: null, protocol: null, fields }, proposal, body);
  }
  const place = splitTarget(target);
  const named = { scheme: place.scheme ?? scheme, authority: place.authority ?? host, path: place.path };
  if (upgrade !== null) {
    const proposal: Proposal = { type: "upgrade", protocols: [upgrade] };
    return proposing({ method: "CONNECT", ...named, protocol: upgrade, fields }, proposal, body);
  }
  addLength(fields, body);
  const head = { method, ...named, protocol: null, fields };
  return { head, proposal: NOT_REQUESTED, body, ends: body.type === "none" && request.trailers === undefined };
}

/** What goes behind a proposal is for the protocol that is proposed. */
function proposing(head: OutgoingHttp2Request, proposal: Proposal, body: SortedBody): OutgoingHead {
  const size = bodySize(body);
  if (size !== "none" && size !== 0) throw new StateError("upgrade-body", "Cannot send content with a proposal");
  return { head: { ...head, fields: withoutContent(head.fields) }, proposal, body, ends: false };
}

function withoutContent(fields: Iterable<Field>): Field[] {
  return [...fields].filter(([name]) => !LEFT_OUT_OF_PROPOSALS.has(name.toLowerCase()));
}
