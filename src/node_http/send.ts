/**
 * From a `Response` to a `ServerResponse`. `node_handler.ts` calls it.
 *
 * @module
 */

import { isBytes } from "../bytes/arguments.ts";
import { soon } from "../duplex/soon.ts";
import { LightResponse } from "../http1/light_response.ts";
import { headerLines } from "../http1/header_lines.ts";
import type { OutgoingTrailers } from "../http1/outgoing_body.ts";
import { fieldPairs, type FieldsInit } from "../semantics/fields.ts";
import type { ServerResponse } from "./messages.ts";

/**
 * Sends a response.
 *
 * @param trailers What comes behind the body; `undefined` for none.
 * @returns Resolves when the body was given to Node, or the client has left.
 * @throws {unknown} What the body has failed with.
 */
export async function send(
  res: ServerResponse,
  response: Response,
  trailers: OutgoingTrailers | undefined,
): Promise<void> {
  const given = trailers === undefined ? LightResponse.given(response) : null;
  writeHead(res, response);
  const body = given?.body ?? undefined;
  if (given !== null && (body === undefined || typeof body === "string" || isBytes(body))) return void res.end(body);
  const stream = LightResponse.real(response).body;
  if (stream !== null) await sendBody(res, stream);
  if (trailers !== undefined) res.addTrailers([...fieldPairs(await made(trailers))]);
  res.end();
}

function made(trailers: OutgoingTrailers): FieldsInit | Promise<FieldsInit> {
  return typeof trailers === "function" ? trailers() : trailers;
}

/** What other middleware has set stays, unless the response says otherwise. */
function writeHead(res: ServerResponse, response: Response): void {
  res.statusCode = response.status;
  if (response.statusText !== "") res.statusMessage = response.statusText;
  const cookies: string[] = [];
  for (const [name, value] of headerLines(response.headers)) {
    if (name === "set-cookie") cookies.push(value);
    else res.setHeader(name, value);
  }
  if (cookies.length > 0) res.setHeader("set-cookie", cookies);
}

async function sendBody(res: ServerResponse, body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader();
  let go = (): void => {};
  const wake = (): void => go();
  const leave = (): void => {
    go();
    reader.cancel(new DOMException("The client has left", "AbortError")).catch(() => {});
  };
  res.on("drain", wake);
  res.on("close", leave);
  try {
    const first = reader.read();
    if (await soon(first) === "later") res.flushHeaders(); // the head waits for nothing that is yet to come
    for (let chunk = await first; !chunk.done; chunk = await reader.read()) {
      if (res.destroyed) return;
      if (!res.write(chunk.value)) await new Promise<void>((resolve) => go = resolve);
    }
  } finally {
    res.off("drain", wake);
    res.off("close", leave);
  }
}
