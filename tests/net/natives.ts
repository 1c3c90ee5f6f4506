/**
 * Reading and writing through the runtimes' own objects, as somebody who got one from `release()` would.
 *
 * @module
 */

import type nodeNet from "node:net";

/** What a runtime's own object is used with. */
export interface NativeUse {
  writeNative(native: unknown, bytes: Uint8Array): Promise<void>;
  readNative(native: unknown, length: number): Promise<Uint8Array>;
  endNative(native: unknown): void;
}

/** `net.Socket`. */
export const nodeNative: NativeUse = {
  endNative: (native) => void (native as nodeNet.Socket).destroy(),
  async writeNative(native, bytes) {
    await new Promise<void>((resolve) => (native as nodeNet.Socket).write(bytes, () => resolve()));
  },
  readNative(native, length) {
    const socket = native as nodeNet.Socket;
    const received: number[] = [];
    socket.on("error", () => {});
    return new Promise((resolve) => {
      socket.on("data", (chunk: Uint8Array) => {
        received.push(...chunk);
        if (received.length >= length) resolve(Uint8Array.from(received));
      });
      socket.resume();
    });
  },
};

interface DenoConn {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** `Deno.Conn`. */
export const denoNative: NativeUse = {
  endNative: (native) => (native as DenoConn).close(),
  async writeNative(native, bytes) {
    await (native as DenoConn).write(bytes);
  },
  async readNative(native, length) {
    const into = new Uint8Array(length);
    for (let offset = 0; offset < length;) offset += (await (native as DenoConn).read(into.subarray(offset)))!;
    return into;
  },
};

interface BunSocket {
  write(bytes: Uint8Array): number;
  resume(): void;
  end(): void;
  data: unknown;
}

/** `Bun.Socket`, whose new owner puts its handlers into `data`. */
export const bunNative: NativeUse = {
  endNative: (native) => (native as BunSocket).end(),
  async writeNative(native, bytes) {
    (native as BunSocket).write(bytes);
  },
  readNative(native, length) {
    const socket = native as BunSocket;
    const received: number[] = [];
    return new Promise((resolve) => {
      const data = (_socket: unknown, chunk: Uint8Array): void => {
        received.push(...chunk);
        if (received.length >= length) resolve(Uint8Array.from(received));
      };
      socket.data = { data };
      socket.resume();
    });
  },
};
