/**
 * What a server of HTTP/2 makes of an extended CONNECT (RFC 8441).
 *
 * @module
 */

import type { ServerProbe } from "../../probe.ts";
import { notApplicable, right, wrong } from "../../verdict.ts";
import { data, headers } from "../frames.ts";
import { dialectOf, quote } from "../../play_client.ts";
import {
  answered,
  described,
  FIRST,
  GET,
  refusesMalformed,
  statusOf,
  switched,
  takesUpgrades,
  talk,
  talkUpgrade,
  upgradeLines,
} from "../play_client.ts";

/** See its title. */
export const upgradeTold: ServerProbe = {
  title: "it takes upgrades on streams, and tells so",
  clause: "RFC 8441 §3",
  id: "Z3",
  run(server) {
    return talk(server.port, async (wire) => {
      if (!takesUpgrades(wire)) return notApplicable();
      wire.send(headers(FIRST, upgradeLines(server)));
      return await switched(wire) ?? right();
    });
  },
};

/** See its title. */
export const upgradeUntold: ServerProbe = {
  title: "`:protocol` to a server that did not tell so is malformed",
  clause: "RFC 8441 §3",
  id: "Z1",
  run(server) {
    return talk(server.untold ?? server.port, async (wire) => {
      if (takesUpgrades(wire)) return notApplicable();
      wire.send(headers(FIRST, upgradeLines(server)));
      return await refusesMalformed(wire);
    });
  },
};

/** See its title. */
export const upgradePseudoFields: ServerProbe = {
  title: "an extended CONNECT without `:scheme` and `:path` is malformed",
  clause: "RFC 8441 §4",
  id: "Z2",
  run(server) {
    return talkUpgrade(server.port, async (wire) => {
      wire.send(headers(FIRST, upgradeLines(server).filter((line) => !/^:(?:scheme|path)/.test(line))));
      return await refusesMalformed(wire);
    });
  },
};

/** See its title. */
export const upgradeOtherMethod: ServerProbe = {
  title: "`:protocol` with another method than CONNECT is malformed",
  clause: "RFC 8441 §4",
  id: "Z2",
  run(server) {
    return talkUpgrade(server.port, async (wire) => {
      wire.send(headers(FIRST, [...upgradeLines(server).with(0, ":method: GET")], true));
      return await refusesMalformed(wire);
    });
  },
};

/** See its title. */
export const upgradeEarlyData: ServerProbe = {
  title: "data that comes with an extended CONNECT is not lost",
  clause: "RFC 8441 §4",
  id: "E7",
  run(server) {
    const { said, heard } = dialectOf(server);
    return talkUpgrade(server.port, async (wire) => {
      wire.send(headers(FIRST, upgradeLines(server)), data(FIRST, said("ping")));
      const failed = await switched(wire);
      if (failed !== null) return failed;
      await wire.until(() => wire.stream(FIRST).data.includes(heard("ping")));
      const got = wire.stream(FIRST).data;
      return got === heard("ping") ? right() : wrong(`it says ${quote(got)}`);
    });
  },
};

/** See its title. */
export const upgradeOtherProtocol: ServerProbe = {
  title: "a protocol that is not spoken is refused, and the connection goes on",
  clause: "RFC 9110 §7.8",
  id: "E4",
  run(server) {
    return talkUpgrade(server.port, async (wire) => {
      wire.send(
        headers(FIRST, upgradeLines(server).map((line) => line.startsWith(":protocol") ? ":protocol: x" : line)),
      );
      await answered(wire);
      const status = statusOf(wire);
      if (status === null || status < 300) return wrong(described(wire));
      wire.send(headers(FIRST + 2, GET, true));
      await answered(wire, FIRST + 2);
      return statusOf(wire, FIRST + 2) === 200 ? right() : wrong(`then ${described(wire, FIRST + 2)}`);
    });
  },
};
