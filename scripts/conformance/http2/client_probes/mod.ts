/**
 * The requirements on clients of HTTP/2, in the order of the table.
 *
 * @module
 */

import type { ClientProbe } from "../../probe.ts";
import {
  connectAny2xx,
  connectEarlyData,
  connectFraming,
  connectHalfClose,
  connectionFields,
  connectPseudoFields,
  connectRefused,
  connectReset,
  connectTrailers,
} from "./tunnels.ts";
import {
  upgrade101,
  upgradeEarlyData,
  upgradeHalfClose,
  upgradeInformational,
  upgradePseudoFields,
  upgradeRefused,
  upgradeUntold,
} from "./upgrades.ts";

/** Every one of them is played against every client. */
export const http2ClientProbes: readonly ClientProbe[] = [
  upgradeUntold,
  upgradePseudoFields,
  upgradeEarlyData,
  upgradeInformational,
  upgradeHalfClose,
  upgradeRefused,
  upgrade101,
  connectPseudoFields,
  connectEarlyData,
  connectAny2xx,
  connectFraming,
  connectHalfClose,
  connectReset,
  connectTrailers,
  connectRefused,
  connectionFields,
];
