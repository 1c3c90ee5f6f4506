/**
 * Whether what one side sends may be sent: RFC 9113 §5.1 and §8.1, as far as the frames alone tell.
 *
 * @module
 */

import { Speller } from "./h2_wire.ts";

type State = "informational" | "body" | "ended" | "reset";

/** Looks at frames one after the other. */
export class FrameOrder {
  /** Whether it has thrown. */
  broken = false;
  readonly #speller: Speller;
  readonly #streams: Map<number, State> = new Map();
  readonly #role: "client" | "server";

  /** Of that side's frames. */
  constructor(role: "client" | "server") {
    this.#role = role;
    this.#speller = new Speller(role === "client");
  }

  /**
   * The frames in these bytes, as text.
   *
   * @throws One of them must not be sent.
   */
  check(bytes: Uint8Array): string[] {
    const frames = this.#speller.spell(bytes);
    for (const frame of frames) this.#frame(frame);
    return frames;
  }

  #frame(frame: string): void {
    const [type, number] = frame.split(" ");
    const id = Number(number);
    const state = this.#streams.get(id) ?? "informational";
    const wrong = (why: string): never => {
      this.broken = true;
      throw new Error(`${why}: ${frame}, behind ${state}`);
    };
    const ends = / END(?![A-Z_])/.test(frame);
    if (type === "RST_STREAM") {
      if (state === "reset") wrong("two resets");
      this.#streams.set(id, "reset");
    } else if (type === "HEADERS") {
      if (state === "ended" || state === "reset") wrong("HEADERS of a stream that is over");
      if (state === "body" && !ends) wrong("trailers that do not end the stream");
      const informational = this.#role === "server" && / :status: 1/.test(frame);
      this.#streams.set(id, ends ? "ended" : state === "body" || !informational ? "body" : "informational");
    } else if (type === "DATA") {
      if (state !== "body") wrong("DATA where there is none");
      if (ends) this.#streams.set(id, "ended");
    } else if (type === "WINDOW_UPDATE" && id !== 0 && state === "reset") wrong("a window of a stream that was reset");
  }
}
