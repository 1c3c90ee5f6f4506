/**
 * The staged end of a connection: our side first, then what the peer still sends, then both (RFC 9112 §9.6). Closing at
 * once could reset the connection, and the peer would lose our last answer. Both HTTP connections call it.
 *
 * @module
 */

import { type Clock, Deadline } from "./clock.ts";
import { PART_COST } from "./turn.ts";
import type { Wire } from "./wire.ts";

/** What the peer may still send, unread, where no limit is given. 1 MiB. */
const MAX_LINGER_BYTES = 1_048_576;

/** How long each stage may take. In milliseconds; 0 or `Infinity` waits without end. */
interface LingerLimits {
  /** For the peer to send on, or to end its side. */
  readonly closeTimeoutMs: number;
  /** For all that the peer still sends. `closeTimeoutMs` when left out. */
  readonly lingerTimeoutMs?: number;
  /** What the peer may still send. 1 MiB when left out. */
  readonly maxLingerBytes?: number;
  /** For the peer to take what is written. */
  readonly writeTimeoutMs: number;
  /** Where time comes from. */
  readonly clock: Clock;
}

/** Ends a connection in stages. A read that is pending is waited for; its owner must not read any more. Never rejects. */
export async function linger(wire: Wire, limits: LingerLimits): Promise<void> {
  const { writeTimeoutMs, clock } = limits;
  const deadline = new Deadline(clock);
  const drain = new Drain(wire, limits);
  const ended = wire.closeWrite();
  const drained = drain.run();
  // Streams of Node's `Duplex.toWeb(socket)` do not end before the peer has: then what the peer sends tells.
  let orderly = await within(deadline, writeTimeoutMs, Promise.race([ended, drained]));
  if (orderly) {
    await drain.within(deadline);
    orderly = await within(deadline, writeTimeoutMs, wire.close());
  }
  if (!orderly) wire.abort();
  deadline.stop();
}

/** Ends a connection whose peer has ended its side: all that it sent was read. Never rejects. */
export async function closeBehindPeer(wire: Wire, { writeTimeoutMs, clock }: LingerLimits): Promise<void> {
  const deadline = new Deadline(clock);
  if (!await within(deadline, writeTimeoutMs, wire.close())) wire.abort();
  deadline.stop();
}

/** As {@linkcode linger}, but the peer gets the time to end its side first. */
export async function lingerBehindPeer(wire: Wire, limits: LingerLimits): Promise<void> {
  const deadline = new Deadline(limits.clock);
  const drain = new Drain(wire, limits);
  drain.run();
  await drain.within(deadline);
  deadline.stop();
  await linger(wire, limits);
}

/**
 * Reads what the peer still sends and drops it: a client that writes its whole request before it reads would not get to
 * the answer otherwise. Each chunk gives the peer time for the next one; there is a limit for all of them together.
 */
class Drain {
  readonly #wire: Wire;
  readonly #limits: LingerLimits;
  #over: Promise<void> = Promise.resolve();
  #onChunk: (() => void) | null = null;

  constructor(wire: Wire, limits: LingerLimits) {
    this.#wire = wire;
    this.#limits = limits;
  }

  /** Resolves at the peer's end, or when it has sent too much; rejects when the transport fails. */
  run(): Promise<void> {
    return this.#over = this.#run();
  }

  async #run(): Promise<void> {
    let left = this.#limits.maxLingerBytes ?? MAX_LINGER_BYTES;
    for (let chunk = await this.#wire.lastRead; chunk !== null && left > 0; chunk = await this.#wire.read()) {
      left -= chunk.length;
      this.#onChunk?.();
      if (this.#wire.turn.spend(PART_COST)) await this.#wire.turn.rest();
    }
  }

  /** Resolves when `run()` has come to any end, or the time is over. */
  within(deadline: Deadline): Promise<void> {
    const { closeTimeoutMs, lingerTimeoutMs = closeTimeoutMs, clock } = this.#limits;
    const end = clock.now() + limited(lingerTimeoutMs);
    return new Promise((resolve) => {
      const expire = (): void => {
        this.#onChunk = null;
        resolve();
      };
      const onChunk = (): void =>
        deadline.set(Math.max(1, Math.min(limited(closeTimeoutMs), end - clock.now())), expire);
      this.#onChunk = onChunk;
      onChunk();
      this.#over.then(expire, expire);
    });
  }
}

function limited(ms: number): number {
  return ms <= 0 ? Infinity : ms;
}

/** Whether a task comes to a good end in time. */
function within(deadline: Deadline, ms: number, task: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    deadline.set(ms, () => resolve(false));
    task.then(() => resolve(true), () => resolve(false));
  });
}
