/**
 * Any pair of web streams seen as a byte channel, and the choice between that and a channel that is there already.
 *
 * @module
 */

import { StateError } from "../http1/errors.ts";
import type { ByteChannel, Duplex } from "./duplex.ts";
import { TransportError } from "./transport_error.ts";

/** A byte channel that can end itself, and give back the pair it was made from. */
export interface HeldChannel extends ByteChannel {
  /** Sends what is written and ends both sides. */
  close(): Promise<void>;
  /** Gives back the locks on the streams; the pair may be used by others then. No read may be pending. */
  release(): void;
}

/**
 * The cheapest channel over a pair: its own, if it offers one, else one over its streams, which are locked then.
 *
 * @throws {TypeError} A stream of the pair is locked.
 */
export function holdChannel(duplex: Duplex): HeldChannel {
  return offersChannel(duplex) ? new OwnChannel(duplex) : new StreamChannel(duplex);
}

/** Whether the pair is a {@linkcode ByteChannel} as well. */
export function offersChannel(duplex: object): duplex is Duplex & ByteChannel & { close?(): Promise<void> } {
  const candidate = duplex as Partial<ByteChannel>;
  return typeof candidate.read === "function" && typeof candidate.write === "function" &&
    typeof candidate.closeWrite === "function" && typeof candidate.abort === "function";
}

class OwnChannel implements HeldChannel {
  readonly #channel: ByteChannel & { close?(): Promise<void> };

  constructor(channel: ByteChannel & { close?(): Promise<void> }) {
    this.#channel = channel;
  }

  read(): Promise<Uint8Array | null> {
    return this.#channel.read();
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#channel.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#channel.closeWrite();
  }

  abort(reason?: unknown): void {
    this.#channel.abort(reason);
  }

  async close(): Promise<void> {
    if (this.#channel.close !== undefined) return await this.#channel.close();
    await this.#channel.closeWrite();
    this.#channel.abort();
  }

  release(): void {}
}

class StreamChannel implements HeldChannel {
  readonly #duplex: Duplex & { close?(): unknown };
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #reading = false;
  #ended = false;
  #writeEnded: Promise<void> | null = null;

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
    this.#reader = duplex.readable.getReader();
    this.#writer = duplex.writable.getWriter();
    this.#reader.closed.catch(ignore);
    this.#writer.closed.catch(ignore);
    this.#writer.ready.catch(ignore);
  }

  async read(): Promise<Uint8Array | null> {
    if (this.#reading) throw new StateError("busy", "Cannot read: a read is pending");
    if (this.#ended) return null;
    this.#reading = true;
    try {
      while (true) {
        const { done, value } = await this.#reader.read();
        if (done) {
          this.#ended = true;
          return null;
        }
        if (!(value instanceof Uint8Array)) throw new TypeError("Cannot read: a chunk is not a Uint8Array");
        if (value.length > 0) return value;
      }
    } catch (error) {
      throw asTransportError(error, "The readable stream failed");
    } finally {
      this.#reading = false;
    }
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#writeEnded !== null) throw new TransportError("closed", "Cannot write: this side has ended");
    if (bytes.length === 0) return;
    try {
      await this.#writer.write(bytes);
    } catch (error) {
      throw asTransportError(error, "The writable stream failed");
    }
  }

  closeWrite(): Promise<void> {
    return this.#writeEnded ??= this.#writer.close().catch((error) => {
      throw asTransportError(error, "The writable stream failed");
    });
  }

  abort(reason: unknown = new TransportError("closed", "The connection was aborted")): void {
    this.#ended = true;
    this.#writeEnded ??= Promise.resolve();
    this.#reader.cancel(reason).catch(ignore);
    this.#writer.abort(reason).catch(ignore);
    this.#closeDuplex();
  }

  async close(): Promise<void> {
    await this.closeWrite().catch(ignore);
    if (!this.#ended) {
      this.#ended = true;
      await this.#reader.cancel().catch(ignore);
    }
    this.#closeDuplex();
  }

  release(): void {
    this.#reader.releaseLock();
    this.#writer.releaseLock();
  }

  /** A transport may hold more than its streams; one that is closed already may say so by throwing. */
  #closeDuplex(): void {
    try {
      const closing: unknown = this.#duplex.close?.();
      if (closing instanceof Promise) closing.catch(ignore);
    } catch {
      return;
    }
  }
}

function asTransportError(error: unknown, message: string): unknown {
  if (error instanceof TransportError || error instanceof TypeError) return error;
  return new TransportError("reset", message, { cause: error });
}

function ignore(): void {}
