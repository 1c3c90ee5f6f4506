/**
 * HPACK: RFC 7541, its appendix C, and blocks of seven other encoders.
 */

import { readFileSync } from "node:fs";
import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Http2Error } from "../../../src/errors/http2_error.ts";
import { HpackDecoder } from "../../../src/http2/machine/hpack/decoder.ts";
import { type FieldToSend, HpackEncoder } from "../../../src/http2/machine/hpack/encoder.ts";
import { huffmanLength, readHuffman, writeHuffman } from "../../../src/http2/machine/hpack/huffman.ts";
import { readInteger, writeInteger } from "../../../src/http2/machine/hpack/integer.ts";
import { hex, unhex } from "../../support/frames.ts";
import { rounds } from "../../support/rounds.ts";
import { projectFile } from "../../support/runtime.ts";

type Pairs = readonly (readonly [string, string])[];

const LIMITS = { maxFieldBytes: 65_536, maxFields: 1000 };

function pairs(decoder: HpackDecoder, block: string | Uint8Array): Pairs {
  return decoder.decode(typeof block === "string" ? unhex(block) : block).lines.map(({ field }) => field);
}

/** One block of appendix C: what it says, and how large the table is behind it. */
interface Example {
  readonly wire: string;
  readonly fields: Pairs;
  readonly table: number;
}

const requests: Pairs[] = [
  [[":method", "GET"], [":scheme", "http"], [":path", "/"], [":authority", "www.example.com"]],
  [[":method", "GET"], [":scheme", "http"], [":path", "/"], [":authority", "www.example.com"], [
    "cache-control",
    "no-cache",
  ]],
  [[":method", "GET"], [":scheme", "https"], [":path", "/index.html"], [":authority", "www.example.com"], [
    "custom-key",
    "custom-value",
  ]],
];
const first = "Mon, 21 Oct 2013 20:13:21 GMT";
const second = "Mon, 21 Oct 2013 20:13:22 GMT";
const url = "https://www.example.com";
const cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
const responses: Pairs[] = [
  [[":status", "302"], ["cache-control", "private"], ["date", first], ["location", url]],
  [[":status", "307"], ["cache-control", "private"], ["date", first], ["location", url]],
  [[":status", "200"], ["cache-control", "private"], ["date", second], ["location", url], [
    "content-encoding",
    "gzip",
  ], ["set-cookie", cookie]],
];

function examples(fields: readonly Pairs[], ...wires: readonly (readonly [wire: string, table: number])[]): Example[] {
  return wires.map(([wire, table], i) => ({ wire, fields: fields[i]!, table }));
}

const appendixC: Readonly<Record<string, { readonly table: number; readonly blocks: readonly Example[] }>> = {
  "C.3, requests without Huffman": {
    table: 4096,
    blocks: examples(
      requests,
      ["8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", 57],
      ["8286 84be 5808 6e6f 2d63 6163 6865", 110],
      ["8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", 164],
    ),
  },
  "C.4, requests with Huffman": {
    table: 4096,
    blocks: examples(
      requests,
      ["8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", 57],
      ["8286 84be 5886 a8eb 1064 9cbf", 110],
      ["8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", 164],
    ),
  },
  "C.5, responses without Huffman": {
    table: 256,
    blocks: examples(
      responses,
      [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d " +
        "546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        222,
      ],
      ["4803 3330 37c1 c0bf", 222],
      [
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f " +
        "6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b " +
        "2076 6572 7369 6f6e 3d31",
        215,
      ],
    ),
  },
  "C.6, responses with Huffman": {
    table: 256,
    blocks: examples(
      responses,
      [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 " +
        "8f0b 97c8 e9ae 82ae 43d3",
        222,
      ],
      ["4883 640e ffc1 c0bf", 222],
      [
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 " +
        "dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07",
        215,
      ],
    ),
  },
};

for (const [name, { table, blocks }] of Object.entries(appendixC)) {
  test(`HpackDecoder reads RFC 7541 ${name}, and its table is as large as there [N1, N6]`, () => {
    const decoder = new HpackDecoder(LIMITS, table);
    for (const { wire, fields, table } of blocks) {
      assertEquals(pairs(decoder, wire), fields);
      assertEquals(decoder.tableSize, table);
    }
  });
}

