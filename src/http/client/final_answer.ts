/**
 * The answer that a call of a client comes to: that to its request, or to the last one that redirects have led to. `Client` asks for it
 * in `fetch()` and `upgrade()`; `redirect.ts` tells which request is next.
 *
 * @module
 */

import type { Answer } from "./answer.ts";
import { checkMayFollow, leadOf, redirected, type RedirectRules } from "./redirect.ts";
import { type ClientRequest, giveUpBody } from "./request.ts";

/** One request and its answer: an `Exchange`, or the way through interceptors to one. */
export interface Asking {
  /** Sends the request. Resolves with the answer. */
  send(): Promise<Answer>;
  /** Gives up the body of the answer, and waits until its connection is free if it has one. */
  discard(answer: Answer): Promise<void>;
}

/** What a call has come to. */
export interface FinalAnswer {
  /** The answer. */
  readonly answer: Answer;
  /** What it answers. */
  readonly request: ClientRequest;
  /** Whether redirects have led there. */
  readonly redirected: boolean;
}

/**
 * Sends a request, and follows redirects. If that fails because the call was given up, the source of the body is told so.
 *
 * @param ask Says how a request is sent; the second argument is whether redirects have led to it.
 * @throws {TypeError} A redirect cannot be followed.
 * @throws {unknown} What sending a request has failed with.
 */
export async function finalAnswer(
  first: ClientRequest,
  ask: (request: ClientRequest, redirected: boolean) => Asking,
  rules: RedirectRules,
): Promise<FinalAnswer> {
  let request = first;
  try {
    for (let redirects = 0;; redirects++) {
      const asking = ask(request, redirects > 0);
      const answer = await asking.send();
      const lead = rules.redirect === "manual" ? null : leadOf(answer);
      if (lead === null) return { answer, request, redirected: redirects > 0 };
      const discarded = asking.discard(answer);
      checkMayFollow(redirects, rules);
      request = redirected(request, answer.status, lead.locations, lead.from);
      await discarded;
    }
  } catch (error) {
    giveUpBody(request);
    throw error;
  }
}
