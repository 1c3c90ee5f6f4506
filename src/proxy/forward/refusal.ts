/**
 * A proxy says no, so that people and programs can read why: a text that names the rule, and Proxy-Status (RFC 9209).
 *
 * @module
 */

import { TransportError } from "../../errors/transport_error.ts";
import { UpgradeRejected } from "../../errors/upgrade_rejected.ts";
import { LightResponse } from "../../http1/light_response.ts";
import { formatProxyStatus, type ProxyError, statusOfProxyError } from "../proxy_status.ts";
import type { Denied } from "./decide.ts";

/** What a refusal has beyond its reason. */
interface RefusalDetails {
  /** What Proxy-Status recommends when left out. */
  readonly status?: number;
  /** The rule that has decided. */
  readonly by?: string;
  /** What the next proxy has answered. */
  readonly receivedStatus?: number;
  /** The fields that ask for credentials. */
  readonly challenges?: readonly string[];
  readonly cause?: unknown;
}

/** Why there is no answer but one of the proxy's own. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly error: ProxyError;
  readonly status: number;
  readonly details: RefusalDetails;

  /**
   * Makes the refusal.
   *
   * @param message For people: the client and the audit.
   */
  constructor(error: ProxyError, message: string, details: RefusalDetails = {}) {
    super(message, { cause: details.cause });
    this.error = error;
    this.status = details.status ?? statusOfProxyError(error);
    this.details = details;
  }
}

/** A rule has said no: 403 in any case, since the next hop has no part in it. */
export function refusalBy({ by, error, message }: Denied): Refusal {
  return new Refusal(error, message, { status: 403, by });
}

/**
 * What failed on the way to the target, for the client. What the platform said stays in `cause`.
 *
 * @param where The authority that was asked for.
 */
export function refusalFor(failure: unknown, where: string): Refusal {
  if (failure instanceof Refusal) return failure;
  const [error, why, receivedStatus] = reasonOf(failure);
  const details = receivedStatus === undefined ? {} : { receivedStatus };
  return new Refusal(error, `Cannot reach ${where}: ${why}`, { ...details, cause: failure });
}

function reasonOf(failure: unknown): readonly [error: ProxyError, why: string, receivedStatus?: number | undefined] {
  if (failure instanceof UpgradeRejected) {
    return ["http_upgrade_failed", `the next proxy has answered ${failure.status}`, failure.status];
  }
  if (!(failure instanceof TransportError)) return ["proxy_internal_error", "the proxy has failed"];
  switch (failure.code) {
    case "refused":
      return ["connection_refused", "the connection was refused"];
    case "unreachable":
      return ["destination_ip_unroutable", "there is no way to it"];
    case "timeout":
      return ["connection_timeout", "there was no connection in time"];
    case "reset":
    case "closed":
      return ["connection_terminated", "the connection was cut"];
    case "tls":
      return ["tls_protocol_error", "there is no TLS with it that could be trusted"];
    case "address":
      return ["proxy_internal_error", "the proxy may not connect"];
    default:
      return failure.code satisfies never;
  }
}

/**
 * The answer that refuses.
 *
 * @param name What the proxy calls itself.
 */
export function refusalResponse({ error, status, message, details }: Refusal, name: string): Response {
  const { receivedStatus, challenges = [] } = details;
  const fields: [string, string][] = [
    ["Content-Type", "text/plain; charset=utf-8"],
    ["Proxy-Status", formatProxyStatus({ proxy: name, error, receivedStatus, details: message })],
  ];
  for (const challenge of challenges) fields.push(["Proxy-Authenticate", challenge]);
  return LightResponse.of(`${message}\n`, { status, headers: fields });
}
