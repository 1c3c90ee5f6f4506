/**
 * Where the body of a request ends: RFC 9112 §6. The rows are those of hyper's decoder tables and of the smuggling
 * corpora (http-garden, Http11Probe, request-smuggler, llhttp), each with the one verdict that is ours.
 */

import { assertEquals } from "@std/assert";
import { test } from "node:test";
import type { Leniency } from "../../../src/http1/machine/limits.ts";
import { serverSays } from "./machine_says.ts";

const chunkedHello = "5¶hello¶0¶¶";

/** A POST with these field lines and these bytes behind its head. */
function post(lines: string, rest: string, version = "1.1"): string {
  return `POST / HTTP/${version}¶Host: a¶${lines}¶${rest}`;
}

const requests: readonly (readonly [name: string, lines: string, rest: string, says: readonly string[]])[] = [
  ["neither field: no body", "", "GET /2 HTTP/1.1¶Host: a¶¶", ["POST / 1.1 none", "GET /2 1.1 none", "waiting"]],
  ["Content-Length: 5", "Content-Length: 5¶", "hello", ["POST / 1.1 length:5", "body hello", "waiting"]],
  ["Content-Length: 0", "Content-Length: 0¶", "", ["POST / 1.1 length:0", "waiting"]],
  ["Content-Length in any case", "cONTENT-lENGTH:5¶", "hello", ["POST / 1.1 length:5", "body hello", "waiting"]],
  ["leading zeros, which 1*DIGIT allows", "Content-Length: 005¶", "hello", [
    "POST / 1.1 length:5",
    "body hello",
    "waiting",
  ]],
  ["white space around the length", "Content-Length: \t 5 \t¶", "hello", [
    "POST / 1.1 length:5",
    "body hello",
    "waiting",
  ]],
  ["two equal lines", "Content-Length: 5¶Content-Length: 5¶", "hello", [
    "POST / 1.1 length:5",
    "body hello",
    "waiting",
  ]],
  ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked¶", chunkedHello, [
    "POST / 1.1 chunked",
    "body hello",
    "waiting",
  ]],
  ["Transfer-Encoding in any case", "tRANSFER-eNCODING:cHUNKED¶", chunkedHello, [
    "POST / 1.1 chunked",
    "body hello",
    "waiting",
  ]],
  ["tabs and spaces around chunked", "Transfer-Encoding:\t chunked \t¶", chunkedHello, [
    "POST / 1.1 chunked",
    "body hello",
    "waiting",
  ]],
  ["a name that only begins like Content-Length", "Content-Lengthx: 5¶Content_Length: 5¶", "", [
    "POST / 1.1 none",
    "waiting",
  ]],
];

for (const [name, lines, rest, says] of requests) {
  test(`ServerMachine takes ${name} (RFC 9112 §6.3)`, () => assertEquals(serverSays(post(lines, rest)), says));
}

test("ServerMachine takes an HTTP/1.0 body by its length (hyper test_decoder_request)", () => {
  const says = ["POST / 1.0 length:5", "body hello", "closed", "rest X"];
  assertEquals(serverSays(post("Content-Length: 5¶", "helloX", "1.0")), says);
});

