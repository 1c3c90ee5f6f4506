/**
 * The messages of one end in the order of the calls: each is made into frames, compressed if it pays, while control frames find
 * their gaps. `WebSocketConnection` calls it; it calls the machine, the compression and the `FrameOutlet`.
 *
 * @module
 */

import { fixedBytes } from "../bytes/fixed_bytes.ts";
import { giveMemory, takeMemory } from "../bytes/memory_pool.ts";
import { unattended } from "../duplex/deferred.ts";
import { StateError } from "../errors/state_error.ts";
import { codec, textRoom } from "./coding.ts";
import type { Compression } from "./compression.ts";
import type { FrameOutlet } from "./frame_outlet.ts";
import type { MessageKind } from "./machine/web_socket_event.ts";
import type { MessagePart, WebSocketMachine } from "./machine/web_socket_machine.ts";
import type { SharedMessage } from "./shared_message.ts";
import { kindOf, type MessageOptions, type MessageParts, type OutgoingMessage, plainOf } from "./outgoing_message.ts";

const encoder = new TextEncoder();
const LAST_PART = new Uint8Array(0);
const WHOLE_TEXT: MessagePart = { kind: "text", fin: true, compressed: false };
const WHOLE_BINARY: MessagePart = { kind: "binary", fin: true, compressed: false };

/** Text of up to so many characters gets memory of its own to be compressed from. */
const ENCODED_ANEW = 4096;

/** Sends messages. */
export class MessageSender {
  readonly #machine: WebSocketMachine;
  readonly #outlet: FrameOutlet;
  readonly #compression: Compression | null;
  /** What has to be over before another message may begin. */
  #tail: Promise<unknown> | null = null;
  /** How many bytes of messages are not in frames yet; once it is over, never will be. */
  #unmadeBytes = 0;
  #over: { readonly error: unknown } | null = null;
  #cancel: ((error: unknown) => void) | null = null;

  /** Sends nothing yet. */
  constructor(machine: WebSocketMachine, outlet: FrameOutlet, compression: Compression | null) {
    this.#machine = machine;
    this.#outlet = outlet;
    this.#compression = compression;
  }

  /** How many bytes of messages the transport has not accepted yet; before they are compressed and framed. */
  get bufferedAmount(): number {
    return this.#outlet.unsentBytes + this.#unmadeBytes;
  }

  /** How many bytes of messages were given to be sent so far. */
  get totalBytes(): number {
    return this.#outlet.totalBytes + this.#unmadeBytes;
  }

