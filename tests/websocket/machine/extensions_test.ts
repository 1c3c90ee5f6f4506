import { test } from "node:test";
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { WebSocketProtocolError } from "../../../src/errors/web_socket_protocol_error.ts";
import { readExtensions, writeExtension } from "../../../src/websocket/machine/extensions.ts";
import {
  acceptDeflate,
  agreedDeflate,
  checkDeflateOptions,
  deflateOffer,
  type DeflateOptions,
} from "../../../src/websocket/machine/permessage_deflate.ts";

test("readExtensions() reads lists, parameters and quoted values (RFC 6455 §9.1)", () => {
  const right: readonly (readonly [value: string, written: readonly string[]])[] = [
    ["", []],
    ["  ,\t, ", []],
    ["foo", ["foo"]],
    ["foo, bar; baz=2", ["foo", "bar; baz=2"]],
    ["foo; bar; baz=2", ["foo; bar; baz=2"]],
    ["deflate-stream,\tmux; max-channels=4; flow-control, deflate-stream", [
      "deflate-stream",
      "mux; max-channels=4; flow-control",
      "deflate-stream",
    ]],
    ['private-extension; a="b"', ["private-extension; a=b"]],
    ['x; a="\\b\\c"', ["x; a=bc"]],
    [" ,, foo ;a = 1 ; b\t,, bar ,", ["foo; a=1; b", "bar"]],
    ["__proto__; __proto__=1; constructor", ["__proto__; __proto__=1; constructor"]],
    ["a!#$%&'*+-.^_`|~; b", ["a!#$%&'*+-.^_`|~; b"]],
  ];
  for (const [value, written] of right) assertEquals(readExtensions(value)?.map(writeExtension), written, value);
});

test("readExtensions() gives null for what is malformed (RFC 6455 §9.1) [K1]", () => {
  const wrong = [
    "foo bar",
    "foo;",
    "foo; ",
    "foo;;bar",
    "foo; =1",
    "foo; a=",
    'foo; a=""',
    'foo; a="b',
    'foo; a="b c"',
    'foo; a="b,c"',
    'foo; a="b;c"',
    'foo; a="\\"',
    'foo; a="b"c',
    "foo; a=b c",
    "foo/bar",
    "foo@",
    "; foo",
    "=",
    '"foo"',
    "foo, ;",
    "foo; ä",
    "foo; a==b",
  ];
  for (const value of wrong) assertStrictEquals(readExtensions(value), null, value);
});

/** What a server answers; `null` when it declines. */
function answer(offer: string, options: DeflateOptions = {}): string | null {
  return acceptDeflate(offer, options)?.field ?? null;
}

const PMD = "permessage-deflate";

test("acceptDeflate() answers an offer as RFC 7692 §7.1 has it [K1, K2]", () => {
  const table: readonly (readonly [offer: string, answer: string | null])[] = [
    [PMD, PMD],
    [`${PMD}; client_max_window_bits`, PMD],
    [`${PMD}; server_no_context_takeover`, `${PMD}; server_no_context_takeover`],
    [`${PMD}; client_no_context_takeover`, `${PMD}; client_no_context_takeover`],
    [`${PMD}; server_max_window_bits=10`, `${PMD}; server_max_window_bits=10`],
    [`${PMD}; server_max_window_bits="10"`, `${PMD}; server_max_window_bits=10`],
    [`${PMD}; server_max_window_bits=15`, `${PMD}; server_max_window_bits=15`],
    [`${PMD}; server_max_window_bits=8`, `${PMD}; server_max_window_bits=8`],
    [`${PMD}; client_max_window_bits=15`, PMD],
    [`${PMD}; client_max_window_bits=9`, `${PMD}; client_max_window_bits=9`],
    [`${PMD}; client_max_window_bits="9"`, `${PMD}; client_max_window_bits=9`],
    [
      `${PMD}; client_max_window_bits; server_max_window_bits=12; server_no_context_takeover; client_no_context_takeover`,
      `${PMD}; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12`,
    ],
    ["", null],
    ["foo", null],
    ["x-webkit-deflate-frame", null],
    ["Permessage-Deflate", null],
  ];
  for (const [offer, expected] of table) assertStrictEquals(answer(offer), expected, offer);
});

