/**
 * The frames of RFC 9113 §4 and §6: their types, and one table of what each may carry. `FrameReader` checks by it.
 *
 * @module
 */

/** Nine bytes come before each payload (RFC 9113 §4.1). */
export const FRAME_HEADER_BYTES = 9;
/** What a payload may hold unless SETTINGS_MAX_FRAME_SIZE says more (RFC 9113 §4.2). */
export const DEFAULT_MAX_FRAME_BYTES = 16_384;

/** The types that have a meaning here, as numbers of the wire. */
export const FRAME_TYPES = {
  data: 0x0,
  headers: 0x1,
  priority: 0x2,
  "rst-stream": 0x3,
  settings: 0x4,
  "push-promise": 0x5,
  ping: 0x6,
  goaway: 0x7,
  "window-update": 0x8,
  continuation: 0x9,
  "priority-update": 0x10,
} as const;

/** A type that has a meaning here. */
export type FrameType = keyof typeof FRAME_TYPES;

/** DATA and HEADERS: the last frame of this side. */
export const END_STREAM = 0x1;
/** SETTINGS and PING: an answer. */
export const ACK = 0x1;
/** HEADERS and CONTINUATION: the block ends here. */
export const END_HEADERS = 0x4;
/** DATA and HEADERS: a length of padding comes first. */
export const PADDED = 0x8;
/** HEADERS: five bytes of priority come first, which mean nothing any more (RFC 9113 §5.3.2). */
export const PRIORITY = 0x20;

/** The settings of RFC 9113 §6.5.2, RFC 8441 §3 and RFC 9218 §2.1, as numbers of the wire. */
export const SETTINGS = {
  headerTableSize: 0x1,
  enablePush: 0x2,
  maxConcurrentStreams: 0x3,
  initialWindowSize: 0x4,
  maxFrameSize: 0x5,
  maxHeaderListSize: 0x6,
  enableConnectProtocol: 0x8,
  noRfc7540Priorities: 0x9,
} as const;

/** What a type may carry. */
export interface FrameRules {
  /** Which streams: only 0, all but 0, or both. */
  readonly on: "connection" | "stream" | "both";
  /** The length of its payload where that is fixed; else the least. */
  readonly length: number;
  readonly fixed: boolean;
  /** Whether another length is an error of the stream only (RFC 9113 §6.3). */
  readonly streamError: boolean;
  /** The section that says so. */
  readonly section: string;
}

/** One row for each type. */
export const RULES: Readonly<Record<FrameType, FrameRules>> = {
  "data": row("stream", 0, false, "§6.1"),
  "headers": row("stream", 0, false, "§6.2"),
  "priority": { ...row("stream", 5, true, "§6.3"), streamError: true },
  "rst-stream": row("stream", 4, true, "§6.4"),
  "settings": row("connection", 0, false, "§6.5"),
  "push-promise": row("stream", 4, false, "§6.6"),
  "ping": row("connection", 8, true, "§6.7"),
  "goaway": row("connection", 8, false, "§6.8"),
  "window-update": row("both", 4, true, "§6.9"),
  "continuation": row("stream", 0, false, "§6.10"),
  "priority-update": row("connection", 4, false, "§7.1 of RFC 9218"),
};

function row(on: FrameRules["on"], length: number, fixed: boolean, section: string): FrameRules {
  return { on, length, fixed, streamError: false, section };
}

/** A frame that was received, with what it means. */
export type Frame =
  | {
    readonly type: "data";
    readonly streamId: number;
    /** Without its padding; a view of what was received where the frame lay in one chunk. */
    readonly payload: Uint8Array;
    /** What it takes of the windows: padding counts (RFC 9113 §6.9.1). */
    readonly flowBytes: number;
    readonly endStream: boolean;
  }
  /** DATA without padding, of which the beginning has come. */
  | { readonly type: "data-first"; readonly streamId: number; readonly payload: Uint8Array; readonly flowBytes: number }
  /** More of the same frame. */
  | { readonly type: "data-rest"; readonly payload: Uint8Array; readonly last: boolean; readonly endStream: boolean }
  | {
    readonly type: "headers";
    readonly streamId: number;
    /** The part of a block that it holds. */
    readonly fragment: Uint8Array;
    readonly endStream: boolean;
    readonly endHeaders: boolean;
    /** The stream that the sender wants to wait for, if it said so; its own would be an error (RFC 9113 §5.3.1). */
    readonly dependsOn: number | null;
  }
  | { readonly type: "priority"; readonly streamId: number; readonly dependsOn: number }
  | { readonly type: "rst-stream"; readonly streamId: number; readonly errorCode: number }
  | { readonly type: "settings"; readonly settings: readonly (readonly [id: number, value: number])[] }
  | { readonly type: "settings-ack" }
  | { readonly type: "push-promise"; readonly streamId: number }
  | { readonly type: "ping"; readonly payload: Uint8Array; readonly ack: boolean }
  | { readonly type: "goaway"; readonly lastStreamId: number; readonly errorCode: number; readonly debug: Uint8Array }
  | { readonly type: "window-update"; readonly streamId: number; readonly increment: number }
  | {
    readonly type: "continuation";
    readonly streamId: number;
    readonly fragment: Uint8Array;
    readonly endHeaders: boolean;
  }
  | { readonly type: "priority-update"; readonly streamId: number; readonly value: Uint8Array }
  /** A type without a meaning here, to be ignored (RFC 9113 §5.5); told since it must not stand within a block. */
  | { readonly type: "unknown"; readonly streamId: number };
