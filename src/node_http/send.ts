/**
 * From a `Response` to a `ServerResponse`. `node_handler.ts` calls it.
 *
 * @module
 */

import { isBytes } from "../bytes/arguments.ts";
import { quietly } from "../duplex/deferred.ts";
import { soon } from "../duplex/soon.ts";
import type { BodyListener } from "../http1/exchange_listener.ts";
import { LightResponse } from "../http1/light_response.ts";
import { headerLines } from "../http1/header_lines.ts";
import { type ByteSource, discardBody, type OutgoingTrailers } from "../http1/outgoing_body.ts";
import type { OutgoingResponse } from "../http1/outgoing_response.ts";
import { type Field, fieldPairs, type FieldsInit } from "../semantics/fields.ts";
import { isAllowedTrailer } from "../semantics/trailers.ts";
import type { ServerResponse } from "./messages.ts";

/**
 * Sends a response.
 *
 * @param trailers What comes behind the body; `undefined` for that of the response itself, if it has one.
 * @param bodiless Whether the client gets no body, whatever the response has (RFC 9110 §6.4.1).
 * @param listener Is told how much of the body was given to Node.
 * @returns Resolves when the body was given to Node, or the client has left.
 * @throws {unknown} What the body has failed with.
 */
export async function send(
  res: ServerResponse,
  response: Response,
  trailers: OutgoingTrailers | undefined,
  bodiless: boolean,
  listener: BodyListener | null,
): Promise<void> {
  const given = LightResponse.given(response);
  const behind = trailers ?? given?.trailers;
  writeHead(
    res,
    given ?? { status: response.status, reason: response.statusText, fields: headerLines(response.headers) },
  );
  const body = given === null ? LightResponse.real(response).body : given.body ?? null;
  const whole = typeof body === "string" || isBytes(body);
  if (bodiless && !whole) {
    discardBody(body, null); // it may have no end
    return void res.end();
  }
  if (listener !== null && whole) listener.onBodySent(lengthOf(body));
  if (behind === undefined && (body === null || whole)) return void res.end(body ?? undefined);
  if (whole) res.write(body);
  else if (body !== null) await sendBody(res, body, listener);
  if (behind !== undefined) res.addTrailers(await made(behind));
  res.end();
}

/** The trailers, made now: those that may stand there. */
async function made(trailers: OutgoingTrailers): Promise<Field[]> {
  const init: FieldsInit = typeof trailers === "function" ? await trailers() : trailers;
  return [...fieldPairs(init)].filter(([name]) => isAllowedTrailer(name));
}

/**
 * Fields in their order and spelling, those of one name together. What other middleware has set stays, unless the response
 * says otherwise. How the body is framed is up to Node.
 */
function writeHead(res: ServerResponse, { status, reason = "", fields = [] }: OutgoingResponse): void {
  res.statusCode = status;
  if (reason !== "") res.statusMessage = reason;
  const lines: Map<string, { readonly name: string; readonly values: string[] }> = new Map();
  for (const [name, value] of fieldPairs(fields)) {
    const key = name.toLowerCase();
    const line = lines.get(key);
    if (line !== undefined) line.values.push(value);
    else if (key !== "transfer-encoding") lines.set(key, { name, values: [value] });
  }
  for (const { name, values } of lines.values()) res.setHeader(name, values.length === 1 ? values[0]! : values);
}

/** What gives the chunks of a body one by one. */
interface Chunks {
  next(): Promise<{ readonly done?: boolean | undefined; readonly value?: Uint8Array | undefined }>;
  cancel(reason: unknown): unknown;
}

function chunksOf(body: ByteSource): Chunks {
  if (body instanceof ReadableStream) {
    const reader = body.getReader();
    return { next: () => reader.read(), cancel: (reason) => reader.cancel(reason) };
  }
  const chunks = body[Symbol.asyncIterator]();
  const { cancel } = body as { readonly cancel?: (reason: unknown) => unknown };
  return { next: () => chunks.next(), cancel: (reason) => cancel?.call(body, reason) };
}

function lengthOf(body: string | Uint8Array): number {
  return typeof body === "string" ? new TextEncoder().encode(body).byteLength : body.byteLength;
}

async function sendBody(res: ServerResponse, body: ByteSource, listener: BodyListener | null): Promise<void> {
  const chunks = chunksOf(body);
  let go = (): void => {};
  const wake = (): void => go();
  const leave = (): void => {
    go();
    quietly(() => chunks.cancel(new DOMException("The client has left", "AbortError")));
  };
  res.on("drain", wake);
  res.on("close", leave);
  try {
    const first = chunks.next();
    if (await soon(first) === "later") res.flushHeaders(); // the head waits for nothing that is yet to come
    for (let chunk = await first; chunk.done !== true; chunk = await chunks.next()) {
      if (res.destroyed) return;
      if (listener !== null) listener.onBodySent(chunk.value!.byteLength);
      if (!res.write(chunk.value!)) await new Promise<void>((resolve) => go = resolve);
    }
  } finally {
    res.off("drain", wake);
    res.off("close", leave);
  }
}