test("acceptDeflate() declines offers with unknown, repeated or malformed parameters (RFC 7692 §7.1) [K1]", () => {
  const parameters = [
    "foo",
    "foo=1",
    "__proto__",
    "__proto__=1",
    "constructor",
    "server_no_context_takeover=1",
    "server_no_context_takeover=true",
    "client_no_context_takeover=0",
    "server_max_window_bits",
    "server_max_window_bits=7",
    "server_max_window_bits=16",
    "server_max_window_bits=08",
    "server_max_window_bits=010",
    "server_max_window_bits=+10",
    "server_max_window_bits=10.0",
    "server_max_window_bits=1e1",
    "server_max_window_bits=-10",
    "server_max_window_bits=0",
    "server_max_window_bits=100",
    "server_max_window_bits=abc",
    "client_max_window_bits=7",
    "client_max_window_bits=16",
    "client_max_window_bits=09",
    "client_max_window_bits=x",
    "SERVER_NO_CONTEXT_TAKEOVER",
    "server_no_context_takeover; server_no_context_takeover",
    "client_no_context_takeover; client_no_context_takeover",
    "server_max_window_bits=10; server_max_window_bits=10",
    "server_max_window_bits=10; server_max_window_bits=11",
    "client_max_window_bits; client_max_window_bits",
    "client_max_window_bits; client_max_window_bits=10",
  ];
  for (const parameter of parameters) {
    assertStrictEquals(answer(`${PMD}; ${parameter}`), null, parameter);
    assertStrictEquals(answer(`${PMD}; ${parameter}, ${PMD}`), PMD, `${parameter}, then a fallback`);
  }
  for (const malformed of [`${PMD};`, `${PMD}; server_max_window_bits=`, `${PMD} ${PMD}`, `${PMD}; a="`]) {
    assertStrictEquals(answer(malformed), null, malformed);
  }
});

test("acceptDeflate() takes the first offer it can accept (RFC 7692 §5, §7.1.3) [K1]", () => {
  const table: readonly (readonly [offers: string, options: DeflateOptions, answer: string | null])[] = [
    [`foo; a=1, ${PMD}; server_max_window_bits=9, ${PMD}`, {}, `${PMD}; server_max_window_bits=9`],
    [`${PMD}, ${PMD}; server_max_window_bits=9`, {}, PMD],
    [
      `${PMD}; client_max_window_bits; server_max_window_bits=10, ${PMD}; client_max_window_bits`,
      {},
      `${PMD}; server_max_window_bits=10`,
    ],
    [`${PMD}, ${PMD}; client_max_window_bits`, { clientMaxWindowBits: 10 }, `${PMD}; client_max_window_bits=10`],
    [`${PMD}; server_max_window_bits=7, foo`, {}, null],
  ];
  for (const [offers, options, expected] of table) assertStrictEquals(answer(offers, options), expected, offers);
});

test("acceptDeflate() answers server_max_window_bits with the same or a smaller value wherever it was offered (RFC 7692 §7.1.2.1) [K2]", () => {
  for (let offered = 8; offered <= 15; offered++) {
    assertStrictEquals(
      answer(`${PMD}; server_max_window_bits=${offered}`),
      `${PMD}; server_max_window_bits=${offered}`,
    );
    for (let wanted = 8; wanted <= 15; wanted++) {
      for (const rest of ["", "; client_max_window_bits", "; client_max_window_bits=15"]) {
        const expected = `${PMD}; server_max_window_bits=${Math.min(offered, wanted)}`;
        const options = { serverMaxWindowBits: wanted };
        assertStrictEquals(answer(`${PMD}; server_max_window_bits=${offered}${rest}`, options), expected);
      }
    }
  }
});

test("acceptDeflate() asks for client_max_window_bits only where it was offered (RFC 7692 §7.1.2.2) [K2]", () => {
  for (let bits = 8; bits < 15; bits++) {
    assertStrictEquals(answer(PMD, { clientMaxWindowBits: bits }), null);
    const wanted = `${PMD}; client_max_window_bits=${bits}`;
    assertStrictEquals(answer(`${PMD}; client_max_window_bits`, { clientMaxWindowBits: bits }), wanted);
    for (let offered = 8; offered <= 15; offered++) {
      const least = `${PMD}; client_max_window_bits=${Math.min(bits, offered)}`;
      assertStrictEquals(answer(`${PMD}; client_max_window_bits=${offered}`, { clientMaxWindowBits: bits }), least);
    }
  }
});

test("acceptDeflate() joins what either end wants, and says what that means [K2]", () => {
  const accepted = acceptDeflate(`${PMD}; client_max_window_bits=12; server_max_window_bits=13`, {
    serverMaxWindowBits: 11,
    clientNoContextTakeover: true,
    serverNoContextTakeover: true,
  });
  assertEquals(accepted, {
    field:
      `${PMD}; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11; client_max_window_bits=12`,
    agreement: {
      server: { noContextTakeover: true, windowBits: 11 },
      client: { noContextTakeover: true, windowBits: 12 },
    },
  });
  assertEquals(acceptDeflate(PMD, {})?.agreement, {
    server: { noContextTakeover: false, windowBits: 15 },
    client: { noContextTakeover: false, windowBits: 15 },
  });
});

