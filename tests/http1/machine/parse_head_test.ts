/**
 * The grammar of heads: RFC 9112 §2–5, in its order.
 */

import { assertEquals } from "@std/assert";
import { test } from "node:test";
import type { Leniency } from "../../../src/http1/machine/limits.ts";
import { clientSays, serverSays } from "./machine_says.ts";

/** What the row shows, the bytes, what the machine says, and what it lets pass. */
type Row = readonly [name: string, input: string, says: readonly string[], leniency?: Leniency];

const LENIENT: Leniency = {
  bareLf: true,
  spaceBeforeColon: true,
  obsoleteFold: true,
  invalidFields: true,
  multipleSpaces: true,
};

const emptyLines: Row[] = [
  ["skips one empty line [A4]", "¶GET / HTTP/1.1¶Host: a¶¶", ["GET / 1.1 none", "waiting"]],
  ["refuses two empty lines [A4]", "¶¶GET / HTTP/1.1¶Host: a¶¶", [
    "400 bad-line-end",
    "rest ¶¶GET / HTTP/1.1¶Host: a¶¶",
  ]],
  ["skips one empty line between requests [A4]", "GET /1 HTTP/1.1¶Host: a¶¶¶GET /2 HTTP/1.1¶Host: a¶¶", [
    "GET /1 1.1 none",
    "GET /2 1.1 none",
    "waiting",
  ]],
  [
    "skips an empty line behind a body that ends in CR",
    "POST / HTTP/1.1¶Host: a¶Content-Length: 1¶¶\r¶GET /2 HTTP/1.1¶Host: a¶¶",
    [
      "POST / 1.1 length:1",
      "body \r",
      "GET /2 1.1 none",
      "waiting",
    ],
  ],
  ["takes no CR of a body for that of an empty line", "POST / HTTP/1.1¶Host: a¶Content-Length: 1¶¶\r\nGET /2", [
    "POST / 1.1 length:1",
    "body \r",
    "400 bad-method",
    "rest \nGET /2",
  ]],
  ["waits behind an empty line", "¶", ["waiting", "rest ¶"]],
  ["refuses a lone LF before the request line [A3]", "\nGET / HTTP/1.1¶¶", [
    "400 bad-method",
    "rest \nGET / HTTP/1.1¶¶",
  ]],
  ["skips a lone LF with bareLf [A3]", "\nGET / HTTP/1.1¶Host: a¶¶", ["GET / 1.1 none", "waiting"], { bareLf: true }],
  ["refuses a CR alone before the request line [A2]", "\rGET / HTTP/1.1¶¶", [
    "400 bad-line-end",
    "rest \rGET / HTTP/1.1¶¶",
  ]],
  ["refuses two CRs before the request line [A2]", "\r¶GET /", ["400 bad-line-end", "rest \r¶GET /"]],
];

for (const [name, input, says, leniency] of emptyLines) {
  test(`ServerMachine ${name} (RFC 9112 §2.2)`, () => assertEquals(serverSays(input, { leniency }), says));
}

/** What comes before a status line, what is said to it, and what with `emptyLineBeforeResponse`. */
const linesBeforeResponses: readonly (readonly [name: string, before: string, strict: string, lenient: string])[] = [
  ["an empty line", "¶", "502 bad-version", '204 "x" 1.1 none'],
  ["two empty lines", "¶¶", "502 bad-version", "502 bad-line-end"],
  ["a lone LF [A3]", "\n", "502 bad-version", "502 bad-version"],
  ["a CR alone [A2]", "\r", "502 bad-version", "502 bad-line-end"],
  ["two CRs [A2]", "\r¶", "502 bad-version", "502 bad-line-end"],
  ["a space", " ", "502 bad-version", "502 bad-version"],
  ["an empty line and a space", "¶ ", "502 bad-version", "502 bad-version"],
];

