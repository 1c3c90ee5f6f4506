/**
 * The life of a stream as two tables (RFC 9113 §5.1): what each step leads to, and what a frame means in each state.
 * `src/http2/README.md` has the same tables. Nothing is pushed, so no stream is ever reserved.
 *
 * @module
 */

/** How far a stream has come. A closed one is known by who closed it, since what still comes for it means different things. */
export type StreamState =
  | "idle"
  | "open"
  /** We have sent END_STREAM. */
  | "half-closed-local"
  /** The peer has sent END_STREAM. */
  | "half-closed-remote"
  /** Both have. */
  | "closed"
  /** By a RST_STREAM that the peer sent. */
  | "reset-by-peer"
  /** By one that we sent. */
  | "reset-by-us";

/** What leads from one state to another. */
export type StreamStep = "headers" | "we-end" | "peer-ends" | "peer-resets" | "we-reset";

const RESETS = { "peer-resets": "reset-by-peer", "we-reset": "reset-by-us" } as const;

/** What follows what. A step that is not there is a mistake of the machine: it never happens. */
export const STREAM_STEPS: Readonly<Record<StreamState, Partial<Record<StreamStep, StreamState>>>> = {
  "idle": { "headers": "open" },
  "open": { "we-end": "half-closed-local", "peer-ends": "half-closed-remote", ...RESETS },
  "half-closed-local": { "peer-ends": "closed", ...RESETS },
  "half-closed-remote": { "we-end": "closed", ...RESETS },
  "closed": {},
  "reset-by-peer": {},
  "reset-by-us": {},
};

/** The frames that are about one stream. PRIORITY is ignored in each state. */
export type StreamFrame = "headers" | "data" | "rst-stream" | "window-update";

/** What becomes of a frame. */
export type Reception =
  | "take"
  /** It was on its way when the stream was closed. */
  | "ignore"
  /** A stream error: the stream is reset with this code. */
  | "stream-closed"
  /** A connection error of this code. */
  | "connection-stream-closed"
  | "connection-protocol";

/** What a frame from the peer means. HEADERS of an idle stream are taken by a server if the client may open the stream. */
export const RECEPTION: Readonly<Record<StreamState, Readonly<Record<StreamFrame, Reception>>>> = {
  "idle": row("take", "connection-protocol", "connection-protocol"),
  "open": row("take", "take", "take"),
  "half-closed-local": row("take", "take", "take"),
  "half-closed-remote": row("stream-closed", "stream-closed", "take"),
  "closed": row("connection-stream-closed", "connection-stream-closed", "ignore"),
  "reset-by-peer": row("stream-closed", "stream-closed", "ignore"),
  "reset-by-us": row("ignore", "ignore", "ignore"),
};

function row(headers: Reception, data: Reception, rest: Reception): Readonly<Record<StreamFrame, Reception>> {
  return { headers, data, "rst-stream": rest, "window-update": rest };
}
