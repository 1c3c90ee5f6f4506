/**
 * What the cases of the suite share: connected pairs, bytes that can be checked, and a clock made of round trips.
 *
 * @module
 */

import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { assertEquals, assertGreater } from "@std/assert";
import type { ConnectOptions, Listener, ListenOptions, Network } from "../../src/duplex/network.ts";
import type { Socket } from "../../src/duplex/socket.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";

/** An adapter under test, and in what it differs from the others. */
export interface Subject extends Network {
  /** Begins the names of the tests. */
  readonly name: string;
  /** Whether `abort()` reaches the peer as a reset; else as an end. */
  readonly resets: boolean;
  /** Whether the platform accepts by itself, so that `backlog` cuts what is too much. */
  readonly acceptsByItself: boolean;
  /** Titles of the tests that it cannot pass, each with the reason. */
  readonly differs: Readonly<Record<string, string>>;
  /** Writes through the runtime's own object. */
  writeNative(native: unknown, bytes: Uint8Array): Promise<void>;
  /** Reads through the runtime's own object until it has `length` bytes. */
  readNative(native: unknown, length: number): Promise<Uint8Array>;
  /** Ends both sides through the runtime's own object. */
  endNative(native: unknown): void;
}

/** Adds a test of a subject, or skips it with the subject's reason. */
export type AddTest = (title: string, run: () => Promise<void> | void, skip?: string | false) => void;

/** What adds tests of a subject: under its name, skipped where it differs. */
export function testsOf({ name, differs }: Subject): AddTest {
  return (title, run, skip = false) => {
    test(`${name}: ${title}`, { skip: differs[title] ?? skip, timeout: 20_000 }, run);
  };
}

/** The two ends of a connection. */
export interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly listener: Listener;
}

/** Options that listen with the test's certificate. */
export const serverTls: { readonly cert: string; readonly key: string } = { cert: serverCert, key: serverKey };
/** Options that trust it. */
export const clientTls: { readonly caCerts: readonly string[] } = { caCerts: [authority] };

/** Connects a pair over loopback, lets `use` have it, and leaves nothing behind. */
export async function withPair(
  net: Network,
  use: (pair: Pair) => Promise<void>,
  options: { readonly connect?: ConnectOptions; readonly listen?: ListenOptions } = {},
): Promise<void> {
  const listener = await net.listen({ hostname: "127.0.0.1", ...options.listen });
  const client = net.connect(listener.address, options.connect);
  const server = (await listener.accept())!;
  try {
    await use({ client, server, listener });
  } finally {
    client.abort();
    server.abort();
    await listener.close();
  }
}

/** Reads to the end. */
export async function readAll(socket: { read(): Promise<Uint8Array | null> }): Promise<string> {
  const decoder = new TextDecoder();
  let all = "";
  for (let chunk = await socket.read(); chunk !== null; chunk = await socket.read()) {
    all += decoder.decode(chunk, { stream: true });
  }
  return all;
}

/** Reads until `length` bytes are there. */
export async function readText(socket: { read(): Promise<Uint8Array | null> }, length: number): Promise<string> {
  let all = "";
  while (all.length < length) {
    const chunk = await socket.read();
    if (chunk === null) break;
    all += new TextDecoder().decode(chunk);
  }
  return all;
}

/** Text as bytes. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A path for a unix socket that nobody has. */
export function freePath(): string {
  return join(tmpdir(), `http-upgrade-${process.pid}-${Math.random().toString(36).slice(2)}.sock`);
}

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<{ code?: string; name?: string; cause?: unknown }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("It did not reject");
}

/** Checks that a promise rejects with an error of that name and code. */
export async function assertFails(promise: Promise<unknown>, name: string, code: string): Promise<void> {
  const error = await rejection(promise);
  assertEquals([error.name, error.code], [name, code]);
}

/** Bytes that depend on their position in the whole transfer, so that loss, doubling and disorder show. */
export function patternAt(offset: number, length: number): Uint8Array {
  const all = new Uint8Array(length);
  for (let i = 0; i < length; i++) all[i] = ((offset + i) * 2654435761) >>> 23;
  return all;
}

/** Checks a stream of pattern bytes; `received` counts them. */
export class PatternChecker {
  received = 0;

