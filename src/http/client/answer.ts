/**
 * The response to a request of a client: made of what came, or of what an interceptor says in its place; and what becomes of
 * one that nothing is made of. `Client` and `interceptors.ts` call it.
 *
 * @module
 */

import { wrongType } from "../../bytes/arguments.ts";
import { quietly } from "../../duplex/deferred.ts";
import { IncomingResponse } from "../../http1/incoming.ts";
import { attachUpgrade, upgradeOf } from "../../http1/upgrade.ts";
import { Fields } from "../../semantics/fields.ts";
import type { ResponseHead } from "../../semantics/message.ts";
import { codingsOf } from "./codings.ts";
import type { ClientRequest } from "./request.ts";
import { type ClientResponse, clientResponse, withoutFragment } from "./response.ts";

/** What answers a request: as it came, or as interceptors gave it back. */
export type Answer = IncomingResponse | ClientResponse;

/** The response that answers a request. One that is made of what came leads to the switch if there is one. */
export function responseTo(
  { url, method, signal }: ClientRequest,
  answer: Answer,
  redirected: boolean,
  decode: boolean,
): ClientResponse {
  if (!(answer instanceof IncomingResponse)) return answer;
  const codings = decode ? codingsOf(answer) : [];
  const pending = upgradeOf(answer);
  const switchedTo = answer.version === "2" ? pending?.upgraded?.protocol ?? null : null;
  const bodiless = method === "HEAD";
  const response = clientResponse(answer, { url, redirected, bodiless, codings, signal, switchedTo });
  if (pending !== undefined) attachUpgrade(response, pending);
  return response;
}

/**
 * What an interceptor answers, as the caller of the client wants it. What a `Response` of its own lacks is said of it: it came
 * from the URL of the request, its head is what it says, it has no trailers.
 *
 * @throws {TypeError} It is no response.
 */
export function asClientResponse(response: Response, url: URL, redirected: boolean): ClientResponse {
  if (!(response instanceof Response)) throw wrongType("what the interceptor returns", "a Response", response);
  if ("head" in response && "trailers" in response) return response as ClientResponse;
  const { status, statusText: reason, headers } = response;
  const head: ResponseHead = { status, reason, version: "1.1", fields: new Fields(headers) };
  const said = {
    head,
    trailers: Promise.resolve(new Headers()),
    url: response.url === "" ? withoutFragment(url) : response.url,
    redirected: redirected || response.redirected,
  };
  for (const [name, value] of Object.entries(said)) {
    Object.defineProperty(response, name, { value, configurable: true });
  }
  return response as ClientResponse;
}

/** Gives up the body of a response: its connection is free soon, or closes. */
export function giveUp(
  response: { readonly body: { cancel(reason?: unknown): unknown } | null },
  reason?: unknown,
): void {
  quietly(() => response.body?.cancel(reason));
}
