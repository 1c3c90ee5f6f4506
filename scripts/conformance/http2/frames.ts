/**
 * Frames of HTTP/2 as they are written (RFC 9113 §4 and §6), right ones and wrong ones.
 *
 * @module
 */

/** The types as numbers. */
export const TYPES = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goaway: 7, continuation: 9 } as const;
/** The flags as bits; ACK is END_STREAM's. */
export const FLAGS = { endStream: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const;
/** What a client sends first. */
export const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** SETTINGS_ENABLE_CONNECT_PROTOCOL. */
export const ENABLE_CONNECT_PROTOCOL = 8;

/** The error codes in the order of their numbers. */
export const CODES: readonly string[] = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];

function number(value: number, bytes: number): string {
  let text = "";
  for (let shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += String.fromCharCode(value >>> shift & 0xff);
  return text;
}

/** Any frame. */
export function frame(type: number, flags: number, streamId: number, payload: string): string {
  return number(payload.length, 3) + number(type, 1) + number(flags, 1) + number(streamId, 4) + payload;
}

/** SETTINGS. */
export function settings(...pairs: readonly (readonly [id: number, value: number])[]): string {
  return frame(TYPES.settings, 0, 0, pairs.map(([id, value]) => number(id, 2) + number(value, 4)).join(""));
}

/** HEADERS of these lines, `name: value`, as literals that are neither indexed nor coded (RFC 7541 §6.2.2). */
export function headers(streamId: number, lines: readonly string[], end = false): string {
  const block = lines.map((line) => {
    const colon = line.indexOf(": ", 1);
    return `\0${literal(line.slice(0, colon))}${literal(line.slice(colon + 2))}`;
  });
  return frame(TYPES.headers, FLAGS.endHeaders | (end ? FLAGS.endStream : 0), streamId, block.join(""));
}

/** At most 126 bytes long, which is enough here. */
function literal(text: string): string {
  return number(text.length, 1) + text;
}

/** DATA. */
export function data(streamId: number, text: string, end = false): string {
  return frame(TYPES.data, end ? FLAGS.endStream : 0, streamId, text);
}

/** RST_STREAM. */
export function reset(streamId: number, code: string): string {
  return frame(TYPES.reset, 0, streamId, number(CODES.indexOf(code), 4));
}