test("HpackDecoder reads the literals of RFC 7541 C.2, and tells which must never be indexed [N1, N8]", () => {
  const read = (digits: string) => {
    const decoder = new HpackDecoder(LIMITS);
    const { lines, neverIndexed } = decoder.decode(unhex(digits));
    return [lines[0]!.field, neverIndexed, decoder.tableSize];
  };
  assertEquals(read("400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572"), [
    ["custom-key", "custom-header"],
    [],
    55,
  ]);
  assertEquals(read("040c 2f73 616d 706c 652f 7061 7468"), [[":path", "/sample/path"], [], 0]);
  assertEquals(read("1008 7061 7373 776f 7264 0673 6563 7265 74"), [["password", "secret"], ["password"], 0]);
  assertEquals(read("82"), [[":method", "GET"], [], 0]);
});

test("integers are those of RFC 7541 C.1, and come back whatever they are [N1, N2]", () => {
  const written = (bits: number, value: number): string => {
    const target = new Uint8Array(8);
    return hex(target.subarray(0, writeInteger(target, 0, 0, bits, value)));
  };
  assertEquals([written(5, 10), written(5, 1337), written(8, 42)], ["0a", "1f9a0a", "2a"]);
  for (const bits of [4, 5, 6, 7]) {
    for (const value of [0, 1, 14, 15, 16, 30, 31, 32, 126, 127, 128, 254, 255, 16_383, 16_384, 2 ** 21, 2 ** 28]) {
      const target = new Uint8Array(8);
      const end = writeInteger(target, 0, 0, bits, value);
      assertEquals(readInteger({ bytes: target.subarray(0, end), at: 0 }, bits), value);
      assertEquals(readInteger({ bytes: target.subarray(0, end - 1), at: 0 }, bits), -1);
    }
  }
});

test("an entry that is larger than the table empties it, and is no error [N6]", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(LIMITS, 100);
  encoder.setMaxTableSize(100);
  decoder.setMaxTableSize(100);
  decoder.decode(encoder.encode([["x-a", "1"], ["x-b", "2"]]));
  assertEquals(decoder.tableSize, 72);
  decoder.decode(unhex("40 03 782d63 46 " + "61".repeat(70)));
  assertEquals(decoder.tableSize, 0);
});

test("HpackEncoder refuses characters above U+00FF, wherever they stand", () => {
  for (const text of ["€", "a€", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa€", "€aaaa", "\u0100"]) {
    assertThrows(() => new HpackEncoder().encode([["x-a", text]]), TypeError);
    assertThrows(() => new HpackEncoder().encode([[text, "1"]]), TypeError);
  }
});

interface Story {
  readonly headers: readonly Pairs[];
  readonly wires: Readonly<Record<string, readonly (readonly [size: number | null, digits: string])[]>>;
}

const stories = JSON.parse(
  readFileSync(projectFile("tests/http2/data/hpack_stories.json"), "utf8"),
) as Record<string, Story>;

test("HpackDecoder reads what seven other encoders have written, sizes that change among them [N1, N4]", () => {
  let blocks = 0;
  for (const [name, { headers, wires }] of Object.entries(stories)) {
    for (const [encoder, list] of Object.entries(wires)) {
      const decoder = new HpackDecoder(LIMITS);
      for (const [i, [size, digits]] of list.entries()) {
        if (size !== null) decoder.setMaxTableSize(size);
        assertEquals(pairs(decoder, digits), headers[i], `story ${name}, ${encoder}, block ${i}`);
        blocks++;
      }
    }
  }
  assert(blocks > 200, String(blocks));
});

test("what HpackEncoder writes is what HpackDecoder reads, in fewer bytes than nghttp2 needs [N4, N6]", () => {
  let ours = 0;
  let theirs = 0;
  for (const sizes of [[4096], [0, 100, 4096, 50, 1000]]) {
    for (const { headers, wires } of Object.values(stories)) {
      const encoder = new HpackEncoder();
      const decoder = new HpackDecoder(LIMITS);
      for (const [i, block] of headers.entries()) {
        decoder.setMaxTableSize(sizes[i % sizes.length]!);
        encoder.setMaxTableSize(sizes[i % sizes.length]!);
        const written = encoder.encode(block);
        if (sizes.length === 1) ours += written.length;
        assertEquals(pairs(decoder, written), block);
        assertEquals(decoder.tableSize, encoder.tableSize);
      }
      if (sizes.length === 1) theirs += wires.nghttp2!.reduce((sum, [, digits]) => sum + digits.length / 2, 0);
    }
  }
  assert(ours <= theirs * 1.02, `${ours} bytes, nghttp2 ${theirs}`);
});

test("HpackEncoder never indexes credentials, short cookies and what it is told to keep [N7, N8]", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(LIMITS);
  const fields: FieldToSend[] = [
    ["authorization", "Basic abcd"],
    ["proxy-authorization", "Basic abcd"],
    ["cookie", "id=1"],
    ["x-secret", "s", true],
    ["x-open", "o"],
  ];
  const read = decoder.decode(encoder.encode(fields));
  assertEquals(read.neverIndexed, ["authorization", "proxy-authorization", "cookie", "x-secret"]);
  assertEquals(decoder.tableSize, "x-open".length + 1 + 32);
});

