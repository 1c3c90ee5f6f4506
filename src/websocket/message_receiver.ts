/**
 * Reads the transport, one message ahead of the reader and no further: so Pings are answered and the end is noticed while no read
 * is pending, and the transport holds up a peer that sends more than is read. `WebSocketConnection` calls it; it calls the machine
 * and puts messages into the `MessageInbox`.
 *
 * @module
 */

import type { ChunkTaker, FastPath } from "../duplex/held_channel.ts";
import type { Wire } from "../duplex/wire.ts";
import { codec } from "./coding.ts";
import type { Inflation } from "./compression.ts";
import { badUtf8 } from "./machine/text_gatherer.ts";
import type { MessageKind, TextForm, WebSocketEvent } from "./machine/web_socket_event.ts";
import type { WebSocketMachine } from "./machine/web_socket_machine.ts";
import { type Message, MessageInbox, type Outcome, type TakeMessage } from "./message_inbox.ts";
import { nextTurn } from "./platform.ts";
import { type TextBytes, textBytes } from "./text_bytes.ts";

/** A frame that is no part of a message. */
export type ControlEvent = Extract<WebSocketEvent, { type: "ping" | "pong" | "close" }>;

/** What the receiver of messages tells its owner. */
export interface ReceiverEvents {
  /** Bytes have come, of whatever kind. */
  onChunk(): void;
  /** A control frame. */
  onControl(event: ControlEvent): void;
  /** The peer has ended its side without a Close frame. */
  onEof(): void;
  /** The transport failed, or the peer broke the protocol. */
  onFailure(error: unknown): void;
}

/** What may wait where messages are short: a thousand of them. 64 KiB. */
const LEAST_WAITING_BYTES = 65_536;

/** What is understood in one turn of the event loop, before other connections have theirs. 256 KiB. */
const TURN_BYTES = 262_144;
/** What an event costs besides its bytes: the work of a thousand of them is that of 128 KiB. */
const EVENT_BYTES = 128;
/** A Ping is answered by a write of its own, which takes as long as many events. */
const PING_BYTES = 1024;
/** A byte of what was compressed may take as long as some of what becomes of it. */
const COMPRESSED_BYTE_COSTS = 4;
/** So much may be done for each byte where chunks share a turn. Messages take less, Pings and what is inflated to much take more. */
const SHARED_TURN_FACTOR = 16;

/**
 * What comes next: the receiver works; or it waits for room in the inbox, bytes of the transport, a message that is being inflated,
 * its next turn of the event loop, or the answer to the last message; or it is over.
 */
type Stage = "working" | "room" | "bytes" | "inflation" | "turn" | "answer" | "over";

/** Receives messages. */
export class MessageReceiver implements ChunkTaker {
  readonly #machine: WebSocketMachine;
  readonly #wire: Wire;
  readonly #inflation: Inflation | null;
  readonly #events: ReceiverEvents;
  readonly #text: TextForm;
  readonly #inbox: MessageInbox = new MessageInbox();
  #stage: Stage = "room";
  /** The way past promises. An `Upgraded` has none before its first bytes were read. */
  #fastPath: FastPath | null = null;
  /** What ends the connection, in the stage `answer`. */
  #ending: (() => void) | null = null;
  /** What was done in this turn of the event loop. */
  #spentBytes = 0;
  /** Made where there is no way past promises. */
  #onRead: ((chunk: Uint8Array | null) => void) | null = null;
  #onReadFailed: ((error: unknown) => void) | null = null;

  /** Reads nothing before `pump()`. The machine gives `text` as this; so is given what was inflated. */
  constructor(
    machine: WebSocketMachine,
    wire: Wire,
    inflation: Inflation | null,
    events: ReceiverEvents,
    text: TextForm,
  ) {
    this.#text = text;
    this.#machine = machine;
    this.#wire = wire;
    this.#inflation = inflation;
    this.#events = events;
  }

  /** Whether nothing is read because the inbox is full. */
  get paused(): boolean {
    return this.#working || this.#stage === "room" || this.#stage === "answer";
  }

  /** Whether something has come that was not read yet. */
  get hasMore(): boolean {
    return !this.#inbox.empty || this.#machine.hasInput;
  }

