/**
 * How a line of a head ends: with CRLF, or with LF alone where that is let pass. `start_line.ts` and `field_lines.ts` ask.
 *
 * @module
 */

import { CR, LF } from "../../bytes/ascii.ts";
import { ProtocolError } from "../../errors/protocol_error.ts";
import type { Leniency } from "./limits.ts";

/**
 * Whether a line ends with this byte: with CR, which LF must follow, or with LF alone.
 *
 * @throws {ProtocolError} `bad-line-end`: a lone LF that is not let pass.
 */
export function isLineEnd(byte: number, leniency: Leniency): boolean {
  if (byte !== CR && byte !== LF) return false;
  if (byte === LF && leniency.bareLf !== true) throw badLineEnd("a lone LF");
  return true;
}

/**
 * Takes the byte behind a CR.
 *
 * @throws {ProtocolError} `bad-line-end`: it is no LF.
 */
export function takeLf(byte: number): void {
  if (byte !== LF) throw badLineEnd("a CR that no LF follows");
}

/** The error for a line that does not end in CRLF. */
export function badLineEnd(what: string): ProtocolError {
  return new ProtocolError("bad-line-end", `Cannot read the head: ${what}`, "RFC 9112 §2.2");
}
