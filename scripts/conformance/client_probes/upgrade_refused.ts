/**
 * Whether a caller gets to know why an upgrade was refused.
 *
 * @module
 */

import { described, exchange } from "../play_server.ts";
import type { ClientProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const upgradeRefused: ClientProbe = {
  title: "a refused upgrade is a response with a body",
  clause: "RFC 9110 §7.8",
  id: "E15",
  run(client) {
    return exchange(
      (port) => client.upgrade(port, null),
      (socket) => socket.send(`${head("HTTP/1.1 401 Unauthorized", "Content-Length: 9")}who is it`),
      ({ outcome }) => {
        if (outcome.type !== "response") {
          return wrong(outcome.type === "error" ? "only an error" : described(outcome));
        }
        return outcome.status === 401 && outcome.body === "who is it" ? right() : wrong("the body is lost");
      },
    );
  },
};
