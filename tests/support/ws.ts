/**
 * The npm package `ws`, with the types of what the tests use of it: `@types/ws` would bring types of Node that the rest of
 * the project does not have.
 *
 * @module
 */

import type { IncomingMessage, Server } from "node:http";
import * as ws from "ws";

/** How `ws` compresses, on either end. */
export interface WsDeflate {
  readonly threshold?: number;
  readonly serverNoContextTakeover?: boolean;
  readonly clientNoContextTakeover?: boolean;
  readonly serverMaxWindowBits?: number;
  readonly clientMaxWindowBits?: number;
}

/** One end of a WebSocket of `ws`. */
export interface WsSocket {
  readonly protocol: string;
  readonly extensions: string;
  on(event: "open", listener: () => void): this;
  on(event: "message", listener: (data: Uint8Array, binary: boolean) => void): this;
  on(event: "pong", listener: (payload: Uint8Array) => void): this;
  on(event: "close", listener: (code: number, reason: Uint8Array) => void): this;
  on(event: "error", listener: (error: Error) => void): this;
  on(event: "unexpected-response", listener: (request: unknown, response: IncomingMessage) => void): this;
  send(data: string | Uint8Array, options?: { readonly binary?: boolean; readonly fin?: boolean }): void;
  ping(payload?: Uint8Array): void;
  close(code?: number, reason?: string): void;
  terminate(): void;
}

/** A client of `ws`. */
export const WsClient: {
  new (url: string, protocols?: readonly string[], options?: {
    readonly perMessageDeflate?: boolean | WsDeflate;
    readonly headers?: Readonly<Record<string, string>>;
    readonly ca?: string;
  }): WsSocket;
} = ws.WebSocket as never;

/** Answers a request: whether it is taken, else with what. */
export type Verdict = (
  taken: boolean,
  status?: number,
  message?: string,
  headers?: Readonly<Record<string, string>>,
) => void;

/** A server of `ws`. */
export const WsServer: {
  new (options: {
    readonly server: Server;
    readonly perMessageDeflate?: boolean | WsDeflate;
    readonly handleProtocols?: (offered: ReadonlySet<string>) => string | false;
    readonly verifyClient?: (info: { readonly req: IncomingMessage }, answer: Verdict) => void;
  }): { on(event: "connection", listener: (socket: WsSocket) => void): void };
} = ws.WebSocketServer as never;
