/**
 * The life of a connection, of either role: one phase at a time, and which phase may follow which. `connection_core.ts`
 * checks each step with it; `src/README.md` has the same table with words.
 *
 * @module
 */

/** Where a connection is in its life. */
export type Phase = "new" | "idle" | "head" | "exchange" | "last" | "ending" | "closing" | "closed" | "handed-over";

/** Which phases may follow each phase. */
export const NEXT_PHASES: Readonly<Record<Phase, readonly Phase[]>> = {
  "new": ["head", "exchange", "ending", "closing", "handed-over"],
  "idle": ["head", "exchange", "ending", "closing"],
  "head": ["exchange", "ending", "closing", "handed-over"],
  "exchange": ["idle", "head", "exchange", "last", "ending", "closing", "handed-over"],
  "last": ["head", "ending", "closing", "handed-over"],
  "ending": ["closing"],
  "closing": ["closed", "handed-over"],
  "closed": [],
  "handed-over": [],
};

/**
 * Goes on to another phase.
 *
 * @returns The new phase.
 * @throws {Error} It may not follow: a mistake in this package.
 */
export function nextPhase(phase: Phase, next: Phase): Phase {
  if (NEXT_PHASES[phase].includes(next)) return next;
  throw new Error(`A connection cannot become ${next}: it is ${phase}`);
}
