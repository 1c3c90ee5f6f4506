/**
 * What one end sends: messages in the order of the calls, control frames as soon as there is a gap.
 *
 * @module
 */

import { checkNotShared, checkObject, checkOneOf, isBytes, wrongType } from "../bytes/arguments.ts";
import { giveMemory, takeMemory } from "../bytes/memory_pool.ts";
import { unattended } from "../duplex/deferred.ts";
import { accepted } from "../duplex/held_channel.ts";
import type { Wire } from "../duplex/wire.ts";
import { StateError } from "../errors/state_error.ts";
import type { MessageKind } from "./machine/web_socket_event.ts";
import type { MessagePart, WebSocketMachine } from "./machine/web_socket_machine.ts";
import type { Compression } from "./compression.ts";
import { encodeText, textLength, textRoom } from "./coding.ts";

/** A message that can be sent at once. */
export type OutgoingMessage = string | ArrayBuffer | ArrayBufferView;

/** What a message is. */
export interface MessageOptions {
  /**
   * `"text"` sends bytes as text, which must be UTF-8: for text that goes to many and is encoded once. By the message's
   * type by default.
   */
  readonly kind?: MessageKind | undefined;
}

/** A message that is sent as its parts come, one frame each: all of text or all of bytes. */
export type MessageParts = AsyncIterable<string> | AsyncIterable<ArrayBuffer | ArrayBufferView>;

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);
const WHOLE_TEXT: MessagePart = { kind: "text", fin: true, compressed: false };
const WHOLE_BINARY: MessagePart = { kind: "binary", fin: true, compressed: false };

/** What the sender of messages asks and tells its owner. */
export interface SenderEvents {
  /** Whether messages have come that nobody has taken yet: their answers may leave together with what is sent now. */
  moreToTake(): boolean;
  /** The transport does not take bytes any more. */
  onFailure(error: unknown): void;
}

/** What is gathered for one write. 64 KiB: up to there messages are copied, so that their bytes are the caller's again. */
const GATHERED_BYTES = 65_536;
/** Text of up to so many characters gets memory of its own to be compressed from. */
const ENCODED_ANEW = 4096;
/** For so many turns of the microtask queue another message is waited for: `pipeTo()` takes a dozen. */
const IDLE_TURNS = 32;

/** See the module. */
export class MessageSender {
  readonly #machine: WebSocketMachine;
  readonly #wire: Wire;
  readonly #compression: Compression | null;
  readonly #events: SenderEvents;
  /** What has to be over before another message may begin. */
  #tail: Promise<unknown> | null = null;
  #writing: Promise<void> | null = null;
  #nextFlush: Promise<void> | null = null;
  #unsentBytes = 0;
  /** How many of them are on their way. */
  #leavingBytes = 0;
  #unmadeBytes = 0;
  #acceptedBytes = 0;
  #idleTurns = -1;
  #over: { readonly error: unknown } | null = null;
  #giveUp: ((error: unknown) => void) | null = null;

  /**
   * Sends nothing yet.
   *
   * @param machine Makes frames.
   * @param wire Takes them.
   * @param compression Compresses messages; `null` for none.
   * @param events What it asks and tells its owner.
   */
  constructor(
    machine: WebSocketMachine,
    wire: Wire,
    compression: Compression | null,
    events: SenderEvents,
  ) {
    this.#machine = machine;
    this.#wire = wire;
    this.#compression = compression;
    this.#events = events;
  }

  /** How many bytes of messages the transport has not accepted yet; before they are compressed and framed. */
  get bufferedAmount(): number {
    return this.#unsentBytes + this.#unmadeBytes;
  }

  /** How many bytes of messages were given to be sent so far. */
  get totalBytes(): number {
    return this.#acceptedBytes + this.bufferedAmount;
  }

