/**
 * What the machines of both roles share: bytes become frames and events, messages become bytes. `server_machine.ts` and
 * `client_machine.ts` build on it and add what the heads of messages mean.
 *
 * A driver keeps one rule: it gives every input, then takes events until `need-data`, then takes the bytes. When these were sent, it
 * asks for events again before it waits for input: what had to wait may be `drained`.
 *
 * @module
 */

import { checkBytes, checkObject } from "../../bytes/arguments.ts";
import { Http2Error, type Http2ErrorCode } from "../../errors/http2_error.ts";
import { StateError } from "../../errors/state_error.ts";
import type { Fields } from "../../semantics/fields.ts";
import { Connection } from "./connection.ts";
import { CLOSED, type Http2Event, NEED_DATA } from "./events.ts";
import { type Http2Limits, http2LimitsOf } from "./limits.ts";
import { PREFACE } from "./preface.ts";
import { receiveFrame } from "./receive_frame.ts";
import type { ReceiveHead } from "./receive_headers.ts";
import { flush, sendData, sendEnd } from "./send.ts";
import { FIRST_SETTINGS, type Http2Role, type PeerSettings } from "./settings.ts";
import type { Stream } from "./stream.ts";

/** What a machine of either role can be told beforehand. */
export interface Http2MachineOptions {
  /** Bounds; see {@linkcode DEFAULT_HTTP2_LIMITS}. */
  readonly limits?: Partial<Http2Limits> | undefined;
}

/** The machine of one role. */
export abstract class Http2Machine<Event extends Http2Event> {
  /** @ignore What is known of the connection. */
  protected readonly connection: Connection;
  readonly #receiveHead: ReceiveHead;
  #ended = false;

  /** @ignore For one of the roles. */
  protected constructor(
    role: Http2Role,
    receiveHead: ReceiveHead,
    limits: Partial<Http2Limits> | undefined,
    connectProtocol: boolean,
  ) {
    this.connection = new Connection(role, http2LimitsOf(limits), connectProtocol);
    this.#receiveHead = receiveHead;
  }

  /** What the peer has told by SETTINGS, or what holds before. */
  get peer(): PeerSettings {
    return this.connection.peer;
  }

  /** Whether the peer has begun to speak HTTP/2: its SETTINGS have come. */
  get begun(): boolean {
    return this.connection.phase === "open";
  }

  /** Whether its SETTINGS have ever come, also once the connection is over. */
  get peerSpoke(): boolean {
    return this.connection.peer !== FIRST_SETTINGS;
  }

  /** Whether no streams are opened any more: one side has said so, or the connection is over. */
  get ending(): boolean {
    const { phase, shutdown, peerLastStreamId } = this.connection;
    return phase === "over" || shutdown !== "none" || peerLastStreamId !== null;
  }

  /** How many streams are open. */
  get openStreams(): number {
    return this.connection.streams.size;
  }

  /** Whether the peer has acknowledged our SETTINGS. */
  get settingsAcknowledged(): boolean {
    return this.connection.acknowledged;
  }

  /** The field block that has begun and is not complete, counted from 1; 0 if there is none. Nothing else comes until it is. */
  get openBlock(): number {
    const { blocks, reader } = this.connection;
    return blocks.open || reader.withinHeaders ? blocks.complete + 1 : 0;
  }

  /** Whether there may be something to tell or to send once what is ready was taken, although nothing more has come. */
  get goesOn(): boolean {
    const { events, scheduler } = this.connection;
    return !events.empty || !scheduler.empty || this.ending;
  }

  /**
   * Adds received bytes; the machine may keep them, and events are views of them.
   *
   * @param lent Whether their memory is used again, once {@linkcode keepInput} was called.
   */
  receive(bytes: Uint8Array, lent = false): void {
    if (!(bytes instanceof Uint8Array)) checkBytes(bytes, "bytes");
    if (this.connection.phase !== "over") this.connection.reader.in.push(bytes, lent);
  }

  /** Whether the bytes of the event that came last are lent. */
  get inputLent(): boolean {
    return this.connection.reader.in.lent;
  }

  /** Copies what is left of bytes that were lent. Events were taken and used before. */
  keepInput(): void {
    this.connection.reader.in.own();
  }

  /** Says that nothing more will come. */
  receiveEof(): void {
    this.#ended = true;
  }

  /**
   * What was found next.
   *
   * @throws {Http2Error} The peer broke a rule of the connection. GOAWAY waits to be taken, and `closed` comes next.
   */
  next(): Event {
    const { events } = this.connection;
    for (;;) {
      const event = events.shift();
      if (event?.type === "drained" && this.#waits(event.streamId)) continue; // what was queued since says so once more
      if (event !== null) return event as Event;
      if (this.connection.phase === "over") return CLOSED as Event;
      if (this.#step() || !events.empty) continue;
      if (!this.#ended && !this.#finished) return NEED_DATA as Event;
      this.connection.close();
    }
  }

  /** Whether data of the stream is queued. */
  #waits(streamId: number): boolean {
    const stream = this.connection.streams.get(streamId);
    return stream !== undefined && stream.queuedBytes > 0;
  }

  /** Whether a shutdown is complete, the peer's or ours. */
  get #finished(): boolean {
    const { shutdown, peerLastStreamId, role, streams } = this.connection;
    return streams.size === 0 && (shutdown === "final" || (role === "client" && peerLastStreamId !== null));
  }

  /** Reads the next thing; tells whether there was one. */
  #step(): boolean {
    const { connection } = this;
    try {
      return this.#readPreface() && this.#readFrame();
    } catch (error) {
      if (!(error instanceof Http2Error)) throw error;
      connection.fail(error);
      throw error;
    }
  }

