/**
 * The package `ws`, to compare with.
 *
 * @module
 */

import { installProgram } from "../testing/npm.ts";
import { exists } from "../testing/project.ts";

const folder = ".cache/bench";
const program = "node_modules/ws/wrapper.mjs";

/** Installs it from npm, if it is not there. */
export async function prepareWs(): Promise<void> {
  if (!await exists(`${folder}/${program}`)) await installProgram(["ws@8"], folder, program);
}