  /** Sends a message. Resolves when the transport has accepted it; a rejection needs no handler. */
  send(message: OutgoingMessage, options?: MessageOptions): Promise<void> {
    try {
      const kind = options === undefined ? kindOf(message) : kindIn(options, message);
      const plain = typeof message === "string" ? message : viewOf(message);
      if (this.#tail !== null) return this.#inTurn(plain, kind);
      const made = this.#make(plain, kind);
      return made === undefined ? this.#gather() : this.#whileBusy(made.then(() => this.flush()));
    } catch (error) {
      return unattended(Promise.reject(error));
    }
  }

  /** Sends a message as its parts come. Other messages wait for its end, control frames do not. */
  sendParts(parts: MessageParts): Promise<void> {
    if (typeof (parts as Partial<MessageParts> | null)?.[Symbol.asyncIterator] !== "function") {
      return unattended(Promise.reject(wrongType("parts", "an async iterable", parts)));
    }
    return this.#whileBusy(this.#afterTail(() => this.#sendParts(parts)));
  }

  /** Does something between two messages: at once, or when those under way are sent. */
  between(act: () => void): Promise<void> {
    if (this.#tail === null) {
      act();
      return this.flush();
    }
    return this.#whileBusy(this.#afterTail(() => {
      act();
      return this.flush();
    }));
  }

  /** The connection is over: nothing that waits is sent, and nobody waits for parts any more. */
  end(error: unknown): void {
    this.#over ??= { error };
    this.#giveUp?.(error);
  }

  /** Gives what the machine has ready to the transport. */
  flush(): Promise<void> {
    if (this.#writing !== null) return this.#nextFlush ??= unattended(this.#flushAfter(this.#writing));
    const parts = this.#machine.take();
    if (parts.length === 0) return accepted;
    const written = this.#wire.write(parts, noProgress);
    if (written !== accepted) return this.#awaitWritten(written);
    this.#machine.recycle();
    this.#acceptedBytes += this.#unsentBytes;
    this.#unsentBytes = 0;
    return accepted;
  }

  /** Sends at once, unless answers to more messages may follow in this very turn of the event loop: one write for all. */
  #gather(): Promise<void> {
    if (this.#writing !== null || this.#unsentBytes > GATHERED_BYTES || !this.#events.moreToTake()) return this.flush();
    if (this.#idleTurns === -1) queueMicrotask(this.#onTurn);
    this.#idleTurns = 0;
    return accepted;
  }

  readonly #onTurn = (): void => {
    if (this.#unsentBytes > 0 && this.#events.moreToTake() && ++this.#idleTurns < IDLE_TURNS) {
      return queueMicrotask(this.#onTurn);
    }
    this.#idleTurns = -1;
    void this.flush();
  };

  #inTurn(message: string | Uint8Array, kind: MessageKind): Promise<void> {
    const bytes = typeof message === "string" ? textLength(message) : message.length;
    this.#unmadeBytes += bytes;
    return this.#whileBusy(this.#afterTail(() => {
      this.#unmadeBytes -= bytes;
      const made = this.#make(message, kind);
      return made === undefined ? this.flush() : made.then(() => this.flush());
    }));
  }

  /** Makes the frame of a message; later only if compressing takes its time. */
  #make(plain: string | Uint8Array, kind: MessageKind): Promise<void> | undefined {
    if (this.#machine.closeSent) throw closing();
    if (this.#over !== null) throw this.#over.error;
    const compression = this.#compression;
    if (compression === null || longestBytes(plain) < compression.thresholdBytes) return this.#sendPlain(plain, kind);
    if (typeof plain !== "string") return this.#compress(compression, plain, kind);
    const memory = plain.length > ENCODED_ANEW ? takeMemory(textRoom(plain)) : null;
    const bytes = (memory === null ? null : encodedInto(memory, plain)) ?? encoder.encode(plain);
    const made = bytes.length < compression.thresholdBytes
      ? this.#sendPlain(plain, kind)
      : this.#compress(compression, bytes, kind);
    if (memory !== null && made === undefined) giveMemory(memory);
    return made;
  }

  #compress(compression: Compression, bytes: Uint8Array, kind: MessageKind): Promise<void> | undefined {
    const compressed = compression.compress(bytes, true);
    if (!(compressed instanceof Promise)) return this.#sendCompressed(compressed, kind, bytes.length);
    this.#unmadeBytes += bytes.length;
    return this.#orOver(compressed).finally(() => this.#unmadeBytes -= bytes.length).then((result) => {
      this.#sendCompressed(result, kind, bytes.length);
    });
  }

  #sendPlain(message: string | Uint8Array, kind: MessageKind): undefined {
    this.#unsentBytes += this.#machine.send(message, kind === "text" ? WHOLE_TEXT : WHOLE_BINARY);
  }

  #sendCompressed(compressed: Uint8Array, kind: MessageKind, bytes: number): undefined {
    this.#machine.send(compressed, { kind, fin: true, compressed: true });
    this.#unsentBytes += bytes;
  }

  async #sendParts(parts: MessageParts): Promise<void> {
    const compressed = this.#compression !== null && this.#compression.thresholdBytes !== Infinity;
    let kind: MessageKind | null = null;
    for await (const part of this.#untilOver<OutgoingMessage>(parts)) {
      const own = kindOf(part);
      if ((kind ??= own) !== own) throw new TypeError("Cannot send: a message is of text or of bytes");
      const bytes = typeof part === "string" ? encoder.encode(part) : viewOf(part);
      if (bytes.length > 0) await this.#sendPart(bytes, { kind, fin: false, compressed });
    }
    await this.#sendPart(NOTHING, { kind: kind ?? "binary", fin: true, compressed });
  }

  async #sendPart(bytes: Uint8Array, part: { kind: MessageKind; fin: boolean; compressed: boolean }): Promise<void> {
    const made = part.compressed ? this.#compression!.compress(bytes, part.fin) : bytes;
    this.#machine.send(made instanceof Promise ? await this.#orOver(made) : made, part);
    this.#unsentBytes += bytes.length;
    await this.flush();
  }

  /** The parts. When the connection is over, their source is told, and not waited for. */
  async *#untilOver<Part>(parts: AsyncIterable<Part>): AsyncGenerator<Part> {
    const iterator = parts[Symbol.asyncIterator]();
    try {
      for (let next = await this.#orOver(iterator.next()); !next.done; next = await this.#orOver(iterator.next())) {
        yield next.value;
      }
    } finally {
      void unattended(Promise.resolve(iterator.return?.()));
    }
  }

  /** What a promise gives, unless the connection is over before. One at a time. */
  #orOver<Value>(promise: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      promise.then(resolve, reject);
      if (this.#over !== null) reject(this.#over.error);
    });
  }

  async #flushAfter(writing: Promise<void>): Promise<void> {
    await writing;
    this.#nextFlush = null;
    await this.flush();
  }

  #awaitWritten(written: Promise<void>): Promise<void> {
    this.#leavingBytes = this.#unsentBytes;
    written.then(this.#onWritten, this.#onWriteFailed);
    return this.#writing = written;
  }

  readonly #onWritten = (): void => {
    this.#writing = null;
    this.#unsentBytes -= this.#leavingBytes;
    this.#acceptedBytes += this.#leavingBytes;
    this.#machine.recycle(this.#wire.returnsMemory);
  };

  readonly #onWriteFailed = (error: unknown): void => this.#events.onFailure(error);

  #afterTail(task: () => Promise<void>): Promise<void> {
    return this.#tail === null ? task() : this.#tail.then(task, task);
  }

  #whileBusy(task: Promise<void>): Promise<void> {
    this.#tail = task;
    const done = (): void => {
      if (this.#tail === task) this.#tail = null;
    };
    task.then(done, done);
    return task;
  }
}

