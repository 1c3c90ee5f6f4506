/**
 * The 1xx responses that `node:http` knows. `node_info.ts` and `receive.ts` call it.
 *
 * @module
 */

import { StateError } from "../errors/state_error.ts";
import type { Field } from "../semantics/fields.ts";
import type { ServerResponse } from "./messages.ts";

/** Sends a 1xx. Rejects if `node:http` cannot. */
export function sendInformational(res: ServerResponse, status: number, fields: readonly Field[]): Promise<void> {
  if (status === 100) res.writeContinue();
  else if (status === 102) res.writeProcessing();
  else if (status === 103) res.writeEarlyHints(grouped(fields));
  else return Promise.reject(new StateError("bad-status", `Cannot send ${status}: node:http knows 100, 102 and 103`));
  return Promise.resolve();
}

/** Node writes 103 only where there is a `link`. */
function grouped(fields: readonly Field[]): Record<string, string[]> {
  const hints: Record<string, string[]> = {};
  for (const [name, value] of fields) (hints[name.toLowerCase()] ??= []).push(value);
  return hints;
}
