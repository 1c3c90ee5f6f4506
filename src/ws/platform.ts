/**
 * The door to the runtime: compression, and what it knows of UTF-8.
 *
 * @module
 */

export { canDeflate, compressor, decompressor, type DeflateCodec } from "../runtime/deflate.ts";
export { utf8Module } from "../runtime/utf8.ts";
