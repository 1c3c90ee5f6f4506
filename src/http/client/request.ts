/**
 * What the caller of a client wants, sorted: URL, method, field lines, a body.
 *
 * @module
 */

import type { OutgoingBody } from "../../http1/outgoing_body.ts";
import { type Field, fieldPairs, type FieldsInit, hasField } from "../../semantics/fields.ts";
import type { ClientBody } from "./options.ts";
import { basicAuthorization } from "./way/proxy_rules.ts";

/** A request of a client, whatever it was made from. */
export interface ClientRequest {
  /** `http:` or `https:`, without credentials. */
  readonly url: URL;
  /** Case-sensitive. */
  readonly method: string;
  /** The field lines: the caller's, `content-type` where the body has one by itself, and the client's own. */
  readonly fields: readonly Field[];
  /** The body. */
  readonly body: OutgoingBody | null;
  /** Gives up. */
  readonly signal: AbortSignal | undefined;
}

/** What can be sent twice. */
export function isReplayable(body: OutgoingBody | null): boolean {
  return body === null || typeof body === "string" || body instanceof Uint8Array || body instanceof BlobBody;
}

/** The request without the lines of this name, which is in lower case. */
export function withoutField(request: ClientRequest, name: string): ClientRequest {
  return { ...request, fields: request.fields.filter((field) => field[0].toLowerCase() !== name) };
}

/** As much of an init as matters here. */
interface RequestParts {
  readonly method?: string | undefined;
  readonly headers?: HeadersInit | undefined;
  readonly body?: ClientBody | null | undefined;
  readonly signal?: AbortSignal | null | undefined;
}

/** The fields of a request, or of an init. Numbers are text as well (WebIDL, `ByteString`). */
export function pairsOf(headers: HeadersInit | undefined): Field[] {
  if (headers === undefined) return [];
  const pairs: Field[] = [];
  for (const pair of fieldPairs(headers as FieldsInit)) {
    pairs.push(typeof pair[1] === "number" ? [pair[0], String(pair[1])] : pair);
  }
  return pairs;
}

/** The request with the fields of a client that it does not have itself. */
export function withDefaults(request: ClientRequest, defaults: readonly Field[]): ClientRequest {
  const { url, method, body, signal } = request;
  const fields = request.fields.slice();
  for (const field of defaults) if (!hasField(request.fields, field[0].toLowerCase())) fields.push(field);
  return { url, method, fields, body, signal };
}

/**
 * Sorts what a caller gave.
 *
 * @param input A URL, or a `Request` whose properties `init` overrides.
 * @throws {TypeError} The URL cannot be fetched, the method is none of a client's, or the body cannot be sent.
 */
export function clientRequest(
  input: string | URL | Request,
  init: RequestParts,
): Promise<ClientRequest> | ClientRequest {
  const given = typeof input === "object" && input !== null && "method" in input ? input : null;
  const url = checkUrl(urlOf(given === null ? input as string | URL : given.url));
  const method = normalMethod(init.method ?? given?.method ?? "GET");
  const fields = pairsOf(init.headers ?? given?.headers);
  if (url.username !== "" || url.password !== "") {
    if (!hasField(fields, "authorization")) fields.push(["authorization", basicAuthorization(url)]);
    url.username = url.password = "";
  }
  const signal = init.signal === undefined ? given?.signal : init.signal ?? undefined;
  const source = init.body === undefined ? given?.body ?? null : init.body;
  if (source === null) return { url, method, fields, body: null, signal };
  if (method === "GET" || method === "HEAD") throw new TypeError(`Cannot send a body with ${method}`);
  if (given !== null && init.body === undefined && given.bodyUsed) {
    throw new TypeError("Cannot send the request: its body was used");
  }
  const sorted = sortClientBody(source);
  return sorted instanceof Promise
    ? sorted.then((done) => withBody({ url, method, fields, body: null, signal }, done))
    : withBody({ url, method, fields, body: null, signal }, sorted);
}

/** The message of the platform would show a password. */
function urlOf(input: string | URL): URL {
  try {
    return new URL(input);
  } catch {
    throw new TypeError("input must be an absolute URL, or a Request");
  }
}

/**
 * Refuses what cannot be fetched over HTTP.
 *
 * @throws {TypeError} The scheme is another one.
 */
export function checkUrl(url: URL): URL {
  if (url.protocol === "http:" || url.protocol === "https:") return url;
  throw new TypeError(`Cannot fetch ${url.protocol} URLs`);
}

const NORMALIZED: ReadonlySet<string> = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]);

function normalMethod(method: string): string {
  const upper = method.toUpperCase();
  if (upper === "CONNECT") throw new TypeError("Cannot fetch with CONNECT: use connect()");
  return NORMALIZED.has(upper) ? upper : method;
}

interface SortedClientBody {
  readonly body: OutgoingBody;
  /** The `content-type` that it has by itself, or `null`. */
  readonly type: string | null;
  /** Its length, where the machine below cannot see it. */
  readonly length?: number;
}

function withBody(request: ClientRequest, { body, type, length }: SortedClientBody): ClientRequest {
  const fields = [...request.fields];
  if (type !== null && !hasField(fields, "content-type")) fields.push(["content-type", type]);
  if (length !== undefined && !hasField(fields, "content-length") && !hasField(fields, "transfer-encoding")) {
    fields.push(["content-length", String(length)]);
  }
  return { ...request, fields, body };
}

function sortClientBody(body: ClientBody): SortedClientBody | Promise<SortedClientBody> {
  if (typeof body === "string") return { body, type: "text/plain;charset=UTF-8" };
  if (body instanceof Uint8Array) return { body, type: null };
  if (body instanceof ReadableStream) return { body: checkFree(body), type: null };
  if (body instanceof ArrayBuffer) return { body: new Uint8Array(body), type: null };
  if (ArrayBuffer.isView(body)) {
    return { body: new Uint8Array(body.buffer as ArrayBuffer, body.byteOffset, body.byteLength), type: null };
  }
  if (body instanceof URLSearchParams) {
    return { body: body.toString(), type: "application/x-www-form-urlencoded;charset=UTF-8" };
  }
  if (body instanceof Blob) {
    return { body: new BlobBody(body), type: body.type === "" ? null : body.type, length: body.size };
  }
  if (body instanceof FormData) return encodeForm(body);
  if (typeof body === "object" && Symbol.asyncIterator in body) {
    return { body: body as AsyncIterable<Uint8Array>, type: null };
  }
  return { body: String(body), type: "text/plain;charset=UTF-8" };
}

function checkFree(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  if (stream.locked) throw new TypeError("Cannot send the body: its stream is locked");
  return stream;
}

/** The platform knows how; what it makes is kept, so that length and boundary are known and a redirect can repeat it. */
async function encodeForm(form: FormData): Promise<SortedClientBody> {
  const encoded = new Response(form);
  return { type: encoded.headers.get("content-type"), body: new Uint8Array(await encoded.arrayBuffer()) };
}

/** A blob, read anew whenever it is sent. */
class BlobBody implements AsyncIterable<Uint8Array> {
  readonly #blob: Blob;

  constructor(blob: Blob) {
    this.#blob = blob;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const reader = this.#blob.stream().getReader();
    let over = false;
    try {
      while (true) {
        const { done, value } = await reader.read();
        over = done;
        if (done) return;
        yield value;
      }
    } finally {
      if (!over) await reader.cancel();
    }
  }
}
