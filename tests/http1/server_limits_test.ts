import { test } from "node:test";
import { assertEquals } from "@std/assert";
import type { ServerConnectionOptions } from "../../src/http1/options.ts";
import { DEFAULT_LIMITS } from "../../src/http1/machine/limits.ts";
import { converse, conversing } from "../support/serving.ts";
import { readAll, turns, wire } from "../support/wire.ts";

const OK = "HTTP/1.1 200 OK¶content-length: 0¶¶";
const refused = (status: string) => `HTTP/1.1 ${status}¶content-length: 0¶connection: close¶¶`;
const TOO_LARGE = refused("431 Request Header Fields Too Large");
const TOO_LONG = refused("414 URI Too Long");
const NO_SUCH_METHOD = refused("501 Not Implemented");
const filler = (head: string, bytes: number) => head.replace("#", "x".repeat(bytes - (wire(head).length - 1)));

interface Case {
  readonly what: string;
  readonly input: string;
  readonly output: string;
  readonly limits?: ServerConnectionOptions["limits"];
}

const head = "GET / HTTP/1.1¶Host: x¶X: #¶¶";

const cases: readonly Case[] = [
  { what: "a head of exactly maxHeadBytes", input: filler(head, 65_536), output: OK },
  { what: "a head of one byte more", input: filler(head, 65_537), output: TOO_LARGE },
  {
    what: "a head of exactly 8192 bytes",
    input: filler(head, 8192),
    output: OK,
    limits: { maxHeadBytes: 8192 },
  },
  {
    what: "a head of 8193 bytes",
    input: filler(head, 8193),
    output: TOO_LARGE,
    limits: { maxHeadBytes: 8192 },
  },
  {
    what: "a head over two buffers, 7000 and 5000 bytes",
    input: `GET / HTTP/1.1¶Host: x¶Connection: close¶X: ${"a".repeat(12_000)}¶¶`,
    output: TOO_LARGE,
    limits: { maxHeadBytes: 8192 },
  },
  { what: "a field name of 65,536 bytes", input: `GET / HTTP/1.1¶${"x".repeat(65_536)}: a¶¶`, output: TOO_LARGE },
  { what: "an endless field name", input: `GET / HTTP/1.1¶${"x".repeat(100_000)}`, output: TOO_LARGE },
  { what: "an endless value", input: `GET / HTTP/1.1¶Host: a¶A: ${"x".repeat(100_000)}`, output: TOO_LARGE },
  {
    what: "100 field lines",
    input: `GET / HTTP/1.1¶Host: a¶${"A: b¶".repeat(99)}¶`,
    output: OK,
  },
  { what: "101 field lines", input: `GET / HTTP/1.1¶Host: a¶${"A: b¶".repeat(100)}¶`, output: TOO_LARGE },
  {
    what: "4 field lines where 3 are allowed",
    input: `GET / HTTP/1.1¶Host: a¶${"A: b¶".repeat(3)}¶`,
    output: TOO_LARGE,
    limits: { maxFields: 3 },
  },
  { what: "a target of 8192 bytes", input: `GET /${"a".repeat(8191)} HTTP/1.1¶Host: a¶¶`, output: OK },
  { what: "a target of 8193 bytes", input: `GET /${"a".repeat(8192)} HTTP/1.1¶Host: a¶¶`, output: TOO_LONG },
  { what: "a target of 65,535 bytes", input: `GET /${"a".repeat(65_534)} HTTP/1.1¶¶`, output: TOO_LONG },
  {
    what: "a target above the size of a whole head",
    input: `POST /${"a".repeat(16_000)}`,
    output: TOO_LONG,
    limits: { maxHeadBytes: 16_000, maxTargetBytes: 65_536 },
  },
  { what: "a method of 32 bytes", input: `${"M".repeat(32)} / HTTP/1.1¶Host: a¶¶`, output: OK },
  { what: "a method of 33 bytes", input: `${"M".repeat(33)} / HTTP/1.1¶Host: a¶¶`, output: NO_SUCH_METHOD },
  {
    what: "three empty lines where three are allowed",
    input: "¶¶¶GET / HTTP/1.1¶Host: a¶¶",
    output: OK,
    limits: { maxLeadingEmptyLines: 3 },
  },
  {
    what: "chunk extensions of 4096 bytes in all",
    input: chunks([2047, 2047], "ok"),
    output: OK,
  },
  {
    what: "chunk extensions of 4097 bytes in all",
    input: chunks([2047, 2048], "ok"),
    output: refused("413 Content Too Large"),
  },
];

/** A body of two chunks with extensions of so many bytes, the `;` not counted. */
function chunks(extensions: readonly number[], data: string): string {
  const lines = extensions.map((bytes) => `${data.length};${"e".repeat(bytes)}¶${data}¶`).join("");
  return `POST / HTTP/1.1¶Host: a¶Transfer-Encoding: chunked¶¶${lines}0¶¶`;
}

for (const { what, input, output, limits = {} } of cases) {
  test(`serveConnection() answers ${output.slice(9, 12)} to ${what}, however it is cut (RFC 9110 §5.4, RFC 9112 §3) [A11, B9]`, async () => {
    const bytes = wire(input);
    const pieces = (size: number) => {
      const parts: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) parts.push(bytes.slice(at, at + size));
      return parts;
    };
    for (const size of [Infinity, 8192, 7001, 4096, 1000, bytes.length - 1, ...(bytes.length < 20_000 ? [1] : [])]) {
      const conversed = await converse(size === Infinity ? [bytes] : pieces(size), async ({ body }) => {
        await body.text();
        return { status: 200 };
      }, { limits });
      assertEquals([conversed.output, conversed.timers], [output, 0], `in pieces of ${size}`);
    }
  });
}

test("serveConnection() refuses a head at the byte that is too much, not before and not when it ends", async () => {
  const { client } = conversing(() => ({ status: 200 }), { limits: { maxHeadBytes: 50 } });
  const bytes = wire(filler(head, 60));
  await client.write(bytes.slice(0, 49));
  await turns();
  await client.write(bytes.slice(49, 50));
  assertEquals(await readAll(client), TOO_LARGE);
  await client.close();
});

test("DEFAULT_LIMITS are what is enforced when nothing is said", () =>
  assertEquals([DEFAULT_LIMITS.maxHeadBytes, DEFAULT_LIMITS.maxFields, DEFAULT_LIMITS.maxTargetBytes], [
    65_536,
    100,
    8192,
  ]));
