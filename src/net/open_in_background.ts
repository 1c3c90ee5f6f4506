/**
 * How a socket is opened whose holder has it already: failures end it, and so does a signal. The adapters call it.
 *
 * @module
 */

import { onAbort } from "../duplex/abort.ts";
import type { NetSocket } from "./net_socket.ts";

/**
 * Opens a socket in the background, unless the signal aborts before it is open.
 *
 * @param open Ends with `attach()` or `failed()`; what it throws is the failure.
 * @returns The socket.
 */
export function openInBackground(
  socket: NetSocket,
  signal: AbortSignal | undefined,
  open: () => void | Promise<void>,
): NetSocket {
  if (signal?.aborted) {
    socket.abort(signal.reason);
    return socket;
  }
  if (signal !== undefined) {
    const unlisten = onAbort(signal, () => socket.cut(signal.reason));
    socket.opened.then(unlisten, unlisten);
  }
  try {
    open()?.catch((error) => socket.cannotOpen(error));
  } catch (error) {
    socket.cannotOpen(error);
  }
  return socket;
}
