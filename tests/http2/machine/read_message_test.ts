/**
 * Which field blocks are messages: RFC 9113 §8, RFC 8441 §4.
 */

import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Http2Error } from "../../../src/errors/http2_error.ts";
import { HpackDecoder } from "../../../src/http2/machine/hpack/decoder.ts";
import { HpackEncoder } from "../../../src/http2/machine/hpack/encoder.ts";
import { contentLengthIn, readRequest, readResponse, readTrailers } from "../../../src/http2/machine/read_message.ts";
import { Fields } from "../../../src/semantics/fields.ts";
import { BLOCK_LIMITS, blockOf, lines, type Pairs } from "../../support/field_blocks.ts";
import { rounds } from "../../support/rounds.ts";

type Kind = "request" | "response" | "trailers";

const GET = [":method: GET", ":scheme: https", ":path: /", ":authority: a.example"];
const CONNECT = [":method: CONNECT", ":authority: a.example:443"];
const EXTENDED = [
  ":method: CONNECT",
  ":protocol: websocket",
  ":scheme: https",
  ":path: /chat",
  ":authority: a.example",
];
const START: Readonly<Record<Kind, readonly string[]>> = { request: GET, response: [":status: 200"], trailers: [] };

function read(kind: Kind, block: Pairs, connectProtocol = true): unknown {
  const received = blockOf(block);
  if (kind === "request") return readRequest(received, 5, connectProtocol);
  return kind === "response" ? readResponse(received, 5) : readTrailers(received, 5);
}

function refuses(kind: Kind, block: Pairs, rfc?: string, connectProtocol = true): void {
  const error = assertThrows(() => read(kind, block, connectProtocol), Http2Error);
  assertEquals([error.code, error.streamId], ["protocol", 5]);
  if (rfc !== undefined) assertEquals(error.rfc, rfc);
}

const kinds = Object.keys(START) as Kind[];

test("readRequest() gives what the pseudo-fields say apart from the fields [M6]", () => {
  const { fields, ...head } = readRequest(blockOf(lines(...GET, "accept: */*", "x-a: 1", "x-a: 2")), 1, false);
  assertEquals(head, {
    method: "GET",
    scheme: "https",
    authority: "a.example",
    path: "/",
    protocol: null,
    neverIndexed: [],
  });
  assertEquals([...fields], [["accept", "*/*"], ["x-a", "1"], ["x-a", "2"]]);
});

test("readResponse() gives the status and the fields [M9]", () => {
  for (const status of ["100", "103", "200", "204", "304", "404", "500", "599", "600", "999"]) {
    const head = readResponse(blockOf([[":status", status], ["server", "s"]]), 1);
    assertEquals([head.status, [...head.fields]], [Number(status), [["server", "s"]]]);
  }
});

test("readRequest() and readResponse() tell which fields must never be indexed [N8]", () => {
  const secrets = [["authorization", "Basic YQ=="], ["x-secret", "s", true], ["x-open", "o"]] as const;
  const request = readRequest(blockOf([...lines(...GET), ...secrets]), 1, false);
  const response = readResponse(blockOf([[":status", "200"], ...secrets]), 1);
  for (const head of [request, response]) {
    assertEquals(head.neverIndexed, ["authorization", "x-secret"]);
    assertEquals(head.fields.get("x-secret"), "s");
  }
});

for (const kind of kinds) {
  test(`a ${kind} with a name that is no lower-case token is malformed [M1]`, () => {
    for (const name of ["X-A", "x-A", "x a", "x\0", "x\x7f", "x:a", "xé", "x\r", ""]) {
      refuses(kind, [...lines(...START[kind]), [name, "v"]]);
    }
  });

  test(`a ${kind} with a character in a value that is not allowed is malformed [M2, H1]`, () => {
    for (const value of ["\0", "a\0b", "a\rb", "a\nb", "a\r\nb: c", "\x01", "\x7f", " a", "a ", "\ta", "a\t", " "]) {
      refuses(kind, [...lines(...START[kind]), ["x-a", value]], "RFC 9113 §8.2.1");
    }
    const fine = ["", "a b", "a\tb", "\x80\xff", "é"];
    const block = [...lines(...START[kind]), ...fine.map((value) => ["x-a", value] as const)];
    const got = read(kind, block) as Fields | { readonly fields: Fields };
    assertEquals(("fields" in got ? got.fields : got).getAll("x-a"), fine);
  });

  test(`a ${kind} with a field about connections of HTTP/1.1 is malformed [M3]`, () => {
    for (
      const row of [
        "connection: x-a",
        "connection: close",
        "proxy-connection: keep-alive",
        "keep-alive: timeout=5",
        "transfer-encoding: chunked",
        "upgrade: websocket",
        "te: gzip",
        "te: trailers, gzip",
        "te: gzip;q=0.5",
      ]
    ) {
      refuses(kind, lines(...START[kind], row), "RFC 9113 §8.2.2");
    }
  });

  test(`a ${kind} with a pseudo-field that is not known, late, or for another kind is malformed [M5]`, () => {
    const [first = "x-a: 1"] = START[kind];
    const wrong: readonly (readonly string[])[] = [
      [...START[kind], ":unknown: 1"],
      [":unknown: 1", ...START[kind]],
      ["x-a: 1", ...START[kind], ":path: /"],
      [...START[kind], kind === "response" ? ":method: GET" : ":status: 200"],
      [...START[kind], kind === "response" ? ":path: /" : ":status: 200"],
      [kind === "response" ? ":path: /" : ":status: 200", ...START[kind]],
      ["x-a: 1", first.startsWith(":") ? first : ":path: /", ...START[kind].slice(1)],
      [...START[kind], ": empty"],
    ];
    for (const rows of wrong) refuses(kind, lines(...rows));
  });
}

