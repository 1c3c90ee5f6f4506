/**
 * What waits for both roles of HTTP/2: it reads the transport, gives the machine what came, hands its events to the streams,
 * and writes what the machine has ready. `server_connection.ts` and `client_connection.ts` say what the heads mean.
 *
 * One rule: give every input, take events until `need-data`, take the bytes; when these are written, ask for events again. Reading
 * never waits for writing, but where a client does not read its answers: both sides may have much to say at once.
 *
 * @module
 */

import { ignore } from "../duplex/deferred.ts";
import type { DuplexLike } from "../duplex/duplex.ts";
import { Outlet } from "../duplex/outlet.ts";
import { Lull } from "../duplex/soon.ts";
import { TimeLimit } from "../duplex/time_limit.ts";
import { isUnsaidEnd } from "../duplex/tls_end.ts";
import { MESSAGE_COST, PART_COST } from "../duplex/turn.ts";
import { Wire } from "../duplex/wire.ts";
import { Http2Error, type Http2ErrorCode } from "../errors/http2_error.ts";
import { ConnectionEnd, type EndingWork, type EndLimits } from "./connection_end.ts";
import type { DriverRole, DriverStream } from "./driver_stream.ts";
import type { Http2Event, ResetEvent } from "./machine/events.ts";
import type { Http2Machine } from "./machine/http2_machine.ts";
import { StreamTable } from "./machine/stream_table.ts";
import { PeerResets, resetReason } from "./peer_resets.ts";
import { WireReader, type WireReaderOwner } from "./wire_reader.ts";

/** What comes of taking events. It is `closed` when the machine is over, and when the connection ends already. */
type Taken = "need-data" | "rest" | "closed";

/** 64 KiB: what is ready goes out without waiting for more. */
const ENOUGH_BYTES = 65_536;
/** 1 MiB: so much waits for a client that does not read, before nothing more is read from it. */
const MOST_UNSENT_BYTES = 1_048_576;

/** Drives one connection. */
export class Http2Driver<Event extends Http2Event, Stream extends DriverStream> implements EndingWork, WireReaderOwner {
  /** Understands and writes the messages. */
  readonly machine: Http2Machine<Event>;
  /** The streams with a message that is not over, by their numbers. */
  readonly streams: StreamTable<Stream> = new StreamTable();
  /** Why the connection ends, and who is told. */
  readonly end: ConnectionEnd;
  /** How long the peer may keep the windows of a stream shut. */
  readonly writeLimit: TimeLimit;
  readonly #wire: Wire;
  readonly #role: DriverRole<Event>;
  readonly #outlet: Outlet;
  readonly #reader: WireReader;
  readonly #resets: PeerResets;
  /** What is asked for by and by, so that it leaves in one write. */
  readonly #lull: Lull;
  readonly #onWritten = (): void => this.#written();
  readonly #onRested = (): void => this.#rested();
  readonly #onFailed = (error: unknown): void => this.end.abort(error);
  /** How many pieces of data streams that have switched got last, and have sent nothing since, about. */
  #asked = 0;
  /** Whether events are being taken, or wait for a turn: then they are taken anyway before the bytes. */
  #taking = false;
  #machineOver = false;
  #failure: Http2Error | null = null;
  /** Whether nothing is read because too much waits to be written. */
  #full = false;