for (const [name, before, strict, lenient] of linesBeforeResponses) {
  const leniency = { emptyLineBeforeResponse: true };

  test(`ClientMachine refuses ${name} before a response; ${lenient} when lenient (RFC 9112 §4)`, () => {
    const input = `${before}HTTP/1.1 204 x¶¶`;
    assertEquals(clientSays(input), [strict, `rest ${input}`]);
    assertEquals(clientSays(input, { leniency })[0], lenient);
  });
}

test("ClientMachine skips an empty line behind a 1xx with emptyLineBeforeResponse, fields and all (RFC 9112 §4)", () => {
  const input = "HTTP/1.1 100 Continue¶¶¶HTTP/1.1 404 Not Found¶A: b¶Content-Length: 2¶¶no";
  assertEquals(clientSays(input).slice(0, 2), ["100 informational", "502 bad-version"]);
  const says = [
    "100 informational []",
    '404 "Not Found" 1.1 length:2 [A: b; Content-Length: 2]',
    "body no",
    "reusable",
  ];
  const run = { leniency: { emptyLineBeforeResponse: true }, fields: true };
  assertEquals(clientSays(input, run).slice(0, 4), says);
});

test("ClientMachine takes a lone LF for an empty line with bareLf as well only (RFC 9112 §2.2) [A3]", () => {
  const input = "\nHTTP/1.1 204 x¶¶";
  assertEquals(clientSays(input, { leniency: { bareLf: true } })[0], "502 bad-version");
  const leniency = { bareLf: true, emptyLineBeforeResponse: true };
  assertEquals(clientSays(input, { leniency })[0], '204 "x" 1.1 none');
});

test("ClientMachine says truncated when nothing follows an empty line (RFC 9112 §8) [B12]", () => {
  const run = { leniency: { emptyLineBeforeResponse: true }, eof: true };
  assertEquals(clientSays("¶", run)[0], "502 truncated");
});

test("ClientMachine takes no empty line for a part of no exchange, however lenient (RFC 9112 §9.2) [B15]", () => {
  const run = { leniency: { emptyLineBeforeResponse: true } };
  assertEquals(clientSays("HTTP/1.1 204 x¶¶¶", run)[2], "502 unexpected-message");
});

/** Request lines that are refused; the rest of each head is sound. */
const badRequestLines: readonly (readonly [name: string, line: string, says: string])[] = [
  ["a method with @", "G@T / HTTP/1.1", "400 bad-method"],
  ["a method cut in two", "GE T / HTTP/1.1", "400 bad-version"],
  ["a space before the method", " GET / HTTP/1.1", "400 bad-method"],
  ["a tab behind the method", "GET\t/ HTTP/1.1", "400 bad-method"],
  ["a method of obs-text", "G\xc9T / HTTP/1.1", "400 bad-method"],
  ["a NUL in the method", "GE\0T / HTTP/1.1", "400 bad-method"],
  ["a method alone", "GET", "400 bad-method"],
  ["a line of spaces", "   ", "400 bad-method"],
  ["two spaces behind the method", "GET  / HTTP/1.1", "400 bad-target"],
  ["two spaces behind the target", "GET /  HTTP/1.1", "400 bad-version"],
  ["a space behind the version", "GET / HTTP/1.1 ", "400 bad-version"],
  ["a tab behind the version", "GET / HTTP/1.1\t", "400 bad-version"],
  ["a tab before the version", "GET /\tHTTP/1.1", "400 bad-target"],
  ["a space in the target", "GET /a b HTTP/1.1", "400 bad-version"],
  ["a NUL in the target", "GET /\0a HTTP/1.1", "400 bad-target"],
  ["a DEL in the target", "GET /\x7f HTTP/1.1", "400 bad-target"],
  ["a CR in the target", "GET /\ra HTTP/1.1", "400 bad-target"],
  ["a fragment in the target", "GET /a#b HTTP/1.1", "400 bad-target"],
  ["UTF-8 in the target", "GET /caf\xc3\xa9 HTTP/1.1", "400 bad-target"],
  ["no version, as in HTTP/0.9", "GET /", "400 bad-target"],
  ["HTTP/1.2", "GET / HTTP/1.2", "400 bad-version"],
  ["HTTP/1.9", "GET / HTTP/1.9", "400 bad-version"],
  ["HTTP/2.0", "GET / HTTP/2.0", "505 bad-version"],
  ["HTTP/3.0", "GET / HTTP/3.0", "505 bad-version"],
  ["HTTP/0.9 by name", "GET / HTTP/0.9", "505 bad-version"],
  ["HTTP/9.9", "GET / HTTP/9.9", "505 bad-version"],
  ["a version in lower case", "GET / http/1.1", "400 bad-version"],
  ["a version of two digits", "GET / HTTP/1.10", "400 bad-version"],
  ["a zero before the version", "GET / HTTP/01.1", "400 bad-version"],
  ["a comma in the version", "GET / HTTP/1,1", "400 bad-version"],
  ["a version without digits", "GET / HTTP/x.x", "400 bad-version"],
  ["HTTP/1", "GET / HTTP/1", "400 bad-version"],
  ["another protocol", "GET / RTSP/1.0", "400 bad-version"],
  ["something behind the version", "GET / HTTP/1.1x", "400 bad-version"],
  ["a CR alone behind the version [A2]", "GET / HTTP/1.1\rX: y", "400 bad-line-end"],
  ["two CRs behind the version [A2]", "GET / HTTP/1.1\r", "400 bad-line-end"],
];