  /** Sends a message. Resolves when the transport has accepted it; a rejection needs no handler. */
  send(message: OutgoingMessage, options?: MessageOptions): Promise<void> {
    try {
      const kind = kindOf(message, options);
      const plain = plainOf(message);
      if (this.#tail !== null) return this.#inTurn(plain, kind);
      const made = this.#make(plain, kind);
      return made === undefined ? this.#outlet.gather() : this.#whileBusy(made.then(() => this.#outlet.flush()));
    } catch (error) {
      return unattended(Promise.reject(error));
    }
  }

  /** Sends a message that goes to many, from a server. Resolves as `send()`. */
  sendShared(message: SharedMessage): Promise<void> {
    try {
      const frame = this.#tail === null ? this.#frameOf(message) : null;
      return frame instanceof Uint8Array ? this.#sendFrame(frame, message) : this.#sharedInTurn(message);
    } catch (error) {
      return unattended(Promise.reject(error));
    }
  }

  /** Behind the messages under way, or once it is compressed. Until then its bytes wait. */
  #sharedInTurn(message: SharedMessage): Promise<void> {
    this.#unmadeBytes += message.length;
    return this.#whileBusy(this.#afterTail(async () => {
      const made = this.#frameOf(message);
      const sent = this.#sendFrame(made instanceof Promise ? await this.#orOver(made) : made, message);
      this.#unmadeBytes -= message.length;
      await sent;
    }));
  }

  #frameOf(message: SharedMessage): Uint8Array | Promise<Uint8Array> {
    const compression = this.#compressionFor(message.bytes);
    return compression === null ? message.plainFrame : message.compressedFrame(compression);
  }

  #sendFrame(frame: Uint8Array, message: SharedMessage): Promise<void> {
    if (this.#over !== null) throw this.#over.error;
    this.#compressionFor(message.bytes)?.forget();
    return this.#outlet.sendFrame(frame, message.length);
  }

  #compressionFor(bytes: Uint8Array): Compression | null {
    const compression = this.#compression;
    return compression !== null && bytes.length >= compression.thresholdBytes ? compression : null;
  }

  /** Sends a message as its parts come. Other messages wait for its end, control frames do not. */
  sendParts(parts: MessageParts): Promise<void> {
    return this.#whileBusy(this.#afterTail(() => this.#sendParts(parts)));
  }

  /** Does something between two messages: at once, or when those under way are sent. */
  between(act: () => void): Promise<void> {
    const actAndFlush = (): Promise<void> => {
      act();
      return this.#outlet.flush();
    };
    return this.#tail === null ? actAndFlush() : this.#whileBusy(this.#tail.then(actAndFlush, actAndFlush));
  }

  /** The connection is over: what waits is not sent, and parts are not waited for any more. */
  end(error: unknown): void {
    this.#over ??= { error };
    this.#cancel?.(error);
  }

  #inTurn(given: string | Uint8Array, kind: MessageKind): Promise<void> {
    const message = typeof given === "string" ? given : fixedBytes(given);
    const bytes = typeof message === "string" ? codec.textLength(message) : message.length;
    this.#unmadeBytes += bytes;
    return this.#whileBusy(this.#afterTail(() => {
      const made = this.#make(message, kind);
      this.#unmadeBytes -= bytes;
      return made === undefined ? this.#outlet.flush() : made.then(() => this.#outlet.flush());
    }));
  }

  /** Makes the frame of a message; later only if compressing takes its time. */
  #make(plain: string | Uint8Array, kind: MessageKind): Promise<void> | undefined {
    if (this.#machine.closeSent) throw new StateError("closed", "Cannot send: the WebSocket is closing");
    if (this.#over !== null) throw this.#over.error;
    const compression = this.#compression;
    if (compression === null || longestBytes(plain) < compression.thresholdBytes) return this.#sendPlain(plain, kind);
    // Another thread may compress it: it would read beyond the end of a buffer that has become shorter.
    if (typeof plain !== "string") return this.#compress(compression, fixedBytes(plain), kind);
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
    return this.#orOver(compressed).then((result) => {
      this.#sendCompressed(result, kind, bytes.length);
      this.#unmadeBytes -= bytes.length;
    });
  }

  #sendPlain(message: string | Uint8Array, kind: MessageKind): undefined {
    this.#outlet.added(this.#machine.send(message, kind === "text" ? WHOLE_TEXT : WHOLE_BINARY));
  }

  #sendCompressed(compressed: Uint8Array, kind: MessageKind, bytes: number): undefined {
    this.#machine.send(compressed, { kind, fin: true, compressed: true });
    this.#outlet.added(bytes);
  }

  async #sendParts(parts: MessageParts): Promise<void> {
    const compressed = this.#compression !== null && this.#compression.thresholdBytes !== Infinity;
    let kind: MessageKind | null = null;
    for await (const part of this.#untilOver<OutgoingMessage>(parts)) {
      const own = kindOf(part);
      if ((kind ??= own) !== own) throw new TypeError("Cannot send: a message is of text or of bytes");
      const plain = plainOf(part);
      const bytes = typeof plain === "string" ? encoder.encode(plain) : plain;
      if (bytes.length > 0) await this.#sendPart(bytes, { kind, fin: false, compressed });
    }
    await this.#sendPart(LAST_PART, { kind: kind ?? "binary", fin: true, compressed });
  }

  async #sendPart(bytes: Uint8Array, part: { kind: MessageKind; fin: boolean; compressed: boolean }): Promise<void> {
    const made = part.compressed ? this.#compression!.compress(fixedBytes(bytes), part.fin) : bytes;
    this.#machine.send(made instanceof Promise ? await this.#orOver(made) : made, part);
    this.#outlet.added(bytes.length);
    await this.#outlet.flush();
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
      this.#cancel = reject;
      promise.then(resolve, reject);
      if (this.#over !== null) reject(this.#over.error);
    });
  }

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
  const { read, written } = codec.encodeText(text, memory);
  return read === text.length ? memory.subarray(0, written) : null;
}

/** What a message cannot be longer than, found at no cost. */
function longestBytes(message: string | Uint8Array): number {
  return typeof message === "string" ? message.length * 3 : message.length;
}
