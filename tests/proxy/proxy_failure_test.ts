import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { Http2Error } from "../../src/errors/http2_error.ts";
import { ProtocolError, type ProtocolErrorCode } from "../../src/errors/protocol_error.ts";
import { TransportError, type TransportErrorCode } from "../../src/errors/transport_error.ts";
import { UnsentError } from "../../src/errors/unsent_error.ts";
import { isNextHopsDoing, proxyErrorOf } from "../../src/proxy/proxy_failure.ts";

function transport(code: TransportErrorCode, cause: object = {}): TransportError {
  return new TransportError(code, "failed", { cause: Object.assign(new Error(), cause) });
}

test("proxyErrorOf() names each way in which a connection fails (RFC 9209 §2.3)", () => {
  const reasons = [
    [transport("refused"), "connection_refused"],
    [transport("unreachable", { code: "ENOTFOUND" }), "dns_error"],
    [transport("unreachable", { message: "failed to lookup address information" }), "dns_error"],
    [transport("unreachable", { code: "EHOSTUNREACH" }), "destination_ip_unroutable"],
    [transport("timeout"), "connection_timeout"],
    [transport("reset"), "connection_terminated"],
    [transport("tls", { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }), "tls_certificate_error"],
    [transport("tls", { message: "invalid peer certificate: UnknownIssuer" }), "tls_certificate_error"],
    [transport("tls", { code: "ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE" }), "tls_alert_received"],
    [transport("tls"), "tls_protocol_error"],
    [transport("address"), "destination_unavailable"],
  ] as const;
  for (const [error, reason] of reasons) assertEquals(proxyErrorOf(error, "connecting"), reason);
});

test("proxyErrorOf() tells a late answer from a late connection (RFC 9209 §2.3)", () => {
  assertEquals(proxyErrorOf(transport("timeout"), "waiting"), "http_response_timeout");
  assertEquals(proxyErrorOf(new DOMException("late", "TimeoutError"), "waiting"), "http_response_timeout");
});

test("proxyErrorOf() names what is wrong with an answer, also below an UnsentError (RFC 9209 §2.3)", () => {
  const protocol = (code: ProtocolErrorCode) => new ProtocolError(code, "wrong", "RFC 9112", 502);
  assertEquals(proxyErrorOf(protocol("truncated"), "waiting"), "http_response_incomplete");
  assertEquals(proxyErrorOf(protocol("head-too-large"), "waiting"), "http_response_header_section_size");
  assertEquals(proxyErrorOf(protocol("bad-transfer-encoding"), "waiting"), "http_response_transfer_coding");
  assertEquals(proxyErrorOf(protocol("unexpected-upgrade"), "waiting"), "http_upgrade_failed");
  assertEquals(proxyErrorOf(new UnsentError({}, protocol("bad-status")), "waiting"), "http_protocol_error");
  assertEquals(proxyErrorOf(new Http2Error("frame-size", "wrong", "RFC 9113 §4.2"), "waiting"), "http_protocol_error");
});

test("proxyErrorOf() does not blame the next hop for what the proxy's own code throws", () => {
  const error = new TypeError("oops");
  error.cause = error;
  assertEquals(proxyErrorOf(error, "waiting"), "proxy_internal_error");
  assertEquals(proxyErrorOf(undefined, "connecting"), "proxy_internal_error");
  assertEquals(isNextHopsDoing(error), false);
  assertEquals(isNextHopsDoing(transport("reset")), true);
});
