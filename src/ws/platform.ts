/**
 * The door to the runtime: compression.
 *
 * @module
 */

export { canDeflate, compressor, decompressor, type DeflateCodec } from "../runtime/deflate.ts";
