/**
 * Bodies in chunks and their trailers: RFC 9112 §7.1. Rows of hyper's decoder, llhttp and the smuggling corpora.
 */

import { assertEquals } from "@std/assert";
import { test } from "node:test";
import fc from "fast-check";
import type { Leniency } from "../../../src/http1/machine/limits.ts";
import { wire } from "../../support/bytes.ts";
import { chunkLine } from "./generate.ts";
import { clientSays, clientTranscript, type ServerRun, serverSays, serverTranscript } from "./machine_says.ts";
import { rounds } from "../../support/rounds.ts";

const REQUEST = "POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶";
const RESPONSE = "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶";

/** What a server says to a chunked body, behind the head. */
function decoded(body: string, run: ServerRun = {}): string[] {
  return serverSays(REQUEST + body, run).slice(1);
}

/** What a client says to it. */
function received(body: string, run: ServerRun = {}): string[] {
  return clientSays(RESPONSE + body, run).slice(1);
}

const bodies: readonly (readonly [name: string, body: string, content: string])[] = [
  ["no data", "0¶¶", ""],
  ["one chunk", "5¶hello¶0¶¶", "hello"],
  ["several chunks", "1¶q¶2¶we¶2¶rt¶0¶¶", "qwert"],
  ["sizes in upper and lower case", "a¶0123456789¶A¶0123456789¶0¶¶", "01234567890123456789"],
  ["leading zeros", "005¶hello¶0000¶¶", "hello"],
  ["sixteen digits [B8]", "0000000000000005¶hello¶0000000000000000¶¶", "hello"],
  ["line ends in data", "4¶¶¶¶0¶¶", "¶¶"],
  ["a last chunk in data", "5¶0¶¶¶0¶¶", "0¶¶"],
  ["an extension [B9]", "5;extension¶hello¶0¶¶", "hello"],
  ["an extension with a value [B9]", "5;ext=value¶hello¶0;x=y¶¶", "hello"],
  [
    "every character of a token in an extension [B9]",
    "5;!#$%&'*+-.^_`|~09azAZ=!#$%&'*+-.^_`|~09azAZ¶hello¶0¶¶",
    "hello",
  ],
  ["an extension in quotes [B9]", '5;a="b;c,\\"d"¶hello¶0¶¶', "hello"],
  ["empty quotes [B9]", '5;a=""¶hello¶0;b="";c¶¶', "hello"],
  ["obs-text and white space in quotes [B9]", '5;a=" \xff\t\\\xff\\\t"¶hello¶0¶¶', "hello"],
  ["a backslash in quotes [B9]", '5;a="\\\\"¶hello¶0¶¶', "hello"],
  ["several extensions [B9]", '5;extension;extension2=a;b="c";d¶hello¶0;a;a¶¶', "hello"],
  ["bad white space where the grammar has it [B9]", '5 \t ;\t a \t=\t "b" \t; c = d ;e¶hello¶0\t;\ta¶¶', "hello"],
];

for (const [name, body, content] of bodies) {
  test(`ServerMachine decodes chunks with ${name} (RFC 9112 §7.1)`, () => {
    const next = "GET /2 HTTP/1.1¶Host: a¶¶";
    assertEquals(decoded(body + next), [`body ${content}`, "GET /2 1.1 none", "waiting"]);
  });

  test(`ClientMachine decodes chunks with ${name} (RFC 9112 §7.1)`, () => {
    assertEquals(received(body), [`body ${content}`, "reusable", "waiting"]);
  });
}

const badSizes: readonly (readonly [name: string, line: string])[] = [
  ["no digit", "¶"],
  ["a letter", "X¶"],
  ["a letter behind a digit", "1X¶"],
  ["a minus sign", "-5¶"],
  ["a minus sign alone", "-¶"],
  ["a plus sign", "+5¶"],
  ["a hexadecimal prefix", "0x5¶"],
  ["an underscore", "1_0¶"],
  ["a decimal point", "5.0¶"],
  ["an h behind it", "5h¶"],
  ["white space before it", " 5¶"],
  ["a tab before it", "\t5¶"],
  ["a NUL behind it", "5\0¶"],
  ["a vertical tab behind it", "5\x0b¶"],
  ["obs-text behind it", "5\xa0¶"],
  ["full-width digits", "\xef\xbc\x95¶"],
  ["an extension without a semicolon", "5 invalid extension¶"],
  ["a second size", "1 A¶"],
  ["a comma", "5,5¶"],
  ["a lone LF [B10]", "5\n"],
  ["a lone LF at once", "\n"],
  ["a CR alone", "5\rhello"],
  ["a CR within", "F\rF"],
  ["two CRs", "5\r\r\n"],
  ["a lone LF in an extension [B9]", "5;a\nb¶"],
  ["a lone LF that ends an extension [B9]", "5;a\n"],
  ["a CR in an extension [B9]", "5;a\rb¶"],
  ["a NUL in an extension [B9]", "5;a\0b¶"],
  ["an escape in an extension [B9]", "5;\x1b¶"],
  ["an escape in quotes [B9]", '5;a="\x1b"¶'],
  ["an escaped NUL in quotes [B9]", '5;a="\\\0"¶'],
  ["a DEL in an extension [B9]", "5;\x7f¶"],
  ["2^53 [B8]", "20000000000000¶"],
  ["2^60 + 3, which a double rounds [B8]", "f0000000000000003¶"],
  ["2^64 + 5 [B8]", "10000000000000005¶"],
  ["seventeen digits [B8]", "00000000000000005¶"],
];

