/**
 * The forms of a request-target, and the host that goes with it: RFC 9112 §3.2, RFC 9110 §7.2.
 */

import { assertEquals, assertThrows } from "@std/assert";
import { test } from "node:test";
import { ProtocolError } from "../../src/errors/protocol_error.ts";
import { formatAuthority, isHostAndPort, parseAuthority, parseTarget } from "../../src/semantics/target.ts";
import { serverSays } from "../http1/machine/machine_says.ts";

const targets: readonly (readonly [method: string, target: string, read: ReturnType<typeof parseTarget>])[] = [
  ["GET", "/", { form: "origin", path: "/", query: null }],
  ["GET", "/a/b?c=d?e", { form: "origin", path: "/a/b", query: "c=d?e" }],
  ["GET", "/?", { form: "origin", path: "/", query: "" }],
  ["GET", "//a/b", { form: "origin", path: "//a/b", query: null }],
  ["GET", "/http://a/", { form: "origin", path: "/http://a/", query: null }],
  ["GET", "http://a", { form: "absolute", scheme: "http", authority: "a", path: "" }],
  ["GET", "http://a:80/b?c", { form: "absolute", scheme: "http", authority: "a:80", path: "/b?c" }],
  ["GET", "http://a?b", { form: "absolute", scheme: "http", authority: "a", path: "?b" }],
  ["GET", "HTTPS://[::1]:8443/", { form: "absolute", scheme: "https", authority: "[::1]:8443", path: "/" }],
  ["OPTIONS", "http://a", { form: "absolute", scheme: "http", authority: "a", path: "" }],
  ["OPTIONS", "*", { form: "asterisk" }],
  ["CONNECT", "a:443", { form: "authority", authority: { hostname: "a", port: 443 } }],
  ["CONNECT", "192.0.2.1:1", { form: "authority", authority: { hostname: "192.0.2.1", port: 1 } }],
  ["CONNECT", "[2001:db8::1]:65535", { form: "authority", authority: { hostname: "2001:db8::1", port: 65535 } }],
];

for (const [method, target, read] of targets) {
  test(`parseTarget() reads ${method} ${target} (RFC 9112 §3.2) [A9, A10]`, () => {
    assertEquals(parseTarget(method, target), read);
    const extra = read.form === "authority" ? ` connect(${read.authority.hostname} ${read.authority.port})` : "";
    const end = read.form === "authority" ? "undecided" : "waiting";
    assertEquals(serverSays(`${method} ${target} HTTP/1.1¶Host: a¶¶`), [`${method} ${target} 1.1 none${extra}`, end]);
  });
}