  get #working(): boolean {
    return this.#stage === "working";
  }

  /** The next message, `null` after the last one. One call at a time. A rejection needs no handler. */
  read(): Promise<Message | null> {
    if (!this.#inbox.awaited) this.#backForMore();
    const read = this.#inbox.read();
    if (this.#inbox.taken) this.pump();
    return read;
  }

  /**
   * The same for one who needs no promise. `take` must not call this.
   *
   * @returns Whether `take` was called at once; else it will be.
   */
  readTo(take: TakeMessage): boolean {
    this.#backForMore();
    this.#inbox.readTo(take);
    if (this.#inbox.taken) this.pump();
    return !this.#inbox.awaited;
  }

  /** The reader has answered the last message, or never will. */
  #backForMore(): void {
    this.#inbox.taken = false;
    this.#end();
  }

  /** From now on so many bytes may wait to be read, so that the peer's Close frame behind them is found. */
  mayWait(bytes: number): void {
    this.#inbox.mayWaitBytes = Math.max(bytes, LEAST_WAITING_BYTES);
    this.#end();
    this.pump();
  }

  /** Messages are of no interest any more, only what is behind them. */
  discard(): void {
    this.#inbox.discard();
    this.pump();
  }

  /** Nothing more comes: after what waits, readers get the end, or an error. */
  end(outcome: Outcome): void {
    if (!this.#inbox.end(outcome)) return;
    const reading = this.#stage === "bytes";
    this.#stage = "over";
    if (reading && this.#fastPath !== null) this.#wire.withdraw();
  }

  /** Goes on, or begins. Others may call while an event is dealt with: Bun's zlib (1.2 to 1.4) runs what waits in the microtask queue. */
  pump(): void {
    if (this.#stage !== "room") return;
    this.#stage = "working";
    try {
      this.#takeEvents();
    } catch (error) {
      this.#behindAnswer(() => this.#fail(error));
    }
    if (this.#working) this.#stage = "room";
  }

  #takeEvents(): void {
    while (this.#working && this.#inbox.hasRoom) {
      if (this.#spentBytes >= TURN_BYTES && this.#machine.hasInput) {
        this.#stage = "turn";
        return nextTurn(() => {
          this.#spentBytes = 0;
          this.#goOn("turn");
        });
      }
      this.#spentBytes += EVENT_BYTES;
      const event = this.#machine.next();
      if (event.type === "text") this.#inbox.add(event.text);
      else if (event.type === "binary") this.#inbox.add(event.bytes);
      else if (event.type === "need-data") this.#readMore();
      else if (event.type === "text-bytes") this.#inbox.add(textBytes(event.bytes));
      else if (event.type === "compressed") this.#inflate(event.kind, event.bytes);
      else if (event.type === "end") this.#left();
      else if (event.type === "close") this.#behindAnswer(() => this.#events.onControl(event));
      else {
        if (event.type === "ping") this.#spentBytes += PING_BYTES;
        this.#events.onControl(event);
      }
    }
  }

  /** What was waited for has come, unless the connection is over. */
  #goOn(stage: Stage): void {
    if (this.#stage !== stage) return;
    this.#stage = "room";
    this.pump();
  }

  /** The reader may answer the last message first: until the next read, or as long as that can be done without waiting. */
  #behindAnswer(end: () => void): void {
    if (this.#stage === "over") return;
    if (!this.#inbox.taken || this.#machine.closeSent) return end();
    this.#stage = "answer";
    this.#ending = end;
    setTimeout(() => this.#end(), 0);
  }

  #end(): void {
    if (this.#stage === "answer") this.#ending!();
  }

  #inflate(kind: MessageKind, bytes: Uint8Array): void {
    const textAsBytes = kind === "text" && this.#text === "bytes";
    const inflated = this.#inflation!.inflate(textAsBytes ? "binary" : kind, bytes);
    if (!(inflated instanceof Promise)) {
      this.#spentBytes += bytes.length * COMPRESSED_BYTE_COSTS + inflated.length;
      return this.#inbox.add(textAsBytes ? checkedText(inflated.slice()) : inflatedMessage(kind, inflated));
    }
    this.#stage = "inflation";
    const whole = textAsBytes ? inflated.then((text) => checkedText(text as Uint8Array)) : inflated;
    whole.then((message) => {
      if (this.#stage === "inflation") this.#inbox.add(message);
      this.#goOn("inflation");
    }, (error) => {
      if (this.#stage === "inflation") this.#behindAnswer(() => this.#fail(error));
    });
  }

  /** Takes what has come without waiting, if the transport can say so; else waits for it. */
  #readMore(): void {
    const fastPath = this.#fastPath ??= this.#wire.fastPath;
    const chunk = fastPath?.takeChunk();
    if (chunk !== undefined) return this.#received(chunk, false);
    this.#stage = "bytes";
    if (fastPath === null) this.#readByPromise();
    else fastPath.awaitChunk(this);
  }

  #readByPromise(): void {
    this.#wire.read().then(this.#onRead ??= this.#whenRead(), this.#onReadFailed ??= this.#whenReadFailed());
  }

  #whenRead(): (chunk: Uint8Array | null) => void {
    return (chunk) => this.#read(chunk);
  }

  #whenReadFailed(): (error: unknown) => void {
    return (error) => this.#fail(error);
  }

  #read(chunk: Uint8Array | null): void {
    this.#received(chunk, false);
    this.#goOn("bytes");
  }

  /** See {@linkcode ChunkTaker}. The event loop calls it, so that this is a new turn, unless the transport shares its turn. */
  onChunk(chunk: Uint8Array, lent: boolean): void {
    if (this.#fastPath!.severalInTurn !== true) this.#spentBytes = 0;
    else this.#spentBytes = Math.max(0, this.#spentBytes - chunk.length * SHARED_TURN_FACTOR);
    this.#received(chunk, lent);
    this.#goOn("bytes");
    if (lent) this.#machine.keepInput();
  }

  /** See {@linkcode ChunkTaker}. */
  onEnd(): void {
    this.#read(null);
  }

  /** See {@linkcode ChunkTaker}. */
  onReadFailure(error: unknown): void {
    this.#fail(error);
  }

  #received(chunk: Uint8Array | null, lent: boolean): void {
    if (chunk === null) this.#machine.receiveEof();
    else this.#machine.receive(chunk, lent);
    this.#spentBytes += chunk?.length ?? 0;
    this.#events.onChunk();
  }

  #left(): void {
    this.#stage = "over";
    this.#events.onEof();
  }

  #fail(error: unknown): void {
    if (this.#stage === "over") return;
    this.#stage = "over";
    this.#events.onFailure(error);
  }
}

function checkedText(bytes: Uint8Array): TextBytes {
  if (!codec.isText(bytes)) throw badUtf8();
  return textBytes(bytes);
}

/** What was inflated is still in memory that others use. */
function inflatedMessage(kind: MessageKind, bytes: Uint8Array): Message {
  if (kind === "binary") return bytes.slice();
  const text = codec.readText(bytes);
  if (text === null) throw badUtf8();
  return text;
}