const badLengths: readonly (readonly [name: string, lines: string])[] = [
  ["two values that differ", "Content-Length: 5¶Content-Length: 6¶"],
  ["two spellings of one value", "Content-Length: 5¶Content-Length: 6¶Content-Length: 5¶"],
  ["a list of equal values", "Content-Length: 5, 5¶"],
  ["a list without spaces", "Content-Length: 5,5¶"],
  ["a list of values that differ", "Content-Length: 5, 6¶"],
  ["a list with an empty element", "Content-Length: 5,¶"],
  ["a line and a list", "Content-Length: 5¶Content-Length: 5, 5¶"],
  ["a plus sign", "Content-Length: +5¶"],
  ["a minus sign", "Content-Length: -5¶"],
  ["minus zero", "Content-Length: -0¶"],
  ["no value", "Content-Length:¶"],
  ["no value beside a good one", "Content-Length: 5¶Content-Length:¶"],
  ["letters", "Content-Length: foo¶"],
  ["letters behind digits", "Content-Length: 5x¶"],
  ["hexadecimal", "Content-Length: 0x5¶"],
  ["octal", "Content-Length: 0o5¶"],
  ["an underscore", "Content-Length: 1_0¶"],
  ["a decimal point", "Content-Length: 5.0¶"],
  ["an exponent", "Content-Length: 5e0¶"],
  ["a space within", "Content-Length: 5 0¶"],
  ["quotes", 'Content-Length: "5"¶'],
  ["a parameter", "Content-Length: 5;a=b¶"],
  ["full-width digits in UTF-8", "Content-Length: \xef\xbc\x95¶"],
  ["a superscript digit", "Content-Length: \xb2¶"],
  ["a no-break space", "Content-Length: \xa05¶"],
  ["2^53", "Content-Length: 9007199254740992¶"],
  ["2^64 + 5", "Content-Length: 18446744073709551621¶"],
];

for (const [name, lines] of badLengths) {
  test(`ServerMachine refuses Content-Length with ${name} (RFC 9112 §6.3) [B4]`, () => {
    assertEquals(serverSays(post(lines, "hello")), ["400 bad-content-length", "rest hello"]);
  });
}

test("ServerMachine takes a Content-Length of 2^53 - 1 (RFC 9112 §6.3) [B4]", () => {
  const says = ["POST / 1.1 length:9007199254740991", "body hello", "400 truncated"];
  assertEquals(serverSays(post("Content-Length: 9007199254740991¶", "hello"), { eof: true }), says);
});