test("deflateOffer() offers what is wanted, and that the client's window may be bounded (RFC 7692 §7.1) [K2]", () => {
  const table: readonly (readonly [options: DeflateOptions, offer: string])[] = [
    [{}, `${PMD}; client_max_window_bits`],
    [{ clientMaxWindowBits: 10 }, `${PMD}; client_max_window_bits=10`],
    [{ serverMaxWindowBits: 9 }, `${PMD}; server_max_window_bits=9; client_max_window_bits`],
    [
      { serverNoContextTakeover: true, clientNoContextTakeover: true },
      `${PMD}; server_no_context_takeover; client_no_context_takeover; client_max_window_bits`,
    ],
  ];
  for (const [options, offer] of table) {
    assertStrictEquals(deflateOffer(options), offer);
    assertStrictEquals(acceptDeflate(offer, {}) === null, false);
  }
});

const FULL = { noContextTakeover: false, windowBits: 15 };

test("agreedDeflate() takes the answers that a server may give (RFC 7692 §7.1) [K2]", () => {
  const table: readonly (readonly [value: string, options: DeflateOptions, agreement: unknown])[] = [
    ["", {}, null],
    [" , ", {}, null],
    [PMD, {}, { server: FULL, client: FULL }],
    [`${PMD}; server_no_context_takeover`, {}, { server: { ...FULL, noContextTakeover: true }, client: FULL }],
    [`${PMD}; client_no_context_takeover`, {}, { server: FULL, client: { ...FULL, noContextTakeover: true } }],
    [`${PMD}; server_max_window_bits=8`, {}, { server: { ...FULL, windowBits: 8 }, client: FULL }],
    [`${PMD}; server_max_window_bits="12"`, {}, { server: { ...FULL, windowBits: 12 }, client: FULL }],
    [`${PMD}; client_max_window_bits=8`, {}, { server: FULL, client: { ...FULL, windowBits: 8 } }],
    [PMD, { clientNoContextTakeover: true }, { server: FULL, client: { ...FULL, noContextTakeover: true } }],
    [PMD, { clientMaxWindowBits: 10 }, { server: FULL, client: { ...FULL, windowBits: 10 } }],
    [
      `${PMD}; server_max_window_bits=9; server_no_context_takeover`,
      { serverMaxWindowBits: 10, serverNoContextTakeover: true },
      { server: { windowBits: 9, noContextTakeover: true }, client: FULL },
    ],
  ];
  for (const [value, options, agreement] of table) assertEquals(agreedDeflate(value, options), agreement, value);
});

test("agreedDeflate() fails on what was not offered, is malformed, or is not what was asked (RFC 7692 §7.1, RFC 6455 §4.1) [W4, K1]", () => {
  const table: readonly (readonly [value: string, options: DeflateOptions | null])[] = [
    [PMD, null],
    ["foo", {}],
    ["foo", null],
    [`${PMD}, foo`, {}],
    [`${PMD}, ${PMD}`, {}],
    [`${PMD};`, {}],
    [`${PMD}; foo`, {}],
    [`${PMD}; client_max_window_bits`, {}],
    [`${PMD}; server_max_window_bits`, {}],
    [`${PMD}; server_max_window_bits=7`, {}],
    [`${PMD}; server_max_window_bits=16`, {}],
    [`${PMD}; client_max_window_bits=7`, {}],
    [`${PMD}; server_no_context_takeover=1`, {}],
    [`${PMD}; server_no_context_takeover; server_no_context_takeover`, {}],
    [`${PMD}; server_max_window_bits=11`, { serverMaxWindowBits: 10 }],
    [PMD, { serverMaxWindowBits: 10 }],
    [`${PMD}; client_max_window_bits=11`, { clientMaxWindowBits: 10 }],
    [`${PMD}; client_max_window_bits=15`, { clientMaxWindowBits: 14 }],
    [`${PMD}; client_max_window_bits=08`, {}],
    [`${PMD}; client_max_window_bits=16`, {}],
    [`${PMD}; client_max_window_bits=9; client_max_window_bits=9`, {}],
    [`${PMD}; client_no_context_takeover=true`, {}],
    [`${PMD}; Client_no_context_takeover`, {}],
    [PMD, { serverNoContextTakeover: true }],
  ];
  for (const [value, options] of table) {
    const error = assertThrows(() => agreedDeflate(value, options), WebSocketProtocolError);
    assertEquals([error.code, error.closeCode], ["handshake-extension", 1006], value);
  }
});

test("checkDeflateOptions() takes windows of 8 to 15 bits [K2]", () => {
  for (let bits = 8; bits <= 15; bits++) checkDeflateOptions({ serverMaxWindowBits: bits, clientMaxWindowBits: bits });
  for (const bits of [7, 16, 0, -1, 9.5, NaN, Infinity]) {
    assertThrows(() => checkDeflateOptions({ serverMaxWindowBits: bits }), RangeError);
    assertThrows(() => checkDeflateOptions({ clientMaxWindowBits: bits }), RangeError);
  }
});
