import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";

/** One wrong call: what is wrong about it, the call, the argument that the error must name. */
export type Wrong = readonly [what: string, call: () => unknown, names: string, error?: "RangeError"];

/** The wrong calls of one function or method; or why there are none. */
export type Calls = readonly Wrong[] | string;

/** By the name of the function, or of the class and its method: `serve`, `Client.fetch`. */
export type Table = Readonly<Record<string, Calls>>;

/** Why there may be no wrong call. */
export const TAKES_NOTHING = "takes nothing";
export const TAKES_ANYTHING = "takes anything";
export const MADE_HERE = "made by the package";
export const CONSTANT = "a constant";

/** What a call fails with: thrown, or the rejection of the promise that it returns. */
async function failureOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return "nothing";
}

/** A test for each call: the error is the platform's, and names the argument. */
export function testWrongCalls(table: Table): void {
  for (const [name, calls] of Object.entries(table)) {
    if (typeof calls === "string") continue;
    for (const [what, call, names, kind = "TypeError"] of calls) {
      test(`${name}: ${what} is a ${kind} that names ${names}`, async () => {
        const error = await failureOf(call) as Error;
        assertEquals(error?.constructor, kind === "TypeError" ? TypeError : RangeError, `failed with ${String(error)}`);
        const told = error.message.startsWith(`${names} must be `);
        assert(told || (error.message.startsWith("Cannot use ") && error.message.includes(names)), error.message);
      });
    }
  }
}
