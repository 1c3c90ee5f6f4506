/**
 * The requirements on servers, in the order of the table.
 *
 * @module
 */

import type { ServerProbe } from "../probe.ts";
import { connectBadPort } from "./connect_bad_port.ts";
import { connectEarlyBytes } from "./connect_early_bytes.ts";
import { connectFraming } from "./connect_framing.ts";
import { connectHalfClose } from "./connect_half_close.ts";
import { connectRefused } from "./connect_refused.ts";
import { host } from "./host.ts";
import { lastCoding } from "./last_coding.ts";
import { spaceBeforeColon } from "./space_before_colon.ts";
import { twoFramings } from "./two_framings.ts";
import { upgradeBody } from "./upgrade_body.ts";
import { upgradeDeclined } from "./upgrade_declined.ts";
import { upgradeEarlyBytes } from "./upgrade_early_bytes.ts";
import { upgradeExpect } from "./upgrade_expect.ts";
import { upgradeHttp10 } from "./upgrade_http10.ts";
import { upgradePipelined } from "./upgrade_pipelined.ts";
import { upgradeWithoutOption } from "./upgrade_without_option.ts";

/** Every one of them is played against every server. */
export const serverProbes: readonly ServerProbe[] = [
  upgradeBody,
  upgradeEarlyBytes,
  upgradePipelined,
  upgradeHttp10,
  upgradeWithoutOption,
  upgradeExpect,
  upgradeDeclined,
  connectFraming,
  connectEarlyBytes,
  connectHalfClose,
  connectRefused,
  connectBadPort,
  host,
  twoFramings,
  lastCoding,
  spaceBeforeColon,
];
