/**
 * The async context (`AsyncLocalStorage`) for callbacks that a socket calls: promises carry it by themselves, but cost more.
 *
 * @module
 */

import { builtinModule } from "./builtin_module.ts";
import { denoVersion } from "./version.ts";

/** Calls a function, in the async context of the moment at which this was made. */
export type InContext = <Argument>(call: (argument: Argument) => void, argument: Argument) => void;

interface AsyncHooks {
  readonly AsyncLocalStorage?: { readonly snapshot?: () => InContext };
}

let takeSnapshot: (() => InContext) | null | undefined;

/**
 * Keeps the async context of this moment.
 *
 * @returns `null` where that is not possible (Node before 20.16), or costs more than promises do (Deno).
 */
export function contextOfNow(): InContext | null {
  if (takeSnapshot === undefined) {
    const hooks = denoVersion() === undefined ? builtinModule("node:async_hooks") as AsyncHooks | undefined : undefined;
    const storage = hooks?.AsyncLocalStorage;
    takeSnapshot = typeof storage?.snapshot === "function" ? () => storage.snapshot!() : null;
  }
  return takeSnapshot === null ? null : takeSnapshot();
}
