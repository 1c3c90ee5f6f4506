/**
 * `node:http`'s client, with the usual code of its documentation around the events `upgrade` and `connect`.
 *
 * @module
 */

import { type ClientRequest, type IncomingMessage, request } from "node:http";
import type { Duplex } from "node:stream";
import type { ClientUnderTest, Outcome } from "../probe.ts";
import { converse, refusal } from "./node_streams.ts";

/** `request`. */
export const client: ClientUnderTest = {
  get: (port) => outcomeOf(request({ host: "127.0.0.1", port }), null),
  upgrade: (port, body) => {
    const headers = {
      Connection: "Upgrade",
      Upgrade: "echo",
      ...(body === null ? {} : { "Content-Length": body.length }),
    };
    const method = body === null ? "GET" : "POST";
    return outcomeOf(request({ host: "127.0.0.1", port, method, headers }), "upgrade", body);
  },
  connect: (port, path) => outcomeOf(request({ host: "127.0.0.1", port, method: "CONNECT", path }), "connect"),
};

/** Listens for a switch where one was asked for: without a listener `node:http` closes the connection. */
function outcomeOf(
  outgoing: ClientRequest,
  event: "upgrade" | "connect" | null,
  body: string | null = null,
): Promise<Outcome> {
  return new Promise((resolve) => {
    let settled = false;
    const settle = (outcome: Promise<Outcome>): void => {
      settled = true;
      outcome.then(resolve, (error) => resolve({ type: "error", message: `${error}` }));
    };
    outgoing.on("response", (response) => settle(read(response)));
    outgoing.on("error", (error) => resolve({ type: "error", message: `${error}` }));
    outgoing.on("close", () => settled || resolve({ type: "error", message: "closed" }));
    if (event !== null) {
      outgoing.on(event, (response: IncomingMessage, socket: Duplex, head: Uint8Array) => {
        const { statusCode: status = 0 } = response;
        const switched = event === "upgrade" || status >= 200 && status <= 299;
        settle(switched ? converse(status, socket, head) : refusal(status, socket, head));
      });
    }
    outgoing.end(body ?? undefined);
  });
}

async function read(response: IncomingMessage): Promise<Outcome> {
  let body = "";
  for await (const chunk of response) body += chunk;
  return { type: "response", status: response.statusCode ?? 0, body };
}
