/**
 * Plays one exchange through a proxy, with raw bytes at both ends.
 *
 * @module
 */

import { type ProxyExchange, REQUEST, RESPONSE } from "./exchanges.ts";
import { type Message, readRequest, readResponse } from "./message.ts";
import type { Backend, Peer } from "./peer.ts";

/** What both ends have got. */
export interface Passed {
  /** The request, as the server got it. */
  readonly onward: Message;
  /** The response, as the client got it. */
  readonly answer: Message;
}

/** What both ends are to get; Via is not part of it. */
export function expected(exchange: ProxyExchange): Passed {
  const { request = REQUEST, response = RESPONSE, content, answered } = exchange;
  const sent = split(request);
  const said = split(response);
  const bodiless = exchange.request?.startsWith("HEAD ") === true;
  return {
    onward: {
      head: exchange.onward ?? sent.head,
      body: content?.body ?? sent.body,
      trailers: content?.trailers ?? "",
    },
    answer: {
      head: exchange.answer ?? headsOf(response),
      body: answered?.body ?? (bodiless ? "" : said.body),
      trailers: answered?.trailers ?? "",
    },
  };
}

function split(message: string): { head: string; body: string } {
  const end = message.indexOf("¶¶") + 2;
  return { head: message.slice(0, end), body: message.slice(end) };
}

/** The head of a response with the 1xx before it. */
function headsOf(response: string): string {
  const { head, body } = split(response);
  return /^HTTP\/1\.. 1\d\d/.test(head) ? head + headsOf(body) : head;
}

/** How a message is cut into packets: not at all, or within its head, behind it and within its body. */
export type Cut = "whole" | "cut";

function pieces(message: string, cut: Cut): string[] {
  const wire = message.replaceAll("¶", "\r\n");
  if (cut === "whole") return [wire];
  const head = wire.indexOf("\r\n\r\n") + 4;
  const points = [9, head - 3, head, head + 1, wire.length - 2].filter((at) => at > 0 && at < wire.length);
  const starts = [...new Set([0, ...points])].sort((a, b) => a - b);
  return starts.map((start, i) => wire.slice(start, starts[i + 1]));
}

/** Plays it. */
export async function play(
  dial: () => Promise<Peer>,
  backend: Backend,
  exchange: ProxyExchange,
  cut: Cut,
): Promise<Passed> {
  const { request = REQUEST, response = RESPONSE, ends = false } = exchange;
  const client = await dial();
  try {
    const sending = client.sendPieces(pieces(request, cut));
    const server = await backend.next();
    const onward = await readRequest(server);
    await sending;
    const answering = server.sendPieces(pieces(response, cut));
    if (ends) answering.then(() => server.end());
    const answer = await readResponse(client, request.split(" ")[0]!);
    await answering;
    if (!ends) backend.again(server);
    return { onward, answer };
  } finally {
    client.close();
  }
}