test("te may say trailers, in any case [M3]", () => {
  for (const te of ["trailers", "Trailers"]) {
    assertEquals(readRequest(blockOf(lines(...GET, `te: ${te}`)), 1, false).fields.get("te"), te);
  }
});

test("each pseudo-field comes once, and those that are needed are there [M5, M6, M9]", () => {
  for (const row of GET) {
    refuses("request", lines(...GET, row), "RFC 9113 §8.3");
    refuses("request", lines(row, ...GET), "RFC 9113 §8.3");
    if (!row.startsWith(":authority")) refuses("request", lines(...GET.filter((other) => other !== row)));
  }
  refuses("request", lines(...EXTENDED, ":protocol: websocket"), "RFC 9113 §8.3");
  refuses("request", lines(...GET, ":authority: a b"));
  refuses("request", [], "RFC 9113 §8.3.1");
  refuses("response", lines(":status: 200", ":status: 200"), "RFC 9113 §8.3");
  refuses("response", [], "RFC 9113 §8.3.2");
  refuses("response", lines("server: s"), "RFC 9113 §8.3.2");
});

test("a status that is no three digits, or 101, makes a response malformed [M9, M11]", () => {
  for (const status of ["", "0", "99", "099", "000", "20", "2000", "2x0", "+20", "0x20", "20 ", "2.0", "200 OK"]) {
    refuses("response", [[":status", status]]);
  }
  refuses("response", [[":status", "101"]], "RFC 9113 §8.6");
});

test("a method is a token, and a scheme the name of one [M6]", () => {
  const first = (method: string, scheme: string): Pairs => [
    [":method", method],
    [":scheme", scheme],
    ...lines(":path: /", ":authority: a"),
  ];
  for (const method of ["", "GET ", "G T", "GET\0", "G(", "é"]) refuses("request", first(method, "https"));
  for (const scheme of ["", "1a", "a b", "http:", "http://", "é", "\0"]) refuses("request", first("GET", scheme));
  const { method, scheme } = readRequest(blockOf(first("patch", "HTTPS")), 1, false);
  assertEquals([method, scheme], ["patch", "https"]);
});

test("a path of http or https begins with a slash, or is * with OPTIONS [M7]", () => {
  const with_ = (method: string, path: string, scheme = "https"): Pairs => [
    [":method", method],
    [":path", path],
    [":scheme", scheme],
    [":authority", "a"],
  ];
  for (const scheme of ["http", "https", "HTTP"]) {
    for (const path of ["", "a", "*", "?a", "//a b", "https://a/", "/#a", "/\0", "/é", "/a\r", "/a ", "/\x7f"]) {
      refuses("request", with_("GET", path, scheme));
    }
    refuses("request", with_("OPTIONS", "**", scheme));
    refuses("request", with_("OPTIONS", "", scheme));
    for (const path of ["/", "/a?b", "//", "/a%20b", "/?", "/[x]"]) {
      assertEquals(readRequest(blockOf(with_("GET", path, scheme)), 1, false).path, path);
    }
    assertEquals(readRequest(blockOf(with_("OPTIONS", "*", scheme)), 1, false).path, "*");
  }
  assertEquals(readRequest(blockOf(with_("GET", "", "urn")), 1, false).path, "");
});

