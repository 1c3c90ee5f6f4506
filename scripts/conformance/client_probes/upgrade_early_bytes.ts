/**
 * Whether what comes in one packet with a 101 reaches the caller.
 *
 * @module
 */

import { described, exchange, switching } from "../play_server.ts";
import { quote } from "../play_client.ts";
import type { ClientProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const upgradeEarlyBytes: ClientProbe = {
  title: "bytes that come with the 101 are not lost",
  clause: "RFC 9110 §7.8",
  id: "E8",
  run(client) {
    return exchange(
      (port) => client.upgrade(port, null),
      (socket) => {
        socket.send(`${head(...switching)}early`);
        socket.end();
      },
      ({ outcome }) => {
        if (outcome.type !== "switched") return wrong(described(outcome));
        return outcome.received === "early" ? right() : wrong(`hears ${quote(outcome.received)}`);
      },
    );
  },
};
