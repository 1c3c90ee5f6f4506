/**
 * The requirements on clients, in the order of the table.
 *
 * @module
 */

import type { ClientProbe } from "../probe.ts";
import { connectAny2xx } from "./connect_any_2xx.ts";
import { connectEarlyBytes } from "./connect_early_bytes.ts";
import { connectFraming } from "./connect_framing.ts";
import { connectHost } from "./connect_host.ts";
import { connectRefused } from "./connect_refused.ts";
import { upgradeBody } from "./upgrade_body.ts";
import { upgradeEarlyBytes } from "./upgrade_early_bytes.ts";
import { upgradeHalfClose } from "./upgrade_half_close.ts";
import { upgradeInformational } from "./upgrade_informational.ts";
import { upgradeOtherProtocol } from "./upgrade_other_protocol.ts";
import { upgradeRefused } from "./upgrade_refused.ts";
import { upgradeUnasked } from "./upgrade_unasked.ts";
import { upgradeUnnamed } from "./upgrade_unnamed.ts";

/** Every one of them is played against every client. */
export const clientProbes: readonly ClientProbe[] = [
  upgradeEarlyBytes,
  upgradeInformational,
  upgradeBody,
  upgradeHalfClose,
  upgradeOtherProtocol,
  upgradeUnnamed,
  upgradeUnasked,
  upgradeRefused,
  connectHost,
  connectEarlyBytes,
  connectAny2xx,
  connectFraming,
  connectRefused,
];
