/**
 * This package over HTTP/2: `serve`, and `handshake` of `./http2`.
 *
 * @module
 */

import { UpgradeRejected } from "../../../src/errors/upgrade_rejected.ts";
import type { Server } from "../../../src/http/server/serve_options.ts";
import type { IncomingResponse } from "../../../src/http1/incoming.ts";
import type { OutgoingRequest } from "../../../src/http1/outgoing_request.ts";
import { onUpgrade } from "../../../src/http1/upgrade.ts";
import { handshake } from "../../../src/http2/client_connection.ts";
import { connect } from "../../../src/net/mod.ts";
import type { ClientUnderTest, Outcome, ServerUnderTest } from "../probe.ts";
import { converse, server as serverWith } from "./ours.ts";

/** Two servers: of them one has not told that it takes upgrades. */
export interface Servers extends ServerUnderTest {
  readonly servers: readonly Server[];
}

/** `serve`. */
export async function server(): Promise<Servers> {
  const told = await serverWith({ http2: { h2c: true, connectProtocol: true } });
  const untold = await serverWith({ http2: { h2c: true } });
  return { ...told, untold: untold.port, servers: [told.server, untold.server] };
}

/** `handshake`. */
export const client: ClientUnderTest = {
  get: (port) => outcomeOf(port, { method: "GET", target: "/", fields: [["host", "a.test"]] }),
  upgrade(port, body) {
    const fields: [string, string][] = [["host", "a.test"], ["connection", "upgrade"], ["upgrade", "echo"]];
    if (body !== null) return Promise.resolve({ type: "unable" });
    return outcomeOf(port, { method: "GET", target: "/", fields });
  },
  connect: (port, authority) => outcomeOf(port, { method: "CONNECT", target: authority }),
};

async function outcomeOf(port: number, request: OutgoingRequest): Promise<Outcome> {
  const { sender, connection } = handshake(connect({ hostname: "127.0.0.1", port }), { scheme: "http" });
  try {
    const response = await sender.send(request);
    const io = await onUpgrade(response).catch(refused);
    const outcome = io === null ? await read(response) : await converse(response.status, io);
    connection.gracefulShutdown();
    return outcome;
  } catch (error) {
    connection.abort();
    return { type: "error", message: `${error}` };
  }
}

function refused(error: unknown): null {
  if (error instanceof UpgradeRejected) return null;
  throw error;
}

async function read(response: IncomingResponse): Promise<Outcome> {
  return { type: "response", status: response.status, body: await response.body.text() };
}
