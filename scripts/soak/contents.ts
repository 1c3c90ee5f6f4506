/**
 * What exchanges send: bytes that tell whose they are and where they stand. What is lost, doubled, moved, another's, or overwritten while
 * its owner still has it, is seen, and said with its place.
 *
 * All are cut from one table of random bytes, and compared with it by the platform, which costs about as much as to count them.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { mulberry32 } from "./measure.ts";

/** What an exchange has at most, and how many exchanges begin at places of their own. 1 MiB. */
const MOST_BYTES = 1 << 20;
/** Odd, so that no two exchanges of a million begin at the same place. */
const STEP = 611_953;
/** What is written over memory that the library should have let go of, or should not have. */
const OVERWRITTEN = 0xee;
/** So many bytes are looked for to tell where they belong. Random ones are found once. */
const SOUGHT_BYTES = 16;

const table: Buffer = Buffer.alloc(2 * MOST_BYTES);
const random = mulberry32(1);
for (let at = 0; at < table.length; at += 4) table.writeUInt32LE(Math.floor(random() * 4_294_967_296), at);

/** The bytes of the exchange with this number, from one place on. The copy is the caller's. */
export function contents(exchange: number, length: number, from = 0): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view(exchange, length, from));
}

function view(exchange: number, length: number, from: number): Uint8Array {
  if (from + length > MOST_BYTES) throw new RangeError(`An exchange has ${MOST_BYTES} bytes and not ${from + length}`);
  const at = beginning(exchange) + from;
  return table.subarray(at, at + length);
}

function beginning(exchange: number): number {
  return Math.imul(exchange, STEP) & (MOST_BYTES - 1);
}

/** Compares what comes with what belongs there. */
export class Comparison {
  /** How many bytes have come. Only this class writes it. */
  bytes = 0;
  readonly #exchange: number;
  readonly #what: string;
  readonly #chunks: Uint8Array[] = [];

  /** Begins with the first byte of the exchange. `what` is for the message. */
  constructor(exchange: number, what: string) {
    this.#exchange = exchange;
    this.#what = what;
  }

  /**
   * Compares a chunk, which is kept until {@linkcode end}.
   *
   * @throws {Error} Another byte belongs there.
   */
  add(chunk: Uint8Array): void {
    this.#compare(chunk, this.bytes, "came");
    this.bytes += chunk.length;
    this.#chunks.push(chunk);
  }

  /**
   * All has come. Every chunk is compared again, as the library may have written into it since it was read; and then overwritten: it
   * is its reader's, and a library that still uses it sends wrong bytes from now on.
   *
   * @throws {Error} It is not as long as that, or a chunk has changed.
   */
  end(length: number): void {
    let at = 0;
    for (const chunk of this.#chunks) {
      this.#compare(chunk, at, "was overwritten once it was read");
      at += chunk.length;
    }
    if (at !== length) throw new Error(`${this.#what}: ${at} bytes came instead of ${length}`);
    for (const chunk of this.#chunks) chunk.fill(OVERWRITTEN);
  }

  #compare(chunk: Uint8Array, from: number, how: string): void {
    if (from + chunk.length > MOST_BYTES) throw new Error(`${this.#what}: more than ${MOST_BYTES} bytes came`);
    const wanted = view(this.#exchange, chunk.length, from);
    if (Buffer.compare(chunk, wanted) === 0) return;
    let first = 0;
    while (chunk[first] === wanted[first]) first++;
    const place = beginning(this.#exchange) + from + first;
    throw new Error(
      `${this.#what}: byte ${from + first} ${how} as ${chunk[first]} instead of ${
        wanted[first]
      }, byte ${first} of a chunk of ${chunk.length}: ${belonging(chunk.subarray(first), place)}`,
    );
  }
}

/** Says where bytes belong that stand at this place of the table. */
function belonging(bytes: Uint8Array, place: number): string {
  const sought = bytes.subarray(0, SOUGHT_BYTES);
  const found = sought.length < SOUGHT_BYTES ? -1 : table.indexOf(sought);
  if (found === -1) return `${Buffer.from(sought).toString("hex")} belongs nowhere`;
  const away = found - place;
  return `what belongs ${Math.abs(away)} bytes ${away < 0 ? "before" : "behind"}, or to another exchange`;
}

/** Compares what was read at once. Then it is overwritten. */
export function expectContents(bytes: Uint8Array, exchange: number, length: number, what: string): void {
  const comparison = new Comparison(exchange, what);
  comparison.add(bytes);
  comparison.end(length);
}

/** Something to read from. */
export interface Source {
  /** The next chunk, or `null` at the end. */
  read(): Promise<Uint8Array | null>;
}

/** Reads to the end and compares all. */
export async function readContents(io: Source, exchange: number, length: number, what: string): Promise<void> {
  const comparison = new Comparison(exchange, what);
  for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) comparison.add(chunk);
  comparison.end(length);
}

/** Reads the head of a response of HTTP/1.1, and then to the end. */
export async function readResponse(io: Source, exchange: number, length: number, what: string): Promise<void> {
  const comparison = new Comparison(exchange, what);
  let head: Buffer | null = Buffer.alloc(0);
  for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) {
    if (head === null) {
      comparison.add(chunk);
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const end: number = head.indexOf("\r\n\r\n");
    if (end === -1) continue;
    comparison.add(head.subarray(end + 4));
    head = null;
  }
  comparison.end(length);
}

/** Something to write to. */
export interface Sink {
  /** Resolves when the bytes are the caller's again. */
  write(bytes: Uint8Array): Promise<void>;
}

/** Writes, and overwrites the bytes as soon as that has resolved: from then on they are the writer's again. */
export async function writeOnce(io: Sink, bytes: Uint8Array): Promise<void> {
  await io.write(bytes);
  bytes.fill(OVERWRITTEN);
}

/** Writes what belongs to an exchange in pieces of any length; waits for some of them and not for others. */
export async function writeContents(
  io: Sink,
  exchange: number,
  length: number,
  random: () => number,
): Promise<void> {
  const under: Promise<void>[] = [];
  for (let at = 0; at < length;) {
    const most = random() < 0.3 ? 100 : random() < 0.5 ? 5000 : 200_000;
    const piece = contents(exchange, Math.min(length - at, 1 + Math.floor(random() * most)), at);
    at += piece.length;
    const written = writeOnce(io, piece);
    written.catch(() => {}); // told below
    under.push(written);
    if (random() < 0.2) await written;
  }
  await Promise.all(under);
}

/** What sends back what it gets. */
export interface Echo extends Source, Sink {
  /** Ends our side. */
  closeWrite(): Promise<void>;
}

/** Writes what belongs to an exchange, and reads it back to the end. */
export async function expectEcho(io: Echo, exchange: number, length: number, random: () => number): Promise<void> {
  const writing = writeContents(io, exchange, length, random).then(() => io.closeWrite());
  writing.catch(() => {}); // if reading fails, that tells
  await readContents(io, exchange, length, "an echo");
  await writing;
}

/** A server has told how many bytes came, or where others came. */
export function expectCount(told: string, sent: number): void {
  if (told !== `${sent}`) throw new Error(`${sent} bytes went, ${told} arrived`);
}
