/**
 * From an `IncomingMessage` to a `Request`. `node_handler.ts` calls it.
 *
 * @module
 */

import { bodyOf } from "./body.ts";
import { type IncomingMessage, pairsOf, type ServerResponse } from "./messages.ts";

/** A request, and whether its client is still there. */
export interface Received {
  /** What the handler gets. */
  readonly request: Request;
  /** Whether the connection has ended before the response did. */
  hasLeft(): boolean;
}

/** Makes a request; `null` where no URL can be made of it, or no `Request`. */
export function receive(req: IncomingMessage, res: ServerResponse): Received | null {
  const leaving = new AbortController();
  res.on("close", () => {
    if (!res.writableFinished) leaving.abort(new DOMException("The client has left", "AbortError"));
  });
  try {
    const { method = "GET" } = req;
    const body = method === "GET" || method === "HEAD" ? null : streamOf(req);
    const init = { method, headers: headersOf(req), body, signal: leaving.signal, duplex: "half" };
    return { request: new Request(urlOf(req), init as RequestInit), hasLeft: () => leaving.signal.aborted };
  } catch {
    return null;
  }
}

/** Express takes the path that it is mounted at off `url`. */
function urlOf(req: IncomingMessage): URL {
  const { originalUrl } = req as { readonly originalUrl?: string };
  const target = originalUrl ?? req.url ?? "/";
  const { encrypted = false } = req.socket;
  const host = pairsOf(req.rawHeaders).find(([name]) => name.toLowerCase() === "host")?.[1] ?? "localhost";
  const base = `${encrypted ? "https" : "http"}://${host === "" ? "localhost" : host}`;
  return new URL(target.startsWith("/") ? base + target : target === "*" ? `${base}/*` : target);
}

function headersOf(req: IncomingMessage): Headers {
  return new Headers(pairsOf(req.rawHeaders).filter(([name]) => !name.startsWith(":"))); // those of HTTP/2
}

function streamOf(req: IncomingMessage): ReadableStream<Uint8Array> {
  const chunks = bodyOf(req);
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done === true) controller.close();
      else controller.enqueue(value);
    },
    cancel: () => void chunks.return(),
  }, { highWaterMark: 0 });
}
