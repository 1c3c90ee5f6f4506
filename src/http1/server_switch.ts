/**
 * A response that switches, on a server: the request's body is taken in, the 100 and the head are sent, and the connection
 * is handed over. `server_exchange.ts` calls it for a 101, or a 2xx to CONNECT.
 *
 * @module
 */

import { TransportError } from "../errors/transport_error.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import { handOver } from "./hand_over.ts";
import type { IncomingRequest } from "./incoming.ts";
import { bodyTruncated } from "./incoming_body.ts";
import { bodySize, sortBody } from "./outgoing_body.ts";
import type { OutgoingResponse } from "./outgoing_response.ts";
import type { RequestIntake } from "./request_intake.ts";
import { pairsOf, type ServerCore } from "./server_core.ts";
import type { PendingUpgrade } from "./upgrade.ts";

/** A request that proposes a switch. */
export interface Proposed {
  /** The request. */
  readonly request: IncomingRequest;
  /** Its upgrade. */
  readonly pending: PendingUpgrade;
  /** Takes its body in; `null` if there is none. */
  readonly intake: RequestIntake | null;
}

/**
 * Switches, or refuses if the request's body is too long or too slow. The connection is over behind it, or ends.
 *
 * @throws {StateError} `no-switch` or `upgrade-body`: the response cannot switch. Nothing was sent.
 * @throws {unknown} What the body or the transport fails with.
 */
export async function switchProtocols(core: ServerCore, proposed: Proposed, response: OutgoingResponse): Promise<void> {
  const { request, pending, intake } = proposed;
  if (intake !== null && !await reachEnd(core, proposed, intake, response)) {
    pending.reject(new UpgradeRejected("request-body", { status: 413 }));
    await core.refuse(request, 413);
    return;
  }
  const outcome = core.sendHead(request, response, sortBody(response.body));
  await core.outlet.flush();
  if (core.why !== null) return;
  const { method, target, version, fields } = request;
  const protocol = outcome.type === "switched" ? outcome.protocol : null;
  const agreed = { protocol, request: { method, target, version, fields: fields.compact() } };
  core.stop();
  handOver(core.wire, core.machine.takeTrailing(), agreed, { pending, parts: core.parts }, core.settings);
  core.finish("handed-over", { reason: "upgrade" });
}

/** Takes the request's body in; what was not read yet is kept for its reader. */
async function reachEnd(
  core: ServerCore,
  { request, pending }: Proposed,
  intake: RequestIntake,
  response: OutgoingResponse,
): Promise<boolean> {
  const { status, reason } = response;
  // What cannot switch is refused before the client is asked for the body.
  core.machine.checkSwitch({ status, reason, fields: pairsOf(response) }, bodySize(sortBody(response.body)));
  if (intake.awaitsContinue) await intake.sendContinue();
  if (core.machine.requestComplete) return true;
  return await intake.drain(request.body, true, () => {
    const error = new TransportError("timeout", "The body of a request that switches did not end in time");
    pending.reject(new UpgradeRejected("request-body", { status: 408, cause: error }));
    core.refuseAndClose(request, 408, error);
    request.body.fail(bodyTruncated(error));
  });
}
