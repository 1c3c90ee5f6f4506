/**
 * From what went wrong on the way to a server to the reason that a client is told (RFC 9209 §2.3). Names are asked and not
 * classes, since two copies of the package have classes of their own.
 *
 * @module
 */

import type { ProtocolErrorCode } from "../errors/protocol_error.ts";
import type { TransportErrorCode } from "../errors/transport_error.ts";
import type { ProxyError } from "./proxy_status.ts";

/** How far a proxy was: it opened a connection to the next hop, or it waited for an answer there. */
export type ProxyPhase = "connecting" | "waiting";

/** What is asked of an error. */
interface Failure {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
}

/** How many causes are looked at: a chain of them may be a circle. */
const MAX_CAUSES = 8;
const DNS_CODE = /^(?:ENOTFOUND|EAI_|EDNS|DNS_)/;
const DNS_TEXT = /\blookup\b|\bgetaddrinfo\b|\bresolve\b|\bdns\b/i;
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME|HOSTNAME_MISMATCH|certificate|UnknownIssuer|NotValidForName/i;
const ALERT = /\balert\b|_ALERT_/i;

/** The reason of a failure; `proxy_internal_error` for what is no failure of the next hop. */
export function proxyErrorOf(error: unknown, phase: ProxyPhase): ProxyError {
  const failure = causesOf(error).find(({ name }) => name !== "UnsentError") ?? {};
  switch (failure.name) {
    case "TransportError":
      return ofTransport(failure, phase);
    case "ProtocolError":
      return ofProtocol(failure.code as ProtocolErrorCode);
    case "Http2Error":
      return "http_protocol_error";
    case "TimeoutError":
      return phase === "connecting" ? "connection_timeout" : "http_response_timeout";
    case "UpgradeRejected":
      return failure.code === "proxy-refused" ? "destination_unavailable" : "http_upgrade_failed";
    default:
      return "proxy_internal_error";
  }
}

/** Whether the next hop, or the way to it, has failed, and no code of the proxy. */
export function isNextHopsDoing(error: unknown): boolean {
  return proxyErrorOf(error, "waiting") !== "proxy_internal_error";
}

function ofTransport(failure: Failure, phase: ProxyPhase): ProxyError {
  const code = failure.code as TransportErrorCode;
  switch (code) {
    case "refused":
      return "connection_refused";
    case "unreachable":
      return says(failure, DNS_CODE, DNS_TEXT) ? "dns_error" : "destination_ip_unroutable";
    case "timeout":
      return phase === "connecting" ? "connection_timeout" : "http_response_timeout";
    case "reset":
    case "closed":
      return "connection_terminated";
    case "tls":
      if (says(failure, CERTIFICATE, CERTIFICATE)) return "tls_certificate_error";
      return says(failure, ALERT, ALERT) ? "tls_alert_received" : "tls_protocol_error";
    case "address":
      return "destination_unavailable";
    default:
      code satisfies never;
      return "destination_unavailable";
  }
}

function ofProtocol(code: ProtocolErrorCode): ProxyError {
  switch (code) {
    case "truncated":
      return "http_response_incomplete";
    case "head-too-large":
    case "too-many-fields":
      return "http_response_header_section_size";
    case "bad-transfer-encoding":
    case "unsupported-transfer-coding":
      return "http_response_transfer_coding";
    case "unexpected-upgrade":
      return "http_upgrade_failed";
    default:
      return "http_protocol_error";
  }
}

/** Whether the code or the text of a failure, or of what caused it, is of a kind. */
function says(failure: Failure, code: RegExp, text: RegExp): boolean {
  return causesOf(failure).some((each) =>
    (typeof each.code === "string" && code.test(each.code)) ||
    (typeof each.message === "string" && text.test(each.message))
  );
}

function causesOf(error: unknown): Failure[] {
  const causes: Failure[] = [];
  for (let each = error; typeof each === "object" && each !== null && causes.length < MAX_CAUSES;) {
    causes.push(each);
    each = (each as Failure).cause;
  }
  return causes;
}