const badTargets: readonly (readonly [method: string, target: string, why: string])[] = [
  ["GET", "*", "asterisk-form is for OPTIONS"],
  ["POST", "*", "asterisk-form is for OPTIONS"],
  ["OPTIONS", "**", "nothing follows the asterisk"],
  ["OPTIONS", "*/", "nothing follows the asterisk"],
  ["GET", "a:443", "authority-form is for CONNECT"],
  ["GET", "a", "a path begins with a slash"],
  ["GET", "a/b", "a path begins with a slash"],
  ["GET", "?a", "a path begins with a slash"],
  ["GET", "htt:p//", "no authority (hyper test_parse_request_errors)"],
  ["GET", "http:/a", "no authority"],
  ["GET", "http://", "an empty host"],
  ["GET", "http:///a", "an empty host"],
  ["GET", "http://:80/", "an empty host"],
  ["GET", "http://u@a/", "userinfo (RFC 9110 §4.2.4)"],
  ["GET", "http://u:p@a/", "userinfo (RFC 9110 §4.2.4)"],
  ["GET", "http://a:x/", "a port of letters"],
  ["GET", "http://a:65536/", "a port above 65535"],
  ["GET", "http://a\\b/", "a backslash in the host"],
  ["GET", "http://[::1/", "a bracket that is not closed"],
  ["GET", "1http://a/", "a scheme begins with a letter"],
  ["GET", "://a/", "no scheme"],
  ["CONNECT", "/", "origin-form"],
  ["CONNECT", "/foo", "origin-form"],
  ["CONNECT", "*", "asterisk-form"],
  ["CONNECT", "http://a:443", "absolute-form"],
  ["CONNECT", "http://a/", "absolute-form"],
  ["CONNECT", "a", "no port"],
  ["CONNECT", "a:", "an empty port"],
  ["CONNECT", "a:0", "port 0"],
  ["CONNECT", "a:65536", "a port above 65535"],
  ["CONNECT", "a:000443", "a port of six digits"],
  ["CONNECT", "a:+80", "a port with a sign"],
  ["CONNECT", "a:0x50", "a port in hexadecimal"],
  ["CONNECT", "a:443/", "something behind the port"],
  ["CONNECT", ":443", "an empty host"],
  ["CONNECT", "u@a:443", "userinfo"],
  ["CONNECT", "::1:443", "IPv6 without brackets"],
  ["CONNECT", "[::1]", "no port"],
  ["CONNECT", "[::1:443", "a bracket that is not closed"],
  ["CONNECT", "[]:443", "nothing in the brackets"],
  ["CONNECT", "[a]:443", "no address in the brackets"],
  ["CONNECT", "a[::1]:443", "something before the brackets"],
];

for (const [method, target, why] of badTargets) {
  test(`parseTarget() refuses ${method} ${target}: ${why} (RFC 9112 §3.2) [A10, F2]`, () => {
    const error = assertThrows(() => parseTarget(method, target), ProtocolError);
    assertEquals([error.code, error.status], ["bad-target", 400]);
    const input = `${method} ${target} HTTP/1.1¶Host: a¶¶`;
    assertEquals(serverSays(input), ["400 bad-target"]);
  });
}

const hosts: readonly (readonly [host: string, valid: boolean])[] = [
  ["a", true],
  ["a:80", true],
  ["a:", true],
  ["a:65535", true],
  ["A-b_c~.example", true],
  ["a%20b", true],
  ["192.0.2.1:8080", true],
  ["[::]", true],
  ["[::1]:80", true],
  ["[1:2:3:4:5:6:7:8]", true],
  ["[1:2:3:4:5:6:7::]", true],
  ["[::2:3:4:5:6:7:8]", true],
  ["[2001:DB8::a:192.0.2.1]", true],
  ["[::ffff:192.0.2.255]", true],
  ["[::10.99.100.249]", true],
  ["[v1.a:b]", true],
  ["", false],
  [":80", false],
  ["a b", false],
  ["a, b", false],
  ["a/b", false],
  ["a/", false],
  ["a?b", false],
  ["a#b", false],
  ["a\\b", false],
  ["u@a", false],
  ["http://a", false],
  ["a:x", false],
  ["a:-1", false],
  ["a:65536", false],
  ["a:80:80", false],
  ["a%", false],
  ["a%2", false],
  ["a%zz", false],
  ["<a>", false],
  ['"a"', false],
  ["caf\xe9", false],
  ["::1", false],
  ["[::1", false],
  ["[::1]a", false],
  ["[::1]]", false],
  ["[]", false],
  ["[:]", false],
  ["[:::]", false],
  ["[1::2::3]", false],
  ["[1:2:3:4:5:6:7]", false],
  ["[1:2:3:4:5:6:7:8:9]", false],
  ["[1:2:3:4:5:6:7:8::]", false],
  ["[12345::]", false],
  ["[::1%25eth0]", false],
  ["[192.0.2.1]", false],
  ["[::256.0.0.1]", false],
  ["[192.0.2.1::]", false],
  ["[192.0.2.1::192.0.2.1]", false],
  ["[::192.0.2.1.]", false],
  ["[::192.0.2]", false],
  ["[::192.0.2.01]", false],
  ["[1:2:3:4:5:6:192.0.2.1]", true],
  ["[1:2:3:4:5:6:7:192.0.2.1]", false],
  ["[v1]", false],
  ["[v.a]", false],
];

