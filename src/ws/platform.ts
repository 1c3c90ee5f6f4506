/**
 * The door to the runtime: compression, memory, and what it knows of UTF-8.
 *
 * @module
 */

export { canDeflate, compressor, decompressor, type DeflateCodec, prepareDeflate } from "../runtime/deflate.ts";
export { bufferModule } from "../runtime/buffer_module.ts";
