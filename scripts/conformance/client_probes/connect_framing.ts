/**
 * Whether Content-Length and Transfer-Encoding in a 2xx to CONNECT change what the tunnel gives.
 *
 * @module
 */

import { described, exchange } from "../play_server.ts";
import { quote } from "../play_client.ts";
import type { ClientProbe, ClientUnderTest } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, type Verdict, wrong } from "../verdict.ts";

/** See the module. */
export const connectFraming: ClientProbe = {
  title: "length and coding in the 2xx are ignored",
  clause: "RFC 9110 §9.3.6",
  id: "F4",
  async run(client) {
    const verdict = await answerWith(client, "Content-Length: 2");
    return verdict.mark === "✓" ? await answerWith(client, "Transfer-Encoding: chunked") : verdict;
  },
};

function answerWith(client: ClientUnderTest, framing: string): Promise<Verdict> {
  return exchange(
    (port) => client.connect(port, "target.test:443"),
    (socket) => {
      socket.send(`${head("HTTP/1.1 200 OK", framing)}early`);
      socket.end();
    },
    ({ outcome }) => {
      if (outcome.type !== "switched") return wrong(described(outcome));
      return outcome.received === "early" ? right() : wrong(`hears ${quote(outcome.received)}`);
    },
  );
}
