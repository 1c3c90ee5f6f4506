/**
 * What is there already: some promises are settled within a few turns of the microtask queue, others only when the event
 * loop goes on.
 *
 * @module
 */

/** What a promise comes to within so many turns of the microtask queue. */
export async function soon<T extends object>(promise: Promise<T>, turns: number): Promise<T | "failed" | "later"> {
  let came: T | "failed" | "later" = "later";
  promise.then((value) => came = value, () => came = "failed");
  for (let turn = 0; turn < turns && came === "later"; turn++) await null;
  return came;
}
