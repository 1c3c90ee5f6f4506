/**
 * Requests in requests: what a server makes of a whole connection on which two readers could disagree about where a
 * message ends. RFC 9112 §11.2; the cases of Http11Probe, http-garden and request-smuggler that tables of one request
 * do not show.
 */

import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { serverSays } from "./machine_says.ts";

const sneaky = "GET /sneaky HTTP/1.1¶Host: a¶¶";
const length = sneaky.replaceAll("¶", "\r\n").length;

/** What comes on a connection, and all that is made of it. */
const connections: readonly (readonly [name: string, input: string, says: readonly string[]])[] = [
  [
    "requests in a row, which are just that",
    `GET /1 HTTP/1.1¶Host: a¶¶${sneaky}`,
    ["GET /1 1.1 none", "GET /sneaky 1.1 none", "waiting"],
  ],
  [
    "a request in the body of a POST",
    `POST / HTTP/1.1¶Host: a¶Content-Length: ${length}¶¶${sneaky}`,
    [`POST / 1.1 length:${length}`, `body ${sneaky}`, "waiting"],
  ],
  [
    "a request in the body of a GET",
    `GET / HTTP/1.1¶Host: a¶Content-Length: ${length}¶¶${sneaky}`,
    [`GET / 1.1 length:${length}`, `body ${sneaky}`, "waiting"],
  ],
  [
    "a request in the body of a HEAD",
    `HEAD / HTTP/1.1¶Host: a¶Content-Length: ${length}¶¶${sneaky}`,
    [`HEAD / 1.1 length:${length}`, `body ${sneaky}`, "waiting"],
  ],
  [
    "a request in the body of an OPTIONS",
    `OPTIONS * HTTP/1.1¶Host: a¶Content-Length: ${length}¶¶${sneaky}`,
    [`OPTIONS * 1.1 length:${length}`, `body ${sneaky}`, "waiting"],
  ],
  [
    "a request in a chunk",
    `POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶${length.toString(16)}¶${sneaky}¶0¶¶`,
    ["POST / 1.1 chunked", `body ${sneaky}`, "waiting"],
  ],
  [
    "a request in a chunk extension",
    `POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶0;a="GET /sneaky HTTP/1.1"¶Host: a¶¶`,
    ["POST / 1.1 chunked", "body ", "waiting"],
  ],
  [
    "a request in a malformed chunk extension, which ends the connection",
    `POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶0;${sneaky}`,
    ["POST / 1.1 chunked", "400 bad-chunk-size", "rest /sneaky HTTP/1.1¶Host: a¶¶"],
  ],
  [
    "a request in a trailer",
    `POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶0¶X: ${sneaky}`,
    ["POST / 1.1 chunked", "body ", "trailers [X: GET /sneaky HTTP/1.1]", "waiting"],
  ],
  [
    "the beginning of a request behind a body of length 0",
    `POST / HTTP/1.1¶Host: a¶Content-Length: 0¶¶GET /sneaky HTTP/1.1¶X: ${sneaky}`,
    ["POST / 1.1 length:0", "GET /sneaky 1.1 none", "waiting"],
  ],
  [
    "a body that nothing announced",
    `POST / HTTP/1.1¶Host: a¶¶hello${sneaky}`,
    ["POST / 1.1 none", "helloGET /sneaky 1.1 none", "waiting"],
  ],
  [
    "a body that waits for a 100",
    `POST / HTTP/1.1¶Host: a¶Expect: 100-continue¶Content-Length: 5¶¶hello${sneaky}`,
    ["POST / 1.1 length:5 expects-100", "body hello", "GET /sneaky 1.1 none", "waiting"],
  ],
  [
    "a request behind close",
    `POST / HTTP/1.1¶Host: a¶Connection: close¶Content-Length: 5¶¶hello${sneaky}`,
    ["POST / 1.1 length:5", "body hello", "closed", `rest ${sneaky}`],
  ],
  [
    "digits that octal readers would halve",
    `POST / HTTP/1.1¶Host: a¶Content-Length: 010¶¶0123456789${sneaky}`,
    ["POST / 1.1 length:10", "body 0123456789", "GET /sneaky 1.1 none", "waiting"],
  ],
  [
    "a name that CGI would take for Transfer-Encoding",
    `POST / HTTP/1.1¶Host: a¶Content-Length: 5¶Transfer_Encoding: chunked¶¶0¶¶${sneaky}`,
    ["POST / 1.1 length:5", "body 0¶¶", "GET /sneaky 1.1 none", "waiting"],
  ],
  [
    "framing in the trailers",
    `POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶0¶Content-Length: ${length}¶Host: b¶¶${sneaky}`,
    ["POST / 1.1 chunked", "body ", "GET /sneaky 1.1 none", "waiting"],
  ],
  [
    "an empty line behind a body",
    `POST / HTTP/1.1¶Host: a¶Content-Length: 5¶¶hello¶${sneaky}`,
    ["POST / 1.1 length:5", "body hello", "GET /sneaky 1.1 none", "waiting"],
  ],
];

