/**
 * What the servers of both versions do alike for an answer: how long it may take, its date, and who is told. `server_core.ts`,
 * `server_exchange.ts` and the streams of `http2/` call it.
 *
 * @module
 */

import { httpDate } from "../duplex/clock.ts";
import type { IncomingRequest } from "./incoming.ts";
import type { ServerSettings } from "./options.ts";

/** How long a handler may take, or 0; one that may switch has the shorter of two limits. */
export function answerLimitMs({ requestTimeoutMs, upgradeTimeoutMs }: ServerSettings, maySwitch: boolean): number {
  if (!maySwitch || upgradeTimeoutMs <= 0) return requestTimeoutMs;
  return requestTimeoutMs <= 0 ? upgradeTimeoutMs : Math.min(requestTimeoutMs, upgradeTimeoutMs);
}

/** The `Date` of an answer that is made now; `null` where none is added. */
export function responseDate({ dateHeader, clock }: ServerSettings): string | null {
  return dateHeader ? httpDate(clock) : null;
}

/** Tells `onError`. What that throws is ignored. */
export function tellError({ onError }: ServerSettings, error: unknown): void {
  try {
    onError?.(error);
  } catch {
    return;
  }
}

/** Tells `onResponse`. What that throws goes to `onError`. */
export function tellResponse(settings: ServerSettings, request: IncomingRequest | null, status: number): void {
  try {
    settings.onResponse?.(request, { status });
  } catch (error) {
    tellError(settings, error);
  }
}

/** Whether an answer must be waited for. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Promise<T> | null)?.then === "function";
}
