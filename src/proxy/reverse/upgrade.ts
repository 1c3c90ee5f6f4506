/**
 * A switch of protocols through the proxy: the server has sent a 101, the client gets the same, and the two connections
 * become one (RFC 9110 §7.8).
 *
 * @module
 */

import { responseSending } from "../../http1/light_response.ts";
import type { IncomingRequest, IncomingResponse } from "../../http1/incoming.ts";
import { onUpgrade, upgradeOf } from "../../http1/upgrade.ts";
import type { Clock } from "../../duplex/clock.ts";
import { TransportError } from "../../errors/transport_error.ts";
import type { Field } from "../../semantics/fields.ts";
import { tunnel } from "../tunnel.ts";

/** What a switch needs. */
export interface SwitchSettings {
  /** How long both directions may be silent. */
  readonly idleTimeoutMs: number;
  /** The source of time. */
  readonly clock: Clock;
}

/**
 * The response that switches the client's connection. What the server has said behind its 101 goes there first; what the
 * client has sent early goes to the server.
 *
 * @param fields Those of the 101.
 */
export async function switched(
  incoming: IncomingRequest,
  response: IncomingResponse,
  fields: Field[],
  settings: SwitchSettings,
): Promise<Response> {
  const far = await onUpgrade(response);
  const pending = upgradeOf(incoming)!;
  pending.acceptance = {
    status: 101,
    reason: response.version === "2" ? undefined : response.reason,
    owns: far,
    onSwitched: async (near) => {
      try {
        await tunnel(near, far, settings);
      } catch (error) {
        // Behind a switch either side leaves as it likes; the other one was told.
        if (!(error instanceof TransportError)) throw error;
      }
    },
  };
  pending.own(far);
  // It stands for the 101: middleware may copy it, and the platform's class knows no 101.
  return responseSending({ status: 426, fields }, () => null);
}