/** The text in this memory; `null` if it has not found room. */
function encodedInto(memory: Uint8Array, text: string): Uint8Array | null {
  const { read, written } = encodeText(text, memory);
  return read === text.length ? memory.subarray(0, written) : null;
}

function kindOf(message: unknown): MessageKind {
  return typeof message === "string" ? "text" : "binary";
}

function kindIn(options: MessageOptions, message: unknown): MessageKind {
  checkObject(options, "options");
  if (options.kind === undefined) return kindOf(message);
  checkOneOf(options.kind, "options.kind", ["text", "binary"]);
  return options.kind;
}

function noProgress(): void {}

/**
 * Nothing can change these any more when `write()` returns; and to look at the buffer of an array as short as this costs V8 more
 * than to send it.
 */
const COPIED_AT_ONCE_BYTES = 64;

/** The bytes of a message that is not text, without copying them. */
function viewOf(message: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (!(isBytes(message) && message.length <= COPIED_AT_ONCE_BYTES)) checkNotShared(message, "message");
  if (isBytes(message)) return message;
  if (ArrayBuffer.isView(message)) return new Uint8Array(message.buffer, message.byteOffset, message.byteLength);
  if (message instanceof ArrayBuffer) return new Uint8Array(message);
  throw wrongType("message", "text, an ArrayBuffer or a view of one", message);
}

/** What a message cannot be longer than, found at no cost. */
function longestBytes(message: string | Uint8Array): number {
  return typeof message === "string" ? message.length * 3 : message.length;
}

function closing(): StateError {
  return new StateError("closed", "Cannot send: the WebSocket is closing");
}
