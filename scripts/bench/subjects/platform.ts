/**
 * As much of Deno and Bun as the servers to compare with use.
 *
 * @module
 */

/** A connection of Deno's. */
export interface DenoConn {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  setNoDelay(): void;
  closeWrite(): Promise<void>;
  close(): void;
}

interface DenoLike {
  listen(options: object): AsyncIterable<DenoConn> & { readonly addr: { readonly port: number } };
  connect(options: object): Promise<DenoConn>;
  serve(options: object, handler: (request: Request) => Response): { readonly addr: { readonly port: number } };
  upgradeWebSocket(request: Request): {
    readonly response: Response;
    readonly socket: {
      binaryType: string;
      onopen: (() => void) | null;
      onclose: (() => void) | null;
      onmessage: ((event: { readonly data: string | ArrayBuffer }) => void) | null;
      onerror: (() => void) | null;
      send(data: string | ArrayBuffer): void;
    };
  };
}

/** A socket of Bun's. */
export interface BunSocket {
  data: {
    /** What was not taken yet. */
    readonly waiting: Uint8Array[];
    /** What to send for bytes that have come, if anything. */
    readonly respond: (bytes: Uint8Array) => Uint8Array | null;
  };
  write(bytes: Uint8Array): number;
  shutdown(): void;
  pause(): void;
  resume(): void;
}

interface BunLike {
  connect(options: object): Promise<unknown>;
  listen(options: object): { readonly port: number };
  serve(options: object): { readonly port: number };
}

const { Deno, Bun } = globalThis as { Deno?: DenoLike; Bun?: BunLike };

/** Deno, on Deno. */
export const deno: DenoLike | null = Bun === undefined ? Deno ?? null : null;

/** Bun, on Bun. */
export const bun: BunLike | null = Bun ?? null;