for (const [name, input, says] of connections) {
  test(`ServerMachine takes ${name} one way (RFC 9112 §11.2) [H2]`, () => {
    assertEquals(serverSays(input), says);
  });
}

/** Heads that two readers could take for different ones, and what is said to them. */
const refused: readonly (readonly [name: string, head: string, says: string])[] = [
  ["both framings", "Content-Length: 4¶Transfer-Encoding: chunked¶", "400 framing-conflict"],
  [
    "both framings and close",
    "Connection: close¶Content-Length: 4¶Transfer-Encoding: chunked¶",
    "400 framing-conflict",
  ],
  ["both framings, the coding in mixed case", "Content-Length: 4¶Transfer-Encoding: ChUnKeD¶", "400 framing-conflict"],
  [
    "both framings, a comma before the coding",
    "Content-Length: 4¶Transfer-Encoding: ,chunked¶",
    "400 framing-conflict",
  ],
  ["both framings, a length with a sign", "Content-Length: +4¶Transfer-Encoding: chunked¶", "400 framing-conflict"],
  [
    "both framings, two lines of codings",
    "Content-Length: 4¶Transfer-Encoding: chunked¶Transfer-Encoding: x¶",
    "400 framing-conflict",
  ],
  ["both framings, the coding folded", "Content-Length: 4¶Transfer-Encoding:¶ chunked¶", "400 obsolete-fold"],
  ["both framings, a space before the colon", "Content-Length: 4¶Transfer-Encoding : chunked¶", "400 bad-field-name"],
  ["two lengths", `Content-Length: 4¶Content-Length: ${length + 4}¶`, "400 bad-content-length"],
  ["three equal lengths in a list", "Content-Length: 4, 4, 4¶", "400 bad-content-length"],
  ["a length with a comment", "Content-Length: 4 (four)¶", "400 bad-content-length"],
  ["a field hidden behind a CR", "X: y\rTransfer-Encoding: chunked¶", "400 bad-line-end"],
  ["a field hidden behind an LF", "X: y\nTransfer-Encoding: chunked¶", "400 bad-line-end"],
  ["a field hidden behind a NUL", "X: y\0Transfer-Encoding: chunked¶", "400 bad-field-value"],
  ["the end of the head hidden behind a CR", "\rX: y¶", "400 bad-line-end"],
  ["the end of the head hidden behind an LF", "\n", "400 bad-line-end"],
  ["two hosts", "Host: b¶", "400 bad-host"],
];

for (const [name, head, says] of refused) {
  test(`ServerMachine refuses ${name}, and reads no request behind it (RFC 9112 §11.2) [H2]`, () => {
    const said = serverSays(`POST / HTTP/1.1¶Host: a¶${head}¶0¶¶${sneaky}`);
    assertEquals([said.length, said[0], said[1]!.endsWith(sneaky)], [2, says, true]);
  });
}
