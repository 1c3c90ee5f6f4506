/**
 * The door to the runtime: compression, memory, turns of the event loop, and what it knows of UTF-8.
 *
 * @module
 */

export { compressor, decompressor, type DeflateCodec, type Pieces } from "../platform/deflate.ts";
export { canDeflate, prepareDeflate } from "../platform/zlib.ts";
export { nextTurn } from "../platform/turns.ts";
export {
  allocate,
  bufferModule,
  mostCopiedBytes,
  textOutsideHeap,
  textPieceBytes,
  wholeTextBytes,
} from "../platform/buffer_module.ts";