for (const [name, line, says] of badRequestLines) {
  test(`ServerMachine refuses ${name} (RFC 9112 §3)`, () => {
    const input = `${line}¶Host: a¶¶`;
    assertEquals(serverSays(input), [says, `rest ${input}`]);
  });
}

test("ServerMachine refuses lone LFs as line ends (RFC 9112 §2.2) [A3]", () => {
  assertEquals(serverSays("GET / HTTP/1.1\nHost: a\n\n")[0], "400 bad-line-end");
  assertEquals(serverSays("GET / HTTP/1.1¶Host: a\n¶")[0], "400 bad-line-end");
  assertEquals(serverSays("GET / HTTP/1.1¶Host: a¶\n")[0], "400 bad-line-end");
});

test("ServerMachine takes lone LFs as line ends with bareLf (RFC 9112 §2.2) [A3]", () => {
  const leniency = { bareLf: true };
  for (const end of ["\n\n", "\n¶", "¶\n", "¶¶"]) {
    const says = ["GET / 1.1 none [Host: a]", "waiting", "rest x"];
    assertEquals(serverSays(`GET / HTTP/1.1\nHost: a${end}x`, { leniency, fields: true }), says);
  }
});

test("ServerMachine knows no end of a head in an LF and a half line end (hyper test_is_complete_fast)", () => {
  const leniency = { bareLf: true };
  for (const end of ["¶\r", "\n", "\n\r"]) {
    const input = `GET / HTTP/1.1¶Host: a${end}`;
    assertEquals(serverSays(input, { leniency }), ["waiting", `rest ${input}`]);
  }
});

test("ServerMachine takes a method in lower case as another method (RFC 9110 §9.1)", () => {
  assertEquals(serverSays("get /1 HTTP/1.1¶Host: a¶¶"), ["get /1 1.1 none", "waiting"]);
});

for (const method of ["GET", "SET", "GOT", "GEX", "GETS", "GE", "Get", "PATCH", "M-SEARCH", "!#$%&'*+-.^_`|~"]) {
  test(`ServerMachine takes the method ${method} as it is spelled (RFC 9110 §9.1)`, () => {
    assertEquals(serverSays(`${method} / HTTP/1.1¶Host: a¶¶`), [`${method} / 1.1 none`, "waiting"]);
  });
}

test("ServerMachine takes several spaces in a request line with multipleSpaces (RFC 9112 §3)", () => {
  const input = "GET  /echo   HTTP/1.1¶Host: a¶¶";
  assertEquals(serverSays(input, { leniency: { multipleSpaces: true } }), ["GET /echo 1.1 none", "waiting"]);
});