const badCodings: readonly (readonly [name: string, lines: string, says: string])[] = [
  ["a coding that is not chunked [B2]", "Transfer-Encoding: gzip¶", "400 bad-transfer-encoding"],
  ["identity [B2]", "Transfer-Encoding: identity¶", "400 bad-transfer-encoding"],
  ["chunked before the last one [B2]", "Transfer-Encoding: chunked, gzip¶", "400 bad-transfer-encoding"],
  [
    "chunked before the last line [B2]",
    "Transfer-Encoding: chunked¶Transfer-Encoding: gzip¶",
    "400 bad-transfer-encoding",
  ],
  ["something that ends like chunked [B2]", "Transfer-Encoding: xchunked¶", "400 bad-transfer-encoding"],
  ["something that begins like chunked [B2]", "Transfer-Encoding: chunkedx¶", "400 bad-transfer-encoding"],
  ["chunked afterlol [B2]", "Transfer-Encoding: chunked¶Transfer-Encoding: afterlol¶", "400 bad-transfer-encoding"],
  ["chunked in quotes [B2]", 'Transfer-Encoding: "chunked"¶', "400 bad-transfer-encoding"],
  ["chunked in single quotes [B2]", "Transfer-Encoding: 'chunked'¶", "400 bad-transfer-encoding"],
  ["a parameter of chunked [B2]", "Transfer-Encoding: chunked;q=1¶", "400 bad-transfer-encoding"],
  ["obs-text before chunked [B2]", "Transfer-Encoding: \xa0chunked¶", "400 bad-transfer-encoding"],
  ["obs-text behind chunked [B2]", "Transfer-Encoding: chunked\x85¶", "400 bad-transfer-encoding"],
  ["two words [B2]", "Transfer-Encoding: gzip chunked¶", "400 bad-transfer-encoding"],
  ["a list by semicolons [B2]", "Transfer-Encoding: gzip; chunked¶", "400 bad-transfer-encoding"],
  ["no coding [B2]", "Transfer-Encoding:¶", "400 bad-transfer-encoding"],
  ["only commas [B2]", "Transfer-Encoding: ,,¶", "400 bad-transfer-encoding"],
  ["an empty element behind chunked [B2]", "Transfer-Encoding: chunked,¶", "400 bad-transfer-encoding"],
  ["an empty element before chunked [B2]", "Transfer-Encoding: ,chunked¶", "400 bad-transfer-encoding"],
  ["an empty line before chunked [B2]", "Transfer-Encoding:¶Transfer-Encoding: chunked¶", "400 bad-transfer-encoding"],
  ["chunked twice [B2]", "Transfer-Encoding: chunked, chunked¶", "400 bad-transfer-encoding"],
  ["chunked in two lines [B2]", "Transfer-Encoding: chunked¶Transfer-Encoding: chunked¶", "400 bad-transfer-encoding"],
  [
    "chunked twice with another between [B2]",
    "Transfer-Encoding: chunked, gzip, chunked¶",
    "400 bad-transfer-encoding",
  ],
  ["a malformed coding before chunked [B2]", "Transfer-Encoding: gz[ip, chunked¶", "400 bad-transfer-encoding"],
  ["chunked behind an open quote [B2]", 'Transfer-Encoding: gzip;a="b, chunked¶', "400 bad-transfer-encoding"],
  ["chunked in a quoted parameter [B2]", 'Transfer-Encoding: gzip;a="b, chunked"¶', "400 bad-transfer-encoding"],
  ["a parameter of chunked before it [B2]", "Transfer-Encoding: chunked;a=b, chunked¶", "400 bad-transfer-encoding"],
  ["a parameter without a value [B2]", "Transfer-Encoding: gzip;a, chunked¶", "400 bad-transfer-encoding"],
  [
    "a coding with parameters [B3]",
    'Transfer-Encoding: a ; b = "c, d" ;e=f, chunked¶',
    "501 unsupported-transfer-coding",
  ],
  ["a coding before chunked [B3]", "Transfer-Encoding: gzip, chunked¶", "501 unsupported-transfer-coding"],
  [
    "a coding in a line before chunked [B3]",
    "Transfer-Encoding: gzip¶Transfer-Encoding: chunked¶",
    "501 unsupported-transfer-coding",
  ],
  ["an unknown coding before chunked [B3]", "Transfer-Encoding: xchunked, chunked¶", "501 unsupported-transfer-coding"],
  ["identity before chunked [B3]", "Transfer-Encoding: identity, chunked¶", "501 unsupported-transfer-coding"],
];

for (const [name, lines, says] of badCodings) {
  test(`ServerMachine refuses Transfer-Encoding with ${name} (RFC 9112 §6.1)`, () => {
    assertEquals(serverSays(post(lines, chunkedHello)), [says, `rest ${chunkedHello}`]);
  });
}

/** What some readers take for Transfer-Encoding or for chunked, refused in the grammar of fields already. */
const badCodingLines: readonly (readonly [name: string, line: string, code: string])[] = [
  ["a space before the colon", "Transfer-Encoding : chunked", "bad-field-name"],
  ["a tab before the colon", "Transfer-Encoding\t: chunked", "bad-field-name"],
  ["a NUL behind the name", "Transfer-Encoding\0: chunked", "bad-field-name"],
  ["a no-break space behind the name", "Transfer-Encoding\xa0: chunked", "bad-field-name"],
  ["a space in the name", "Transfer Encoding: chunked", "bad-field-name"],
  ["a vertical tab before chunked", "Transfer-Encoding: \x0bchunked", "bad-field-value"],
  ["a form feed before chunked", "Transfer-Encoding: \x0cchunked", "bad-field-value"],
  ["a NUL behind chunked", "Transfer-Encoding: chunked\0", "bad-field-value"],
  ["a backspace in chunked", "Transfer-Encoding: chun\x08ked", "bad-field-value"],
  ["a CR before chunked", "Transfer-Encoding: \rchunked", "bad-line-end"],
  ["a CR behind chunked", "Transfer-Encoding: chunked\rX: y", "bad-line-end"],
  ["an LF in place of CR LF", "Transfer-Encoding: chunked\nX: y", "bad-line-end"],
  ["chunked in a folded line", "Transfer-Encoding:¶ chunked", "obsolete-fold"],
  ["a folded name", "Transfer-Encoding¶ : chunked", "bad-field-name"],
  ["a line that begins with a space", "X: y¶ Transfer-Encoding: chunked", "obsolete-fold"],
];

