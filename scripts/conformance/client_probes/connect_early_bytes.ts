/**
 * Whether what comes in one packet with the answer to CONNECT reaches the caller.
 *
 * @module
 */

import { described, exchange } from "../play_server.ts";
import { quote } from "../play_client.ts";
import type { ClientProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const connectEarlyBytes: ClientProbe = {
  title: "bytes that come with the 2xx are not lost",
  clause: "RFC 9110 §9.3.6",
  id: "E8",
  run(client) {
    return exchange(
      (port) => client.connect(port, "target.test:443"),
      (socket) => {
        socket.send(`${head("HTTP/1.1 200 Connection established")}early`);
        socket.end();
      },
      ({ outcome }) => {
        if (outcome.type !== "switched") return wrong(described(outcome));
        return outcome.received === "early" ? right() : wrong(`hears ${quote(outcome.received)}`);
      },
    );
  },
};
