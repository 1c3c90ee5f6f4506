/**
 * What either peer may do on a stream that has begun, whether it is allowed to or not: for property tests of HTTP/2 that send any frames
 * in any order.
 */

import fc from "fast-check";
import { data, headers, rstStream, windowUpdate } from "./h2_wire.ts";

/** One frame on a stream. `stream` chooses among those that there are; `size` means a different thing for each type. */
export type StreamStep =
  | { readonly type: "data"; readonly stream: number; readonly size: number; readonly end: boolean }
  | { readonly type: "trailers" | "reset" | "window"; readonly stream: number; readonly size: number };

/** Which stream: the latest is 0. */
export const chosenStream: fc.Arbitrary<number> = fc.nat(3);

/** DATA. */
export const dataStep: fc.Arbitrary<StreamStep> = fc.record({
  type: fc.constant("data" as const),
  stream: chosenStream,
  size: fc.oneof(fc.nat(20), fc.nat(16_384)),
  end: fc.boolean(),
});

/** Everything else. */
export const controlStep: fc.Arbitrary<StreamStep> = fc.record({
  type: fc.constantFrom("trailers" as const, "reset" as const, "window" as const),
  stream: chosenStream,
  size: fc.nat(100_000),
});

/** The frame of a step, on the stream with this number. */
export function frameOf(step: StreamStep, id: number): Uint8Array {
  switch (step.type) {
    case "data":
      return data(id, new Uint8Array(step.size), step.end);
    case "trailers":
      return headers(id, ["x-t: 1"]);
    case "reset":
      return rstStream(id, step.size % 14);
    case "window":
      return windowUpdate(id, step.size + 1);
  }
}
