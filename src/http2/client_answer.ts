/**
 * What a server's answer is for the caller: a response with a body, or the switch that was proposed. `client_stream.ts` asks for the
 * final head.
 *
 * @module
 */

import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import { IncomingResponse } from "../http1/incoming.ts";
import { IncomingBody } from "../http1/incoming_body.ts";
import { attachUpgrade, PendingUpgrade } from "../http1/upgrade.ts";
import type { ResponseHead } from "../semantics/message.ts";
import type { Proposal } from "../semantics/switching.ts";
import type { Http2ResponseHead } from "./machine/message.ts";

/** Whether an answer with this status takes up what was proposed: 2xx stands for 101 as well (RFC 8441 §4). */
export function takesUp({ type }: Proposal, status: number): boolean {
  return type !== "none" && status >= 200 && status < 300;
}

/** A head in the words of HTTP/1.1. */
export function responseHeadOf({ status, fields }: Http2ResponseHead): ResponseHead {
  return { status, reason: "", version: "2", fields };
}

/** A response with its body. */
export function responseWith(head: Http2ResponseHead, body: IncomingBody): IncomingResponse {
  return new IncomingResponse(responseHeadOf(head), body, () => {
    body.cancel();
    return Promise.resolve();
  });
}

/** The server has not taken up what was proposed: so says the promise of the response. */
export function rejectUpgrade(response: IncomingResponse): void {
  const pending = new PendingUpgrade();
  pending.reject(new UpgradeRejected("refused", { status: response.status, response }));
  attachUpgrade(response, pending);
}

/** A response that switches, and its upgrade. */
export function switchWith(head: Http2ResponseHead): { response: IncomingResponse; pending: PendingUpgrade } {
  const pending = new PendingUpgrade();
  const nothing = new IncomingBody({ type: "none" }, null);
  const response = new IncomingResponse(responseHeadOf(head), nothing, async () => {
    if (!pending.claimed) await (await pending.claim()).close();
  });
  attachUpgrade(response, pending);
  return { response, pending };
}
