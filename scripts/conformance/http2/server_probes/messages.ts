/**
 * What a server of HTTP/2 makes of fields that are about connections of HTTP/1.1.
 *
 * @module
 */

import type { ServerProbe } from "../../probe.ts";
import { right, wrong } from "../../verdict.ts";
import { headers } from "../frames.ts";
import { FIRST, GET, refusesMalformed, talk } from "../play_client.ts";

/** Fields that no message may have. */
const LINES = ["connection: upgrade", "upgrade: websocket", "transfer-encoding: chunked", "te: gzip"];

/** See its title. */
export const connectionFields: ServerProbe = {
  title: "`Connection`, `Upgrade`, `Transfer-Encoding`, and `TE: gzip` are malformed",
  clause: "RFC 9113 §8.2.2",
  id: "M3",
  async run({ port }) {
    for (const line of LINES) {
      const verdict = await talk(port, async (wire) => {
        wire.send(headers(FIRST, [...GET, line], true));
        return await refusesMalformed(wire);
      });
      if (verdict.mark !== "✓") return verdict.mark === "–" ? verdict : wrong(`${line.split(":")[0]}: ${verdict.note}`);
    }
    return right();
  },
};
