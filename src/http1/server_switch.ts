/**
 * A response that switches, on a server: the request's body is taken in, the 100 and the head are sent, and the connection
 * is handed over. `server_exchange.ts` calls it for a 101, or a 2xx to CONNECT.
 *
 * @module
 */

import { TransportError } from "../errors/transport_error.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import { bodyTruncated } from "./body_source.ts";
import { handOver } from "./hand_over.ts";
import type { IncomingRequest } from "./incoming.ts";
import { bodySize, sortBody } from "./outgoing_body.ts";
import type { OutgoingResponse } from "./outgoing_response.ts";
import type { SwitchPlan } from "./machine/server_machine.ts";
import type { RequestIntake } from "./request_intake.ts";
import { headOf, type ServerCore } from "./server_core.ts";
import { KeptRequestHead } from "../semantics/kept_head.ts";
import type { PendingUpgrade } from "./upgrade.ts";

/** A request that proposes a switch, and its connection. */
interface Proposed {
  /** The connection. */
  readonly core: ServerCore;
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
 * @returns Resolves when that is done; `undefined` if it is done already.
 * @throws {StateError} `no-switch` or `upgrade-body`: the response cannot switch. Nothing was sent.
 * @throws {unknown} What the body or the transport fails with; the promise rejects with it as well.
 */
export function switchProtocols(proposed: Proposed, response: OutgoingResponse): Promise<void> | undefined {
  const { core, intake } = proposed;
  // What cannot switch is refused before the client is asked for the body.
  const plan = core.machine.checkSwitch(headOf(response), bodySize(sortBody(response.body)));
  return intake === null ? send(proposed, plan) : sendBehindBody(proposed, intake, plan);
}

function send(proposed: Proposed, plan: SwitchPlan): Promise<void> | undefined {
  const { core, request } = proposed;
  core.sendSwitch(request, plan);
  const written = core.outlet.flush();
  if (written !== undefined) return written.then(() => release(proposed, plan));
  release(proposed, plan);
  return undefined;
}

/** HTTP lets go of the connection. */
function release({ core, request, pending }: Proposed, { protocol }: SwitchPlan): void {
  if (core.why !== null) return;
  const agreed = { protocol, request: new KeptRequestHead(request) };
  core.stop();
  handOver(core, agreed, pending);
}

async function sendBehindBody(proposed: Proposed, intake: RequestIntake, plan: SwitchPlan): Promise<void> {
  const { core, request, pending } = proposed;
  if (intake.awaitsContinue) await intake.sendContinue();
  if (core.machine.requestComplete || await takeIn(proposed, intake)) {
    await send(proposed, plan);
  } else {
    pending.reject(new UpgradeRejected("request-body", { status: 413 }));
    await core.refuse(request, 413);
  }
}

/** Takes the request's body in; what was not read yet is kept for its reader. */
function takeIn({ core, request, pending }: Proposed, intake: RequestIntake): Promise<boolean> {
  return intake.drain(request.body, true, () => {
    const error = new TransportError("timeout", "The body of a request that switches did not end in time");
    pending.reject(new UpgradeRejected("request-body", { status: 408, cause: error }));
    core.refuseAndClose(request, 408, error);
    request.body.fail(bodyTruncated(error));
  });
}