  check(chunk: Uint8Array): void {
    const wanted = patternAt(this.received, chunk.byteLength);
    for (let i = 0; i < chunk.byteLength; i++) {
      if (chunk[i] !== wanted[i]) throw new Error(`Byte ${this.received + i} is ${chunk[i]} instead of ${wanted[i]}`);
    }
    this.received += chunk.byteLength;
  }
}

/** Sends pattern bytes, and transfers the buffer of each chunk that comes, which is its reader's, while the next one is read. */
export async function transferChunks({ client, server }: Pair): Promise<void> {
  const checker = new PatternChecker();
  for (const size of [10, 100, 5_000, 40_000, 100_000, 7, 300_000, 1]) {
    const sending = client.write(patternAt(checker.received, size));
    for (const end = checker.received + size; checker.received < end;) {
      const chunk = (await server.read())!;
      checker.check(chunk);
      const next = server.read();
      structuredClone(chunk.buffer, { transfer: [chunk.buffer as ArrayBuffer] });
      if (checker.received === end) {
        await sending;
        await client.write(patternAt(checker.received, 3));
      }
      checker.check((await next)!);
      if (checker.received > end) break;
    }
  }
  assertGreater(checker.received, 440_000);
}

/** Sends a number of pattern bytes in pieces, then FIN. */
export async function sendPattern(socket: Socket, total: number, pieceLength: number): Promise<void> {
  for (let offset = 0; offset < total; offset += pieceLength) {
    await socket.write(patternAt(offset, Math.min(pieceLength, total - offset)));
  }
  await socket.closeWrite();
}

/** Sends a number of pattern bytes. */
export async function sendSome(socket: Socket, total: number): Promise<void> {
  for (let offset = 0; offset < total; offset += 65_536) {
    await socket.write(patternAt(offset, Math.min(65_536, total - offset)));
  }
}

/** Receives as many pattern bytes. */
export async function receiveSome(socket: Socket, total: number): Promise<number> {
  const checker = new PatternChecker();
  while (checker.received < total) checker.check((await socket.read())!);
  return checker.received;
}

/** Receives pattern bytes up to FIN. */
export async function receivePattern(socket: Socket): Promise<number> {
  const checker = new PatternChecker();
  for (let chunk = await socket.read(); chunk !== null; chunk = await socket.read()) checker.check(chunk);
  return checker.received;
}

/**
 * A clock that ticks with the event loop, not with time: a number of round trips over a connection of its own. What
 * is still pending after them waits for somebody, and not just for the system to get round to it.
 */
export async function roundTrips(net: Network, count: number): Promise<void> {
  await withPair(net, async ({ client, server }) => {
    for (let i = 0; i < count; i++) {
      await client.write(bytes("."));
      await server.write((await server.read())!);
      await client.read();
    }
  });
}

/** Whether a promise is still pending after some round trips. */
export async function isPending(net: Network, promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = (): void => {
    settled = true;
  };
  promise.then(note, note);
  await roundTrips(net, 20);
  return !settled;
}

/** How much {@linkcode writeUntilStuck} writes at once. */
export const STUCK_PIECE: number = 256 * 1024;

/**
 * Linux grows the two buffers of a loopback connection to 6 MiB and 4 MiB at most; more than that would be held by us,
 * or by the runtime.
 */
const MOST_IN_FLIGHT = 16 << 20;

/**
 * Writes a pattern until the peer's not reading stops it.
 *
 * @returns How many bytes were accepted, and the write that is stuck.
 */
export async function writeUntilStuck(
  net: Network,
  socket: Socket,
  most: number = MOST_IN_FLIGHT,
): Promise<{ accepted: number; stuck: Promise<void> }> {
  for (let offset = 0; offset < most; offset += STUCK_PIECE) {
    let settled = false;
    const written = socket.write(patternAt(offset, STUCK_PIECE)).then(() => {
      settled = true;
    });
    await Promise.resolve();
    if (!settled && await isPending(net, written)) return { accepted: offset, stuck: written };
  }
  throw new Error(`Nothing stopped the writer within ${most} bytes`);
}

/** How many files and sockets this process has open (Linux). */
export function openFiles(): number {
  return readdirSync("/proc/self/fd").length;
}
