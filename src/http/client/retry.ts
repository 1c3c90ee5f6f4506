/**
 * An interceptor that sends requests again: after failures of the network and after answers that ask for it, by and by,
 * and only what may be sent twice. `Client.use()` takes it.
 *
 * @module
 */

import { checkInteger, checkNumber, checkOptions, type Kinds, outOfRange, wrongType } from "../../bytes/arguments.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import { TransportError } from "../../errors/transport_error.ts";
import { UnsentError } from "../../errors/unsent_error.ts";
import { UpgradeRejected } from "../../errors/upgrade_rejected.ts";
import { giveUp } from "./answer.ts";
import { IDEMPOTENT } from "./resend.ts";
import type { Interceptor, InterceptorContext, OriginRequest } from "./interceptor.ts";
import { isReplayable } from "./request_body.ts";
import type { ClientResponse } from "./response.ts";
import { retryAfterMs } from "./retry_after.ts";

/** What `retry()` can be told. All times are in milliseconds; 0 switches a limit off. */
export interface RetryOptions {
  /** How often a request is sent at most, the first time included. 4. */
  readonly maxAttempts?: number | undefined;
  /** The longest wait before the second attempt; it doubles with each further one. 500. */
  readonly baseDelayMs?: number | undefined;
  /** The longest wait of all. A response that asks for a longer one is the caller's. 30,000. */
  readonly maxDelayMs?: number | undefined;
  /** No attempt begins later than this after the first one. An attempt that has begun is not cut: give a `signal`. 60,000. */
  readonly maxTotalMs?: number | undefined;
  /** The methods that may be sent twice. The idempotent ones (RFC 9110 §9.2.2). */
  readonly methods?: readonly string[] | undefined;
  /** The statuses after which a request is sent again. 429, 502, 503 and 504. */
  readonly statuses?: readonly number[] | undefined;
  /** Chooses waits: from 0 to 1 of what may be waited. `Math.random`. */
  readonly random?: (() => number) | undefined;
}

const RETRY: Kinds<RetryOptions> = {
  maxAttempts: (value, name) => checkInteger(value, name, 1, Number.MAX_SAFE_INTEGER),
  baseDelayMs: "number",
  maxDelayMs: "number",
  maxTotalMs: "number",
  methods: "strings",
  statuses: checkStatuses,
  random: "function",
};

/** What an attempt came to. */
type Outcome =
  | { readonly type: "answered"; readonly response: ClientResponse }
  | { readonly type: "failed"; readonly error: unknown };

/**
 * An interceptor that sends a request again if the network fails, or if the answer is one of `statuses`.
 *
 * It repeats what may be repeated: a request with one of `methods` whose body is text, bytes or a `Blob`; and any other one of
 * which nothing was sent. Before each attempt it waits a random time from 0 to a limit that doubles, and no less than
 * `Retry-After` says. The body of an answer that is given up is canceled. The last answer, or the last error, is the
 * caller's, as soon as no attempt may follow. The `signal` of a request and the end of the client end the waiting at once.
 *
 * A body of a response that fails halfway is not asked for again.
 *
 * @param options How often, how long, what.
 * @returns For `client.use()`. One can serve several clients.
 * @throws {TypeError} An option is of another kind.
 * @throws {RangeError} A number is out of range.
 *
 * @example
 * ```ts
 * import { Client, duplexPair, retry, serveConnection } from "@http-upgrade/http-upgrade";
 * import { assertEquals } from "@std/assert";
 *
 * let asked = 0;
 * const dial = () => {
 *   const [near, far] = duplexPair();
 *   serveConnection(far, () => ({ status: ++asked < 3 ? 503 : 200 }));
 *   return near;
 * };
 * await using client = new Client({ dial }).use(retry({ baseDelayMs: 10 }));
 * assertEquals([(await client.fetch("http://example.com/")).status, asked], [200, 3]);
 * ```
 */
export function retry(options: RetryOptions = {}): Interceptor {
  checkOptions(options, RETRY);
  const { maxAttempts = 4, maxTotalMs = 60_000 } = options;
  const methods = options.methods === undefined ? IDEMPOTENT : new Set(options.methods);
  const statuses = new Set(options.statuses ?? [429, 502, 503, 504]);
  const delayOf = delays(options);

  /** How long to wait before the next attempt; `null` if there is none. */
  function pauseMs(request: OriginRequest, outcome: Outcome, attempt: number, context: InterceptorContext) {
    if (attempt === maxAttempts || !calls(outcome, statuses)) return null;
    const repeatable = methods.has(request.method) && isReplayable(request.body);
    return repeatable || !context.sent ? delayOf(outcome, attempt, context.clock.now()) : null;
  }

  return async (request, next, context) => {
    const latest = context.clock.now() + unlessOff(maxTotalMs);
    for (let attempt = 1;; attempt++) {
      const outcome = await outcomeOf(next(request));
      const delayMs = pauseMs(request, outcome, attempt, context);
      if (delayMs === null || context.clock.now() + delayMs > latest) {
        if (outcome.type === "failed") throw outcome.error;
        return outcome.response;
      }
      const answer = answerIn(outcome);
      if (answer !== null) giveUp(answer);
      await context.wait(delayMs, request.signal);
    }
  };
}

/** Exponential back-off with full jitter; `Retry-After` is the least. `null` where that is too long. */
function delays(
  { baseDelayMs = 500, maxDelayMs = 30_000, random = Math.random }: RetryOptions,
): (outcome: Outcome, attempt: number, now: number) => number | null {
  const most = unlessOff(maxDelayMs);
  return (outcome, attempt, now) => {
    const share = random();
    checkShare(share);
    const ownMs = share * Math.min(most, baseDelayMs * 2 ** (attempt - 1));
    const askedMs = retryAfterMs(answerIn(outcome)?.headers.get("retry-after") ?? null, now) ?? 0;
    return askedMs > most ? null : Math.max(askedMs, ownMs);
  };
}

async function outcomeOf(attempt: Promise<ClientResponse>): Promise<Outcome> {
  try {
    return { type: "answered", response: await attempt };
  } catch (error) {
    return { type: "failed", error };
  }
}

/** The answer of the server, or that of the proxy which gave no tunnel to it. */
function answerIn(outcome: Outcome): Response | null {
  if (outcome.type === "answered") return outcome.response;
  const { error } = outcome;
  return error instanceof UpgradeRejected && error.reason === "proxy-refused" ? error.response as Response : null;
}

/** Whether another attempt may come to something else. */
function calls(outcome: Outcome, statuses: ReadonlySet<number>): boolean {
  const answer = answerIn(outcome);
  if (answer !== null) return statuses.has(answer.status);
  return outcome.type === "failed" && isOfNetwork(outcome.error);
}

/** TLS fails again, and so does an address that cannot be used. A head that was cut short is a connection that was. */
function isOfNetwork(error: unknown): boolean {
  if (error instanceof TransportError) return error.code !== "tls" && error.code !== "address";
  return error instanceof UnsentError || error instanceof ProtocolError && error.code === "truncated";
}

/** A limit; 0 is none. */
function unlessOff(ms: number): number {
  return ms === 0 ? Number.MAX_SAFE_INTEGER : ms;
}

function checkStatuses(value: unknown, name: string): void {
  if (!Array.isArray(value)) throw wrongType(name, "an array of numbers", value);
  for (const [index, status] of value.entries()) checkInteger(status, `${name}[${index}]`, 200, 599);
}

function checkShare(share: number): void {
  checkNumber(share, "what random() returns");
  if (share > 1) throw outOfRange("what random() returns", "from 0 to 1", share);
}