for (const [host, valid] of hosts) {
  test(`ServerMachine ${valid ? "takes" : "answers 400 to"} Host: ${host} (RFC 9112 §3.2) [A1]`, () => {
    assertEquals(isHostAndPort(host), valid);
    const input = `GET / HTTP/1.1¶Host: ${host}¶¶`;
    assertEquals(serverSays(input), valid ? ["GET / 1.1 none", "waiting"] : ["400 bad-host"]);
  });
}

test("ServerMachine answers 400 to HTTP/1.1 without Host (RFC 9112 §3.2) [A1]", () => {
  assertEquals(serverSays("GET / HTTP/1.1¶¶"), ["400 bad-host"]);
  assertEquals(serverSays("GET http://a/ HTTP/1.1¶¶"), ["400 bad-host"]);
  assertEquals(serverSays("OPTIONS * HTTP/1.1¶¶"), ["400 bad-host"]);
  assertEquals(serverSays("CONNECT a:1 HTTP/1.1¶¶"), ["400 bad-host"]);
});

test("ServerMachine takes HTTP/1.0 without Host, and not with a bad one (RFC 9112 §3.2) [A1]", () => {
  assertEquals(serverSays("GET / HTTP/1.0¶¶"), ["GET / 1.0 none", "closed"]);
  assertEquals(serverSays("GET / HTTP/1.0¶Host: a b¶¶"), ["400 bad-host"]);
  assertEquals(serverSays("GET / HTTP/1.0¶Host: a¶Host: a¶¶"), ["400 bad-host"]);
});

test("ServerMachine answers 400 to two Host lines, also to equal ones (RFC 9112 §3.2) [A1]", () => {
  assertEquals(serverSays("GET / HTTP/1.1¶Host: a¶Host: b¶¶"), ["400 bad-host"]);
  assertEquals(serverSays("GET / HTTP/1.1¶Host: a¶hOST: a¶¶"), ["400 bad-host"]);
});

test("ServerMachine checks the Host of every request (RFC 9112 §3.2) [A1]", () => {
  const first = "GET /1 HTTP/1.1¶Host: a¶¶";
  assertEquals(serverSays(`${first}GET /2 HTTP/1.1¶Host: a b¶¶`), ["GET /1 1.1 none", "400 bad-host"]);
  assertEquals(serverSays(`${first}GET /2 HTTP/1.1¶Host:¶¶`), ["GET /1 1.1 none", "400 bad-host"]);
  assertEquals(serverSays(`${first}GET /2 HTTP/1.1¶¶`), ["GET /1 1.1 none", "400 bad-host"]);
});

test("ServerMachine takes any Host with anyHost (RFC 9112 §3.2)", () => {
  const leniency = { anyHost: true };
  assertEquals(serverSays("GET / HTTP/1.1¶¶", { leniency }), ["GET / 1.1 none", "waiting"]);
  assertEquals(serverSays("GET / HTTP/1.1¶Host: a¶Host: b¶¶", { leniency }), ["GET / 1.1 none", "waiting"]);
});

test("ServerMachine takes an absolute target whose authority is not that of Host (RFC 9112 §3.2.2) [A9]", () => {
  assertEquals(serverSays("GET http://b:81/c HTTP/1.1¶Host: a¶¶"), ["GET http://b:81/c 1.1 none", "waiting"]);
});

test("formatAuthority() writes what parseAuthority() reads (RFC 9112 §3.2.3) [F1]", () => {
  for (const authority of ["a:1", "192.0.2.1:80", "[::1]:443", "[2001:db8::1]:65535"]) {
    assertEquals(formatAuthority(parseAuthority(authority)), authority);
  }
  assertEquals(formatAuthority({ hostname: "[::1]", port: 443 }), "[::1]:443");
});
