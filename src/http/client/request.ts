/**
 * The request that the caller of a client wants: URL, method, field lines, a body. `Client` makes it of its arguments,
 * `redirect.ts` makes the next one of it, and an exchange sends it.
 *
 * @module
 */

import { discardBody, type OutgoingBody } from "../../http1/outgoing_body.ts";
import { type Field, fieldPairs, type FieldsInit, hasField } from "../../semantics/fields.ts";
import type { FetchInit } from "./options.ts";
import { type RequestBody, requestBody } from "./request_body.ts";
import { basicAuthorization } from "./way/proxy_rules.ts";

/** A request of a client, made of a URL or of a `Request`. */
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

/** The request without the lines of this name, which is in lower case. */
export function withoutField(request: ClientRequest, name: string): ClientRequest {
  return { ...request, fields: request.fields.filter((field) => field[0].toLowerCase() !== name) };
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

/** The request with those of the client's own fields that it lacks. */
export function withDefaults(request: ClientRequest, defaults: readonly Field[]): ClientRequest {
  const { url, method, body, signal } = request;
  const lacking = request.fields.length === 0
    ? defaults
    : defaults.filter(([name]) => !hasField(request.fields, name.toLowerCase()));
  return { url, method, fields: request.fields.concat(lacking), body, signal };
}

/**
 * Makes a request of what the caller gave.
 *
 * @param input A URL, or a `Request` whose properties `init` overrides.
 * @throws {TypeError} The URL cannot be fetched, the method is none of a client's, or body or trailers cannot be sent.
 */
export function clientRequest(
  input: string | URL | Request,
  init: Pick<FetchInit, "method" | "headers" | "body" | "signal" | "trailers">,
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
  const trailed = init.trailers !== undefined;
  if (trailed) checkMayHaveBody(method, "trailers");
  if (source === null) return { url, method, fields, body: null, signal };
  checkMayHaveBody(method);
  if (given !== null && init.body === undefined && given.bodyUsed) {
    throw new TypeError("Cannot send the request: its body was used");
  }
  const request = { url, method, fields, body: null, signal };
  const made = requestBody(source);
  return made instanceof Promise
    ? made.then((made) => withBody(request, made, trailed))
    : withBody(request, made, trailed);
}

/** `trailed`: trailers follow, for which a length that is announced would leave no place. */
function withBody(request: ClientRequest, { body, type, length }: RequestBody, trailed: boolean): ClientRequest {
  const fields = [...request.fields];
  if (type !== null && !hasField(fields, "content-type")) fields.push(["content-type", type]);
  const delimited = trailed || hasField(fields, "content-length") || hasField(fields, "transfer-encoding");
  if (length !== undefined && !delimited) {
    fields.push(["content-length", String(length)]);
  }
  return { ...request, fields, body };
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

/** The request that asks the server before its body is sent, if it has one (RFC 9110 §10.1.1). */
export function withExpectation(request: ClientRequest): ClientRequest {
  if (request.body === null || hasField(request.fields, "expect")) return request;
  return { ...request, fields: [...request.fields, ["expect", "100-continue"]] };
}

/**
 * A request that was given up is not sent any more, and maybe nothing of it was: the source of its body is told so (Fetch standard,
 * "abort a fetch() call"). After another failure the caller may send it again.
 */
export function giveUpBody({ body, signal }: ClientRequest): void {
  if (signal?.aborted === true) discardBody(body, signal.reason);
}

const NORMALIZED: ReadonlySet<string> = new Set(["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"]);

/**
 * The method in its usual case.
 *
 * @throws {TypeError} It is none of a client's, or one that has no body and got one.
 */
export function checkMethod(method: string, body: OutgoingBody | null): string {
  const normal = normalMethod(method);
  if (body !== null) checkMayHaveBody(normal);
  return normal;
}

/** Whether a request may have a body, and trailers behind it (Fetch standard, "new Request"). */
export function mayHaveBody(method: string): boolean {
  return method !== "GET" && method !== "HEAD";
}

function checkMayHaveBody(method: string, what = "a body"): void {
  if (!mayHaveBody(method)) throw new TypeError(`Cannot send ${what} with ${method}`);
}

const USUALLY_WITH_CONTENT: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

/** Whether a server would expect a body that there is not: it is told so (RFC 9110 §8.6), since some answer with 411 else. */
export function lacksContent({ method, fields, body }: ClientRequest): boolean {
  if (body !== null || !USUALLY_WITH_CONTENT.has(method)) return false;
  return !hasField(fields, "content-length") && !hasField(fields, "transfer-encoding");
}

function normalMethod(method: string): string {
  const upper = method.toUpperCase();
  if (upper === "CONNECT") throw new TypeError("Cannot fetch with CONNECT: use connect()");
  return NORMALIZED.has(upper) ? upper : method;
}
