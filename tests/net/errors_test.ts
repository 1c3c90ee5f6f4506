import { test } from "node:test";
import { assertEquals, assertStrictEquals } from "@std/assert";
import { TransportError } from "../../src/errors/transport_error.ts";
import { type Doing, transportError } from "../../src/net/errors.ts";

/** What the runtimes were seen to throw: name, code, message; doing what; and what it means. */
const seen: [name: string, code: string | undefined, message: string, doing: Doing, means: string][] = [
  ["Error", "ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:1", "connect", "refused"],
  ["Error", "ENOENT", "connect ENOENT /tmp/none", "connect", "refused"],
  ["Error", "ENOTFOUND", "getaddrinfo ENOTFOUND no.such.name.invalid", "connect", "unreachable"],
  ["Error", "EAI_AGAIN", "getaddrinfo EAI_AGAIN name", "connect", "unreachable"],
  ["Error", "EHOSTUNREACH", "connect EHOSTUNREACH", "connect", "unreachable"],
  ["Error", "ENETUNREACH", "connect ENETUNREACH", "connect", "unreachable"],
  ["Error", "ETIMEDOUT", "connect ETIMEDOUT", "connect", "timeout"],
  ["Error", "ECONNRESET", "read ECONNRESET", "read", "reset"],
  ["Error", "EPIPE", "write EPIPE", "write", "reset"],
  ["Error", "ERR_STREAM_DESTROYED", "Cannot call write after a stream was destroyed", "write", "closed"],
  ["Error", "EADDRINUSE", "listen EADDRINUSE 127.0.0.1:80", "listen", "address"],
  ["Error", "EACCES", "listen EACCES 0.0.0.0:80", "listen", "address"],
  ["Error", "ENOENT", "Failed to listen at /none/x.sock", "listen", "address"],
  ["Error", "EADDRNOTAVAIL", "connect EADDRNOTAVAIL", "connect", "address"],
  ["Error", "SELF_SIGNED_CERT_IN_CHAIN", "self-signed certificate in certificate chain", "handshake", "tls"],
  ["Error", "ERR_TLS_CERT_ALTNAME_INVALID", "Hostname/IP does not match", "handshake", "tls"],
  ["Error", "ECONNRESET", "socket hang up", "handshake", "tls"],
  ["Error", "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", "tlsv13 alert certificate required", "read", "tls"],
  ["Error", "EPROTO", "write EPROTO", "read", "tls"],
  ["ConnectionRefused", undefined, "Connection refused (os error 111)", "connect", "refused"],
  ["ConnectionReset", undefined, "Connection reset by peer (os error 104)", "read", "reset"],
  ["BrokenPipe", undefined, "Broken pipe (os error 32)", "write", "reset"],
  ["TimedOut", undefined, "Connection timed out (os error 110)", "read", "timeout"],
  ["AddrInUse", undefined, "Address already in use (os error 98)", "listen", "address"],
  ["NotCapable", undefined, 'Requires net access to "a:1"', "connect", "address"],
  ["InvalidData", undefined, "invalid peer certificate: UnknownIssuer", "handshake", "tls"],
  ["UnexpectedEof", undefined, "peer closed connection without sending TLS close_notify", "read", "tls"],
  ["BadResource", undefined, "Bad resource ID", "read", "closed"],
  ["Error", undefined, "failed to lookup address information: Name or service not known", "connect", "unreachable"],
  ["AggregateError", "ECONNREFUSED", "", "connect", "refused"],
];

for (const [name, code, message, doing, means] of seen) {
  test(`transportError() calls ${code ?? name} during ${doing} "${means}"`, () => {
    const cause = Object.assign(new Error(message), { name, ...(code === undefined ? {} : { code }) });
    const error = transportError(cause, doing);
    assertEquals([error.name, error.code], ["TransportError", means]);
    assertStrictEquals(error.cause, cause);
  });
}

test("transportError() leaves a TransportError alone and takes what is no error", () => {
  const error = new TransportError("reset", "gone");
  assertStrictEquals(transportError(error, "read"), error);
  assertEquals(transportError("text", "read").message, "Cannot read: text");
  assertEquals(transportError(undefined, "connect").code, "unreachable");
});

test("transportError() says what each address of a name has come to", () => {
  const causes = ["connect ECONNREFUSED ::1:1", "connect ECONNREFUSED 127.0.0.1:1"].map((text) => new Error(text));
  const cause = Object.assign(new AggregateError(causes), { code: "ECONNREFUSED" });
  const { code, message } = transportError(cause, "connect", "localhost:1");
  assertEquals(code, "refused");
  assertEquals(message, `Cannot connect to localhost:1: ${causes[0]!.message}; ${causes[1]!.message}`);
  assertEquals(transportError(new AggregateError([]), "connect").message, "Cannot connect: AggregateError");
});

test("transportError() says the reason of OpenSSL in one line, without the places in its source", () => {
  const text = "00A3051D:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:" +
    "../deps/openssl/openssl/ssl/record/rec_layer_s3.c:918:SSL alert number 116\n";
  const cause = Object.assign(new Error(text), {
    library: "SSL routines",
    reason: "tlsv13 alert certificate required",
    code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
  });
  const { code, message } = transportError(cause, "read");
  assertEquals(code, "tls");
  assertEquals(message, `Cannot read: ${cause.reason} (${cause.code})`);
});
