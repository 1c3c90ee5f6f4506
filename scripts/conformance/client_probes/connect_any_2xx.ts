/**
 * Whether every 2xx opens a tunnel.
 *
 * @module
 */

import { described, exchange } from "../play_server.ts";
import type { ClientProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const connectAny2xx: ClientProbe = {
  title: "every 2xx opens the tunnel, 204 too",
  clause: "RFC 9110 §9.3.6",
  id: "F5",
  run(client) {
    return exchange(
      (port) => client.connect(port, "target.test:443"),
      (socket) => {
        socket.send(`${head("HTTP/1.1 204 No Content")}early`);
        socket.end();
      },
      ({ outcome }) => {
        if (outcome.type !== "switched") return wrong(described(outcome));
        return outcome.received === "early" ? right() : wrong("the first bytes are lost");
      },
    );
  },
};
