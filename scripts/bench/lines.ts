/**
 * The children's end of the line to the main script: one JSON value a line in, one out. When the line breaks the child
 * ends.
 *
 * @module
 */

import process from "node:process";
import { createInterface } from "node:readline";

/** Answers each line, one after the other. */
export async function answerLines(answer: (question: unknown) => unknown): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await answer(JSON.parse(line)) ?? null)}\n`);
  }
  process.exit(0);
}