for (const [name, line] of badSizes) {
  test(`ServerMachine refuses a chunk size with ${name} (RFC 9112 §7.1)`, () => {
    const says = decoded(`${line}hello¶0¶¶GET /sneaky HTTP/1.1¶¶`);
    assertEquals(says[0], "400 bad-chunk-size");
    assertEquals(decoded(`3¶abc¶${line}hello¶0¶¶`).slice(0, 2), ["body abc", "400 bad-chunk-size"]);
    const leniency = { bareLf: true, spaceBehindChunkSize: true, invalidChunkExtensions: true };
    assertEquals(decoded(`${line}hello¶0¶¶`, { leniency })[0], "400 bad-chunk-size");
  });

  test(`ClientMachine refuses a chunk size with ${name} (RFC 9112 §7.1)`, () => {
    assertEquals(received(`3¶abc¶${line}hello¶0¶¶`).slice(0, 2), ["body abc", "502 bad-chunk-size"]);
  });
}

/** Lines that break the grammar and where they end is clear all the same, and the leniency that lets them pass. */
const badLines: readonly (readonly [name: string, behindSize: string, leniency: keyof Leniency])[] = [
  ["a space behind the size", " ", "spaceBehindChunkSize"],
  ["a tab behind the size", "\t", "spaceBehindChunkSize"],
  ["much white space behind the size", "  \t  ", "spaceBehindChunkSize"],
  ["a semicolon alone", ";", "invalidChunkExtensions"],
  ["two semicolons", ";;", "invalidChunkExtensions"],
  ["semicolons and white space", ";;;  ;", "invalidChunkExtensions"],
  ["a semicolon behind an extension", ";a;", "invalidChunkExtensions"],
  ["white space behind a semicolon", "; ", "invalidChunkExtensions"],
  ["white space behind an extension", ";a ", "invalidChunkExtensions"],
  ["a tab behind a value", ";a=b\t", "invalidChunkExtensions"],
  ["a space behind quotes", ';a="b" ', "invalidChunkExtensions"],
  ["no name", ";=b", "invalidChunkExtensions"],
  ["no value", ";a=", "invalidChunkExtensions"],
  ["white space for a value", ";a= ", "invalidChunkExtensions"],
  ["an extension behind no value", ";a=;b", "invalidChunkExtensions"],
  ["two values", ";a=b=c", "invalidChunkExtensions"],
  ["two words for a name", ";ext name=value", "invalidChunkExtensions"],
  ["two words for a value", ";a=b c", "invalidChunkExtensions"],
  ["a bracket in a name", ";bad[=x", "invalidChunkExtensions"],
  ["a bracket in a value", ";a=b]", "invalidChunkExtensions"],
  ["a comma", ";a,b", "invalidChunkExtensions"],
  ["obs-text outside of quotes", ";\xff", "invalidChunkExtensions"],
  ["obs-text in a value", ";a=\xff", "invalidChunkExtensions"],
  ["a quote without end", ';a="b', "invalidChunkExtensions"],
  ["a quote that a backslash keeps open", ';a="b\\"', "invalidChunkExtensions"],
  ["a quoted name", ';"a"', "invalidChunkExtensions"],
  ["a quote within a value", ';a=b"c"', "invalidChunkExtensions"],
  ["something behind quotes", ';a="b"c', "invalidChunkExtensions"],
  ["two quoted values", ';a="b""c"', "invalidChunkExtensions"],
  ["a value without its equals sign", ';a "b"', "invalidChunkExtensions"],
];

