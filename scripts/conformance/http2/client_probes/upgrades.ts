/**
 * How a client of HTTP/2 asks for an upgrade (RFC 8441), and what it makes of the answers.
 *
 * @module
 */

import { described } from "../../play_server.ts";
import type { ClientProbe } from "../../probe.ts";
import { right, wrong } from "../../verdict.ts";
import { data, headers } from "../frames.ts";
import { endFirst, exchange, FIRST, got, saidLate } from "../play_server.ts";

/** See its title. */
export const upgradeUntold: ClientProbe = {
  title: "no `:protocol` to a server that has not told that it takes it",
  clause: "RFC 8441 §3",
  id: "Z3",
  run(client) {
    return exchange(
      (port) => client.upgrade(port, null),
      (wire) => wire.send(headers(FIRST, [":status: 501"], true)),
      ({ outcome, wire }) => {
        const asked = wire.stream(FIRST).heads.flat().some((line) => line.startsWith(":protocol"));
        if (asked) return wrong("sends it");
        return outcome.type === "error" || outcome.type === "response" ? right() : wrong(described(outcome));
      },
      [],
    );
  },
};

/** See its title. */
export const upgradePseudoFields: ClientProbe = {
  title: "an extended CONNECT has `:scheme`, `:path`, `:authority`, and no `Upgrade`",
  clause: "RFC 8441 §4",
  id: "Z2",
  run(client) {
    return exchange(
      (port) => client.upgrade(port, null),
      (wire) => wire.send(headers(FIRST, [":status: 200"]), data(FIRST, "", true)),
      ({ wire }) => {
        const lines = wire.stream(FIRST).heads[0] ?? [];
        const names = lines.map((line) => line.slice(0, line.indexOf(": ", 1)));
        const missing = [":protocol", ":scheme", ":path", ":authority"].find((name) => !names.includes(name));
        if (missing !== undefined) return wrong(`no ${missing}`);
        const left = names.find((name) => name === "upgrade" || name === "connection");
        return left === undefined ? right() : wrong(`has ${left}`);
      },
    );
  },
};

/** See its title. */
export const upgradeEarlyData: ClientProbe = {
  title: "data that comes with the 200 is not lost",
  clause: "RFC 8441 §4",
  id: "E8",
  run(client) {
    return exchange(
      (port) => client.upgrade(port, null),
      (wire) => wire.send(headers(FIRST, [":status: 200"]), data(FIRST, "early", true)),
      got("early"),
    );
  },
};

/** See its title. */
export const upgradeInformational: ClientProbe = {
  title: "103 before the 200 does no harm",
  clause: "RFC 9110 §15.2",
  id: "R4",
  run(client) {
    return exchange(
      (port) => client.upgrade(port, null),
      (wire) =>
        wire.send(
          headers(FIRST, [":status: 103", "link: </a>"]),
          headers(FIRST, [":status: 200"]),
          data(FIRST, "", true),
        ),
      got(""),
    );
  },
};

/** See its title. */
export const upgradeHalfClose: ClientProbe = {
  title: "after the switch each side ends on its own",
  clause: "RFC 8441 §5",
  id: "F6",
  run(client) {
    return exchange(
      (port) => client.upgrade(port, null),
      endFirst,
      saidLate,
    );
  },
};

/** See its title. */
export const upgradeRefused: ClientProbe = {
  title: "a refused upgrade is a response with a body",
  clause: "RFC 8441 §4",
  id: "E15",
  run(client) {
    return exchange(
      (port) => client.upgrade(port, null),
      (wire) => wire.send(headers(FIRST, [":status: 403"]), data(FIRST, "no", true)),
      ({ outcome }) => {
        if (outcome.type !== "response") return wrong(outcome.type === "error" ? "only an error" : described(outcome));
        return outcome.status === 403 && outcome.body === "no" ? right() : wrong("no body");
      },
    );
  },
};

/** See its title. */
export const upgrade101: ClientProbe = {
  title: "a 101 is malformed",
  clause: "RFC 9113 §8.6",
  id: "M11",
  run(client) {
    return exchange(
      (port) => client.upgrade(port, null),
      async (wire) => {
        wire.send(headers(FIRST, [":status: 101"]));
        await wire.until(() => wire.stream(FIRST).code !== null || wire.goaway !== null);
      },
      ({ outcome }) => outcome.type === "error" ? right() : wrong(described(outcome)),
    );
  },
};
