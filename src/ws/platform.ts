/**
 * The door to the runtime: compression, memory, turns of the event loop, and what it knows of UTF-8.
 *
 * @module
 */

export { compressor, decompressor, type DeflateCodec, type Pieces } from "../runtime/deflate.ts";
export { canDeflate, prepareDeflate } from "../runtime/zlib.ts";
export { nextTurn } from "../runtime/turns.ts";
export { bufferModule } from "../runtime/buffer_module.ts";
