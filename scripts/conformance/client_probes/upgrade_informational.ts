/**
 * Whether a client understands what may come before the 101.
 *
 * @module
 */

import { described, exchange, switching } from "../play_server.ts";
import type { ClientProbe, ClientUnderTest } from "../probe.ts";
import { head } from "../raw_socket.ts";
import { right, type Verdict, wrong } from "../verdict.ts";

/** See the module. */
export const upgradeInformational: ClientProbe = {
  title: "103 or 100 before the 101 does no harm",
  clause: "RFC 9110 §15.2",
  id: "D4",
  async run(client) {
    const verdict = await answerWith(client, "103 Early Hints");
    return verdict.mark === "✓" ? await answerWith(client, "100 Continue") : verdict;
  },
};

function answerWith(client: ClientUnderTest, informational: string): Promise<Verdict> {
  return exchange(
    (port) => client.upgrade(port, null),
    (socket) => {
      socket.send(head(`HTTP/1.1 ${informational}`) + head(...switching));
      socket.end();
    },
    ({ outcome }) =>
      outcome.type === "switched" ? right() : wrong(`${informational.slice(0, 3)}: ${described(outcome)}`),
  );
}
