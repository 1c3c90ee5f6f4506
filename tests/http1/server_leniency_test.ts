import { test } from "node:test";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import type { Leniency } from "../../src/http1/machine/limits.ts";
import { expectConversation } from "../support/serving.ts";
import { OK } from "../support/switching.ts";

const GET = "GET / HTTP/1.1¶Host: a¶¶";
const REFUSED = "HTTP/1.1 400 Bad Request¶content-length: 0¶connection: close¶¶";
const OK_CLOSE = OK.replace("¶¶", "¶connection: close¶¶");

/** What is refused unless it is named; `closes` where the connection ends behind it all the same. */
const cases: readonly {
  readonly what: string;
  readonly leniency: keyof Leniency;
  readonly input: string;
  readonly hyper: boolean;
  readonly closes?: boolean;
}[] = [
  { what: "lone LFs (RFC 9112 §2.2)", leniency: "bareLf", input: "GET / HTTP/1.1\nHost: a\n\n", hyper: true },
  { what: "no Host (RFC 9112 §3.2)", leniency: "anyHost", input: "GET / HTTP/1.1¶¶", hyper: true },
  { what: "two Hosts (RFC 9112 §3.2)", leniency: "anyHost", input: "GET / HTTP/1.1¶Host: a¶Host: b¶¶", hyper: true },
  {
    what: "Content-Length with chunked, the connection closing behind it (RFC 9112 §6.1) [B1]",
    leniency: "lengthWithChunked",
    input: "POST / HTTP/1.1¶Host: a¶Content-Length: 3¶Transfer-Encoding: chunked¶¶2¶ok¶0¶¶",
    hyper: true,
    closes: true,
  },
  {
    what: "white space behind the size of a chunk (RFC 9112 §7.1)",
    leniency: "spaceBehindChunkSize",
    input: "POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶2 ¶ok¶0\t¶¶",
    hyper: true,
  },
  {
    what: "malformed chunk extensions (RFC 9112 §7.1.1)",
    leniency: "invalidChunkExtensions",
    input: 'POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶2;¶ok¶0;a="b¶¶',
    hyper: true,
  },
  {
    what: "several spaces in the request line (RFC 9112 §3)",
    leniency: "multipleSpaces",
    input: "GET   /  HTTP/1.1¶Host: a¶¶",
    hyper: false,
  },
  {
    what: "malformed field lines, which are skipped (RFC 9112 §5.1)",
    leniency: "invalidFields",
    input: "GET / HTTP/1.1¶Host: a¶not a field¶A : b¶C: d\x01¶¶",
    hyper: false,
  },
];

for (const { what, leniency, input, hyper, closes = false } of cases) {
  const makeHandler = () => async ({ body }: IncomingRequest) => {
    await body.text();
    return { status: 200, body: "ok" };
  };
  const accepted = {
    input: input + GET,
    output: closes ? OK_CLOSE : OK + OK,
    closed: closes ? "shutdown" as const : "eof" as const,
  };
  const refused = { input: input + GET, output: REFUSED, closed: "error" as const };

  test(`serveConnection() refuses ${what}`, () => expectConversation(refused, makeHandler));

  test(`leniency.${leniency} lets pass ${what}`, () =>
    expectConversation({ ...accepted, options: { leniency: { [leniency]: true } } }, makeHandler));

  test(`compat: "hyper" ${hyper ? "lets pass" : "refuses"} ${what}`, () =>
    expectConversation({ ...hyper ? accepted : refused, options: { compat: "hyper" } }, makeHandler));

  if (hyper) {
    test(`leniency goes before compat: ${leniency} off refuses ${what}`, () =>
      expectConversation(
        { ...refused, options: { compat: "hyper", leniency: { [leniency]: false } } },
        makeHandler,
      ));
  }
}

test("no leniency lets a folded line or a space before a colon pass in a request (RFC 9112 §5) [A6, A7]", async () => {
  const all: Leniency = { obsoleteFold: true, spaceBeforeColon: true };
  for (const input of ["GET / HTTP/1.1¶Host: a¶A: b¶ c¶¶", "GET / HTTP/1.1¶Host: a¶A : b¶¶"]) {
    await expectConversation(
      { input, output: REFUSED, closed: "error", options: { leniency: all } },
      () => () => ({ status: 200 }),
    );
  }
});

test("no leniency lets NUL or a lone CR pass (RFC 9110 §5.5) [A2, A8]", async () => {
  for (const input of ["GET / HTTP/1.1¶Host: a¶A\0: b¶¶", "GET / HTTP/1.1¶Host: a¶A: b\rc¶¶"]) {
    await expectConversation(
      { input, output: REFUSED, closed: "error", options: { leniency: { invalidFields: true, bareLf: true } } },
      () => () => ({ status: 200 }),
    );
  }
});