test("ServerMachine names the HTTP/2 preface (RFC 9113 §3.4)", () => {
  const preface = "PRI * HTTP/2.0¶¶SM¶¶";
  assertEquals(serverSays(preface), ["505 http2-preface", `rest ${preface}`]);
});

/** Field sections behind a sound request line, and what the fields read as. */
const fieldSections: Row[] = [
  ["keeps order, spelling and repetitions", "X-b: 1¶x-B: 2¶A: 3¶", ["X-b: 1; x-B: 2; A: 3"]],
  ["trims spaces and tabs around a value", "A: \t b c\t ¶", ["A: b c"]],
  ["needs no space behind the colon", "A:b¶", ["A: b"]],
  ["takes an empty value", "A:¶B: \t ¶", ["A: ; B: "]],
  ["keeps colons in a value", "A: b: c:¶", ["A: b: c:"]],
  ["keeps tabs in a value (hyper parse_header_htabs)", "server: hello\tworld¶", ["server: hello\tworld"]],
  ["keeps UTF-8 byte for byte [A12]", "A: caf\xc3\xa9 \xff\x80¶", ["A: caf\xc3\xa9 \xff\x80"]],
  ["takes every character of a token in a name", "!#$%&'*+-.^_`|~09azAZ: x¶", ["!#$%&'*+-.^_`|~09azAZ: x"]],
];

for (const [name, section, [fields]] of fieldSections) {
  test(`ServerMachine ${name} (RFC 9112 §5)`, () => {
    const says = [`GET / 1.1 none [Host: a; ${fields}]`, "waiting"];
    assertEquals(serverSays(`GET / HTTP/1.1¶Host: a¶${section}¶`, { fields: true }), says);
  });
}

/** Field lines that break the grammar; refused from either side, and skipped or repaired where that is asked for. */
const badFieldLines: readonly (readonly [name: string, line: string, code: string, lenient: string])[] = [
  ["white space before the colon [A6]", "X : y", "bad-field-name", "[X: y; Z: 1]"],
  ["a tab before the colon [A6]", "X\t: y", "bad-field-name", "[X: y; Z: 1]"],
  ["white space in a name", "X Y: z", "bad-field-name", "[Z: 1]"],
  ["no colon", "X", "bad-field-name", "[Z: 1]"],
  ["no name", ": y", "bad-field-name", "[Z: 1]"],
  ["@ in a name", "X@: y", "bad-field-name", "[Z: 1]"],
  ["obs-text in a name", "X\xeb: y", "bad-field-name", "[Z: 1]"],
  ["a quoted name", '"X": y', "bad-field-name", "[Z: 1]"],
  ["a vertical tab in a value [A8]", "X: a\x0bb", "bad-field-value", "[Z: 1]"],
  ["a form feed in a value [A8]", "X: a\x0cb", "bad-field-value", "[Z: 1]"],
  ["a DEL in a value [A8]", "X: a\x7fb", "bad-field-value", "[Z: 1]"],
  ["an escape in a value [A8]", "X: \x1b[0m", "bad-field-value", "[Z: 1]"],
  ["a NUL in a value [A8]", "X: a\0b", "bad-field-value", "bad-line-end"],
  ["a NUL in a name [A8]", "X\0: b", "bad-field-name", "bad-line-end"],
  ["a CR alone in a value [A2]", "X: a\rb", "bad-line-end", "bad-line-end"],
  ["a CR before the CR LF [A2]", "X: a\r", "bad-line-end", "bad-line-end"],
  ["a CR in a name [A2]", "X\ry: b", "bad-field-name", "bad-line-end"],
  ["a CR behind the colon [A2]", "X:\rY: b", "bad-line-end", "bad-line-end"],
  ["an LF alone in a value [A3]", "X: a\nY: b", "bad-line-end", "[X: a; Y: b; Z: 1]"],
];

