/**
 * Bodies in chunks and their trailers: RFC 9112 §7.1. Rows of hyper's decoder, llhttp and the smuggling corpora.
 */

import { assertEquals } from "@std/assert";
import { test } from "node:test";
import { clientSays, type ServerRun, serverSays } from "./machine_says.ts";

/** What a server says to a chunked body, behind the head. */
function decoded(body: string, run: ServerRun = {}): string[] {
  return serverSays(`POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶${body}`, run).slice(1);
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
  ["an extension with a value [B9]", "5;ext name=value¶hello¶0;x=y¶¶", "hello"],
  ["an extension in quotes [B9]", '5;a="b;c,\\"d"¶hello¶0¶¶', "hello"],
  ["an unbalanced quote in an extension [B9]", '5;a="b¶hello¶0¶¶', "hello"],
  ["several extensions [B9]", "5;extension;extension2=a¶hello¶0¶¶", "hello"],
  ["empty extensions [B9]", "5;¶hello¶0;;;  ;¶¶", "hello"],
  ["white space before an extension [B9]", "5   ; extension=123¶hello¶0\t;¶¶", "hello"],
  ["white space behind a size", "5   ¶hello¶0 ¶¶", "hello"],
  ["obs-text in an extension", "5;\xff¶hello¶0¶¶", "hello"],
];

for (const [name, body, content] of bodies) {
  test(`ServerMachine decodes chunks with ${name} (RFC 9112 §7.1)`, () => {
    const next = "GET /2 HTTP/1.1¶Host: a¶¶";
    assertEquals(decoded(body + next), [`body ${content}`, "GET /2 1.1 none", "waiting"]);
  });

  test(`ClientMachine decodes chunks with ${name} (RFC 9112 §7.1)`, () => {
    const response = `HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶¶${body}`;
    assertEquals(clientSays(response).slice(1), [`body ${content}`, "reusable", "waiting"]);
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
  });
}

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
