/**
 * The process of one server: says on which port it listens, then how much CPU time it has used whenever it is asked.
 *
 * @module
 */

import process from "node:process";
import { answerLines } from "../lines.ts";

/** What a server says of itself. */
export interface Usage {
  /** CPU time of all its threads so far, in microseconds. */
  readonly cpuUs: number;
  /** Resident memory, in bytes. */
  readonly memoryBytes: number;
}

type Start = () => Promise<number>;

const [, , file = "", name = ""] = process.argv;
const { [name]: start } = await import(`./${file}.ts`) as Record<string, Start>;
const port = await start!();
process.stdout.write(`${JSON.stringify({ port })}\n`);
await answerLines((): Usage => {
  const { user, system } = process.cpuUsage();
  return { cpuUs: user + system, memoryBytes: process.memoryUsage().rss };
});
