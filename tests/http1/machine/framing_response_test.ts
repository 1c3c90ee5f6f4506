/**
 * Where the body of a response ends: RFC 9112 §6. The rows are those of hyper's decoder table, and what smuggles.
 */

import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { clientSays } from "./machine_says.ts";

const chunkedHello = "5¶hello¶0¶¶";

/** A response to GET, unless `requests` in the options say otherwise. */
const responses: readonly (readonly [name: string, head: string, rest: string, says: readonly string[]])[] = [
  ["neither field: until close", "1.1 200 OK¶", "hi¶", ['200 "OK" 1.1 until-close', "body hi¶", "closed"]],
  ["Content-Length: 8", "1.1 200 OK¶Content-Length: 8¶", "12345678", [
    '200 "OK" 1.1 length:8',
    "body 12345678",
    "reusable",
    "closed",
  ]],
  ["equal lines", "1.1 200 OK¶Content-Length: 3¶Content-Length: 3¶", "abc", [
    '200 "OK" 1.1 length:3',
    "body abc",
    "reusable",
    "closed",
  ]],
  ["a list 3,3", "1.1 200 OK¶Content-Length: 3,3¶", "abc", ['200 "OK" 1.1 length:3', "body abc", "reusable", "closed"]],
  ["two lists 3,3", "1.1 200 OK¶Content-Length: 3,3¶Content-Length: 3 , 3¶", "abc", [
    '200 "OK" 1.1 length:3',
    "body abc",
    "reusable",
    "closed",
  ]],
  ["Transfer-Encoding: chunked", "1.1 200 OK¶Transfer-Encoding: chunked¶", chunkedHello, [
    '200 "OK" 1.1 chunked',
    "body hello",
    "reusable",
    "closed",
  ]],
  ["another coding: until close", "1.1 200 OK¶Transfer-Encoding: yolo¶", "hallo", [
    '200 "OK" 1.1 until-close',
    "body hallo",
    "closed",
  ]],
  ["chunked before another coding: until close", "1.1 200 OK¶Transfer-Encoding: chunked, gzip¶", "x", [
    '200 "OK" 1.1 until-close',
    "body x",
    "closed",
  ]],
  ["a coding with a quoted comma: until close", '1.1 200 OK¶Transfer-Encoding: a;b="c, chunked"¶', "x", [
    '200 "OK" 1.1 until-close',
    "body x",
    "closed",
  ]],
  ["another coding under chunked", "1.1 200 OK¶Transfer-Encoding: gzip, chunked¶", chunkedHello, [
    '200 "OK" 1.1 chunked',
    "body hello",
    "reusable",
    "closed",
  ]],
  ["a length beside another coding: until close [B1]", "1.1 200 OK¶Content-Length: 1¶Transfer-Encoding: x¶", "hi", [
    '200 "OK" 1.1 until-close',
    "body hi",
    "closed",
  ]],
  ["both fields: chunked, and close [B1]", "1.1 200 OK¶Content-Length: 3¶Transfer-Encoding: chunked¶", chunkedHello, [
    '200 "OK" 1.1 chunked',
    "body hello",
    "closed",
  ]],
  ["HTTP/1.0 without a length", "1.0 200 OK¶", "hi", ['200 "OK" 1.0 until-close', "body hi", "closed"]],
  ["204 whatever it says [B6]", "1.1 204 x¶Content-Length: 5¶", "", ['204 "x" 1.1 none', "reusable", "closed"]],
  ["304 whatever it says [B6]", "1.1 304 x¶Transfer-Encoding: chunked¶", "", [
    '304 "x" 1.1 none',
    "reusable",
    "closed",
  ]],
  ["204 with a length that is none [B6]", "1.1 204 x¶Content-Length: x¶", "", [
    '204 "x" 1.1 none',
    "reusable",
    "closed",
  ]],
  ["1xx whatever they say [B6]", "1.1 103 x¶Content-Length: 5¶¶HTTP/1.1 204 y¶", "", [
    "103 informational",
    '204 "y" 1.1 none',
    "reusable",
    "closed",
  ]],
];

