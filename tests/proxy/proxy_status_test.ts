import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { formatProxyStatus, statusOfProxyError } from "../../src/proxy/proxy_status.ts";

test("formatProxyStatus() writes a token where the name is one, and a string where it is not (RFC 9209 §2)", () => {
  assertEquals(formatProxyStatus({ proxy: "edge-1.example:80" }), "edge-1.example:80");
  assertEquals(formatProxyStatus({ proxy: "10.0.0.1" }), '"10.0.0.1"');
  assertEquals(formatProxyStatus({ proxy: 'a "b" \\ c' }), '"a \\"b\\" \\\\ c"');
});

test("formatProxyStatus() writes the parameters that are known (RFC 9209 §2.1)", () => {
  assertEquals(
    formatProxyStatus({ proxy: "p", error: "http_request_denied", details: "rule 3" }),
    'p; error=http_request_denied; details="rule 3"',
  );
  assertEquals(
    formatProxyStatus({ proxy: "p", error: "connection_refused", receivedStatus: 503, nextHop: "[::1]:80" }),
    'p; error=connection_refused; received-status=503; next-hop="[::1]:80"',
  );
});

test("formatProxyStatus() cannot be made to write what a field must not hold (RFC 8941 §3.3.3)", () => {
  assertEquals(formatProxyStatus({ proxy: "p", details: "a\r\nX: y\u00e9\u0000" }), 'p; details="a??X: y??"');
});

test("statusOfProxyError() tells a server that is slow from one that is broken (RFC 9209 §2.3)", () => {
  assertEquals(statusOfProxyError("connection_timeout"), 504);
  assertEquals(statusOfProxyError("connection_refused"), 502);
  assertEquals(statusOfProxyError("http_request_denied"), 403);
});
