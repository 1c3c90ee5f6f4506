/**
 * undici's `Client`, with the usual code of its documentation.
 *
 * @module
 */

import { Client } from "undici";
import type { ClientUnderTest, Outcome } from "../probe.ts";
import { converse, refusal } from "./node_streams.ts";

/** `upgrade()`, `connect()` and `request()`. */
export const client: ClientUnderTest = clientWith({}, "echo");

/** The same, with options for each connection; `protocol` is what it asks for. */
export function clientWith(options: Client.Options, protocol: string): ClientUnderTest {
  return {
    get: (port) =>
      withClient(port, options, async (client) => {
        const { statusCode, body } = await client.request({ path: "/", method: "GET" });
        return { type: "response", status: statusCode, body: await body.text() };
      }),
    // Its upgrade() takes no body.
    upgrade: (port, body) =>
      body !== null ? Promise.resolve({ type: "unable" }) : withClient(port, options, async (client) => {
        const { socket } = await client.upgrade({ path: "/", protocol });
        return await converse(101, socket, new Uint8Array(0));
      }),
    connect: (port, path) =>
      withClient(port, options, async (client) => {
        const { statusCode, socket } = await client.connect({ path });
        const opened = statusCode >= 200 && statusCode <= 299;
        return await (opened ? converse : refusal)(statusCode, socket, new Uint8Array(0));
      }),
  };
}

async function withClient(
  port: number,
  options: Client.Options,
  ask: (client: Client) => Promise<Outcome>,
): Promise<Outcome> {
  const client = new Client(`http://127.0.0.1:${port}`, options);
  try {
    const outcome = await ask(client);
    await client.close();
    return outcome;
  } catch (error) {
    await client.destroy();
    return { type: "error", message: `${error}` };
  }
}