for (const [name, behindSize, leniency] of badLines) {
  const body = `5${behindSize}¶hello¶0${behindSize}¶¶`;
  const last = `5¶hello¶0${behindSize}¶¶`;

  test(`the machines refuse a chunk line with ${name} (RFC 9112 §7.1.1)`, () => {
    assertEquals(decoded(body)[0], "400 bad-chunk-size");
    assertEquals(decoded(last).slice(0, 2), ["body hello", "400 bad-chunk-size"]);
    assertEquals(received(body)[0], "502 bad-chunk-size");
    assertEquals(received(last).slice(0, 2), ["body hello", "502 bad-chunk-size"]);
    const others = { bareLf: true, spaceBehindChunkSize: true, invalidChunkExtensions: true, [leniency]: false };
    assertEquals(decoded(body, { leniency: others })[0], "400 bad-chunk-size");
  });

  test(`${leniency} lets pass a chunk line with ${name} (RFC 9112 §7.1.1)`, () => {
    const run = { leniency: { [leniency]: true } };
    assertEquals(decoded(body, run), ["body hello", "waiting"]);
    assertEquals(received(body, run), ["body hello", "reusable", "waiting"]);
  });
}

test("the machines refuse a line end in quotes, escaped or not (RFC 9112 §7.1.1) [B9]", () => {
  for (const quoted of ['"¶"', '"\\¶"', '"\r"', '"\n"', '"\\\n"']) {
    const body = `5;a=${quoted}¶hello¶0¶¶`;
    assertEquals([decoded(body)[0], received(body)[0]], ["400 bad-chunk-size", "502 bad-chunk-size"], quoted);
  }
});

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const quotedString = '"(?:[\\t \\x21\\x23-\\x5b\\x5d-\\x7e\\x80-\\xff]|\\\\[\\t\\x20-\\x7e\\x80-\\xff])*"';
const anything = "[\\t\\x20-\\x7e\\x80-\\xff]*";
const extensions = `(?:[ \\t]*;[ \\t]*${token}(?:[ \\t]*=[ \\t]*(?:${token}|${quotedString}))?)*`;

test("the machines take exactly the chunk lines of the grammar, and with a leniency exactly its own (RFC 9112 §7.1.1)", () => {
  const lenient = fc.record({ spaceBehindChunkSize: fc.boolean(), invalidChunkExtensions: fc.boolean() });
  fc.assert(
    fc.property(chunkLine, lenient, (line, leniency) => {
      const behindSize = [extensions];
      if (leniency.spaceBehindChunkSize) behindSize.push("[ \\t]*");
      if (leniency.invalidChunkExtensions) behindSize.push(`[ \\t]*;${anything}`);
      const wellFormed = new RegExp(`^5(?:${behindSize.join("|")})$`).test(line);
      const body = `${line}¶hello¶0¶¶`;
      const server = serverTranscript([wire(REQUEST + body)], { leniency });
      const client = clientTranscript([wire(RESPONSE + body)], { leniency });
      assertEquals(
        [server[1], client[1]],
        wellFormed ? ["body hello", "body hello"] : [
          "400 bad-chunk-size",
          "502 bad-chunk-size",
        ],
      );
    }),
    rounds(500),
  );
});

test("ServerMachine takes a chunk size of 2^53 - 1 (RFC 9112 §7.1) [B8]", () => {
  assertEquals(decoded("1fffffffffffff¶abc", { eof: true }), ["body abc", "400 truncated"]);
});

const badEnds: readonly (readonly [name: string, body: string, content: string])[] = [
  ["more data", "5¶hellox¶0¶¶", "hello"],
  ["a lone LF", "5¶hello\n0¶¶", "hello"],
  ["a CR and no LF", "5¶hello\r0¶¶", "hello"],
  ["two CRs", "5¶hello\r\r\n0¶¶", "hello"],
  ["nothing", "5¶hello0¶¶", "hello"],
  ["a size that is too small", "4¶hello¶0¶¶", "hell"],
  ["a size that is too large", "7¶hello¶0¶¶", "hello¶"],
  ["a missing last digit (hyper)", "1¶Z00¶¶", "Z"],
];

for (const [name, body, content] of badEnds) {
  test(`ServerMachine refuses ${name} behind the data of a chunk (RFC 9112 §7.1) [B10]`, () => {
    assertEquals(decoded(body).slice(0, 2), [`body ${content}`, "400 bad-chunk-end"]);
  });
}

test("ServerMachine refuses an empty line for a chunk size behind data (hyper, missing zero digit)", () => {
  assertEquals(decoded("1¶Z¶¶¶¶").slice(0, 2), ["body Z", "400 bad-chunk-size"]);
});

/** Bodies that end before their end. */
const truncated: readonly (readonly [body: string, says: readonly string[]])[] = [
  ["", []],
  ["5", []],
  ["5;ext", []],
  ["5\r", []],
  ["5¶", []],
  ["9¶foo bar", ["body foo bar"]],
  ["5¶hello", ["body hello"]],
  ["5¶hello¶", ["body hello"]],
  ["5¶hello¶0", ["body hello"]],
  ["5¶hello¶0¶", ["body hello"]],
  ["5¶hello¶0¶\r", ["body hello"]],
  ["5¶hello¶0¶A: b¶", ["body hello"]],
];

