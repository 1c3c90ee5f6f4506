/**
 * The results as a table in Markdown.
 *
 * @module
 */

import type { Requirement } from "./probe.ts";
import type { Verdict } from "./verdict.ts";

/** A column: its head, and a verdict for each requirement. */
export interface Column {
  readonly title: string;
  readonly verdicts: readonly Verdict[];
}

/** One row for each requirement, aligned as `deno fmt` does it. Empty where there are no columns. */
export function table(
  what: string,
  requirements: readonly Pick<Requirement, "title" | "clause">[],
  columns: readonly Column[],
): string {
  if (columns.length === 0) return "";
  const rows = [
    [what, "", ...columns.map(({ title }) => title)],
    ...requirements.map(({ title, clause }, index) => [
      title,
      clause,
      ...columns.map(({ verdicts }) => cell(verdicts[index]!)),
    ]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => width(row[column]!))));
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const [top, ...others] = rows.map((row) => line(row.map((text, column) => pad(text, widths[column]!))));
  return [top, line(widths.map((count) => "-".repeat(count))), ...others].join("\n");
}

function cell({ mark, note }: Verdict): string {
  return `${mark} ${note.replaceAll("|", "\\|")}`.trim();
}

function pad(text: string, wanted: number): string {
  return text + " ".repeat(wanted - width(text));
}

function width(text: string): number {
  return [...text].length;
}