  /**
   * Takes the transport. {@linkcode run} begins.
   *
   * @throws {TypeError} It is no pair of streams, or one of them is locked.
   */
  constructor(io: DuplexLike, machine: Http2Machine<Event>, settings: EndLimits, role: DriverRole<Event>) {
    this.machine = machine;
    this.#wire = new Wire(io);
    this.#role = role;
    this.end = new ConnectionEnd(this.#wire, settings, this);
    this.writeLimit = new TimeLimit(settings.writeTimeoutMs, settings.clock);
    this.#outlet = new Outlet(machine, this.#wire, settings, this.end);
    this.#reader = new WireReader(this.#wire, this);
    this.#lull = new Lull(() => machine.unsentBytes < ENOUGH_BYTES, () => this.#flush());
    this.#resets = new PeerResets(machine, settings.clock);
  }

  /** The transport. */
  get io(): DuplexLike {
    return this.#wire.io;
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
    this.end.peerEnded = chunk === null;
    if (chunk === null) this.machine.receiveEof();
    else this.machine.receive(chunk, lent);
    return this.#work();
  }

  /** See {@linkcode WireReaderOwner}. */
  onReadFailed(error: unknown): void {
    if (isUnsaidEnd(error) && (this.streams.size === 0 || this.machine.ending)) this.#endBehindPeer();
    else this.end.abort(error);
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
    return !this.#full && !this.#machineOver && this.end.why === null;
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
    if (this.end.why !== null) return;
    try {
      if (this.#work() && !this.end.peerEnded) this.#reader.goOn();
    } catch (error) {
      this.onReadFailed(error);
    }
  }

  /** TLS has ended without a word where nothing is under way, or behind a GOAWAY: the peer has left (RFC 9112 §9.8 says so as well). */
  #endBehindPeer(): void {
    this.end.peerEnded = true;
    if (this.end.why === null) this.end.inOrder({ reason: "eof" });
  }

  /** Something was written into the machine: it leaves soon, together with what follows at once. */
  soon(): void {
    if (this.#taking || this.end.why !== null) return;
    this.#lull.begin();
  }

  /**
   * The same behind a switch, where nothing is known to follow. It leaves at once if it is much, while the processor's cache still has
   * it, or if all that was asked is answered.
   */
  soonOrAtOnce(): void {
    if (this.#taking) return;
    const answered = this.#asked > 0 && --this.#asked === 0;
    if (answered || this.machine.unsentBytes >= ENOUGH_BYTES) this.#flush();
    else this.soon();
  }

  /** A handler is at work: what the machine has ready waits for what it does in the next turns of the microtask queue. */
  expect(): void {
    this.#lull.begin();
  }

  /** The reader of a stream has read so much: the windows open. */
  consume(streamId: number, bytes: number): void {
    this.machine.consume(streamId, bytes);
    if (this.machine.unsentBytes > 0 && !this.#taking && this.end.why === null) this.#lull.begin();
  }

  /** Says whether the connection keeps the program alive. If not, it leaves no timer behind. */
  holdProgram(holds: boolean): void {
    this.#outlet.quiet = !holds;
    if (!holds) {
      if (!this.#outlet.writing) this.#outlet.rest();
      this.writeLimit.rest();
    }
    this.#wire.holdProgram(holds);
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

  /** See {@linkcode EndingWork}. */
  get peerSpoke(): boolean {
    return this.machine.peerSpoke;
  }

  /** See {@linkcode EndingWork}. */
  sendLast(): boolean {
    this.#outlet.flush()?.catch(ignore);
    return !this.#outlet.writing;
  }

  /** See {@linkcode EndingWork}. No time limit counts any more. */
  stop(): void {
    this.#outlet.stop();
    this.#reader.stop();
    this.writeLimit.stop();
    const cause = this.streams.size > 0 ? this.end.cause : null;
    for (const stream of this.streams.values()) this.#forget(stream, cause, null);
    this.#role.onOver();
  }

  /** Takes events until there are none, or others are to have their turn. A handler may end the connection within. */
  #takeEvents(): Taken {
    const { turn } = this.#wire;
    while (this.end.why === null) {
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
    return "closed";
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
    this.#resets.onReset();
    const stream = this.streams.get(event.streamId);
    if (stream !== undefined) this.#forget(stream, resetReason(event), event);
  }

  /** Writes what is ready, and what becomes ready by that. */
  #flush(): void {
    if (this.#taking || this.end.why !== null) return;
    try {
      do this.#send(); while (this.#goesOn && this.#takeEvents() !== "closed" && this.machine.unsentBytes > 0);
      if (this.#machineOver && !this.#outlet.writing) this.#close();
    } catch (error) {
      this.end.abort(error);
    }
  }

  get #goesOn(): boolean {
    return !this.#outlet.writing && this.machine.goesOn;
  }

  /** Gives the transport what is ready. What it does not take on the spot is waited for before it gets more. */
  #send(): void {
    if (this.#outlet.writing || this.end.why !== null) return;
    const written = this.#outlet.flush();
    if (written !== undefined) written.then(this.#onWritten, this.#onFailed);
  }

  #written(): void {
    const wasFull = this.#full;
    this.#full = false;
    if (this.#taking) this.#send();
    else this.#flush();
    if (wasFull && !this.#machineOver && this.end.why === null) this.#reader.goOn();
  }

  /** The machine is over, and all that it had to say is written. */
  #close(): void {
    const error = this.#failure;
    if (error !== null) this.end.inOrder({ reason: "error", error });
    else this.end.inOrder({ reason: this.end.peerEnded ? "eof" : "shutdown" });
  }
}
