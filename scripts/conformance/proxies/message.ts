/**
 * Messages as an end receives them: heads byte for byte, and the body without its framing.
 *
 * @module
 */

import type { Peer } from "./peer.ts";

/** A message; `¶` is CR LF. */
export interface Message {
  /** Everything up to the body, 1xx included. */
  readonly head: string;
  /** The content. */
  readonly body: string;
  /** The lines behind a chunked body. */
  readonly trailers: string;
}

/** Reads a request. */
export async function readRequest(peer: Peer): Promise<Message> {
  const head = await peer.through("¶¶");
  return { head, ...await readBody(peer, head, false) };
}

/** Reads a response, those before the final one included. */
export async function readResponse(peer: Peer, method: string): Promise<Message> {
  let head = "";
  let last: string;
  let status: number;
  do {
    last = await peer.through("¶¶");
    status = Number(last.split(" ")[1]);
    head += last;
  } while (status >= 100 && status < 200 && status !== 101);
  if (method === "HEAD" || status === 101 || status === 204 || status === 304) return { head, body: "", trailers: "" };
  return { head, ...await readBody(peer, last, true) };
}

async function readBody(peer: Peer, head: string, response: boolean): Promise<Omit<Message, "head">> {
  if (/¶transfer-encoding:[^¶]*chunked/i.test(head)) return await readChunks(peer);
  const length = /¶content-length: *(\d+)¶/i.exec(head)?.[1];
  if (length !== undefined) return { body: await peer.take(Number(length)), trailers: "" };
  return { body: response ? await peer.rest() : "", trailers: "" };
}

async function readChunks(peer: Peer): Promise<Omit<Message, "head">> {
  const chunks: string[] = [];
  for (;;) {
    const size = Number.parseInt(await peer.through("¶"), 16);
    if (size === 0) break;
    chunks.push(await peer.take(size));
    await peer.through("¶");
  }
  let trailers = "";
  for (let line = await peer.through("¶"); line !== "¶"; line = await peer.through("¶")) trailers += line;
  return { body: chunks.join(""), trailers };
}
