/**
 * What both roles know of one connection, and the steps that more than one kind of frame takes: a stream is closed, a stream or the
 * connection fails. The `receive_*.ts` read frames into it, `send.ts` writes messages out of it.
 *
 * @module
 */

import { Http2Error, type Http2ErrorCode } from "../../errors/http2_error.ts";
import { Budget } from "./budget.ts";
import { EventQueue } from "./event_queue.ts";
import type { Http2Event } from "./events.ts";
import { FieldBlocks } from "./field_blocks.ts";
import { DEFAULT_MAX_FRAME_BYTES } from "./frame.ts";
import { FrameReader } from "./frame_reader.ts";
import { FrameWriter } from "./frame_writer.ts";
import { HpackDecoder } from "./hpack/decoder.ts";
import { HpackEncoder } from "./hpack/encoder.ts";
import type { Http2Limits } from "./limits.ts";
import { PREFACE } from "./preface.ts";
import type { Priority } from "./priority.ts";
import { Scheduler } from "./scheduler.ts";
import { FIRST_SETTINGS, type Http2Role, ownSettings, type PeerSettings } from "./settings.ts";
import { Stream } from "./stream.ts";
import { Streams } from "./streams.ts";
import { DEFAULT_WINDOW_BYTES, ReceiveWindow, SendWindow } from "./window.ts";

/**
 * How far the connection has come.
 *
 * ```text
 *  preface ─▶ settings ─▶ open ─▶ over      preface: the bytes of RFC 9113 §3.4, which a server waits for
 *                 │                 ▲        settings: the peer's first frame is waited for
 *                 └─────────────────┘        over: nothing is read any more
 * ```
 */
export type ConnectionPhase = "preface" | "settings" | "open" | "over";

/** How far a shutdown of ours has come: a server warns first, and then says which stream was the last (RFC 9113 §6.8). */
export type Shutdown = "none" | "warned" | "final";

/** One connection. */
export class Connection {
  readonly role: Http2Role;
  readonly limits: Http2Limits;
  /** Whether we have told that we take extended CONNECT. */
  readonly connectProtocol: boolean;
  readonly reader: FrameReader;
  readonly writer: FrameWriter = new FrameWriter();
  readonly decoder: HpackDecoder;
  readonly encoder: HpackEncoder = new HpackEncoder();
  readonly blocks: FieldBlocks;
  readonly streams: Streams;
  readonly scheduler: Scheduler = new Scheduler();
  readonly sendWindow: SendWindow = new SendWindow(DEFAULT_WINDOW_BYTES);
  readonly receiveWindow: ReceiveWindow;
  /** What was found and not yet told. */
  readonly events: EventQueue<Http2Event> = new EventQueue();
  /** What PRIORITY_UPDATE said of streams that are not open yet. */
  readonly priorities: Map<number, Priority> = new Map();
  /** Frames that bring nothing. */
  readonly idleFrames: Budget;
  /** Whose DATA has come in part; `null` if none has, or if it was given back at once. */
  dataStream: Stream | null = null;
  /** Bytes of data that were written so far, of all streams. Only `send.ts` writes it. */
  sentDataBytes = 0;
  phase: ConnectionPhase;
  /** What the peer has told. */
  peer: PeerSettings = FIRST_SETTINGS;
  /** Whether the peer has acknowledged our settings. */
  acknowledged = false;
  shutdown: Shutdown = "none";
  /** The last of our streams that the peer takes up; it has sent no GOAWAY as long as that is `null`. */
  peerLastStreamId: number | null = null;
  readonly #resets: Budget;
  /** What closed streams have given to the driver that it has not consumed. */
  readonly #unconsumed: Map<number, number> = new Map();
  #unsentAnswers = 0;

  /** Begins, and writes what comes first. */
  constructor(role: Http2Role, limits: Http2Limits, connectProtocol: boolean) {
    this.role = role;
    this.limits = limits;
    this.connectProtocol = connectProtocol;
    this.reader = new FrameReader(Math.max(DEFAULT_MAX_FRAME_BYTES, limits.maxFrameBytes));
    this.decoder = new HpackDecoder(limits, Math.max(FIRST_SETTINGS.fieldTableBytes, limits.fieldTableBytes));
    this.blocks = new FieldBlocks(limits);
    this.streams = new Streams(role);
    this.receiveWindow = new ReceiveWindow(limits.connectionWindowBytes);
    this.idleFrames = new Budget(limits.maxIdleFrames);
    this.#resets = new Budget(limits.maxResets);
    this.phase = role === "server" ? "preface" : "settings";
    if (role === "client") this.writer.raw(PREFACE);
    this.writer.settings(ownSettings(role, limits, connectProtocol));
    const more = limits.connectionWindowBytes - DEFAULT_WINDOW_BYTES;
    if (more > 0) this.writer.windowUpdate(0, more);
  }

  /** Takes up a stream whose number is used: its request opens it. */
  open(id: number, method: string): Stream {
    const { peer, streamWindowBytes } = this;
    const windows = { sendWindowBytes: peer.streamWindowBytes, receiveWindowBytes: streamWindowBytes };
    const stream = new Stream({ id, method, ...windows });
    stream.step("headers");
    this.streams.add(stream);
    return stream;
  }

  /** The window that a stream of the peer begins with: what we told counts once it is acknowledged (RFC 9113 §6.5.3). */
  get streamWindowBytes(): number {
    const { streamWindowBytes } = this.limits;
    return this.acknowledged ? streamWindowBytes : Math.max(DEFAULT_WINDOW_BYTES, streamWindowBytes);
  }

