/**
 * The requirements on servers of HTTP/2, in the order of the table.
 *
 * @module
 */

import type { ServerProbe } from "../../probe.ts";
import { connectionFields } from "./messages.ts";
import {
  connectBadPort,
  connectClientResets,
  connectEarlyData,
  connectFraming,
  connectHalfClose,
  connectPseudoFields,
  connectRefused,
  connectTargetResets,
  connectTrailers,
} from "./tunnels.ts";
import {
  upgradeEarlyData,
  upgradeOtherMethod,
  upgradeOtherProtocol,
  upgradePseudoFields,
  upgradeTold,
  upgradeUntold,
} from "./upgrades.ts";

/** Every one of them is played against every server. */
export const http2ServerProbes: readonly ServerProbe[] = [
  upgradeTold,
  upgradeUntold,
  upgradePseudoFields,
  upgradeOtherMethod,
  upgradeEarlyData,
  upgradeOtherProtocol,
  connectPseudoFields,
  connectBadPort,
  connectFraming,
  connectEarlyData,
  connectHalfClose,
  connectClientResets,
  connectTargetResets,
  connectTrailers,
  connectRefused,
  connectionFields,
];