test("an authority of http or https is a host, perhaps with a port, and names no user [M8]", () => {
  const [method, scheme, path] = GET as [string, string, string];
  const with_ = (authority: string): Pairs => [...lines(method, scheme, path), [":authority", authority]];
  for (
    const authority of [
      "",
      "u@a",
      "u:p@a",
      "@a",
      "a:b",
      "a:65536",
      "a/b",
      "a b",
      "[::1",
      "::1",
      ":80",
      "a#",
      "a,b c",
      "é",
    ]
  ) {
    refuses("request", with_(authority));
  }
  for (const authority of ["a", "A.example", "a:8080", "a:", "[::1]", "[::1]:443", "127.0.0.1", "a_b", "%41"]) {
    assertEquals(readRequest(blockOf(with_(authority)), 1, false).authority, authority);
  }
  const other = lines(":method: GET", ":scheme: ftp", ":path: /", ":authority: u@a");
  assertEquals(readRequest(blockOf(other), 1, false).authority, "u@a");
});

test("Host may stand for :authority, must not differ from it, and one of both is needed [M8]", () => {
  const [method, scheme, path] = GET as [string, string, string];
  const head = readRequest(blockOf(lines(method, scheme, path, "host: b.example")), 1, false);
  assertEquals([head.authority, head.fields.get("host")], [null, "b.example"]);
  refuses("request", lines(method, scheme, path));
  refuses("request", lines(method, scheme, path, "host: u@b"));
  refuses("request", lines(method, scheme, path, "host: "));
  refuses("request", lines(method, scheme, path, "host: a", "host: a"), "RFC 9110 §7.2");
  for (const host of ["b.example", "a.example:8443", "a.example.", "", "a.example:80"]) {
    refuses("request", lines(...GET, `host: ${host}`), "RFC 9113 §8.3.1");
  }
  for (const host of ["a.example", "A.EXAMPLE", "a.example:443", "a.example:"]) {
    assertEquals(readRequest(blockOf(lines(...GET, `host: ${host}`)), 1, false).fields.get("host"), host);
  }
  const asterisk = readRequest(blockOf(lines(":method: OPTIONS", ":scheme: https", ":path: *")), 1, false);
  assertEquals([asterisk.path, asterisk.authority], ["*", null]);
});

test("CONNECT has :method and :authority, a host and a port, and nothing else [M10, F1]", () => {
  const { method, scheme, authority, path, protocol } = readRequest(blockOf(lines(...CONNECT)), 1, false);
  assertEquals([method, scheme, authority, path, protocol], ["CONNECT", null, "a.example:443", null, null]);
  refuses("request", lines(...CONNECT, ":scheme: https"), "RFC 9113 §8.5");
  refuses("request", lines(...CONNECT, ":path: /"), "RFC 9113 §8.5");
  refuses("request", lines(...CONNECT, ":scheme: https", ":path: /"), "RFC 9113 §8.5");
  refuses("request", lines(":method: CONNECT"), "RFC 9113 §8.5");
  refuses("request", lines(":method: CONNECT", "host: a.example:443"), "RFC 9113 §8.5");
  refuses("request", lines(...CONNECT, "host: b.example:443"), "RFC 9113 §8.3.1");
  for (
    const authority of ["a", "a:", "a:0", "a:65536", "a:x", "[::1]", "::1", "[::1:443", ":443", "u@a:443", "a:443/"]
  ) {
    refuses("request", [[":method", "CONNECT"], [":authority", authority]]);
  }
  for (const authority of ["a:1", "[::1]:443", "127.0.0.1:65535"]) {
    const head = readRequest(blockOf([[":method", "CONNECT"], [":authority", authority]]), 1, false);
    assertEquals(head.authority, authority);
  }
});

test("an extended CONNECT has :scheme, :path and :authority, and is allowed only where that was said [Z1, Z2]", () => {
  const { fields: _, neverIndexed: __, ...head } = readRequest(blockOf(lines(...EXTENDED)), 1, true);
  assertEquals(head, {
    method: "CONNECT",
    scheme: "https",
    authority: "a.example",
    path: "/chat",
    protocol: "websocket",
  });
  refuses("request", lines(...EXTENDED), "RFC 8441 §3", false);
  for (const row of EXTENDED.slice(2)) {
    refuses("request", lines(...EXTENDED.filter((other) => other !== row)), "RFC 8441 §4");
  }
  refuses("request", lines(...GET, ":protocol: websocket"), "RFC 8441 §4");
  refuses("request", lines(...EXTENDED.map((row) => row.replace("CONNECT", "GET"))), "RFC 8441 §4");
  refuses("request", lines(...EXTENDED.map((row) => row.replace("/chat", "*"))), "RFC 9113 §8.3.1");
  refuses("request", lines(...EXTENDED.map((row) => row.replace("websocket", "web socket"))));
  refuses("request", lines(...EXTENDED.map((row) => row.replace("websocket", ""))));
  for (const protocol of ["echo/", "/1", "a/1/2", "a, b"]) {
    refuses("request", lines(...EXTENDED.map((row) => row.replace("websocket", protocol))), "RFC 8441 §4");
  }
});

