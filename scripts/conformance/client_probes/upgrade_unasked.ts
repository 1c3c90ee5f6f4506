/**
 * Whether a client accepts a switch that it has not asked for.
 *
 * @module
 */

import { described, exchange, switching } from "../play_server.ts";
import type { ClientProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const upgradeUnasked: ClientProbe = {
  title: "a 101 that was not asked for is an error",
  clause: "RFC 9110 §7.8",
  id: "E9",
  run(client) {
    return exchange(
      (port) => client.get(port),
      (socket) => {
        socket.send(head(...switching));
        socket.end();
      },
      ({ outcome }) => outcome.type === "error" ? right() : wrong(described(outcome)),
    );
  },
};