for (const [name, head, rest, says] of responses) {
  test(`ClientMachine takes ${name} (RFC 9112 §6.3)`, () => {
    assertEquals(clientSays(`HTTP/${head}¶${rest}`, { eof: true }), says);
  });
}

const badResponses: readonly (readonly [name: string, head: string, says: string])[] = [
  ["lengths that differ [B4]", "1.1 200 OK¶Content-Length: 8¶Content-Length: 9¶", "502 bad-content-length"],
  ["a list of lengths that differ [B4]", "1.1 200 OK¶Content-Length: 3, 4¶", "502 bad-content-length"],
  ["a length with a sign [B4]", "1.1 200 OK¶Content-Length: +8¶", "502 bad-content-length"],
  ["a list of commas [B4]", "1.1 200 OK¶Content-Length: ,¶", "502 bad-content-length"],
  ["an empty length [B4]", "1.1 200 OK¶Content-Length:¶", "502 bad-content-length"],
  ["Transfer-Encoding from HTTP/1.0 [B5]", "1.0 200 OK¶Transfer-Encoding: chunked¶", "502 bad-transfer-encoding"],
  ["chunked twice", "1.1 200 OK¶Transfer-Encoding: chunked, chunked¶", "502 bad-transfer-encoding"],
  ["a parameter of chunked", "1.1 200 OK¶Transfer-Encoding: chunked;a=b¶", "502 bad-transfer-encoding"],
  [
    "a parameter of chunked before another coding",
    "1.1 200 OK¶Transfer-Encoding: chunked ;a=b, x¶",
    "502 bad-transfer-encoding",
  ],
  ["a malformed coding", "1.1 200 OK¶Transfer-Encoding: gzip chunked¶", "502 bad-transfer-encoding"],
  ["a quoted coding", '1.1 200 OK¶Transfer-Encoding: "chunked"¶', "502 bad-transfer-encoding"],
  ["chunked behind an open quote", '1.1 200 OK¶Transfer-Encoding: a;b="c, chunked¶', "502 bad-transfer-encoding"],
  ["no coding", "1.1 200 OK¶Transfer-Encoding:¶", "502 bad-transfer-encoding"],
  ["an empty element behind chunked", "1.1 200 OK¶Transfer-Encoding: chunked,¶", "502 bad-transfer-encoding"],
];

for (const [name, head, says] of badResponses) {
  test(`ClientMachine refuses ${name} (RFC 9112 §6.3)`, () => {
    assertEquals(clientSays(`HTTP/${head}¶hello`), [says, "rest hello"]);
  });
}

test("ClientMachine takes no body of a response to HEAD (RFC 9112 §6.3) [B6]", () => {
  const requests = [{ method: "HEAD", target: "/", fields: [] }];
  for (const line of ["Content-Length: 8", "Transfer-Encoding: chunked", "Content-Length: x", "X: y"]) {
    const says = ['200 "OK" 1.1 none', "reusable", "waiting"];
    assertEquals(clientSays(`HTTP/1.1 200 OK¶${line}¶¶`, { requests }), says);
  }
});

test("ClientMachine says truncated when a response ends early (RFC 9112 §8) [B12]", () => {
  const eof = true;
  assertEquals(clientSays("HTTP/1.1 200 OK¶Content-Length: 9¶¶hi", { eof }).slice(1), ["body hi", "502 truncated"]);
  const chunked = "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶9¶foo bar";
  assertEquals(clientSays(chunked, { eof }).slice(1), ["body foo bar", "502 truncated"]);
  assertEquals(clientSays("HTTP/1.1 200 OK¶", { eof })[0], "502 truncated");
  assertEquals(clientSays("", { eof })[0], "502 truncated");
});