for (const [name, line, code, lenient] of badFieldLines) {
  test(`ServerMachine refuses ${name} (RFC 9112 §5)`, () => {
    const input = `GET / HTTP/1.1¶Host: a¶${line}¶¶`;
    assertEquals(serverSays(input), [`400 ${code}`, `rest ${input}`]);
  });

  test(`ClientMachine refuses ${name}, and deals with it when lenient (RFC 9112 §5)`, () => {
    const input = `HTTP/1.1 204 x¶${line}¶Z: 1¶¶`;
    assertEquals(clientSays(input)[0], `502 ${code}`);
    const leniency = LENIENT;
    const says = lenient.startsWith("[") ? `204 "x" 1.1 none ${lenient}` : `502 ${lenient}`;
    assertEquals(clientSays(input, { leniency, fields: true })[0], says);
  });
}

test("ServerMachine refuses white space before the first field (RFC 9112 §2.2) [A5]", () => {
  assertEquals(serverSays("GET / HTTP/1.1¶ Host: a¶¶")[0], "400 bad-field-name");
  assertEquals(serverSays("GET / HTTP/1.1¶\tHost: a¶¶", { leniency: LENIENT })[0], "400 bad-field-name");
});

test("ServerMachine refuses a folded line however lenient it is (RFC 9112 §5.2) [A7]", () => {
  for (const fold of [" b", "\tb", " ", " Transfer-Encoding: chunked"]) {
    const input = `GET / HTTP/1.1¶Host: a¶X: a¶${fold}¶¶`;
    assertEquals(serverSays(input, { leniency: LENIENT }), ["400 obsolete-fold", `rest ${input}`]);
  }
});

/** Folded values as they arrive, and as they read with `obsoleteFold`. */
const folds: readonly (readonly [name: string, lines: string, fields: string])[] = [
  ["a fold", "F: just¶ some¶\t folding", "F: just some folding"],
  ["white space around a fold", "F: a \t¶ \t b", "F: a b"],
  ["a value that begins with a fold", "F:¶ a", "F: a"],
  ["a value that is only folds", "F:¶ ¶\t", "F: "],
  ["an empty fold at the end", "F: a¶ ", "F: a"],
  ["empty folds within", "F: a¶ ¶ ¶ b", "F: a b"],
  ["a field behind a fold", "F: a¶ b¶G: c", "F: a b; G: c"],
  ["a colon in a fold", "F: a¶ G: c", "F: a G: c"],
];

for (const [name, lines, fields] of folds) {
  test(`ClientMachine refuses ${name}, and joins it with one space with obsoleteFold (RFC 9112 §5.2) [A7]`, () => {
    const input = `HTTP/1.1 204 x¶${lines}¶¶`;
    assertEquals(clientSays(input)[0], "502 obsolete-fold");
    const run = { leniency: { obsoleteFold: true }, fields: true };
    assertEquals(clientSays(input, run)[0], `204 "x" 1.1 none [${fields}]`);
  });
}

test("ClientMachine skips the folds of a line that it skips (RFC 9112 §5.2)", () => {
  const input = "HTTP/1.1 204 x¶A: 1¶B B: 2¶ folded¶ Content-Length: 5¶C: 3¶¶";
  const run = { leniency: LENIENT, fields: true };
  assertEquals(clientSays(input, run)[0], '204 "x" 1.1 none [A: 1; C: 3]');
});

test("ClientMachine finds a field whose name had white space behind it, by name (RFC 9112 §5.1)", () => {
  const input = "HTTP/1.1 200 OK¶Content-Length : 2¶¶okX";
  const says = ['200 "OK" 1.1 length:2', "body ok", "reusable"];
  assertEquals(clientSays(input, { leniency: { spaceBeforeColon: true } }).slice(0, 3), says);
});

