/**
 * Whether a caller gets to know why a tunnel was refused.
 *
 * @module
 */

import { described, exchange } from "../play_server.ts";
import type { ClientProbe } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, wrong } from "../verdict.ts";

/** See the module. */
export const connectRefused: ClientProbe = {
  title: "a refused CONNECT is a response with a body",
  clause: "RFC 9110 §9.3.6",
  id: "F5",
  run(client) {
    return exchange(
      (port) => client.connect(port, "target.test:443"),
      (socket) => {
        socket.send(
          `${
            head("HTTP/1.1 407 Proxy Authentication Required", "Transfer-Encoding: chunked")
          }9\r\nwho is it\r\n0\r\n\r\n`,
        );
        socket.end();
      },
      ({ outcome }) => {
        if (outcome.type !== "response") {
          return wrong(outcome.type === "error" ? "only an error" : described(outcome));
        }
        if (outcome.body === "who is it") return right();
        return wrong(outcome.body.includes("9\r\n") ? "body with its framing" : "no body");
      },
    );
  },
};
