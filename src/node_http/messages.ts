/**
 * As much of the objects of `node:http` as is asked for and used here: those of Node, of Deno's and Bun's versions, and of
 * their declarations in every version, which do not fit each other. The other files of this folder take them.
 *
 * @module
 */

import { checkFunction, checkObject } from "../bytes/arguments.ts";
import { isAllowedTrailer } from "../semantics/trailers.ts";
import type { Described } from "./platform.ts";

/** As much as is asked for of an `IncomingMessage` of `node:http` or `node:https`. */
export interface NodeRequest {
  /** The method. */
  readonly method?: string | undefined;
  /** The request-target. */
  readonly url?: string | undefined;
  /** `1.1` or `1.0`. */
  readonly httpVersion: string;
  /** Names and values of the fields as they stood on the wire, one behind the other. */
  readonly rawHeaders: string[];
}

/** As much as is asked for of a `ServerResponse`. */
export interface NodeResponse {
  /** The status. */
  statusCode: number;
  /** Whether the head was sent. */
  readonly headersSent: boolean;
}

/** As much as is asked for of a `net.Socket`, a `tls.TLSSocket` or another `stream.Duplex`. */
export interface NodeSocket {
  /** Whether it is over. */
  readonly destroyed: boolean;
  /** Stops its events. */
  pause(): unknown;
  /** Lets them go on. */
  resume(): unknown;
}

/** What is used of an `IncomingMessage`. */
export interface IncomingMessage extends NodeRequest {
  readonly rawTrailers: string[];
  readonly complete: boolean;
  readonly destroyed: boolean;
  readonly readableEnded: boolean;
  readonly readableLength: number;
  readonly socket: Described;
  read(): Uint8Array | null;
  on(event: string, listener: (error?: unknown) => void): unknown;
  off(event: string, listener: (error?: unknown) => void): unknown;
}

/** What is used of a `ServerResponse`. */
export interface ServerResponse extends NodeResponse {
  readonly destroyed: boolean;
  readonly writableFinished: boolean;
  statusMessage: string;
  setHeader(name: string, value: string | readonly string[]): unknown;
  addTrailers(trailers: readonly (readonly [string, string])[]): void;
  flushHeaders(): void;
  writeContinue(): void;
  writeEarlyHints(hints: Record<string, string[]>): void;
  writeProcessing(): void;
  write(chunk: string | Uint8Array): boolean;
  end(chunk?: string | Uint8Array): unknown;
  destroy(): unknown;
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

/**
 * The request with all that is used of it.
 *
 * @throws {TypeError} It is no `IncomingMessage`.
 */
export function incomingMessage(request: NodeRequest, name = "req"): IncomingMessage {
  checkObject(request, name);
  checkObject(request.rawHeaders, `${name}.rawHeaders`);
  checkFunction((request as IncomingMessage).read, `${name}.read`);
  return request as IncomingMessage;
}

/**
 * The response with all that is used of it.
 *
 * @throws {TypeError} It is no `ServerResponse`.
 */
export function serverResponse(response: NodeResponse, name = "res"): ServerResponse {
  checkObject(response, name);
  checkFunction((response as ServerResponse).setHeader, `${name}.setHeader`);
  return response as ServerResponse;
}

/** Refuses what is no duplex stream of Node. */
export function checkNodeSocket(socket: NodeSocket, name = "socket"): void {
  checkObject(socket, name);
  checkFunction(socket.pause, `${name}.pause`);
  checkFunction(socket.resume, `${name}.resume`);
}

/** The trailers that may be believed: Node gives all that come. */
export function trailersOf({ rawTrailers }: Pick<IncomingMessage, "rawTrailers">): [string, string][] {
  return pairsOf(rawTrailers).filter(([name]) => isAllowedTrailer(name));
}

/** Names and values in pairs: `rawHeaders` and `rawTrailers` have one behind the other. */
export function pairsOf(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) pairs.push([raw[i]!, raw[i + 1]!]);
  return pairs;
}
