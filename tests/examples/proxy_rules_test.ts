import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { authorityOf, covers, Refusal, refusalOf } from "../../scripts/examples/proxy_rules.ts";
import { TransportError } from "../../src/errors/transport_error.ts";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { parseAuthority } from "../../src/semantics/target.ts";

test("covers() knows hosts, ports, suffixes and everything [F8]", () => {
  const rules: Readonly<Record<string, { readonly yes: readonly string[]; readonly no: readonly string[] }>> = {
    "a.test": { yes: ["a.test:1", "A.Test:443", "a.test.:1"], no: ["b.a.test:1", "xa.test:1", "a.test.b:1"] },
    "a.test:443": { yes: ["a.test:443"], no: ["a.test:80", "a.test:4430"] },
    "*.a.test": { yes: ["b.a.test:1", "c.b.a.test:1"], no: ["a.test:1", "ba.test:1"] },
    "*:443": { yes: ["a.test:443", "[::1]:443"], no: ["a.test:80"] },
    "*": { yes: ["a.test:1", "127.0.0.1:80"], no: [] },
    "[::1]:80": { yes: ["[::1]:80"], no: ["[::1]:81", "[::2]:80"] },
    "::1": { yes: ["[::1]:80"], no: ["[::2]:80"] },
    "127.0.0.1": { yes: ["127.0.0.1:80"], no: ["127.0.0.10:80"] },
  };
  for (const [rule, { yes, no }] of Object.entries(rules)) {
    for (const to of yes) assert(covers(rule, parseAuthority(to)), `${rule} covers ${to}`);
    for (const to of no) assert(!covers(rule, parseAuthority(to)), `${rule} does not cover ${to}`);
  }
});

test("authorityOf() takes port 80 where none is named (RFC 9110 §4.2.1)", () => {
  assertEquals(authorityOf("a.test"), { hostname: "a.test", port: 80 });
  assertEquals(authorityOf("a.test:"), { hostname: "a.test", port: 80 });
  assertEquals(authorityOf("a.test:8080"), { hostname: "a.test", port: 8080 });
  assertEquals(authorityOf("[::1]"), { hostname: "::1", port: 80 });
  assertEquals(authorityOf("[::1]:81"), { hostname: "::1", port: 81 });
  assertThrows(() => authorityOf("a.test:0"), ProtocolError);
});

test("refusalOf() tells what went wrong as F9 and RFC 9209 want it, and passes on what is nobody's fault [F9]", () => {
  const answered = (error: unknown): [number, string] => {
    const { status, type } = refusalOf(error);
    return [status, type];
  };
  assertEquals(answered(new TransportError("refused", "x")), [502, "connection_refused"]);
  assertEquals(answered(new TransportError("unreachable", "x")), [502, "destination_unavailable"]);
  assertEquals(answered(new TransportError("timeout", "x")), [504, "connection_timeout"]);
  assertEquals(answered(new TransportError("reset", "x")), [502, "connection_terminated"]);
  assertEquals(answered(new ProtocolError("bad-status", "x", "y")), [502, "http_protocol_error"]);
  assertEquals(answered(new ProtocolError("bad-target", "x", "y")), [400, "http_request_error"]);
  assertEquals(answered(new Refusal(403, "http_request_denied", "x")), [403, "http_request_denied"]);
  assertThrows(() => refusalOf(new TypeError("a bug")), TypeError);
});
