/**
 * `Proxy-Status` (RFC 9209): who made a response that no server made, and why. The proxies of this folder write it on their
 * own answers; nothing here waits.
 *
 * @module
 */

/** The registered reasons that a proxy of this package has (RFC 9209 §2.3). */
export type ProxyError =
  | "dns_timeout"
  | "dns_error"
  | "destination_not_found"
  | "destination_unavailable"
  | "destination_ip_prohibited"
  | "destination_ip_unroutable"
  | "connection_refused"
  | "connection_terminated"
  | "connection_timeout"
  | "connection_read_timeout"
  | "connection_write_timeout"
  | "connection_limit_reached"
  | "tls_protocol_error"
  | "tls_certificate_error"
  | "tls_alert_received"
  | "http_request_error"
  | "http_request_denied"
  | "http_response_incomplete"
  | "http_response_header_section_size"
  | "http_response_transfer_coding"
  | "http_response_timeout"
  | "http_upgrade_failed"
  | "http_protocol_error"
  | "proxy_internal_response"
  | "proxy_internal_error"
  | "proxy_configuration_error"
  | "proxy_loop_detected";

/** One member of the field: what one proxy says of a response. */
export interface ProxyStatus {
  /** How the proxy calls itself: the same name as in `Via`. */
  readonly proxy: string;
  /** Why the proxy has answered by itself. */
  readonly error?: ProxyError | undefined;
  /** The status that the next hop had given, where the proxy has replaced its answer. */
  readonly receivedStatus?: number | undefined;
  /** The next hop: a host, an address, an alias. It tells clients what stands behind the proxy. */
  readonly nextHop?: string | undefined;
  /** What is known beyond that, for people. */
  readonly details?: string | undefined;
}

/** What statuses go with the reasons (RFC 9209 §2.3); where it leaves the choice to the proxy, a server's failure. */
const STATUS_OF: Readonly<Record<ProxyError, number>> = {
  dns_timeout: 504,
  dns_error: 502,
  destination_not_found: 500,
  destination_unavailable: 503,
  destination_ip_prohibited: 502,
  destination_ip_unroutable: 502,
  connection_refused: 502,
  connection_terminated: 502,
  connection_timeout: 504,
  connection_read_timeout: 504,
  connection_write_timeout: 504,
  connection_limit_reached: 503,
  tls_protocol_error: 502,
  tls_certificate_error: 502,
  tls_alert_received: 502,
  http_request_error: 400,
  http_request_denied: 403,
  http_response_incomplete: 502,
  http_response_header_section_size: 502,
  http_response_transfer_coding: 502,
  http_response_timeout: 504,
  http_upgrade_failed: 502,
  http_protocol_error: 502,
  proxy_internal_response: 502,
  proxy_internal_error: 500,
  proxy_configuration_error: 500,
  proxy_loop_detected: 502,
};

/** The status that is recommended with a reason. */
export function statusOfProxyError(error: ProxyError): number {
  return STATUS_OF[error];
}

/** The value of the field: `edge; error=connection_refused; details="..."`. */
export function formatProxyStatus(status: ProxyStatus): string {
  const { proxy, error, receivedStatus, nextHop, details } = status;
  let text = item(proxy);
  if (error !== undefined) text += `; error=${error}`;
  if (receivedStatus !== undefined) text += `; received-status=${receivedStatus}`;
  if (nextHop !== undefined) text += `; next-hop=${item(nextHop)}`;
  if (details !== undefined) text += `; details=${string(details)}`;
  return text;
}

/** A token of structured fields, which is another one than that of HTTP (RFC 8941 §3.3.4). */
const TOKEN = /^[A-Za-z*][A-Za-z0-9!#$%&'*+\-.^_`|~:/]*$/;

function item(text: string): string {
  return TOKEN.test(text) ? text : string(text);
}

/** A string of structured fields: visible ASCII and spaces (RFC 8941 §3.3.3). Others are replaced by `?`. */
function string(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, "?").replace(/["\\]/g, "\\$&")}"`;
}
