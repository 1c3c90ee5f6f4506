/**
 * What is said over the sockets that `node:http` and undici give.
 *
 * @module
 */

import type { Duplex } from "node:stream";
import type { Outcome } from "../probe.ts";

/** See `ClientUnderTest`. */
export function converse(status: number, socket: Duplex, head: Uint8Array): Promise<Outcome> {
  return new Promise((resolve) => {
    let received = new TextDecoder().decode(head);
    socket.on("error", () => {});
    socket.on("data", (chunk: Uint8Array) => received += new TextDecoder().decode(chunk));
    socket.on("end", () => socket.end("late"));
    socket.on("close", () => resolve({ type: "switched", status, received }));
    socket.write("ping");
  });
}

/** The body of a refusal as far as there is one: what comes over the socket. */
export function refusal(status: number, socket: Duplex, head: Uint8Array): Promise<Outcome> {
  return new Promise((resolve) => {
    let body = new TextDecoder().decode(head);
    socket.on("error", () => {});
    socket.on("data", (chunk: Uint8Array) => body += new TextDecoder().decode(chunk));
    socket.on("end", () => socket.end());
    socket.on("close", () => resolve({ type: "response", status, body }));
  });
}
