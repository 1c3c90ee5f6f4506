/**
 * The byte pipe that everything in this package runs over, in two shapes: a {@linkcode Duplex} is what callers hand in, a
 * {@linkcode ByteChannel} is what costs least when the object offers it as well.
 *
 * @module
 */

/**
 * Any pair of byte streams: a socket of this package, a WinterTC or Workers `Socket`, a `Deno.Conn`, the two ends of
 * `TransformStream`s, an `Upgraded` (so HTTP runs inside a tunnel).
 */
export interface Duplex {
  /** The bytes that the peer sends. Its end is the peer's FIN. */
  readonly readable: ReadableStream<Uint8Array>;
  /** The bytes for the peer. Closing it sends our FIN and leaves `readable` as it is. */
  readonly writable: WritableStream<Uint8Array>;
}

/**
 * As much of a {@linkcode Duplex} as is asked for of a transport: the streams of browsers, of Deno, of Bun and of
 * `node:stream/web`, `Duplex.toWeb(socket)` among them, whose declarations do not fit each other.
 */
export interface DuplexLike {
  /** The bytes that the peer sends. Its end is the peer's FIN. */
  readonly readable: {
    readonly locked: boolean;
    getReader(): {
      readonly closed: Promise<unknown>;
      read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
      cancel(reason?: unknown): Promise<void>;
      releaseLock(): void;
    };
  };
  /** The bytes for the peer. Closing it sends our FIN and leaves `readable` as it is. */
  readonly writable: {
    readonly locked: boolean;
    getWriter(): {
      readonly closed: Promise<unknown>;
      readonly ready: Promise<unknown>;
      write(bytes: Uint8Array): Promise<void>;
      close(): Promise<void>;
      abort(reason?: unknown): Promise<void>;
      releaseLock(): void;
    };
  };
}

/**
 * Reading and writing without streams, offered beside them by the sockets of this package, by `Upgraded` and by
 * `duplexPair()`. Use it or the streams, not both at once.
 */
export interface ByteChannel {
  /**
   * Waits for the next bytes.
   *
   * One call at a time: a second one while the first is pending rejects with a `StateError`. Nothing is read from the
   * transport beyond a bounded amount while no call is pending.
   *
   * @returns At least one byte, owned by the caller and never reused, or `null` once the peer has ended its side; and
   * `null` again on every later call.
   * @throws {TransportError} The transport failed: `reset`, `closed`, `tls`.
   */
  read(): Promise<Uint8Array | null>;

  /**
   * Sends bytes, in the order of the calls.
   *
   * @param bytes A Uint8Array, a Buffer for example; other views and text are refused. Not to be changed before the
   * promise has resolved, nor is its buffer to be resized. Empty is allowed and sends nothing.
   * @returns Resolves as soon as the transport has accepted the bytes and has room for more.
   * @throws {TransportError} The transport failed, or `closeWrite()` was called before.
   * @throws {TypeError} What was given are no bytes; nothing was sent, and the channel is as it was.
   */
  write(bytes: Uint8Array): Promise<void>;

  /** Ends our side (FIN) after everything written so far. Reading goes on. Idempotent. */
  closeWrite(): Promise<void>;

  /**
   * Ends both sides at once and drops what is unsent; the peer sees a reset where the transport can say so. Pending
   * and later calls reject. Idempotent.
   *
   * @param reason What pending calls reject with; a `TransportError` `closed` when left out.
   */
  abort(reason?: unknown): void;
}
