/**
 * Turns of the microtask queue, and the one reason to wait for some of them: a write of its own costs more than all of these
 * turns, and what belongs into the same write is often there already, but takes web streams some turns to be handed on. What
 * needs the event loop to go on is not waited for.
 *
 * @module
 */

/**
 * A chunk that is there takes 1 turn through a stream, up to 7 through a `TransformStream` or `ReadableStream.from()`; from one
 * message of a WebSocket to the next take a loop of `read()` and `write()` 2, and `pipeTo()`s 3 to 7 (Node 20 to 26, Deno 2.1 and
 * 2.9, Bun 1.2 and 1.4). The rest is for handlers that await something of their own. All 16 take about a microsecond.
 */
export const TURNS = 16;

/** `await TURN` takes one of these turns, and makes one promise less than to await what is none. */
export const TURN: Promise<void> = Promise.resolve();

/** What a promise comes to within these turns. */
export async function soon<T extends object>(promise: Promise<T>): Promise<T | "failed" | "later"> {
  let came: T | "failed" | "later" = "later";
  promise.then((value) => came = value, () => came = "failed");
  for (let turn = 0; turn < TURNS && came === "later"; turn++) await TURN;
  return came;
}

/** Calls back once nothing has happened for that many turns, or nothing more is to be waited for. */
export class Lull {
  readonly #mayWait: () => boolean;
  readonly #over: () => void;
  #left = 0;

  /** Waits for nothing yet. `mayWait` is asked in each turn whether it is worth waiting, `over` is called at the end. */
  constructor(mayWait: () => boolean, over: () => void) {
    this.#mayWait = mayWait;
    this.#over = over;
  }

  /** Something has happened: begins to wait, or begins anew. */
  begin(): void {
    const waiting = this.#left > 0;
    this.#left = TURNS;
    if (!waiting) void this.#wait();
  }

  async #wait(): Promise<void> {
    do await TURN; while (--this.#left > 0 && this.#mayWait());
    this.#left = 0;
    this.#over();
  }
}