  /** The bytes with which a client begins (RFC 9113 §3.4); tells whether they are complete. */
  #readPreface(): boolean {
    const { connection } = this;
    if (connection.phase !== "preface") return true;
    const { in: input } = connection.reader;
    const { bytes, start, length } = input;
    for (let i = 0; i < Math.min(length, PREFACE.length); i++) {
      if (bytes[start + i] !== PREFACE[i]) {
        throw new Http2Error("protocol", "The client does not begin with the preface", "RFC 9113 §3.4");
      }
    }
    if (length < PREFACE.length) return false;
    input.take(PREFACE.length);
    connection.phase = "settings";
    return true;
  }

  #readFrame(): boolean {
    const { connection } = this;
    try {
      const frame = connection.reader.next();
      if (frame === null) {
        connection.reader.in.release();
        flush(connection);
        return false;
      }
      receiveFrame(connection, frame, this.#receiveHead);
    } catch (error) {
      if (!(error instanceof Http2Error) || error.streamId === 0) throw error;
      connection.failStream(error);
    }
    return true;
  }

  /** @ignore The stream, if its message may still go on. */
  protected sending(streamId: number, part: Stream["sending"]): Stream {
    const stream = this.connection.streams.get(streamId);
    if (stream === undefined) throw new StateError("done", `Cannot send on stream ${streamId}: it is not open`);
    if (stream.sending === part) return stream;
    throw part === "head"
      ? new StateError("head-sent", `Cannot send a head on stream ${streamId}: it is sent`)
      : new StateError("done", `Cannot send on stream ${streamId}: no body is being sent`);
  }

  /**
   * Sends data of a message.
   *
   * @param bytes They must not change until they are sent.
   * @returns Whether they are ready to be taken. If not, the windows are not open so far, or others go first, and `drained` follows:
   * a driver that waits for it holds one piece for each stream.
   * @throws {StateError} `done`: no body is being sent on this stream; `body-length`: it is more than was announced.
   */
  sendData(streamId: number, bytes: Uint8Array): boolean {
    if (!(bytes instanceof Uint8Array)) checkBytes(bytes, "bytes");
    return sendData(this.connection, this.sending(streamId, "body"), bytes);
  }

  /**
   * Ends a message, behind what waits to be sent.
   *
   * @throws {StateError} `done`; `body-length`: its body is shorter than was announced.
   * @throws {TypeError} The trailers cannot be sent.
   */
  sendEnd(streamId: number, trailers: Fields | null): void {
    if (trailers !== null) checkObject(trailers, "trailers");
    sendEnd(this.connection, this.sending(streamId, "body"), { trailers });
  }

  /** Ends a stream at once, both messages; without an effect on one that is not open. */
  resetStream(streamId: number, code: Http2ErrorCode): void {
    if (this.connection.streams.get(streamId) !== undefined) this.connection.sendReset(streamId, code);
  }

  /** The reader has read so many bytes of `data`: the windows open again. */
  consume(streamId: number, bytes: number): void {
    this.connection.consume(streamId, bytes);
  }

  /** Asks the peer for an answer, `pong`, with the same eight bytes. */
  ping(payload: Uint8Array): void {
    checkBytes(payload, "payload");
    if (payload.length !== 8) throw new RangeError("Cannot ping: a payload has eight bytes (RFC 9113 §6.7)");
    this.connection.idleFrames.earn(1);
    this.connection.writer.ping(payload, false);
  }

  /** Lets the peer have so many more streams reset: a driver with a clock says it now and then, for example 30 each second. */
  forgive(resets: number): void {
    this.connection.forgiveResets(resets);
  }

  /**
   * A number that changes when the peer lets a stream go on whose data waits: it has opened the window of this one, or, if that is
   * open, the connection's, for whichever stream.
   */
  sendMark(streamId: number): number {
    const stream = this.connection.streams.get(streamId);
    if (stream === undefined) return 0;
    return stream.sendWindow.bytes > 0 ? this.connection.sentDataBytes : -stream.queuedBytes;
  }

  /** How many bytes `take()` would give. */
  get unsentBytes(): number {
    return this.connection.writer.length;
  }

  /** Takes the bytes that are to be sent, in order. */
  take(): Uint8Array[] {
    this.connection.taken();
    return this.connection.writer.take();
  }

  /**
   * Lets go of the memory of what was taken. Never needed, but cheaper.
   *
   * @param again Whether it is used again: nothing else holds it any more. True by default.
   */
  recycle(again = true): void {
    this.connection.writer.recycle(again);
  }
}