for (const [name, line, code] of badCodingLines) {
  test(`ServerMachine refuses Transfer-Encoding with ${name} (RFC 9112 §5) [H2]`, () => {
    const input = post(`${line}¶Content-Length: 5¶`, "hello");
    assertEquals(serverSays(input), [`400 ${code}`, `rest ${input}`]);
  });
}

const conflicts: readonly (readonly [name: string, lines: string])[] = [
  ["Content-Length before Transfer-Encoding", "Content-Length: 11¶Transfer-Encoding: chunked¶"],
  ["Transfer-Encoding before Content-Length", "Transfer-Encoding: chunked¶Content-Length: 11¶"],
  ["Content-Length between two codings", "Transfer-Encoding: gzip¶Content-Length: 5¶Transfer-Encoding: chunked¶"],
  ["Connection: keep-alive beside both", "Connection: keep-alive¶Content-Length: 5¶Transfer-Encoding: chunked¶"],
  ["a Content-Length of 0", "Content-Length: 0¶Transfer-Encoding: chunked¶"],
  ["an invalid Content-Length", "Content-Length: x¶Transfer-Encoding: chunked¶"],
  ["an unknown coding", "Content-Length: 5¶Transfer-Encoding: xchunked¶"],
  ["an empty coding", "Content-Length: 5¶Transfer-Encoding:¶"],
];

for (const [name, lines] of conflicts) {
  test(`ServerMachine refuses both fields: ${name} (RFC 9112 §6.1) [B1]`, () => {
    assertEquals(serverSays(post(lines, chunkedHello)), ["400 framing-conflict", `rest ${chunkedHello}`]);
  });
}

test("ServerMachine lets Transfer-Encoding win with lengthWithChunked, and closes (RFC 9112 §6.1) [B1]", () => {
  const leniency: Leniency = { lengthWithChunked: true };
  const sneaky = "GET /sneaky HTTP/1.1¶Host: a¶¶";
  for (const lines of conflicts.slice(0, 2).map(([, lines]) => lines)) {
    const says = ["POST / 1.1 chunked", "body hello", "closed", `rest ${sneaky}`];
    assertEquals(serverSays(post(lines, chunkedHello + sneaky), { leniency }), says);
  }
  const keepAlive = "Connection: keep-alive¶Content-Length: 5¶Transfer-Encoding: chunked¶";
  assertEquals(serverSays(post(keepAlive, chunkedHello), { leniency }).at(-1), "closed");
});

test("ServerMachine refuses Transfer-Encoding on HTTP/1.0 (RFC 9112 §6.1) [B5]", () => {
  const says = ["400 bad-transfer-encoding", `rest ${chunkedHello}`];
  assertEquals(serverSays(post("Transfer-Encoding: chunked¶", chunkedHello, "1.0")), says);
});

test("ServerMachine says truncated when a body by length ends early (RFC 9112 §8) [B12]", () => {
  const says = ["POST / 1.1 length:10", "body 12345", "400 truncated"];
  assertEquals(serverSays(post("Content-Length: 10¶", "12345"), { eof: true }), says);
});

test("ServerMachine gives a body to its last byte and not one more (RFC 9112 §6.3)", () => {
  const says = ["GET / 1.1 length:19", "body I'm a good request.", "closed", "rest I shouldn't be read."];
  const input = "GET / HTTP/1.1¶Host: a¶Connection: close¶Content-Length: 19¶¶I'm a good request.I shouldn't be read.";
  assertEquals(serverSays(input), says);
});
