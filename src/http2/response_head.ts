/**
 * What a handler answers, as fields of HTTP/2: what only HTTP/1.1 has is left out, so that the same handler serves both.
 *
 * @module
 */

import type { OutgoingResponse } from "../http1/outgoing_response.ts";
import type { SortedBody } from "../http1/outgoing_body.ts";
import { type Field, fieldPairs, hasField } from "../semantics/fields.ts";
import { type Proposal, protocolOf } from "../semantics/switching.ts";
import { CONNECTION_FIELDS } from "./machine/field_kind.ts";

/** Fields that a response cannot have here; TE is one of requests. */
const LEFT_OUT: ReadonlySet<string> = new Set([...CONNECTION_FIELDS, "te"]);

/** The fields of a response; `date` is added if it has none. */
export function responseFieldsOf({ fields = [] }: OutgoingResponse, body: SortedBody, date: string | null): Field[] {
  const kept = withoutConnection(fieldPairs(fields));
  addDate(kept, date);
  addLength(kept, body);
  return kept;
}

function addDate(fields: Field[], date: string | null): void {
  if (date !== null && !hasField(fields, "date")) fields.push(["date", date]);
}

/** Announces the length of a body that is there already, unless the fields do. */
export function addLength(fields: Field[], body: SortedBody): void {
  if (body.type !== "bytes" || hasField(fields, "content-length")) return;
  fields.push(["content-length", String(body.bytes.length)]);
}

/** The fields of a response that switches, and the protocol: `null` for a tunnel. */
export function switchFieldsOf(
  { status, fields = [] }: OutgoingResponse,
  proposal: Proposal,
  date: string | null,
): { readonly fields: Field[]; readonly protocol: string | null } {
  const given = [...fieldPairs(fields)];
  const named = given.find(([name]) => name.toLowerCase() === "upgrade")?.[1] ?? null;
  const protocol = status === 101 ? protocolOf(proposal, named) : null;
  const kept = withoutConnection(given).filter(([name]) => !SWITCH_FIELDS.has(name.toLowerCase()));
  addDate(kept, date);
  return { fields: kept, protocol };
}

/** RFC 9110 §9.3.6: a tunnel has no length, and no trailers. RFC 8441 §5: the key of a WebSocket is not answered. */
const SWITCH_FIELDS: ReadonlySet<string> = new Set(["content-length", "sec-websocket-accept", "trailer"]);

/** What of fields goes out, those of an informational response among them. */
export function withoutConnection(fields: Iterable<Field>): Field[] {
  const kept: Field[] = [];
  for (const field of fields) if (!LEFT_OUT.has(field[0].toLowerCase())) kept.push(field);
  return kept;
}
