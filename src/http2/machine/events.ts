/**
 * What the machine finds in the bytes that it was given.
 *
 * @module
 */

import type { Http2Error, Http2ErrorCode } from "../../errors/http2_error.ts";
import type { StateError } from "../../errors/state_error.ts";
import type { Fields } from "../../semantics/fields.ts";
import type { Http2RequestHead, Http2ResponseHead } from "./message.ts";

/** What both roles find. */
export type Http2ConnectionEvent =
  /** Data of a message, as a view of what was received. Call `consume()` with its length as the reader reads: it opens the windows. */
  | { readonly type: "data"; readonly streamId: number; readonly bytes: Uint8Array }
  /** The message is complete, with its trailers. Not told of one whose head was all of it. */
  | { readonly type: "end"; readonly streamId: number; readonly trailers: Fields }
  /** The stream is gone, whatever was missing of it; see {@linkcode ResetEvent}. */
  | ResetEvent
  /** What waited to be sent on the stream is sent, as far as the machine is concerned. */
  | { readonly type: "drained"; readonly streamId: number }
  /** The peer has told its settings; they are in `peer`. */
  | { readonly type: "settings" }
  /** The peer will take up no stream above that one. Of our streams those above end with `reset`, and may be tried elsewhere. */
  | {
    readonly type: "goaway";
    readonly lastStreamId: number;
    readonly code: Http2ErrorCode;
    /** What the peer says besides, for logs. */
    readonly debug: Uint8Array;
  }
  /** The answer to a `ping()`. */
  | { readonly type: "pong"; readonly payload: Uint8Array }
  /** Call `receive()` or `receiveEof()`, then `next()` again; but first take the bytes. */
  | { readonly type: "need-data" }
  /** Nothing more comes: the peer has ended, or a shutdown is complete, or a rule was broken. Take the bytes, then close. */
  | { readonly type: "closed" };

/** A stream ended before its messages did. */
export interface ResetEvent {
  /** The tag. */
  readonly type: "reset";
  /** Which one. */
  readonly streamId: number;
  /** What the RST_STREAM said; an unknown code counts as `internal` (RFC 9113 §7). */
  readonly code: Http2ErrorCode;
  /** The rule that the peer broke, or why our message cannot be completed; `null`: the peer itself ended the stream. */
  readonly error: Http2Error | StateError | null;
  /** False if the peer has surely done nothing with the request: it may be sent again (RFC 9113 §8.7). */
  readonly processed: boolean;
}

/** A request has come. */
export interface Http2RequestEvent {
  /** The tag. */
  readonly type: "request";
  /** Its stream. */
  readonly streamId: number;
  /** Its head. */
  readonly head: Http2RequestHead;
  /** Whether it has no body. */
  readonly endStream: boolean;
}

/** A final response has come. */
export interface Http2ResponseEvent {
  /** The tag. */
  readonly type: "response";
  /** Its stream. */
  readonly streamId: number;
  /** Its head. */
  readonly head: Http2ResponseHead;
  /** Whether it has no body. */
  readonly endStream: boolean;
}

/** An informational response has come. */
export interface Http2InformationalEvent {
  /** The tag. */
  readonly type: "informational";
  /** Its stream. */
  readonly streamId: number;
  /** Its head. */
  readonly head: Http2ResponseHead;
}

/** What a server's machine finds. */
export type Http2ServerEvent = Http2ConnectionEvent | Http2RequestEvent;
/** What a client's machine finds. */
export type Http2ClientEvent = Http2ConnectionEvent | Http2ResponseEvent | Http2InformationalEvent;

/** Any event. */
export type Http2Event = Http2ServerEvent | Http2ClientEvent;

/** The events without data of their own. */
export const NEED_DATA: { readonly type: "need-data" } = { type: "need-data" };
export const CLOSED: { readonly type: "closed" } = { type: "closed" };
