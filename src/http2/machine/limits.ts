/**
 * Every number that bounds what a peer of HTTP/2 can make us hold or do. Some are told to it by SETTINGS.
 *
 * @module
 */

import { checkInteger, checkObject } from "../../bytes/arguments.ts";
import { DEFAULT_MAX_FRAME_BYTES } from "./frame.ts";
import { MAX_WINDOW_BYTES } from "./window.ts";

/** Bounds on what one peer may send. All are inclusive: exactly the limit is accepted. */
export interface Http2Limits {
  /** Streams that the peer may have open: SETTINGS_MAX_CONCURRENT_STREAMS. More are refused. 100; RFC 9113 §6.5.2 advises no less. */
  readonly maxConcurrentStreams: number;
  /** Bytes of data of one stream that are not consumed: SETTINGS_INITIAL_WINDOW_SIZE. 256 KiB. */
  readonly streamWindowBytes: number;
  /** Bytes of data of all streams that are not consumed; at least 65,535. 1 MiB, as hyper. */
  readonly connectionWindowBytes: number;
  /** Bytes of a frame: SETTINGS_MAX_FRAME_SIZE. 16,384, the least that is allowed. */
  readonly maxFrameBytes: number;
  /** Bytes of the fields that the peer's encoder may refer to: SETTINGS_HEADER_TABLE_SIZE. 4,096. */
  readonly fieldTableBytes: number;
  /** Bytes of a list of fields, 32 more counted for each: SETTINGS_MAX_HEADER_LIST_SIZE. 64 KiB. */
  readonly maxFieldBytes: number;
  /** Field lines of a head or of trailers. 128: a browser may split `Cookie` into many. */
  readonly maxFields: number;
  /** CONTINUATION frames of one block (CVE-2024-27316). 16. */
  readonly maxContinuations: number;
  /** Informational responses before a final one. 16. */
  readonly maxInformational: number;
  /**
   * Streams that end by a reset, the peer's or one that it provokes, above those that end well (CVE-2023-44487, CVE-2025-8671).
   * 200; `forgive()` gives some back.
   */
  readonly maxResets: number;
  /** Frames that bring nothing, above those that do: empty DATA, priorities, unknown types, small window updates. 1,000. */
  readonly maxIdleFrames: number;
  /** Answers to PING and SETTINGS, and resets, that wait for the peer to read. 1,000, as nghttp2. */
  readonly maxUnsentAnswers: number;
}

/** The limits when nothing else is said. */
export const DEFAULT_HTTP2_LIMITS: Http2Limits = {
  maxConcurrentStreams: 100,
  streamWindowBytes: 262_144,
  connectionWindowBytes: 1_048_576,
  maxFrameBytes: DEFAULT_MAX_FRAME_BYTES,
  fieldTableBytes: 4096,
  maxFieldBytes: 65_536,
  maxFields: 128,
  maxContinuations: 16,
  maxInformational: 16,
  maxResets: 200,
  maxIdleFrames: 1000,
  maxUnsentAnswers: 1000,
};

/** What each may be. */
const RANGES: Readonly<Record<keyof Http2Limits, readonly [least: number, most: number]>> = {
  maxConcurrentStreams: [0, MAX_WINDOW_BYTES],
  streamWindowBytes: [0, MAX_WINDOW_BYTES],
  connectionWindowBytes: [65_535, MAX_WINDOW_BYTES],
  maxFrameBytes: [DEFAULT_MAX_FRAME_BYTES, 2 ** 24 - 1],
  fieldTableBytes: [0, MAX_WINDOW_BYTES],
  maxFieldBytes: [0, MAX_WINDOW_BYTES],
  maxFields: [0, MAX_WINDOW_BYTES],
  maxContinuations: [0, MAX_WINDOW_BYTES],
  maxInformational: [0, MAX_WINDOW_BYTES],
  maxResets: [0, MAX_WINDOW_BYTES],
  maxIdleFrames: [0, MAX_WINDOW_BYTES],
  maxUnsentAnswers: [1, MAX_WINDOW_BYTES],
};

/** What `http2LimitsOf()` has made: each connection gives it to its machine. */
const complete: WeakSet<object> = new WeakSet();

/**
 * Fills in the limits that are not given.
 *
 * @throws {TypeError} One of them is no integer.
 * @throws {RangeError} One of them is not within what RFC 9113 allows.
 */
export function http2LimitsOf(given: Partial<Http2Limits> = {}): Http2Limits {
  checkObject(given, "limits");
  if (complete.has(given)) return given as Http2Limits;
  const limits: { -readonly [Name in keyof Http2Limits]: number } = { ...DEFAULT_HTTP2_LIMITS };
  for (const name of Object.keys(limits) as (keyof Http2Limits)[]) {
    const limit = given[name];
    if (limit === undefined) continue;
    checkInteger(limit, `limits.${name}`, ...RANGES[name]);
    limits[name] = limit;
  }
  complete.add(limits);
  return limits;
}
