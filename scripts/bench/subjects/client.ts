/**
 * Clients that send one request after the other on each of their connections.
 *
 * @module
 */

import { Agent, request } from "node:http";
import { type ClientConnection, handshake } from "../../../src/http1/client_connection.ts";
import { Client } from "../../../src/http/client/client.ts";
import { connect } from "../../../src/net/mod.ts";
import { CONNECTIONS, type Load } from "../load/load.ts";

const headers = { "User-Agent": "bench/1.0", Accept: "*/*" };

/** `sender.send`. */
export function sender(port: number): Load {
  const fields: [string, string][] = [["Host", `127.0.0.1:${port}`], ...Object.entries(headers)];
  const connections: ClientConnection[] = [];
  return loop(() => {
    const { sender, connection } = handshake(connect({ hostname: "127.0.0.1", port }));
    connections.push(connection);
    return async () => {
      await sender.ready();
      const response = await sender.send({ method: "GET", target: "/", fields });
      await response.body.text();
    };
  }, async () => {
    await Promise.all(connections.map((connection) => connection.gracefulShutdown()));
  });
}

/** `client.fetch`. */
export function ourFetch(port: number): Load {
  const client = new Client({ maxIdlePerOrigin: CONNECTIONS });
  const url = `http://127.0.0.1:${port}/`;
  return loop(() => async () => {
    const response = await client.fetch(url, { headers });
    await response.text();
  }, () => client.close());
}

/** The runtime's own `fetch`. */
export function platformFetch(port: number): Load {
  const url = `http://127.0.0.1:${port}/`;
  return loop(() => async () => {
    const response = await fetch(url, { headers });
    await response.text();
  }, async () => {});
}

/** `node:http` with an agent that keeps connections. */
export function nodeHttp(port: number): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const once = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const outgoing = request({ host: "127.0.0.1", port, path: "/", agent, headers }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => text += part);
        response.on("end", () => resolve(text));
      });
      outgoing.on("error", reject);
      outgoing.end();
    });
  return loop(() => once, async () => agent.destroy());
}

/**
 * Does something over and over on as many connections as the load generator has.
 *
 * @param connection Opens one: gives what is to be done.
 * @param close Ends all of them.
 */
function loop(connection: () => () => Promise<unknown>, close: () => Promise<void>): Load {
  let count = 0;
  let stopped = false;
  const repeat = async (once: () => Promise<unknown>): Promise<void> => {
    while (!stopped) {
      await once();
      count++;
    }
  };
  const repeating = Promise.all(Array.from({ length: CONNECTIONS }, () => repeat(connection())));
  return {
    count: () => count,
    async stop() {
      stopped = true;
      await repeating;
      await close();
    },
  };
}
