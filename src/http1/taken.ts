/**
 * What remains of an upgraded connection whose transport was taken back: `upgraded.ts` goes on with it as its channel, so that none of
 * its methods asks whether there is still one.
 *
 * @module
 */

import type { HeldChannel } from "../duplex/held_channel.ts";
import { StateError } from "../errors/state_error.ts";

/** Refuses everything but an end. */
export const TAKEN: HeldChannel = {
  fastPath: null,
  read: () => Promise.reject(alreadyTaken()),
  write: () => Promise.reject(alreadyTaken()),
  closeWrite: () => Promise.reject(alreadyTaken()),
  close: () => Promise.resolve(),
  abort() {},
  withdrawRead: () => false,
  watchPeer: () => false,
  probePeer: () => false,
};

/** What it is refused with. */
export function alreadyTaken(): StateError {
  return new StateError("already-taken", "Cannot use the connection: its transport was taken back");
}