test("cookies become one line at the place of the first [M4]", () => {
  const rows = ["cookie: a=1", "x-a: 1", "cookie: b=2", "cookie: ", "x-b: 2", "cookie: c=3; d=4"];
  const { fields } = readRequest(blockOf(lines(...GET, ...rows)), 1, false);
  assertEquals([...fields], lines("cookie: a=1; b=2; ; c=3; d=4", "x-a: 1", "x-b: 2"));
  assertEquals(readRequest(blockOf(lines(...GET, "cookie: a=1")), 1, false).fields.get("cookie"), "a=1");
});

test("trailers have no pseudo-fields, and what means nothing behind a body is left out [M5, B11]", () => {
  const rows = ["x-sum: 1", "content-length: 5", "grpc-status: 0", "authorization: a", "host: a", "cookie: a=1"];
  assertEquals([...readTrailers(blockOf(lines(...rows)), 1)], lines("x-sum: 1", "grpc-status: 0"));
  assertEquals([...readTrailers(blockOf([]), 1)], []);
  for (const row of [...GET, ":status: 200", ":protocol: a"]) {
    refuses("trailers", lines(row), "RFC 9113 §8.3");
    refuses("trailers", lines("x-a: 1", row), "RFC 9113 §8.3");
  }
});

test("contentLengthIn() reads one number, perhaps repeated [M12]", () => {
  const read = (...values: string[]) =>
    contentLengthIn(new Fields(values.map((value): [string, string] => ["content-length", value])), 5);
  assertEquals(read(), null);
  assertEquals(read("0"), 0);
  assertEquals(read("9007199254740991"), 2 ** 53 - 1);
  assertEquals([read("007"), read("5", "5"), read("5,5"), read("5 , 5", "5")], [7, 5, 5, 5]);
  const wrong = ["", "-1", "+1", "1.0", "0x1", "1e3", "1 2", "5, 6", "5,", ",5", "9007199254740992", "9".repeat(400)];
  for (const value of wrong) {
    const error = assertThrows(() => read(value), Http2Error);
    assertEquals([error.code, error.streamId], ["protocol", 5]);
  }
  assertThrows(() => read("5", "6"), Http2Error);
});

test("what a user does with the fields of one message does not get into the next [N9]", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(BLOCK_LIMITS);
  for (let i = 0; i < 3; i++) {
    const block = decoder.decode(encoder.encode(lines(...GET, "x-a: 1", "accept-encoding: gzip, deflate")));
    const { fields } = readRequest(block, 1, false);
    assertEquals([...fields], lines("x-a: 1", "accept-encoding: gzip, deflate"));
    for (const pair of fields) (pair as [string, string])[1] = "changed";
    fields.append("x-b", "2");
    fields.set("x-a", "3");
    fields.delete("accept-encoding");
    assertEquals([...fields], lines("x-a: 3", "x-b: 2"));
  }
});

test("a malformed line is malformed again when it comes by its index [M1, N9]", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(BLOCK_LIMITS);
  for (let i = 0; i < 3; i++) {
    const block = decoder.decode(encoder.encode(lines(...GET, "X-A: 1")));
    assertThrows(() => readRequest(block, 1, false), Http2Error);
  }
  assert(decoder.tableSize > 0);
});

test("any lines are a message or an Http2Error, and what is read can be made into Fields [M1, M2]", () => {
  const name = fc.oneof(
    fc.constantFrom(...GET.map((row) => row.slice(0, row.indexOf(":", 1))), "cookie", "host", "te", "x-a", ":status"),
    fc.string({ maxLength: 6 }).map((text) => text.replace(/[^\0-\xff]/g, "")),
  );
  const value = fc.oneof(
    fc.constantFrom("GET", "CONNECT", "OPTIONS", "https", "/", "*", "a:1", "a", "200", "trailers"),
    fc.string({ maxLength: 6 }).map((text) => text.replace(/[^\0-\xff]/g, "")),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 8 }), fc.constantFrom(...kinds), (block, kind) => {
      try {
        const got = read(kind, block) as Fields | { readonly fields: Fields };
        const fields = "fields" in got ? got.fields : got;
        assertEquals([...new Fields(fields)], [...fields]);
      } catch (error) {
        assert(error instanceof Http2Error && error.streamId === 5, String(error));
      }
    }),
    rounds(1000),
  );
});
