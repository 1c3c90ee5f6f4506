/**
 * Chunks of received bytes as a stream of the platform. Bodies make one when a program asks for it.
 *
 * @module
 */

import { ownBytes } from "../bytes/own_bytes.ts";

/**
 * Makes a stream that reads nothing ahead. Each chunk is its reader's, who may transfer it.
 *
 * @param read Gives the next chunk, which may be a view, or `null` at the end. What it fails with is the stream's error.
 * @param cancel Is called when the reader wants no more.
 */
export function chunkStream(
  read: () => Promise<Uint8Array | null>,
  cancel: (reason: unknown) => void | Promise<void>,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const chunk = await read();
      if (chunk === null) controller.close();
      else controller.enqueue(ownBytes(chunk));
    },
    cancel,
  }, { highWaterMark: 0 });
}
