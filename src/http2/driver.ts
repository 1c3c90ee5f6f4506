/**
 * What waits for both roles of HTTP/2: it reads the transport, gives the machine what came, hands its events to the streams,
 * and writes what the machine has ready. `server_connection.ts` and `client_connection.ts` say what the heads mean.
 *
 * One rule: give every input, take events until `need-data`, take the bytes; when these are written, ask for events again. Reading
 * never waits for writing, but where a client does not read its answers: both sides may have much to say at once.
 *
 * @module
 */

import { Deferred, ignore } from "../duplex/deferred.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import type { OverListener } from "../duplex/held_channel.ts";
import { closeBehindPeer, linger } from "../duplex/linger.ts";
import { Outlet, type OutletOwner } from "../duplex/outlet.ts";
import { Lull } from "../duplex/soon.ts";
import { TimeLimit } from "../duplex/time_limit.ts";
import { isUnsaidEnd } from "../duplex/tls_end.ts";
import { MESSAGE_COST, PART_COST } from "../duplex/turn.ts";
import { Wire } from "../duplex/wire.ts";
import { Http2Error, type Http2ErrorCode } from "../errors/http2_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import type { Fields } from "../semantics/fields.ts";
import type { Http2Event, ResetEvent } from "./machine/events.ts";
import { StreamTable } from "./machine/stream_table.ts";
import type { Http2Machine } from "./machine/http2_machine.ts";
import type { Closed, ServerSettings } from "../http1/options.ts";
import { WireReader, type WireReaderOwner } from "./wire_reader.ts";

/** How long things may take; see the options of a server's connection. */
export type DriverLimits =
  & Pick<ServerSettings, "writeTimeoutMs" | "closeTimeoutMs" | "clock">
  & Partial<Pick<ServerSettings, "lingerTimeoutMs" | "maxLingerBytes">>;

/** A request and its response, on a connection of either role. */
export interface DriverStream {
  /** Its number. */
  readonly id: number;
  /**
   * Data has come.
   *
   * @param lent Whether its memory is used again as soon as this returns.
   * @returns Whether another protocol gets it, behind a switch: it may answer at once.
   */
  onData(bytes: Uint8Array, lent: boolean): boolean;
  /** The peer's message is complete. */
  onEnd(trailers: Fields): void;
  /** What waited to be sent is on its way. */
  onDrained(): void;
  /**
   * The stream is gone before its messages were over: what is under way fails.
   *
   * @param how What has reset it; `null` if that was this side, or the end of the connection.
   */
  onGone(reason: unknown, how: ResetEvent | null): void;
}

/** What a role does its own way. */
export interface DriverRole<Event> {
  /** A head has come, or something about the connection. */
  onEvent(event: Event): void;
  /** All events were taken: there may be room for another stream. */
  onTaken(): void;
  /** The connection has ended; its streams have failed. */
  onOver(): void;
}

/** What comes of taking events. */
type Taken = "need-data" | "rest" | "closed";

/** 64 KiB: what is ready goes out without waiting for more. */
const ENOUGH_BYTES = 65_536;
/** 1 MiB: so much waits for a client that does not read, before nothing more is read from it. */
const MOST_UNSENT_BYTES = 1_048_576;
/** Resets that are forgiven each second: a client may give up requests, but not all the time. */
const FORGIVEN_EACH_SECOND = 30;

