/**
 * A proxy says no, so that people and programs can read why: a text that names the rule, and Proxy-Status (RFC 9209).
 *
 * @module
 */

import { UpgradeRejected } from "../../errors/upgrade_rejected.ts";
import { LightResponse } from "../../http1/light_response.ts";
import { proxyErrorOf, type ProxyPhase } from "../proxy_failure.ts";
import { formatProxyStatus, type ProxyError, statusOfProxyError } from "../proxy_status.ts";
import type { Denied } from "./decide.ts";

/** What a refusal has beyond its reason. */
interface RefusalDetails {
  /** What Proxy-Status recommends when left out. */
  readonly status?: number;
  /** The rule that has decided. */
  readonly by?: string;
  /** What the next proxy has answered. */
  readonly receivedStatus?: number | undefined;
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
 * @param phase How far the proxy was.
 */
export function refusalFor(failure: unknown, where: string, phase: ProxyPhase = "connecting"): Refusal {
  if (failure instanceof Refusal) return failure;
  // A proxy behind this one says its status; what it wants of this one is not the client's to give.
  if (failure instanceof UpgradeRejected && failure.code === "proxy-refused") {
    const { status: receivedStatus } = failure;
    const why = `Cannot reach ${where}: the next proxy has answered ${receivedStatus}`;
    return new Refusal("http_upgrade_failed", why, { receivedStatus, cause: failure });
  }
  const error = proxyErrorOf(failure, phase);
  return new Refusal(error, `Cannot reach ${where}: ${WHY[error] ?? "it does not speak HTTP as it should"}`, {
    cause: failure,
  });
}

/** The reasons for people. */
const WHY: Readonly<Partial<Record<ProxyError, string>>> = {
  connection_refused: "the connection was refused",
  connection_terminated: "the connection was cut",
  connection_timeout: "there was no connection in time",
  destination_ip_unroutable: "there is no way to it",
  destination_unavailable: "the proxy may not connect",
  dns_error: "its address cannot be found",
  http_response_timeout: "it did not answer in time",
  http_response_incomplete: "it left in the midst of its answer",
  http_upgrade_failed: "it did not switch as it was asked to",
  proxy_internal_error: "the proxy has failed",
  tls_alert_received: "it refused TLS",
  tls_certificate_error: "its certificate is not to be trusted",
  tls_protocol_error: "there was no TLS with it",
};

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