test("HpackDecoder keeps no more than its limits, and goes on behind what was too much", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder({ maxFieldBytes: 200, maxFields: 3 });
  const many = Array.from({ length: 10 }, (_, i) => [`x-${i}`, "v"] as const);
  const cut = decoder.decode(encoder.encode(many));
  assertEquals([cut.lines.length, cut.tooLarge], [3, true]);
  const large = decoder.decode(encoder.encode([["x", "v".repeat(200)]]));
  assertEquals([large.lines.length, large.tooLarge], [0, true]);
  const again = decoder.decode(encoder.encode([many[9]!]));
  assertEquals([again.lines.map(({ field }) => field), again.tooLarge], [[["x-9", "v"]], false]);
});

test("a block that names one large entry again and again costs no more than its limits allow", () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder({ maxFieldBytes: 16_384, maxFields: 100 });
  decoder.decode(encoder.encode([["x", "v".repeat(3000)]]));
  const bomb = decoder.decode(new Uint8Array(16_384).fill(0x80 | 62));
  assertEquals([bomb.lines.length, bomb.tooLarge], [5, true]);
});

const broken: Readonly<Record<string, string>> = {
  "the index 0": "80",
  "an index behind the table": "be",
  "a literal whose name has an index behind the table": "7f 00",
  "an integer that ends early": "7f",
  "an integer that is too long": "7f 80 80 80 80 80 01",
  "a text that ends early": "40 05 61",
  "a block that ends before its value": "40 01 61",
  "EOS in a text": "40 01 61 84 ff ff ff ff",
  "padding of zeros": "40 01 61 81 f0",
  "padding of eight bits": "40 01 61 82 1f ff",
  "a size update above the limit": "3f e2 1f",
  "a size update within a block": "82 20",
};

for (const [what, digits] of Object.entries(broken)) {
  test(`HpackDecoder refuses ${what} with compression [N2, N3, N4, N5]`, () => {
    const error = assertThrows(() => new HpackDecoder(LIMITS).decode(unhex(digits)), Http2Error);
    assertEquals([error.code, error.streamId], ["compression", 0]);
  });
}

test("a table that must become smaller is told so at the beginning of the next block [N4]", () => {
  const decoder = new HpackDecoder(LIMITS);
  decoder.setMaxTableSize(100);
  assertThrows(() => decoder.decode(unhex("82")), Http2Error);
  const other = new HpackDecoder(LIMITS);
  other.setMaxTableSize(100);
  other.setMaxTableSize(4096);
  assertThrows(() => other.decode(unhex("82")), Http2Error);
  const encoder = new HpackEncoder();
  encoder.setMaxTableSize(100);
  encoder.setMaxTableSize(2000);
  assertEquals(hex(encoder.encode([[":method", "GET"]])), "3f453fb10f82");
});

test("any text comes back from its Huffman code", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(255)), (codes) => {
      const text = String.fromCharCode(...codes);
      const target = new Uint8Array(4 * text.length + 8);
      const end = writeHuffman(target, 0, text);
      assertEquals(end, huffmanLength(text));
      assertEquals(readHuffman(target, 0, end), text);
    }),
    rounds(200),
  );
});

test("any bytes are a block or an Http2Error", () => {
  const decoder = new HpackDecoder(LIMITS);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decoder.decode(bytes);
      } catch (error) {
        assert(error instanceof Http2Error, String(error));
      }
    }),
    rounds(1000),
  );
});
