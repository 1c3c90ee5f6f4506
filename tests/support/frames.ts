/**
 * WebSocket frames byte by byte, right ones and wrong ones, and what a machine makes of them. Knows nothing of the code
 * under test: frames are built and taken apart here again, from RFC 6455 §5.2.
 *
 * @module
 */

import { WebSocketProtocolError } from "../../src/errors/web_socket_protocol_error.ts";
import type { Role } from "../../src/websocket/machine/frame.ts";
import type { WebSocketEvent } from "../../src/websocket/machine/web_socket_event.ts";
import { WebSocketMachine, type WebSocketMachineLimits } from "../../src/websocket/machine/web_socket_machine.ts";
import { joined } from "./switching.ts";

/** The two ends that are tested. */
export const roles: readonly Role[] = ["server", "client"];

/** The opcodes by name. */
export const OPCODES = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A frame, as odd as it is wanted. */
export interface FrameInit {
  /** True by default. */
  readonly fin?: boolean;
  /** RSV1 to RSV3 as three bits: 4, 2, 1. 0 by default. */
  readonly rsv?: number;
  /** Any number up to 15. */
  readonly opcode: number;
  /** What it holds. */
  readonly payload?: string | Uint8Array;
  /** The masking key; `null` for none. */
  readonly key?: readonly [number, number, number, number] | null;
  /** In how many bytes the length is written; as few as possible by default. */
  readonly lengthBytes?: 0 | 2 | 8;
  /** What the length says, if it lies. */
  readonly length?: number | bigint;
}

/** The key that frames of clients have in these tests. */
export const KEY = [0x37, 0xfa, 0x21, 0x3d] as const;

/** The bytes of a frame. */
export function frame(init: FrameInit): Uint8Array {
  const payload = bytesOf(init.payload ?? "");
  const length = init.length ?? payload.length;
  const lengthBytes = init.lengthBytes ?? (length < 126 ? 0 : length < 65_536 ? 2 : 8);
  const key = init.key ?? null;
  const header = new Uint8Array(2 + lengthBytes + (key === null ? 0 : 4));
  header[0] = (init.fin === false ? 0 : 0x80) | (init.rsv ?? 0) << 4 | init.opcode;
  header[1] = (key === null ? 0 : 0x80) | (lengthBytes === 0 ? Number(length) : lengthBytes === 2 ? 126 : 127);
  for (let i = 0; i < lengthBytes; i++) {
    header[2 + i] = Number(BigInt(length) >> BigInt(8 * (lengthBytes - 1 - i)) & 0xffn);
  }
  if (key === null) return joined(header, payload);
  header.set(key, header.length - 4);
  const masked = payload.slice();
  for (let i = 0; i < masked.length; i++) masked[i]! ^= key[i % 4]!;
  return joined(header, masked);
}

/** A frame as the peer of `role` sends it: masked for a server, not masked for a client. */
export function toward(role: Role, init: FrameInit): Uint8Array {
  return frame({ key: role === "server" ? KEY : null, ...init });
}

/** The payload of a Close frame. */
export function closePayload(code: number, reason: string | Uint8Array = ""): Uint8Array {
  return joined(new Uint8Array([code >> 8, code & 0xff]), bytesOf(reason));
}

/** Bytes of a text, in UTF-8. */
export function bytesOf(payload: string | Uint8Array): Uint8Array {
  return typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
}

/** Bytes of their hexadecimal digits; blanks do not count. */
export function unhex(digits: string): Uint8Array {
  return new Uint8Array((digits.replaceAll(/\s/g, "").match(/../g) ?? []).map((pair) => parseInt(pair, 16)));
}

