/**
 * What a probe finds.
 *
 * @module
 */

/** One cell of the table. */
export interface Verdict {
  /** Right, wrong, not applicable, or undecided. */
  readonly mark: "✓" | "✗" | "–" | "?";
  /** What was seen, in a few words; empty where the mark says it all. */
  readonly note: string;
}

/** The requirement is met. */
export function right(note: string = ""): Verdict {
  return { mark: "✓", note };
}

/** The requirement is broken. */
export function wrong(note: string): Verdict {
  return { mark: "✗", note };
}

/** The implementation has no way to do what the requirement is about. */
export function notApplicable(): Verdict {
  return { mark: "–", note: "" };
}

/** Neither could be shown. */
export function undecided(): Verdict {
  return { mark: "?", note: "" };
}

const severity = "✓–?✗";

/** One verdict for several runtimes: the worst one, and where it was seen unless it is the same everywhere. */
export function merge(verdicts: ReadonlyMap<string, Verdict>): Verdict {
  const all = [...verdicts.values()];
  const worst = all.reduce((a, b) => severity.indexOf(b.mark) > severity.indexOf(a.mark) ? b : a, right());
  const places = [...verdicts].filter(([, { mark }]) => mark === worst.mark).map(([place]) => place);
  if (places.length === all.length) return worst;
  return { mark: worst.mark, note: `${worst.note} (${places.join(", ")})`.trim() };
}