/** Drives one connection. */
export class Http2Driver<Event extends Http2Event, Stream extends DriverStream>
  implements OutletOwner, WireReaderOwner {
  /** Understands and writes the messages. */
  readonly machine: Http2Machine<Event>;
  /** The streams with a message that is not over, by their numbers. */
  readonly streams: StreamTable<Stream> = new StreamTable();
  /** How long the peer may keep the windows of a stream shut. */
  readonly writeLimit: TimeLimit;
  readonly #wire: Wire;
  readonly #settings: DriverLimits;
  readonly #role: DriverRole<Event>;
  readonly #outlet: Outlet;
  readonly #reader: WireReader;
  /** What is asked for by and by, so that it leaves in one write. */
  readonly #lull: Lull;
  readonly #closed: Deferred<Closed> = new Deferred<Closed>();
  #overListener: OverListener | null = null;
  #finished = false;
  readonly #onWritten = (): void => this.#written();
  readonly #onRested = (): void => this.#rested();
  readonly #onFailed = (error: unknown): void => this.abort(error);
  /** How many pieces of data streams that have switched got last, and have sent nothing since, about. */
  #asked = 0;
  #peerEnded = false;
  /** Whether events are being taken, or wait for a turn: then they are taken anyway before the bytes. */
  #taking = false;
  #machineOver = false;
  #failure: Http2Error | null = null;
  #why: Closed | null = null;
  /** Whether nothing is read because too much waits to be written. */
  #full = false;
  #forgivenMs: number;

  /**
   * Takes the transport. {@linkcode run} begins.
   *
   * @throws {TypeError} It is no pair of streams, or one of them is locked.
   */
  constructor(io: DuplexLike, machine: Http2Machine<Event>, settings: DriverLimits, role: DriverRole<Event>) {
    this.machine = machine;
    this.#wire = new Wire(io);
    this.#settings = settings;
    this.#role = role;
    this.writeLimit = new TimeLimit(settings.writeTimeoutMs, settings.clock);
    this.#outlet = new Outlet(machine, this.#wire, settings, this);
    this.#reader = new WireReader(this.#wire, this);
    this.#lull = new Lull(() => machine.unsentBytes < ENOUGH_BYTES, () => this.#flush());
    this.#forgivenMs = settings.clock.now();
  }

  /** The transport. */
  get io(): DuplexLike {
    return this.#wire.io;
  }

  /** Resolves when the connection is over; never rejects. */
  get closed(): Promise<Closed> {
    return this.#closed.promise;
  }

  /** Why the connection ends, once that is decided. */
  get why(): Closed | null {
    return this.#why;
  }

  /** What is under way fails with that when the connection ends. */
  get cause(): unknown {
    const why = this.#why;
    return why?.reason === "error" ? why.error : new TransportError("closed", "The connection has ended");
  }

  /** Tells once what `closed` tells, without a promise. */
  tellOver(listener: OverListener): void {
    if (this.#finished) queueMicrotask(() => listener.onOver(this));
    else this.#overListener = listener;
  }

  /**
   * Reads until the connection is over.
   *
   * @param readBuf What was read from the transport already.
   */
  run(readBuf: Uint8Array | null = null): void {
    if (readBuf === null) this.#flush();
    if (readBuf === null || this.onRead(readBuf, false)) this.#reader.goOn();
  }

  /** See {@linkcode WireReaderOwner}. */
  onRead(chunk: Uint8Array | null, lent: boolean): boolean {
    this.#peerEnded = chunk === null;
    if (chunk === null) this.machine.receiveEof();
    else this.machine.receive(chunk, lent);
    return this.#work();
  }

  /** See {@linkcode WireReaderOwner}. */
  onReadFailed(error: unknown): void {
    if (isUnsaidEnd(error) && (this.streams.size === 0 || this.machine.ending)) this.#endBehindPeer();
    else this.abort(error);
  }

  /** Takes all events that there are and writes what comes of them; tells whether to read on. */
  #work(): boolean {
    const { machine } = this;
    this.#taking = true;
    this.#asked = 0;
    const taken = this.#takeEvents();
    machine.keepInput();
    if (taken === "rest") {
      this.#send();
      this.#wire.turn.rest().then(this.#onRested);
      return false;
    }
    this.#taking = false;
    this.#answer();
    this.#full = machine.unsentBytes > MOST_UNSENT_BYTES && this.#outlet.writing;
    return !this.#full && !this.#machineOver && this.#why === null;
  }

  /** What is ready leaves at once, but with the answers of protocols behind a switch: windows that open for them can wait. */
  #answer(): void {
    if (this.#asked > 0 && !this.#machineOver) {
      if (this.machine.unsentBytes > 0) this.#lull.begin();
    } else {
      this.#flush();
    }
  }

  /** It is the connection's turn again. */
  #rested(): void {
    if (this.#why !== null) return;
    try {
      if (this.#work() && !this.#peerEnded) this.#reader.goOn();
    } catch (error) {
      this.onReadFailed(error);
    }
  }

  /** TLS has ended without a word where nothing is under way, or behind a GOAWAY: the peer has left (RFC 9112 §9.8 says so as well). */
  #endBehindPeer(): void {
    this.#peerEnded = true;
    if (this.#why === null) this.#linger({ reason: "eof" });
  }

  /** Something was written into the machine: it leaves soon, together with what follows at once. */
  soon(): void {
    if (this.#taking || this.#why !== null) return;
    if (this.#asked > 0 && --this.#asked === 0) this.#lull.end();
    else this.#lull.begin();
  }

  /** A handler is at work: what the machine has ready waits for what it does in the next turns of the microtask queue. */
  expect(): void {
    this.#lull.begin();
  }

  /** The reader of a stream has read so much: the windows open. */
  consume(streamId: number, bytes: number): void {
    this.machine.consume(streamId, bytes);
    if (this.machine.unsentBytes > 0 && !this.#taking && this.#why === null) this.#lull.begin();
  }

  /** Ends a stream at once, both messages. */
  reset(stream: Stream, code: Http2ErrorCode, reason: unknown): void {
    this.machine.resetStream(stream.id, code);
    this.#forget(stream, reason, null);
    this.soon();
  }

  #forget(stream: Stream, reason: unknown, how: ResetEvent | null): void {
    this.streams.delete(stream.id);
    stream.onGone(reason, how);
  }

  /** Ends the connection at once. Idempotent. */
  abort(reason: unknown): void {
    if (this.#finished) return;
    this.#wire.abort(reason);
    if (this.#why !== null) return; // it ends, and now at once
    this.#end({ reason: "error", error: reason });
    this.#finish();
  }

  /** Ends it in order, with GOAWAY, without waiting for the streams that are open. */
  close(why: Closed): void {
    if (this.#why !== null) return;
    this.#outlet.flush()?.catch(ignore); // behind what is being written
    this.#linger(why);
  }

  /** Ends it at once, with GOAWAY, and waits for nothing of the peer. */
  leave(): void {
    if (this.#why !== null) return this.abort(this.cause);
    this.#outlet.flush()?.catch(ignore); // behind what is being written
    const writing = this.#outlet.writing;
    this.#end({ reason: "shutdown" });
    if (writing || !this.#wire.closeAtOnce()) this.#wire.abort();
    this.#finish();
  }

  /** Takes events until there are none, or others are to have their turn. */
  #takeEvents(): Taken {
    const { turn } = this.#wire;
    for (;;) {
      const event = this.#next();
      switch (event.type) {
        case "need-data":
          this.#role.onTaken();
          return "need-data";
        case "closed":
          this.#machineOver = true;
          return "closed";
        case "data":
          if (this.streams.get(event.streamId)?.onData(event.bytes, this.machine.inputLent) === true) this.#asked++;
          if (turn.spend(PART_COST)) return "rest";
          break;
        case "end":
          this.streams.get(event.streamId)?.onEnd(event.trailers);
          break;
        case "drained":
          this.streams.get(event.streamId)?.onDrained();
          break;
        case "reset":
          this.#onReset(event);
          break;
        default:
          this.#role.onEvent(event);
          if (turn.spend(MESSAGE_COST)) return "rest";
      }
    }
  }

  #next(): Event {
    try {
      return this.machine.next();
    } catch (error) {
      if (!(error instanceof Http2Error)) throw error;
      this.#failure = error;
      return this.machine.next();
    }
  }

  #onReset(event: ResetEvent): void {
    this.#forgive();
    const { streamId, code, error } = event;
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    const reason = error ?? resetError(code, streamId);
    this.#forget(stream, reason, event);
  }

  /** Streams that are reset are forgiven as time goes on. */
  #forgive(): void {
    const now = this.#settings.clock.now();
    const resets = Math.floor((now - this.#forgivenMs) * FORGIVEN_EACH_SECOND / 1000);
    if (resets <= 0) return;
    this.#forgivenMs = now;
    this.machine.forgive(resets);
  }

  /** Writes what is ready, and what becomes ready by that. */
  #flush(): void {
    if (this.#taking || this.#why !== null) return;
    try {
      do this.#send(); while (!this.#outlet.writing && this.#takeEvents() !== "closed" && this.machine.unsentBytes > 0);
      if (this.#machineOver && !this.#outlet.writing) this.#close();
    } catch (error) {
      this.abort(error);
    }
  }

  /** Gives the transport what is ready. What it does not take on the spot is waited for before it gets more. */
  #send(): void {
    if (this.#outlet.writing) return;
    const written = this.#outlet.flush();
    if (written !== undefined) written.then(this.#onWritten, this.#onFailed);
  }

  #written(): void {
    const wasFull = this.#full;
    this.#full = false;
    if (this.#taking) this.#send();
    else this.#flush();
    if (wasFull && !this.#machineOver && this.#why === null) this.#reader.goOn();
  }

  /** The machine is over, and all that it had to say is written. */
  #close(): void {
    const failure = this.#failure;
    if (failure !== null) this.#linger({ reason: "error", error: failure });
    else this.#linger({ reason: this.#peerEnded ? "eof" : "shutdown" });
  }

  async #linger(why: Closed): Promise<void> {
    this.#end(why);
    const wire = this.#wire;
    if (!this.#peerEnded) await linger(wire, this.#settings);
    else if (!wire.closeAtOnce()) await closeBehindPeer(wire, this.#settings);
    this.#finish();
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#closed.resolve(this.#why!);
    this.#overListener?.onOver(this);
    this.#overListener = null;
  }

  #end(why: Closed): void {
    this.#why = why;
    this.#outlet.stop();
    this.#reader.stop();
    this.writeLimit.stop();
    const { cause } = this;
    for (const stream of this.streams.values()) this.#forget(stream, cause, null);
    this.#role.onOver();
  }
}

/** What becomes of a stream that the peer has reset. */
function resetError(code: Http2ErrorCode, streamId: number): TransportError {
  const message = `The peer has reset the stream: ${code}`;
  return new TransportError("reset", message, { cause: new Http2Error(code, message, "RFC 9113 §5.4.2", streamId) });
}
