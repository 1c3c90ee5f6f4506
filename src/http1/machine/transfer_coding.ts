/**
 * What Transfer-Encoding names: RFC 9112 §6.1 and §7.
 *
 * ```text
 * transfer-coding = token *( OWS ";" OWS token BWS "=" BWS ( token / quoted-string ) )
 * ```
 *
 * @module
 */

import { equalsIgnoringCase } from "../../bytes/ascii.ts";
import { quoted, splitList } from "../../semantics/fields.ts";

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const PARAMETER = `[ \\t]*;[ \\t]*${TOKEN}[ \\t]*=[ \\t]*(?:${TOKEN}|"(?:[^"\\\\]|\\\\.)*")`;
const CODING = new RegExp(`^${TOKEN}(?:${PARAMETER})*$`);

/** Codings in the order in which they were applied, each with its parameters. */
export interface TransferCodings {
  /** None of them is empty; there may be none. */
  readonly codings: readonly string[];
  /** Whether the last one is `chunked`. */
  readonly chunked: boolean;
  /** Whether the list has empty elements as well. */
  readonly sparse: boolean;
}

const ONLY_CHUNKED: TransferCodings = { codings: ["chunked"], chunked: true, sparse: false };

/**
 * Reads the values of all lines.
 *
 * @returns The codings, or what is wrong with them: one is malformed, or `chunked` comes twice or has a parameter.
 */
export function transferCodings(values: readonly string[]): TransferCodings | string {
  if (values.length === 1 && equalsIgnoringCase(values[0]!, "chunked")) return ONLY_CHUNKED;
  const elements: string[] = [];
  for (const value of values) splitList(value, elements, true);
  const codings = elements.filter((element) => element !== "");
  const malformed = codings.find((coding) => !CODING.test(coding));
  if (malformed !== undefined) return `${quoted(malformed)} is no transfer coding`;
  const chunked = codings.filter(isChunked);
  if (chunked.length > 1) return "chunked more than once";
  if (chunked.length === 1 && !equalsIgnoringCase(chunked[0]!, "chunked")) return "chunked has no parameters";
  const last = codings[codings.length - 1];
  return { codings, chunked: last !== undefined && isChunked(last), sparse: codings.length < elements.length };
}

function isChunked(coding: string): boolean {
  return /^chunked(?:[ \t;]|$)/i.test(coding);
}
