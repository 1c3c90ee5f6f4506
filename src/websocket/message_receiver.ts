/**
 * What one end receives: read from the transport one message ahead of whoever takes them, and no further.
 *
 * So that Pings are answered and the end is noticed while nobody waits for a message; and so that a peer that sends more
 * than is taken is held up by the transport.
 *
 * @module
 */

import { unattended } from "../duplex/deferred.ts";
import type { Wire } from "../duplex/wire.ts";
import type { ChunkTaker } from "../duplex/held_channel.ts";
import { StateError } from "../errors/state_error.ts";
import { badUtf8 } from "./machine/text_gatherer.ts";
import type { MessageKind, WebSocketEvent } from "./machine/web_socket_event.ts";
import type { WebSocketMachine } from "./machine/web_socket_machine.ts";
import type { Inflation } from "./compression.ts";
import { MessageQueue } from "./message_queue.ts";
import { readText } from "./coding.ts";
import { nextTurn } from "./platform.ts";

/** A message: text, or bytes that are the receiver's. */
export type Message = string | Uint8Array;

/** What the receiver of messages tells its owner. */
export interface ReceiverEvents {
  /** Bytes have come, of whatever. */
  onChunk(): void;
  /** A control frame. */
  onControl(event: Extract<WebSocketEvent, { type: "ping" | "pong" | "close" }>): void;
  /** The peer has ended its side; after a `close`, or without. */
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

/** See the module. */
export class MessageReceiver implements ChunkTaker {
  readonly #machine: WebSocketMachine;
  readonly #wire: Wire;
  readonly #inflation: Inflation | null;
  readonly #events: ReceiverEvents;
  readonly #ready: MessageQueue<Message> = new MessageQueue();
  #mayWaitBytes = 0;
  #awaited: Promise<Message | null> | null = null;
  #resolve: ((message: Message | null) => void) | null = null;
  #reject: ((error: unknown) => void) | null = null;
  #outcome: { readonly error: unknown } | "ended" | null = null;
  /** Whether somebody has a message and has not come back for the next one. */
  #taken = false;
  /** What ends the connection, while whoever has the message before it may still answer that. */
  #held: (() => void) | null = null;
  #reading = false;
  /** Whether it reads without a promise that others could wait for. */
  #taking = false;
  #inflating = false;
  /** What was done in this turn of the event loop. */
  #spentBytes = 0;
  /** Whether it waits for the next turn. */
  #resting = false;
  /** While an event is dealt with, others may call: Bun's zlib runs what waits in the microtask queue. */
  #pumping = false;
  #discarding = false;
  #over = false;

  /**
   * Reads nothing before `start()`.
   *
   * @param machine Understands frames.
   * @param wire Gives bytes.
   * @param inflation Inflates messages; `null` for none.
   * @param events Is told the rest.
   */
  constructor(
    machine: WebSocketMachine,
    wire: Wire,
    inflation: Inflation | null,
    events: ReceiverEvents,
  ) {
    this.#machine = machine;
    this.#wire = wire;
    this.#inflation = inflation;
    this.#events = events;
  }

  /** Whether nothing is read because nobody takes what is there. */
  get paused(): boolean {
    return !this.#reading && !this.#inflating && !this.#resting && !this.#over;
  }

  /** Whether there is something that has come and nobody has taken yet. */
  get hasMore(): boolean {
    return !this.#ready.empty || this.#machine.hasInput;
  }

  /** Begins to read. */
  start(): void {
    this.#pump();
  }

  /** The next message, `null` after the last one. One call at a time. A rejection needs no handler. */
  read(): Promise<Message | null> {
    if (this.#resolve !== null) {
      return unattended(Promise.reject(new StateError("busy", "Cannot read: a read is pending")));
    }
    this.#taken = false;
    this.#release();
    const message = this.#ready.shift();
    if (message !== undefined) {
      this.#taken = true;
      this.#pump();
      return Promise.resolve(message);
    }
    if (this.#outcome !== null) {
      return this.#outcome === "ended" ? Promise.resolve(null) : unattended(Promise.reject(this.#outcome.error));
    }
    return this.#awaited = new Promise(this.#keepSettlers);
  }

  /** One executor for all promises: none is allocated per read. */
  readonly #keepSettlers = (resolve: (message: Message | null) => void, reject: (error: unknown) => void): void => {
    this.#resolve = resolve;
    this.#reject = reject;
  };

  /** From now on so much may wait to be taken, so that the peer's Close frame behind it is found. */
  mayWait(bytes: number): void {
    this.#mayWaitBytes = Math.max(bytes, LEAST_WAITING_BYTES);
    this.#release();
    this.#pump();
  }

  /** Messages are of no interest any more, only what is behind them. */
  discard(): void {
    this.#discarding = true;
    this.#ready.clear();
    this.#pump();
  }

