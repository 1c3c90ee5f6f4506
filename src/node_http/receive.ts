/**
 * From an `IncomingMessage` to a `Request`, and to the received message that it stands for: proxies pass that on as it is.
 * `node_handler.ts` calls it.
 *
 * @module
 */

import { LightRequest } from "../http/server/light_request.ts";
import { departed } from "../http1/failure.ts";
import type { BodyListener } from "../http1/exchange_listener.ts";
import { IncomingRequest, type RequestExchange } from "../http1/incoming.ts";
import type { IncomingBody } from "../http1/incoming_body.ts";
import { cancelOwned, type Owned } from "../http1/owned.ts";
import { standFor } from "../http1/stand_in.ts";
import { type Field, Fields } from "../semantics/fields.ts";
import type { RequestHead } from "../semantics/message.ts";
import { NOT_REQUESTED } from "../semantics/switching.ts";
import { isHostAndPort } from "../semantics/target.ts";
import { NodeBodySource, TakenBody } from "./body.ts";
import { sendInformational } from "./informational.ts";
import { type IncomingMessage, pairsOf, type ServerResponse } from "./messages.ts";

type Framing = IncomingBody["framing"];

const NO_BODY: Framing = { type: "none" };
const CHUNKED: Framing = { type: "chunked" };

/** A request, and whether its client is still there. */
export interface Received {
  /** What the handler gets. */
  readonly request: Request;
  /** Its head as it stood on the wire. */
  readonly head: RequestHead;
  /** Why what is done for it ends, if the connection has ended before the response did; else `null`. */
  left(): DOMException | null;
}

/** Makes a request; `null` where no URL can be made of it, or no `Request`. `listener` is told of its body. */
export function receive(req: IncomingMessage, res: ServerResponse, listener: BodyListener | null): Received | null {
  const client = new NodeClient(res);
  const head = headOf(req);
  const framing = framingOf(req, head);
  const source = framing.type === "none" ? null : new NodeBodySource(req, listener);
  const incoming = new IncomingRequest(head, NOT_REQUESTED, framing, source, client);
  const host = head.fields.get("host") || "localhost";
  // Node takes any text for a host: one with a slash in it would stand for a part of the path.
  if (!isHostAndPort(host)) return null;
  try {
    const { encrypted = false } = req.socket;
    const base = `${encrypted ? "https" : "http"}://${host}`;
    const taken = source !== null && req.readableEnded;
    const seen = taken ? new IncomingRequest(head, NOT_REQUESTED, NO_BODY, null, client) : incoming;
    const request = new LightRequest(seen, base).toRequest();
    if (taken) standFor(request, new IncomingRequest(head, NOT_REQUESTED, framing, new TakenBody(), client));
    return { request, head, left: () => client.left };
  } catch {
    return null;
  }
}

function headOf(req: IncomingMessage): RequestHead {
  // Express takes the path that it is mounted at off `url`.
  const { originalUrl } = req as { readonly originalUrl?: string };
  const { method = "GET", url = "/", httpVersion, rawHeaders } = req;
  const lines: Field[] = pairsOf(rawHeaders).filter(([name]) => !name.startsWith(":")); // those of HTTP/2
  const version = httpVersion === "1.0" ? "1.0" : "1.1";
  return { method, target: originalUrl ?? url, version, fields: new Fields(lines) };
}

/** How the body was delimited. The parser of `node:http` has seen to it that this is sound. */
function framingOf({ httpVersion }: IncomingMessage, { method, fields }: RequestHead): Framing {
  if (fields.has("transfer-encoding")) return CHUNKED;
  const length = fields.get("content-length");
  if (length !== null) return { type: "length", bytes: Number(length) };
  return httpVersion.startsWith("1") || method === "GET" || method === "HEAD" ? NO_BODY : CHUNKED;
}

/** The client of a request: what it is told before the response, and what ends when it leaves. */
class NodeClient implements RequestExchange {
  /** Why what is done for it ends, once it has left. */
  left: DOMException | null = null;
  readonly #res: ServerResponse;
  readonly #owned: Owned[] = [];

  constructor(res: ServerResponse) {
    this.#res = res;
    res.on("close", () => {
      if (!res.writableFinished) this.#leave();
    });
  }

  /** `node:http` has answered `Expect` by itself, and knows no other 1xx than these. */
  sendInformational(status: number, fields: readonly Field[]): Promise<void> {
    return status === 102 || status === 103 ? sendInformational(this.#res, status, fields) : Promise.resolve();
  }

  watch(controller: AbortController): void {
    this.own(controller);
  }

  own(owned: Owned): void {
    if (this.left === null) this.#owned.push(owned);
    else cancelOwned(owned, this.left);
  }

  #leave(): void {
    this.left = departed(new DOMException("The client has left", "AbortError"));
    for (const owned of this.#owned) cancelOwned(owned, this.left);
  }
}
