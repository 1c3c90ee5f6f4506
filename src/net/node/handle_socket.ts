/**
 * Node's socket of a handle: `net.createServer()` takes no `onread`, so that sockets which lend what they read are made of the handle
 * of a connection. `sockets.ts` calls it for those that are accepted, `handle_transport.ts` once its `native` is looked at.
 *
 * @module
 */

import net from "node:net";
import { lending, marked } from "./lent_reads.ts";

/** How accepted sockets are set up. */
export interface AcceptOptions {
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
}

/** A handle that is set up already. */
export const AS_IT_IS: AcceptOptions = { noDelay: false, keepAlive: false };

/** Makes a socket that is paused. `writable` is false once our side has ended. */
export function socketOf(handle: object, { noDelay, keepAlive }: AcceptOptions, writable: boolean): net.Socket {
  const options = lending({ handle, allowHalfOpen: true, pauseOnCreate: true, writable });
  const socket = marked(new net.Socket(options as net.SocketConstructorOpts));
  if (noDelay) socket.setNoDelay(true);
  if (keepAlive) socket.setKeepAlive(true);
  return socket;
}
