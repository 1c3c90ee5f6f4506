/**
 * A channel of another maker: it offers the public contract, and nothing that only this package knows.
 *
 * @module
 */

import type { ByteChannel, Duplex } from "../../src/duplex/duplex.ts";
import type { PairEnd } from "../../src/duplex/pair.ts";

/** Such a channel over an end of a pair. */
export function offeredChannel(end: PairEnd): Duplex & ByteChannel & Pick<PairEnd, "close"> {
  return {
    readable: end.readable,
    writable: end.writable,
    read: () => end.read(),
    write: (bytes) => end.write(bytes),
    closeWrite: () => end.closeWrite(),
    abort: (reason) => end.abort(reason),
    close: () => end.close(),
  };
}