for (const [body, says] of truncated) {
  test(`ServerMachine says truncated when chunks end behind ${JSON.stringify(body)} (RFC 9112 §8) [B12]`, () => {
    assertEquals(decoded(body, { eof: true }).slice(0, says.length + 1), [...says, "400 truncated"]);
    assertEquals(decoded(body).slice(0, says.length + 1), [...says, "waiting"]);
  });
}

test("ServerMachine does not take lone LFs in chunks even with bareLf (RFC 9112 §7.1)", () => {
  const leniency = { bareLf: true };
  assertEquals(decoded("5\nhello¶0¶¶", { leniency })[0], "400 bad-chunk-size");
  assertEquals(decoded("5¶hello\n0¶¶", { leniency })[1], "400 bad-chunk-end");
});

const trailers: readonly (readonly [name: string, section: string, read: string])[] = [
  ["one", "chunky-trailer: header data¶", "trailers [chunky-trailer: header data]"],
  ["two", "A: 1¶B: 2¶", "trailers [A: 1; B: 2]"],
  ["repeated ones in their order", "A: 1¶B: 2¶a: 3¶", "trailers [A: 1; B: 2; a: 3]"],
  ["obs-text", "A: \xe9\xff¶", "trailers [A: \xe9\xff]"],
  ["an allowed one among forbidden ones", "Content-Length: 5¶X: y¶Host: b¶", "trailers [X: y]"],
];

for (const [name, section, read] of trailers) {
  test(`ServerMachine gives trailers apart from the fields: ${name} (RFC 9110 §6.5) [B11]`, () => {
    assertEquals(decoded(`5¶hello¶0¶${section}¶`), ["body hello", read, "waiting"]);
  });
}

for (
  const name of [
    "Transfer-Encoding",
    "Content-Length",
    "Host",
    "Authorization",
    "Cookie",
    "Set-Cookie",
    "Content-Type",
    "Content-Encoding",
    "Content-Range",
    "Trailer",
    "TE",
    "Connection",
    "Upgrade",
    "Expect",
    "Cache-Control",
    "Max-Forwards",
    "Proxy-Authorization",
    "If-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Client-Cert",
    "Via",
  ]
) {
  test(`ServerMachine drops the trailer ${name} (RFC 9110 §6.5.1) [B11]`, () => {
    assertEquals(decoded(`0¶${name}: x¶¶`), ["body ", "waiting"]);
    assertEquals(decoded(`0¶${name.toLowerCase()}: x¶A: b¶¶`), ["body ", "trailers [A: b]", "waiting"]);
  });
}

const badTrailers: readonly (readonly [name: string, section: string, code: string])[] = [
  ["a CR alone (hyper, trailer missing LF)", "bad\r¶", "bad-field-name"],
  ["a CR in a value", "A: b\rc¶", "bad-line-end"],
  ["a lone LF", "A: b\n¶", "bad-line-end"],
  ["a lone LF for the end", "A: b¶\n", "bad-line-end"],
  ["a lone LF for the end of an empty section", "\n", "bad-line-end"],
  ["a CR and no LF for the end", "\rX", "bad-line-end"],
  ["a request in place of the end", "GET / HTTP/1.1¶¶", "bad-field-name"],
  ["white space before the colon", "A : b¶¶", "bad-field-name"],
  ["a folded line", "A: b¶ c¶¶", "obsolete-fold"],
  ["a NUL", "A: \0¶¶", "bad-field-value"],
];

for (const [name, section, code] of badTrailers) {
  test(`ServerMachine refuses trailers with ${name} (RFC 9112 §7.1.2)`, () => {
    assertEquals(decoded(`5¶hello¶0¶${section}`).slice(0, 2), ["body hello", `400 ${code}`]);
  });
}

test("ServerMachine refuses folded trailers however lenient it is (RFC 9112 §5.2) [A7]", () => {
  const leniency = { obsoleteFold: true };
  assertEquals(decoded("0¶A: b¶ c¶¶", { leniency })[0], "400 obsolete-fold");
});

test("ClientMachine gives unannounced trailers, and drops those that frame (hyper pathological trailers)", () => {
  const section = "chunky-trailer: x¶transfer-encoding: chunked¶content-length: 5¶trailer: y¶";
  const response = `HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶5¶hello¶0¶${section}¶`;
  const says = ["body hello", "trailers [chunky-trailer: x]", "reusable", "waiting"];
  assertEquals(clientSays(response).slice(1), says);
});
