/**
 * The first message of TLS, read without being consumed: which name it asks for (RFC 8446 §4.1.2, RFC 6066 §3). A machine:
 * bytes in, in pieces of any size, and one answer out. It holds no more than {@linkcode MAX_HELLO_BYTES}.
 *
 * @module
 */

import { latin1 } from "../../bytes/latin1.ts";

/** What the beginning of a stream says. */
export type Hello =
  | {
    readonly type: "hello";
    /** As it is spelled; `null` where no name is asked for. */
    readonly serverName: string | null;
    /** The protocols that are offered. */
    readonly alpn: readonly string[];
    /** Whether ECH is there (RFC 9849): then another name may be hidden in it. Browsers pretend so in every hello. */
    readonly encrypted: boolean;
  }
  | {
    /** It is no ClientHello: not TLS, or broken, or larger than is looked at. */
    readonly type: "not-tls";
  };

/** 64 KiB of the message: with keys for the time after quantum computers it has about 2 KiB. */
export const MAX_HELLO_BYTES = 65_536;

const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const MAX_RECORD_BYTES = 16_384;
/** Of one message; more would only be there to make it costly. */
const MAX_RECORDS = 256;
const SERVER_NAME = 0;
const ALPN = 16;
const ENCRYPTED_CLIENT_HELLO = 0xfe0d;

const NOT_TLS: Hello = { type: "not-tls" };

/** Reads one ClientHello. */
export class ClientHelloReader {
  /** The message, put together from its records. */
  #message: Uint8Array = new Uint8Array(512);
  #length = 0;
  /** The five bytes of the header of a record, as far as they have come. */
  readonly #header: number[] = [];
  #records = 0;
  /** How much of the record is still to come. */
  #left = 0;
  #answer: Hello | null = null;

  /**
   * Takes the next bytes.
   *
   * @returns The answer, as soon as it is known; `null` until then. Bytes behind it mean nothing here.
   */
  push(bytes: Uint8Array): Hello | null {
    for (let at = 0; at < bytes.length && this.#answer === null;) {
      at = this.#left === 0 ? this.#takeHeader(bytes, at) : this.#takeFragment(bytes, at);
    }
    return this.#answer;
  }

  #takeHeader(bytes: Uint8Array, at: number): number {
    const header = this.#header;
    header.push(bytes[at]!);
    if (header[0] !== HANDSHAKE || (header.length > 1 && header[1] !== 3)) this.#answer = NOT_TLS;
    if (header.length < 5) return at + 1;
    this.#left = header[3]! << 8 | header[4]!;
    // An empty fragment of a handshake is forbidden (RFC 8446 §5.1).
    if (this.#left === 0 || this.#left > MAX_RECORD_BYTES || ++this.#records > MAX_RECORDS) this.#answer = NOT_TLS;
    header.length = 0;
    return at + 1;
  }

  #takeFragment(bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + this.#left);
    this.#append(bytes.subarray(at, end));
    this.#left -= end - at;
    const message = this.#message;
    if (message[0] !== CLIENT_HELLO) this.#answer = NOT_TLS;
    else if (this.#length >= 4) {
      const wanted = 4 + (message[1]! << 16 | message[2]! << 8 | message[3]!);
      if (wanted > MAX_HELLO_BYTES) this.#answer = NOT_TLS;
      else if (this.#length >= wanted) this.#answer = readHello(message.subarray(4, wanted));
    }
    return end;
  }

  #append(part: Uint8Array): void {
    if (this.#length + part.length > this.#message.length) {
      const larger = new Uint8Array(Math.max(this.#message.length * 2, this.#length + part.length));
      larger.set(this.#message.subarray(0, this.#length));
      this.#message = larger;
    }
    this.#message.set(part, this.#length);
    this.#length += part.length;
  }
}

/** Reads the body of the message. */
function readHello(body: Uint8Array): Hello {
  try {
    const all = new Bytes(body);
    all.skip(2 + 32); // version, random
    all.skip(all.number(1)); // session
    all.skip(all.number(2)); // suites
    all.skip(all.number(1)); // compression
    const extensions = all.empty ? new Bytes(new Uint8Array(0)) : all.part(2);
    if (!all.empty) return NOT_TLS;
    return readExtensions(extensions);
  } catch (error) {
    if (error === TOO_SHORT) return NOT_TLS;
    throw error;
  }
}

function readExtensions(extensions: Bytes): Hello {
  const seen = new Set<number>();
  let serverName: string | null = null;
  let alpn: string[] = [];
  while (!extensions.empty) {
    const type = extensions.number(2);
    const data = extensions.part(2);
    // Two of a kind are forbidden (RFC 8446 §4.2); server and proxy might each look at another one.
    if (seen.has(type)) return NOT_TLS;
    seen.add(type);
    if (type === SERVER_NAME) {
      serverName = readServerName(data);
      if (serverName === null) return NOT_TLS;
    } else if (type === ALPN) alpn = readAlpn(data);
  }
  return { type: "hello", serverName, alpn, encrypted: seen.has(ENCRYPTED_CLIENT_HELLO) };
}

/** The one name of a server (RFC 6066 §3); `null` if there is none in a list that must have one. */
function readServerName(data: Bytes): string | null {
  const list = data.part(2);
  const type = list.number(1);
  const name = list.part(2).text();
  return data.empty && list.empty && type === 0 && name !== "" ? name : null;
}

function readAlpn(data: Bytes): string[] {
  const names: string[] = [];
  for (const list = data.part(2); !list.empty;) names.push(list.part(1).text());
  return names;
}

/** What is thrown when a length leads beyond the end. */
const TOO_SHORT: unique symbol = Symbol("too short");

/** Reads numbers and parts behind their lengths. */
class Bytes {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get empty(): boolean {
    return this.#at === this.#bytes.length;
  }

  skip(count: number): void {
    this.#take(count);
  }

  number(size: number): number {
    return this.#take(size).reduce((number, byte) => number * 256 + byte, 0);
  }

  part(lengthSize: number): Bytes {
    return new Bytes(this.#take(this.number(lengthSize)));
  }

  /** One character for each byte. */
  text(): string {
    const from = this.#at;
    this.#at = this.#bytes.length;
    return latin1(this.#bytes, from, this.#at);
  }

  #take(count: number): Uint8Array {
    if (this.#at + count > this.#bytes.length) throw TOO_SHORT;
    return this.#bytes.subarray(this.#at, this.#at += count);
  }
}
