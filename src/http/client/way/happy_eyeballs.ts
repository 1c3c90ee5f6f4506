/**
 * Connects to a name with several addresses: one attempt after the other, a little apart, and the first connection that
 * stands is taken (RFC 8305 §5). `connector.ts` calls it with what opens one address.
 *
 * @module
 */

import type { Clock } from "../../../duplex/clock.ts";

/** How attempts are made. */
interface Race<T> {
  /** Connects to an address until the signal aborts; then what it may still give is given up. */
  attempt(address: string, signal: AbortSignal): Promise<T>;
  /** Gives up a connection that came too late. */
  discard(connection: T): void;
  /** How long an attempt has before the next one begins beside it, in milliseconds; 250 is the RFC's (§8). */
  readonly staggerMs: number;
  /** The source of time. */
  readonly clock: Clock;
  /** Gives up all attempts. */
  readonly signal: AbortSignal;
}

/**
 * The addresses in the order of the attempts: families take turns, the resolver's first choice begins (RFC 8305 §4).
 */
export function alternate(addresses: readonly string[]): string[] {
  const isV6 = (address: string) => address.includes(":");
  const first = addresses.filter((address) => isV6(address) === isV6(addresses[0]!));
  const second = addresses.filter((address) => isV6(address) !== isV6(addresses[0]!));
  return first.flatMap((address, i) => i < second.length ? [address, second[i]!] : [address])
    .concat(second.slice(first.length));
}

/**
 * Tries the addresses in order.
 *
 * @returns What the first successful attempt gives; the others are given up.
 * @throws {unknown} What the last attempt failed with, or the reason of the signal.
 */
export function race<T>(addresses: readonly string[], how: Race<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const { clock, signal } = how;
    const running = new Set<AbortController>();
    let next = 0;
    let over = false;
    let timer: unknown = null;
    const finish = (settle: () => void, reason: unknown) => {
      if (over) return;
      over = true;
      clock.clearTimer(timer);
      signal.removeEventListener("abort", onAbort);
      for (const controller of running) controller.abort(reason);
      settle();
    };
    const onAbort = () => finish(() => reject(signal.reason), signal.reason);
    const begin = () => {
      clock.clearTimer(timer);
      if (over || next === addresses.length) return;
      const controller = new AbortController();
      running.add(controller);
      how.attempt(addresses[next++]!, controller.signal).then(
        (connection) => {
          running.delete(controller);
          if (over) how.discard(connection);
          else finish(() => resolve(connection), null);
        },
        (error) => {
          running.delete(controller);
          if (next < addresses.length) begin();
          else if (running.size === 0) finish(() => reject(error), error);
        },
      );
      if (next < addresses.length) timer = clock.setTimer(begin, how.staggerMs);
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    begin();
  });
}