  /** Nothing more comes: after what waits, readers get the end, or an error. */
  end(outcome: { readonly error: unknown } | "ended"): void {
    if (this.#outcome !== null) return;
    this.#outcome = outcome;
    this.#over = true;
    if (this.#reading && this.#taking) this.#wire.withdraw();
    if (this.#awaited !== null) unattended(this.#awaited);
    if (outcome === "ended") this.#resolve?.(null);
    else this.#reject?.(outcome.error);
    this.#resolve = this.#reject = this.#awaited = null;
  }

  #pump(): void {
    if (this.#pumping || this.#reading || this.#inflating || this.#resting || this.#over || this.#held !== null) return;
    this.#pumping = true;
    this.#takeEvents();
    this.#pumping = false;
  }

  #takeEvents(): void {
    try {
      while (this.#hasRoom()) {
        if (this.#spentBytes >= TURN_BYTES && this.#machine.hasInput) return this.#rest();
        this.#spentBytes += EVENT_BYTES;
        const event = this.#machine.next();
        if (event.type === "text") this.#deliver(event.text);
        else if (event.type === "binary") this.#deliver(event.bytes);
        else if (event.type === "need-data") {
          if (!this.#readMore()) return;
        } else if (event.type === "compressed") this.#inflate(event.kind, event.bytes);
        else if (event.type === "end") return this.#finish();
        else if (event.type === "close") this.#afterAnswers(() => this.#events.onControl(event));
        else {
          if (event.type === "ping") this.#spentBytes += PING_BYTES;
          this.#events.onControl(event);
        }
        if (this.#over || this.#inflating || this.#held !== null) return;
      }
    } catch (error) {
      this.#afterAnswers(() => this.#fail(error));
    }
  }

  /** Other connections have their turn, however much this one has sent. */
  #rest(): void {
    this.#resting = true;
    nextTurn(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    this.#resting = false;
    this.#spentBytes = 0;
    this.#pump();
  };

  #hasRoom(): boolean {
    return this.#ready.empty || this.#ready.bytes < this.#mayWaitBytes;
  }

  #deliver(message: Message): void {
    if (this.#discarding) return;
    const resolve = this.#resolve;
    if (resolve === null) {
      this.#ready.push(message);
      return;
    }
    this.#resolve = this.#reject = null;
    this.#taken = true;
    resolve(message);
  }

  /** Whoever has the last message may answer it first: until they come back, or have done what can be done at once. */
  #afterAnswers(act: () => void): void {
    if (!this.#taken || this.#machine.closeSent) return act();
    this.#held = act;
    setTimeout(() => this.#release(), 0);
  }

  #release(): void {
    const act = this.#held;
    this.#held = null;
    if (act !== null && !this.#over) act();
  }

  #inflate(kind: MessageKind, bytes: Uint8Array): void {
    const inflated = this.#inflation!.inflate(kind, bytes);
    if (!(inflated instanceof Promise)) {
      this.#spentBytes += bytes.length * COMPRESSED_BYTE_COSTS + inflated.length;
      return this.#deliver(inflatedMessage(kind, inflated));
    }
    this.#inflating = true;
    inflated.then((message) => {
      this.#inflating = false;
      if (this.#over) return;
      this.#deliver(message);
      this.#pump();
    }).catch((error) => {
      this.#inflating = false;
      this.#afterAnswers(() => this.#fail(error));
    });
  }

  /** Takes what has come without waiting, if the transport can say so; else waits for it, and is not done. */
  #readMore(): boolean {
    const { fastPath } = this.#wire;
    const chunk = fastPath?.takeChunk();
    if (chunk !== undefined) {
      this.#received(chunk, false);
      return true;
    }
    this.#reading = true;
    this.#taking = fastPath !== null;
    if (fastPath === null) this.#wire.read().then(this.#onRead, this.#onReadFailed);
    else fastPath.awaitChunk(this);
    return false;
  }

  readonly #onRead = (chunk: Uint8Array | null): void => {
    this.#reading = false;
    this.#received(chunk, false);
    this.#pump();
  };

  readonly #onReadFailed = (error: unknown): void => this.onReadFailure(error);

  /** See {@linkcode ChunkTaker}. The event loop calls it: this is a new turn. */
  onChunk(chunk: Uint8Array, lent: boolean): void {
    this.#reading = false;
    this.#spentBytes = 0;
    this.#received(chunk, lent);
    this.#pump();
    if (lent) this.#machine.keepInput();
  }

  /** See {@linkcode ChunkTaker}. */
  onEnd(): void {
    this.#reading = false;
    this.#received(null, false);
    this.#pump();
  }

  /** See {@linkcode ChunkTaker}. */
  onReadFailure(error: unknown): void {
    this.#reading = false;
    this.#fail(error);
  }

  #received(chunk: Uint8Array | null, lent: boolean): void {
    if (chunk === null) this.#machine.receiveEof();
    else this.#machine.receive(chunk, lent);
    this.#spentBytes += chunk?.length ?? 0;
    this.#events.onChunk();
  }

  #finish(): void {
    this.#over = true;
    this.#events.onEof();
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#events.onFailure(error);
  }
}

/** What was inflated is still in memory that others use. */
function inflatedMessage(kind: MessageKind, bytes: Uint8Array): Message {
  if (kind === "binary") return bytes.slice();
  const text = readText(bytes);
  if (text === null) throw badUtf8();
  return text;
}
