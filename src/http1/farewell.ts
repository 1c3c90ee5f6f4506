/**
 * What a protocol says before its connection is closed by somebody who does not speak it: a server that shuts down.
 *
 * @module
 */

import type { Upgraded } from "./upgraded.ts";

const farewellKey: unique symbol = Symbol("farewell");

interface Polite {
  [farewellKey]?: () => void;
}

/** From now on the connection is closed by `say`, which does so within a time of its own. */
export function setFarewell(upgraded: object, say: () => void): void {
  (upgraded as Polite)[farewellKey] = say;
}

/** Closes a connection as its protocol wants it; at once if that wants nothing. */
export function closeWithFarewell(upgraded: Upgraded): void {
  const say = (upgraded as Polite)[farewellKey];
  if (say === undefined) upgraded.close();
  else say();
}
