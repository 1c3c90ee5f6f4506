/**
 * The frame of RFC 6455 §5.2: its header, read and written.
 *
 * @module
 */

import { WebSocketProtocolError } from "../../errors/web_socket_protocol_error.ts";

/** Which end of the connection: clients mask, servers do not (RFC 6455 §5.1). */
export type Role = "client" | "server";

/** Both. */
export const ROLES: readonly Role[] = ["client", "server"];

/** Goes on with a message. */
export const CONTINUATION = 0x0;
/** Begins a message of text. */
export const TEXT = 0x1;
/** Begins a message of bytes. */
export const BINARY = 0x2;
/** Ends what this side sends. */
export const CLOSE = 0x8;
/** Wants a Pong. */
export const PING = 0x9;
/** Answers a Ping. */
export const PONG = 0xa;

const FIN = 0x80;
const RSV1 = 0x40;
const RSV2_AND_RSV3 = 0x30;
const MASKED = 0x80;
/** The longest payload of a control frame (RFC 6455 §5.5). */
export const MAX_CONTROL_BYTES = 125;

/** The header of a frame that was received. */
export interface FrameHeader {
  /** Whether it ends its message. */
  fin: boolean;
  /** RSV1: the first frame of a compressed message (RFC 7692 §6). */
  compressed: boolean;
  /** One of the six that are defined. */
  opcode: number;
  /** Of the payload, in bytes. */
  length: number;
  /** The masking key; 0 where nothing is masked. */
  key: number;
}

/** What a reader of frames has to know to find what is wrong with one. */
export interface FrameRules {
  /** Ours. */
  readonly role: Role;
  /** Whether messages may be compressed. */
  readonly mayCompress: boolean;
}

/** The rules of an end; all connections share four objects. */
export function frameRules(role: Role, mayCompress: boolean): FrameRules {
  return RULES[role][mayCompress ? 1 : 0];
}

const RULES: { readonly [Each in Role]: readonly [FrameRules, FrameRules] } = {
  client: [{ role: "client", mayCompress: false }, { role: "client", mayCompress: true }],
  server: [{ role: "server", mayCompress: false }, { role: "server", mayCompress: true }],
};

/**
 * Reads the header at `start` into `header`.
 *
 * @returns How many bytes it takes, or 0 if it is not complete. What is wrong with it is found at its second byte.
 * @throws {WebSocketProtocolError} It breaks a rule that needs no knowledge of other frames.
 */
export function readFrameHeader(
  bytes: Uint8Array,
  start: number,
  end: number,
  rules: FrameRules,
  header: FrameHeader,
): number {
  if (end - start < 2) return 0;
  const first = bytes[start]!;
  const second = bytes[start + 1]!;
  checkFirstBytes(first, second, rules);
  const lengthBytes = (second & 0x7f) < 126 ? 0 : (second & 0x7f) === 126 ? 2 : 8;
  const size = 2 + lengthBytes + ((second & MASKED) !== 0 ? 4 : 0);
  if (end - start < 2 + lengthBytes) return 0;
  const length = lengthBytes === 0 ? second & 0x7f : readLength(bytes, start + 2, lengthBytes);
  if (end - start < size) return 0;
  header.fin = (first & FIN) !== 0;
  header.compressed = (first & RSV1) !== 0;
  header.opcode = first & 0x0f;
  header.length = length;
  header.key = (second & MASKED) !== 0 ? readKey(bytes, start + size - 4) : 0;
  return size;
}

function checkFirstBytes(first: number, second: number, rules: FrameRules): void {
  const opcode = first & 0x0f;
  if (opcode > PONG || (opcode > BINARY && opcode < CLOSE)) {
    throw new WebSocketProtocolError("reserved-opcode", `Opcode ${opcode} is reserved`, "RFC 6455 §5.2");
  }
  const mayCompress = rules.mayCompress && (opcode === TEXT || opcode === BINARY);
  if ((first & RSV2_AND_RSV3) !== 0 || ((first & RSV1) !== 0 && !mayCompress)) {
    throw new WebSocketProtocolError("reserved-bits", "A reserved bit is set", "RFC 6455 §5.2");
  }
  if (rules.role === "server" && (second & MASKED) === 0) {
    throw new WebSocketProtocolError("unmasked-frame", "The client's frame is not masked", "RFC 6455 §5.1");
  }
  if (rules.role === "client" && (second & MASKED) !== 0) {
    throw new WebSocketProtocolError("masked-frame", "The server's frame is masked", "RFC 6455 §5.1");
  }
  if (opcode < CLOSE) return;
  if ((first & FIN) === 0) {
    throw new WebSocketProtocolError("fragmented-control", "A control frame is fragmented", "RFC 6455 §5.5");
  }
  if ((second & 0x7f) > MAX_CONTROL_BYTES) {
    throw new WebSocketProtocolError("control-too-long", "A control frame is too long", "RFC 6455 §5.5");
  }
}

/** The 16-bit and 64-bit lengths, which must not be longer than needed. */
function readLength(bytes: Uint8Array, at: number, size: 2 | 8): number {
  if (size === 2) {
    const length = bytes[at]! << 8 | bytes[at + 1]!;
    if (length < 126) throw badLength();
    return length;
  }
  const high = readKey(bytes, at) >>> 0;
  const length = high * 2 ** 32 + (readKey(bytes, at + 4) >>> 0);
  if (high >= 2 ** 31 || length < 65_536) throw badLength();
  return length;
}

function badLength(): WebSocketProtocolError {
  return new WebSocketProtocolError(
    "bad-length",
    "The length of a frame is not written as it must be",
    "RFC 6455 §5.2",
  );
}

function readKey(bytes: Uint8Array, at: number): number {
  return bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!;
}

/** How many bytes the header of a frame takes that is to be sent. */
export function frameHeaderBytes(length: number, masked: boolean): number {
  return (length < 126 ? 2 : length < 65_536 ? 4 : 10) + (masked ? 4 : 0);
}

/** Writes a header to `target`, which has room for it from `start`; `masked` makes the key part of it. */
export function writeFrameHeader(target: Uint8Array, start: number, header: FrameHeader, masked: boolean): void {
  const { fin, compressed, opcode, length, key } = header;
  const mask = masked ? MASKED : 0;
  target[start] = opcode | (fin ? FIN : 0) | (compressed ? RSV1 : 0);
  let at = start + 2;
  if (length < 126) {
    target[start + 1] = mask | length;
  } else if (length < 65_536) {
    target[start + 1] = mask | 126;
    target[at++] = length >>> 8;
    target[at++] = length & 0xff;
  } else {
    target[start + 1] = mask | 127;
    writeWord(target, at, Math.floor(length / 2 ** 32));
    writeWord(target, at + 4, length >>> 0);
    at += 8;
  }
  if (masked) writeWord(target, at, key);
}

function writeWord(target: Uint8Array, at: number, word: number): void {
  target[at] = word >>> 24;
  target[at + 1] = word >>> 16;
  target[at + 2] = word >>> 8;
  target[at + 3] = word;
}