const statusLines: Row[] = [
  ["a status line", "HTTP/1.1 200 OK", ['200 "OK" 1.1 until-close']],
  ["no reason, with the space [A13]", "HTTP/1.1 200 ", ['200 "" 1.1 until-close']],
  ["no reason, without the space [A13]", "HTTP/1.1 200", ['200 "" 1.1 until-close']],
  ["a reason of its own", "HTTP/1.1 200 Al right\t\xe9", ['200 "Al right\\t\xe9" 1.1 until-close']],
  ["HTTP/1.0", "HTTP/1.0 200 OK", ['200 "OK" 1.0 until-close']],
  ["an unknown status", "HTTP/1.1 999 ?", ['999 "?" 1.1 until-close']],
  ["two spaces before the reason as one that belongs to it", "HTTP/1.1 200  OK", ['200 " OK" 1.1 until-close']],
];

for (const [name, line, says] of statusLines) {
  test(`ClientMachine takes ${name} (RFC 9112 §4)`, () => {
    assertEquals(clientSays(`${line}¶¶`), [...says, "waiting"]);
  });
}

/** Status lines that are refused. */
const badStatusLines: readonly (readonly [name: string, line: string, says: string])[] = [
  ["another protocol", "HEAT/1.1 200 OK", "502 bad-version"],
  ["HTTP/0.9, which has no status line", "Baguettes are super delicious, don't you agree?", "502 bad-version"],
  ["HTTP/2.0", "HTTP/2.0 200 OK", "502 bad-version"],
  ["HTTP/1.2", "HTTP/1.2 200 OK", "502 bad-version"],
  ["HTTP/01.1", "HTTP/01.1 200 OK", "502 bad-version"],
  ["a version in lower case", "http/1.1 200 OK", "502 bad-version"],
  ["a tab behind the version", "HTTP/1.1\t200 OK", "502 bad-version"],
  ["a status of one digit", "HTTP/1.1 1 OK", "502 bad-status"],
  ["a status of two digits", "HTTP/1.1 20 OK", "502 bad-status"],
  ["a status of four digits", "HTTP/1.1 2000 OK", "502 bad-status"],
  ["a status below 100", "HTTP/1.1 001 OK", "502 bad-status"],
  ["a status with a sign", "HTTP/1.1 +20 OK", "502 bad-status"],
  ["two spaces before the status", "HTTP/1.1  200 OK", "502 bad-status"],
  ["a tab behind the status", "HTTP/1.1 200\tOK", "502 bad-status"],
  ["no status", "HTTP/1.1", "502 bad-version"],
  ["a NUL in the reason", "HTTP/1.1 200 O\0K", "502 bad-reason"],
  ["a DEL in the reason", "HTTP/1.1 200 O\x7fK", "502 bad-reason"],
  ["a CR alone in the reason [A2]", "HTTP/1.1 200 O\rK", "502 bad-line-end"],
  ["an LF alone behind the reason [A3]", "HTTP/1.1 200 OK\nA: b", "502 bad-line-end"],
];

for (const [name, line, says] of badStatusLines) {
  test(`ClientMachine refuses ${name} (RFC 9112 §4)`, () => {
    assertEquals(clientSays(`${line}¶¶`), [says, `rest ${line}¶¶`]);
  });
}

test("ClientMachine takes lone LFs as line ends with bareLf (RFC 9112 §2.2) [A3]", () => {
  const run = { leniency: { bareLf: true }, fields: true };
  for (const input of ["HTTP/1.1 204 x\nA: b\n\n", "HTTP/1.1 204 x¶A: b\n¶", "HTTP/1.1 204 x\nA: b¶\n"]) {
    assertEquals(clientSays(input, run), ['204 "x" 1.1 none [A: b]', "reusable", "waiting"]);
  }
  assertEquals(clientSays("HTTP/1.1 204\n\n", run)[0], '204 "" 1.1 none []');
  assertEquals(clientSays("HTTP/1.1 204 x\0\n\n", run)[0], "502 bad-reason");
});

test("ClientMachine takes several spaces before the status with multipleSpaces (RFC 9112 §4)", () => {
  const run = { leniency: { multipleSpaces: true } };
  assertEquals(clientSays("HTTP/1.1   204 x¶¶", run)[0], '204 "x" 1.1 none');
});
