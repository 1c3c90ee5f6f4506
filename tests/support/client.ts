/**
 * What the tests of the client's connection share: a connection whose server is the test itself, byte by byte.
 *
 * @module
 */

import { type ClientConnection, handshake, type Sender } from "../../src/http1/client_connection.ts";
import type { OutgoingRequest } from "../../src/http1/outgoing_request.ts";
import type { IncomingResponse } from "../../src/http1/incoming.ts";
import type { ClientConnectionOptions, Closed } from "../../src/http1/options.ts";
import type { Duplex } from "../../src/duplex/duplex.ts";
import { duplexPair } from "../../src/duplex/pair.ts";
import type { HeldChannel } from "../../src/duplex/held_channel.ts";
import { holdChannel } from "../../src/duplex/hold_channel.ts";
import { readUntil, text, wire } from "./wire.ts";

/** A request without a body. */
export const GET: OutgoingRequest = { method: "GET", target: "/", fields: [["Host", "a"]] };
/** How {@linkcode GET} looks on the wire. */
export const GET_WIRE = "GET / HTTP/1.1¶Host: a¶¶";
/** A response without a body, after which the connection goes on. */
export const EMPTY = "HTTP/1.1 200 OK¶Content-Length: 0¶¶";
/** A response with a body, after which the connection goes on. */
export const HELLO = "HTTP/1.1 200 OK¶Content-Length: 5¶¶hello";

/** A client's connection with the server's raw end in the test's hands. */
export interface Dialed {
  readonly sender: Sender;
  readonly connection: ClientConnection;
  readonly server: HeldChannel;
}

/** A client's connection over a pair of ends. */
export function dialing(options: ClientConnectionOptions = {}, ends: [Duplex, Duplex] = duplexPair()): Dialed {
  return { ...handshake(ends[0], options), server: holdChannel(ends[1]) };
}

/** Reads a request's head, and answers. */
export async function answer(server: HeldChannel, response: string): Promise<string> {
  const head = await readUntil(server, (soFar) => soFar.includes("¶¶"));
  await server.write(wire(response));
  return head;
}

/** Sends a request, answers it with `response`, and gives both sides of it; the response's body is still unread. */
export async function exchanged(
  { sender, server }: Dialed,
  response: string = EMPTY,
  request: OutgoingRequest = GET,
): Promise<{ readonly sent: string; readonly response: IncomingResponse }> {
  const answered = answer(server, response);
  const received = await sender.send(request);
  return { sent: await answered, response: received };
}

/** Everything that a request puts on the wire. It is answered behind its head, and the connection shut down after it. */
export async function wireOf(request: OutgoingRequest, options: ClientConnectionOptions = {}): Promise<string> {
  const { sender, connection, server } = dialing(options);
  const recorder = new Recorder(server);
  const response = sender.send(request);
  await recorder.until((soFar) => soFar.includes("¶¶"));
  await server.write(wire(EMPTY));
  await (await response).body.text();
  await sender.ready();
  await connection.gracefulShutdown();
  return await recorder.ended;
}

/** Sends a request, sees it fail, and gives the error, all that the server has seen, and why the connection is over. */
export async function failing(
  request: OutgoingRequest,
  options: ClientConnectionOptions = {},
): Promise<{ readonly error: unknown; readonly sent: string; readonly closed: Closed }> {
  const { sender, connection, server } = dialing(options);
  const recorder = new Recorder(server);
  const error = await rejection(sender.send(request));
  return { error, closed: await connection.closed, sent: await recorder.ended };
}

/** What a promise rejects with; fails if it does not. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then((value) => ({ value }), (error) => ({ error }));
  if ("error" in outcome) return outcome.error;
  throw new Error(`Expected a rejection, got ${String(outcome.value)}`);
}

/** Reads all the time, like a server that takes whatever comes. */
export class Recorder {
  /** Resolves with everything once the peer has ended its side or has cut the connection. */
  readonly ended: Promise<string>;
  #received = "";
  #cut: unknown = null;
  #waiting: { readonly done: (soFar: string) => boolean; resolve(soFar: string): void; reject(error: Error): void }[] =
    [];

  constructor(end: { read(): Promise<Uint8Array | null> }) {
    this.ended = this.#record(end);
  }

  /** What came so far. */
  get received(): string {
    return this.#received.replaceAll("\r\n", "¶");
  }

  /** What the connection was cut with; `null` while it was not. */
  get cut(): unknown {
    return this.#cut;
  }

  /** Waits until what came so far ends with a text, or satisfies a condition. */
  until(done: string | ((soFar: string) => boolean)): Promise<string> {
    const satisfied = typeof done === "string" ? (soFar: string) => soFar.endsWith(done) : done;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ done: satisfied, resolve, reject });
      this.#look(false);
    });
  }

  async #record(end: { read(): Promise<Uint8Array | null> }): Promise<string> {
    try {
      for (let chunk = await end.read(); chunk !== null; chunk = await end.read()) {
        this.#received += text(chunk).replaceAll("¶", "\r\n");
        this.#look(false);
      }
    } catch (error) {
      this.#cut = error;
    }
    this.#look(true);
    return this.received;
  }

  #look(ended: boolean): void {
    const received = this.received;
    this.#waiting = this.#waiting.filter(({ done, resolve, reject }) => {
      if (done(received)) resolve(received);
      else if (ended) reject(new Error(`The peer ended after ${JSON.stringify(received)}`));
      else return true;
      return false;
    });
  }
}

/** A stream whose chunks the test gives, and which remembers how it was canceled. */
export function manualStream(): {
  readonly stream: ReadableStream<Uint8Array>;
  readonly controller: ReadableStreamDefaultController<Uint8Array>;
  readonly canceled: Promise<unknown>;
} {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let cancel!: (reason: unknown) => void;
  const canceled = new Promise<unknown>((resolve) => cancel = resolve);
  const stream = new ReadableStream<Uint8Array>({
    start: (given) => void (controller = given),
    cancel: (reason) => cancel(reason),
  });
  return { stream, controller, canceled };
}

/** A stream of these texts, one chunk each. */
export function streamOf(...texts: readonly string[]): ReadableStream<Uint8Array> {
  const chunks = texts.map(wire);
  return new ReadableStream<Uint8Array>({
    pull(controller): void {
      const chunk = chunks.shift();
      if (chunk === undefined) controller.close();
      else controller.enqueue(chunk);
    },
  }, { highWaterMark: 0 });
}