  /**
   * Something is to be written because of what the peer sent.
   *
   * @throws {Http2Error} `enhance-your-calm`: too much of it waits already.
   */
  answer(): void {
    if (++this.#unsentAnswers > this.limits.maxUnsentAnswers) throw calm("The peer sends without reading");
  }

  /** What was written has been taken. */
  taken(): void {
    this.#unsentAnswers = 0;
  }

  /**
   * A frame has brought nothing.
   *
   * @throws {Http2Error} `enhance-your-calm`: there were too many.
   */
  spendIdleFrame(): void {
    if (!this.idleFrames.spend()) throw calm("Too many frames bring nothing");
  }

  /**
   * A stream has ended by a reset that is the peer's doing.
   *
   * @throws {Http2Error} `enhance-your-calm`: there were too many.
   */
  spendReset(): void {
    if (!this.#resets.spend()) throw calm("Too many streams are reset");
  }

  /** Lets so many more streams be reset. */
  forgiveResets(count: number): void {
    this.#resets.earn(count);
  }

  /** The driver's reader has read so many bytes, and the windows open. `Infinity` is all that is left: it will read none of that. */
  consume(streamId: number, bytes: number): void {
    const stream = this.streams.get(streamId);
    if (stream !== undefined) {
      const counted = Math.min(bytes, stream.unconsumed);
      stream.unconsumed -= counted;
      if (stream.tunnel) this.#openStream(counted, stream);
      else this.giveBack(counted, stream);
      return;
    }
    const unconsumed = this.#unconsumed.get(streamId);
    if (unconsumed === undefined) return; // it was reset, and given back then
    const counted = Math.min(bytes, unconsumed);
    if (counted === unconsumed) this.#unconsumed.delete(streamId);
    else this.#unconsumed.set(streamId, unconsumed - counted);
    this.giveBack(counted, undefined);
  }

  /** So much was given to the driver, which consumes it. */
  hold(stream: Stream, bytes: number): void {
    stream.unconsumed += bytes;
    if (stream.tunnel) this.giveBack(bytes, undefined);
  }

  /**
   * The stream carries another protocol from now on. What comes on it opens the connection's window as it comes, and only its own window
   * bounds it, as a connection of its own would: such protocols wait as they like, and are not to hold up each other nor requests.
   */
  switchOver(stream: Stream): void {
    stream.tunnel = true;
    this.giveBack(stream.unconsumed, undefined);
  }

  /** Opens the connection's window, and the stream's if more is to come on it. */
  giveBack(bytes: number, stream: Stream | undefined): void {
    if (bytes === 0 || this.phase === "over") return;
    const increment = this.receiveWindow.consume(bytes);
    if (increment > 0) this.writer.windowUpdate(0, increment);
    if (stream !== undefined) this.#openStream(bytes, stream);
  }

  #openStream(bytes: number, stream: Stream): void {
    if (stream.receiving === "done") return;
    const ofStream = stream.receiveWindow.consume(bytes);
    if (ofStream > 0) this.writer.windowUpdate(stream.id, ofStream);
  }

  /** One of both messages of a stream has ended. */
  end(stream: Stream, step: "we-end" | "peer-ends"): void {
    stream.step(step);
    if (!stream.closed) return;
    this.forgiveResets(1);
    if (stream.unconsumed > 0 && !stream.tunnel) this.#unconsumed.set(stream.id, stream.unconsumed);
    this.#forget(stream);
  }

  /** A stream was reset. What of it was not consumed opens the connection's window: others wait for it. */
  reset(stream: Stream, step: "peer-resets" | "we-reset"): void {
    stream.step(step);
    stream.receiving = stream.sending = "done";
    const { unconsumed } = stream;
    this.#forget(stream);
    if (!stream.tunnel) this.giveBack(unconsumed, undefined);
  }

  #forget(stream: Stream): void {
    this.scheduler.remove(stream);
    stream.dropQueued();
    this.streams.delete(stream);
  }

  /** Resets a stream, whether it is open or not. */
  sendReset(streamId: number, code: Http2ErrorCode): void {
    this.writer.rstStream(streamId, code);
    const stream = this.streams.get(streamId);
    if (stream === undefined) this.streams.remember(streamId, "reset-by-us");
    else this.reset(stream, "we-reset");
  }

  /**
   * The peer broke a rule of one stream (RFC 9113 §5.4.2).
   *
   * @throws {Http2Error} `enhance-your-calm`: it does so too often (CVE-2025-8671). The error itself, of the connection, if the frame
   * must not have come at all, or the stream is idle: none may be reset (RFC 9113 §6.4).
   */
  failStream(error: Http2Error): void {
    const { streamId, code } = error;
    if (this.phase !== "open" || this.blocks.open) throw new Http2Error("protocol", error.message, error.rfc);
    if (this.streams.stateOf(streamId) === "idle") throw new Http2Error(code, error.message, error.rfc);
    this.spendReset();
    this.answer();
    const known = this.streams.get(streamId) !== undefined;
    this.sendReset(streamId, code);
    if (known) this.events.push({ type: "reset", streamId, code, error, processed: true });
  }

  /** The peer broke a rule of the connection: nothing follows but GOAWAY (RFC 9113 §5.4.1). */
  fail(error: Http2Error): void {
    this.sendGoaway(error.code);
    this.close();
  }

  /** Says which stream was the last that we took up. */
  sendGoaway(code: Http2ErrorCode): void {
    this.writer.goaway(this.role === "server" ? this.streams.lastAccepted : 0, code);
    this.shutdown = "final";
  }

  /** Nothing is read or sent any more. */
  close(): void {
    this.phase = "over";
    for (const stream of this.streams) this.reset(stream, "we-reset");
    this.#unconsumed.clear();
    this.priorities.clear();
    this.reader.in.takeAll();
  }
}

function calm(message: string): Http2Error {
  return new Http2Error("enhance-your-calm", message, "RFC 9113 §10.5");
}
