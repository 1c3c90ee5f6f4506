/**
 * Gets the packages that ours is compared with.
 *
 * @module
 */

import { installProgram } from "../testing/npm.ts";
import { exists } from "../testing/project.ts";
import { peerFolder, peers } from "./peers.ts";

/** Installs those that are not there. */
export async function installPeers(): Promise<void> {
  for (const [name, { specifiers, program }] of Object.entries(peers)) {
    const folder = peerFolder(name);
    if (!await exists(`${folder}/${program}`)) await installProgram(specifiers, folder, program);
  }
}