/** Hexadecimal digits; of what is long, the beginning, the length and a checksum. */
export function hex(bytes: Uint8Array): string {
  const digits = Array.from(bytes.subarray(0, 40), (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (bytes.length <= 40) return digits;
  let sum = 0;
  for (let i = 0; i < bytes.length; i++) sum = (Math.imul(sum, 31) + bytes[i]!) | 0;
  return `${digits}… ${bytes.length} bytes ${sum}`;
}

/** A frame that was taken apart; its payload is unmasked. */
export interface ParsedFrame {
  readonly fin: boolean;
  readonly rsv: number;
  readonly opcode: number;
  readonly key: readonly number[] | null;
  readonly lengthBytes: number;
  readonly payload: Uint8Array;
}

/** Takes the first frame off; `null` if it is not complete. */
export function parseFrame(bytes: Uint8Array): { readonly frame: ParsedFrame; readonly rest: Uint8Array } | null {
  if (bytes.length < 2) return null;
  const short = bytes[1]! & 0x7f;
  const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
  const masked = (bytes[1]! & 0x80) !== 0;
  const size = 2 + lengthBytes + (masked ? 4 : 0);
  if (bytes.length < size) return null;
  let length = lengthBytes === 0 ? short : 0;
  for (let i = 0; i < lengthBytes; i++) length = length * 256 + bytes[2 + i]!;
  if (bytes.length < size + length) return null;
  const key = masked ? [...bytes.subarray(size - 4, size)] : null;
  const payload = bytes.slice(size, size + length);
  if (key !== null) { for (let i = 0; i < length; i++) payload[i]! ^= key[i % 4]!; }
  const first = bytes[0]!;
  return {
    frame: { fin: (first & 0x80) !== 0, rsv: first >> 4 & 7, opcode: first & 15, key, lengthBytes, payload },
    rest: bytes.subarray(size + length),
  };
}

/** All frames in a row; fails if the last one is not complete. */
export function parseFrames(bytes: Uint8Array): ParsedFrame[] {
  const frames: ParsedFrame[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const parsed = parseFrame(rest);
    if (parsed === null) throw new Error(`Half a frame: ${hex(rest)}`);
    frames.push(parsed.frame);
    rest = parsed.rest;
  }
  return frames;
}

/** A frame as a short text: `text+ "Hel"`, `continuation "lo"`, `binary rsv4 ff00`, `close 1000 "bye"`. */
export function frameText({ fin, rsv, opcode, payload }: ParsedFrame): string {
  const name = Object.entries(OPCODES).find(([, code]) => code === opcode)?.[0] ?? `opcode ${opcode}`;
  const marks = `${name}${fin ? "" : "+"}${rsv === 0 ? "" : ` rsv${rsv}`}`;
  if (opcode === OPCODES.close && payload.length >= 2) {
    const code = payload[0]! << 8 | payload[1]!;
    return `${marks} ${code} ${JSON.stringify(new TextDecoder().decode(payload.subarray(2)))}`;
  }
  return `${marks} ${opcode === OPCODES.text && rsv === 0 ? quoted(payload) : hex(payload)}`;
}

function quoted(payload: Uint8Array): string {
  return payload.length > 80 ? hex(payload) : JSON.stringify(new TextDecoder().decode(payload));
}

/** A machine of a role; clients mask with {@linkcode KEY}. */
export function machineOf(role: Role, options: WebSocketMachineLimits = {}): WebSocketMachine {
  if (role === "server") return new WebSocketMachine({ role, ...options });
  return new WebSocketMachine({ role, maskingKey: () => 0x37fa213d, ...options });
}

/** What a machine is given, and how. */
export interface Reception extends WebSocketMachineLimits {
  /** Whether the peer ends its side behind the last chunk. False by default. */
  readonly eof?: boolean;
  /** Whether the memory of each chunk is used for something else once it was looked at. False by default. */
  readonly lent?: boolean;
}

/**
 * What a machine makes of these chunks, one event a line: `text "Hello"`, `binary 0102`, `ping`, `close 1000 "bye"`,
 * `fail bad-utf8 1007`; the last one is `need-data`, `end` or `fail`.
 */
export function received(role: Role, chunks: readonly Uint8Array[], options: Reception = {}): string[] {
  const machine = machineOf(role, options);
  const lines: string[] = [];
  for (const chunk of chunks) {
    const given = options.lent ? chunk.slice() : chunk;
    machine.receive(given, options.lent);
    if (!drain(machine, lines)) return lines;
    if (options.lent) given.fill(0xff);
  }
  if (options.eof) machine.receiveEof();
  drain(machine, lines);
  lines.push(options.eof || machine.closeReceived ? "end" : "need-data");
  return lines;
}

/** Whether the machine may go on. */
function drain(machine: WebSocketMachine, lines: string[]): boolean {
  try {
    for (let event = machine.next(); event.type !== "need-data" && event.type !== "end"; event = machine.next()) {
      lines.push(eventText(event));
    }
    return true;
  } catch (error) {
    if (!(error instanceof WebSocketProtocolError)) throw error;
    lines.push(`fail ${error.code} ${error.closeCode}`);
    return false;
  }
}

/** An event as a short text. */
export function eventText(event: WebSocketEvent): string {
  switch (event.type) {
    case "text":
      return `text ${event.text.length > 200 ? hex(bytesOf(event.text)) : JSON.stringify(event.text)}`;
    case "binary":
      return `binary ${hex(event.bytes)}`.trimEnd();
    case "text-bytes":
      return `text-bytes ${hex(event.bytes)}`.trimEnd();
    case "compressed":
      return `compressed ${event.kind} ${hex(event.bytes)}`.trimEnd();
    case "ping":
    case "pong":
      return `${event.type} ${hex(event.payload)}`.trimEnd();
    case "close":
      return `close ${event.closeCode} ${JSON.stringify(event.reason)}`;
    default:
      return event.type;
  }
}

/** What a machine has to send, as frames. */
export function sent(machine: WebSocketMachine): string[] {
  return parseFrames(joined(...machine.take())).map((parsed) => frameText(parsed).trimEnd());
}
