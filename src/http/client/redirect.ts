/**
 * Where a redirect leads and what is sent there (Fetch standard, "HTTP-redirect fetch"). `final_answer.ts` asks for each
 * answer.
 *
 * @module
 */

import { IncomingResponse } from "../../http1/incoming.ts";
import type { Field } from "../../semantics/fields.ts";
import type { Answer } from "./answer.ts";
import { checkUrl, type ClientRequest } from "./request.ts";
import { isReplayable } from "./request_body.ts";
import type { ClientResponse } from "./response.ts";

const BODY_FIELDS: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-type",
  "expect",
  "trailer",
  "transfer-encoding",
]);
/** What was meant for the origin that the request was made for. */
const CREDENTIAL_FIELDS: ReadonlySet<string> = new Set(["authorization", "cookie", "host", "proxy-authorization"]);

/** What the caller says of redirects. */
export interface RedirectRules {
  /** `"follow"`, `"error"` or `"manual"`. */
  readonly redirect: string;
  /** How many may be followed. */
  readonly maxRedirects: number;
}

/** Where a redirect leads. */
export interface Lead {
  /** The values of `Location`. */
  readonly locations: readonly string[];
  /** Where the answer came from; the URL of the request if left out. */
  readonly from?: URL;
}

/** Where an answer leads; `null` if it leads nowhere. */
export function leadOf(answer: Answer): Lead | null {
  if (!isRedirect(answer.status)) return null;
  if (!(answer instanceof IncomingResponse)) return leadOfResponse(answer);
  const locations = answer.fields.getAll("location");
  return locations.length === 0 ? null : { locations };
}

function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

/** The values of `Location` line by line, unless an interceptor has changed them. */
function leadOfResponse({ head, headers, url }: ClientResponse): Lead | null {
  const now = headers.get("location");
  if (now === null) return null;
  const received = head.fields.getAll("location");
  return { locations: received.join(", ") === now ? received : [now], from: new URL(url) };
}

/**
 * Refuses another redirect behind so many.
 *
 * @throws {TypeError} Redirects are not to be followed, or not so many.
 */
export function checkMayFollow(redirects: number, { redirect, maxRedirects }: RedirectRules): void {
  if (redirect === "error") throw new TypeError("Cannot fetch: the answer is a redirect");
  if (redirects === maxRedirects) throw new TypeError(`Cannot fetch: more than ${redirects} redirects`);
}

/**
 * The request that follows. Credentials that are gone once stay so, also where the redirects lead back.
 *
 * @param locations The values of `Location`. Some servers send the same one twice.
 * @param from Where the response came from, if an interceptor has sent the request elsewhere.
 * @throws {TypeError} It leads to no URL of HTTP, or to several, or the body would have to be sent again and cannot.
 */
export function redirected(
  request: ClientRequest,
  status: number,
  locations: readonly string[],
  from: URL = request.url,
): ClientRequest {
  const [location = ""] = locations;
  if (locations.some((other) => other !== location)) {
    throw new TypeError("Cannot follow the redirect: it leads to several places");
  }
  let url: URL;
  try {
    url = checkUrl(new URL(utf8(location), from));
  } catch (cause) {
    throw new TypeError(`Cannot follow the redirect: it leads nowhere`, { cause });
  }
  if (url.hash === "") url.hash = request.url.hash;
  url.username = url.password = "";
  let { method, fields, body } = request;
  const rewritten = status === 303 ? method !== "GET" && method !== "HEAD" : status < 303 && method === "POST";
  if (rewritten) {
    method = "GET";
    body = null;
    fields = without(fields, BODY_FIELDS);
  } else if (!isReplayable(body)) {
    throw new TypeError("Cannot follow the redirect: the body is a stream and was sent already");
  }
  if (url.origin !== request.url.origin) fields = without(fields, CREDENTIAL_FIELDS);
  return { url, method, fields, body, signal: request.signal };
}

function without(fields: readonly Field[], names: ReadonlySet<string>): Field[] {
  return fields.filter(([name]) => !names.has(name.toLowerCase()));
}

/** Field values are bytes; servers that send a URL with characters beyond ASCII mean UTF-8. */
function utf8(value: string): string {
  const bytes = Uint8Array.from(value, (character) => character.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}
