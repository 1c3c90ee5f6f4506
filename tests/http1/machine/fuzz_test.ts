/**
 * Properties of the machines, on bytes and messages that nobody chose: RFC 9112, and the contract of `next()`.
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { test } from "node:test";
import { ProtocolError } from "../../../src/errors/protocol_error.ts";
import type { Http1Limits } from "../../../src/http1/machine/limits.ts";
import { DEFAULT_LIMITS } from "../../../src/http1/machine/limits.ts";
import { FieldLines, type SectionKind } from "../../../src/http1/machine/field_lines.ts";
import { HeadParser } from "../../../src/http1/machine/parse_head.ts";
import { ReceiveBuffer } from "../../../src/bytes/receive_buffer.ts";
import type { RequestHead, ResponseHead } from "../../../src/semantics/message.ts";
import { announcedTrailers } from "../../../src/http1/machine/send_framing.ts";
import { acceptedBy, type Proposal, proposalOf, protocolOf } from "../../../src/semantics/switching.ts";
import { timesAsLong } from "../../support/growth.ts";
import { transferCodings } from "../../../src/http1/machine/transfer_coding.ts";
import { isHostAndPort, parseTarget } from "../../../src/semantics/target.ts";
import { type Field, Fields } from "../../../src/semantics/fields.ts";
import { wire } from "../../support/bytes.ts";
import { chunksOf, hostileRequests, hostileResponses, leniency } from "./generate.ts";
import { clientTranscript, serverTranscript } from "./machine_says.ts";
import { rounds } from "../../support/rounds.ts";

const runs = rounds(125);

/** Bounds so small that noise meets them. */
const limits: fc.Arbitrary<Partial<Http1Limits>> = fc.record(
  {
    maxHeadBytes: fc.integer({ min: 0, max: 80 }),
    maxFields: fc.integer({ min: 0, max: 4 }),
    maxTargetBytes: fc.integer({ min: 0, max: 4 }),
    maxMethodBytes: fc.integer({ min: 0, max: 8 }),
    maxLeadingEmptyLines: fc.integer({ min: 0, max: 3 }),
    maxChunkExtensionBytes: fc.integer({ min: 0, max: 6 }),
    maxTrailerBytes: fc.integer({ min: 0, max: 10 }),
    maxTrailers: fc.integer({ min: 0, max: 2 }),
    maxInformational: fc.integer({ min: 0, max: 2 }),
  },
  { requiredKeys: [] },
);

/** Bytes, and the same in chunks. */
function cut(
  bytes: fc.Arbitrary<Uint8Array>,
): fc.Arbitrary<{ readonly bytes: Uint8Array; readonly chunks: Uint8Array[] }> {
  return bytes.chain((bytes) => fc.record({ bytes: fc.constant(bytes), chunks: chunksOf(bytes) }));
}

const options = fc.record({ leniency, limits: fc.oneof(fc.constant({}), limits), eof: fc.boolean() });

test("ServerMachine makes the same of any bytes however they are cut, and fails only as it may [H4]", () => {
  fc.assert(
    fc.property(cut(hostileRequests), options, ({ bytes, chunks }, run) => {
      const whole = serverTranscript([bytes], { ...run, fields: true });
      assertEquals(serverTranscript(chunks, { ...run, fields: true }), whole);
    }),
    runs,
  );
});

const request = fc.constantFrom(
  { method: "GET", target: "/", fields: [] },
  { method: "HEAD", target: "/", fields: [] },
  { method: "GET", target: "/", fields: [["Connection", "upgrade"] as const, ["Upgrade", "echo"] as const] },
  { method: "CONNECT", target: "a:1", fields: [] },
  { method: "GET", target: "/", version: "1.0" as const, fields: [] },
);

test("ClientMachine makes the same of any bytes however they are cut, and fails only as it may [H4]", () => {
  fc.assert(
    fc.property(cut(hostileResponses), options, request, ({ bytes, chunks }, run, request) => {
      const whole = clientTranscript([bytes], { ...run, requests: [request], fields: true });
      assertEquals(clientTranscript(chunks, { ...run, requests: [request], fields: true }), whole);
    }),
    runs,
  );
});

test("the machines take any bytes at all and throw nothing but ProtocolError", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), options, (bytes, run) => {
      serverTranscript([bytes], run);
      clientTranscript([bytes], run);
    }),
    runs,
  );
});

/** A message that is right, its kind, and where it was changed. */
const nearMiss = fc
  .record({
    message: fc.constantFrom(
      "POST /a?b HTTP/1.1¶Host: a:80¶Content-Length: 5¶Connection: close¶¶hello",
      "POST / HTTP/1.1¶Host: [::1]¶Transfer-Encoding: chunked¶¶5;a=b¶hello¶0¶A: b¶¶GET / HTTP/1.1¶¶",
      "GET / HTTP/1.1¶Host: a¶Connection: upgrade¶Upgrade: echo/1, b¶¶early",
      "HTTP/1.1 103 Early¶Link: a¶¶HTTP/1.1 200 OK¶Content-Length: 5¶¶hello",
      "HTTP/1.1 200 OK¶Transfer-Encoding: chunked¶Set-Cookie: a¶¶a¶0123456789¶0¶A: b¶¶",
    ).map((text) => wire(text)),
    at: fc.nat(),
    insert: fc.boolean(),
    byte: fc.integer({ min: 0, max: 255 }),
  })
  .map(({ message, at, insert, byte }) => {
    const index = at % message.length;
    return Uint8Array.from([...message.subarray(0, index), byte, ...message.subarray(insert ? index : index + 1)]);
  });

test("the machines make the same of a message with one wrong byte however it is cut [H4]", () => {
  fc.assert(
    fc.property(cut(nearMiss), leniency, ({ bytes, chunks }, leniency) => {
      assertEquals(serverTranscript(chunks, { leniency }), serverTranscript([bytes], { leniency }));
      assertEquals(clientTranscript(chunks, { leniency }), clientTranscript([bytes], { leniency }));
    }),
    runs,
  );
});

/** Bytes that count how often one of them is looked at. */
function counted(bytes: Uint8Array): { readonly bytes: Uint8Array; readonly looks: () => number } {
  let looks = 0;
  const proxy = new Proxy(bytes, {
    get(target, key) {
      looks++;
      return target[key as unknown as number];
    },
  });
  return { bytes: proxy, looks: () => looks };
}

const generous: Http1Limits = {
  ...DEFAULT_LIMITS,
  maxHeadBytes: 1e6,
  maxFields: 1e6,
  maxTargetBytes: 1e6,
  maxLeadingEmptyLines: 1e6,
};
const count = 5000;

/** Heads that would make a parser that looks back, or begins anew, take quadratic time. */
const slowHeads: readonly (readonly [name: string, kind: SectionKind, head: string])[] = [
  ["a long target", "request", `GET /${"a".repeat(count)} HTTP/1.1¶¶`],
  ["many fields", "request", `GET / HTTP/1.1¶${"a: b¶".repeat(count / 5)}¶`],
  ["a long name", "request", `GET / HTTP/1.1¶${"a".repeat(count)}: b¶¶`],
  ["spaces before a value", "request", `GET / HTTP/1.1¶a:${" ".repeat(count)}b¶¶`],
  ["spaces behind a value", "request", `GET / HTTP/1.1¶a: b${" ".repeat(count)}¶¶`],
  ["spaces within a value", "request", `GET / HTTP/1.1¶a: ${" b".repeat(count / 2)}¶¶`],
  ["spaces in the request line", "request", `GET${" ".repeat(count)}/ HTTP/1.1¶¶`],
  ["empty lines before a response", "response", `${"¶".repeat(count / 2)}HTTP/1.1 200 OK¶¶`],
  ["a long reason", "response", `HTTP/1.1 200 ${"a".repeat(count)}¶¶`],
  ["spaces before a colon", "response", `HTTP/1.1 200 OK¶a${" ".repeat(count)}: b¶¶`],
  ["many folds", "response", `HTTP/1.1 200 OK¶a: b¶${" ¶".repeat(count / 3)}¶`],
  ["folds of spaces", "response", `HTTP/1.1 200 OK¶a: b¶${`${" ".repeat(50)}¶`.repeat(count / 50)}¶`],
  ["many invalid lines", "response", `HTTP/1.1 200 OK¶${"a b¶".repeat(count / 5)}¶`],
  ["many trailers", "trailers", `${"a: b¶".repeat(count / 5)}¶`],
];

for (const [name, kind, head] of slowHeads) {
  test(`HeadParser and FieldLines look at each byte a few times only, byte by byte: ${name} (linear time)`, () => {
    const bytes = wire(head);
    const everything = {
      bareLf: true,
      spaceBeforeColon: true,
      obsoleteFold: true,
      invalidFields: true,
      multipleSpaces: true,
      emptyLineBeforeResponse: true,
    };
    const parser = kind === "trailers"
      ? new FieldLines(kind, 1e6, everything)
      : new HeadParser(kind, generous, everything);
    const { bytes: watched, looks } = counted(bytes);
    let end = -1;
    for (let length = 1; length <= bytes.length; length++) end = parser.parse(watched, 0, length);
    assertEquals(end, bytes.length);
    assert(looks() < 8 * bytes.length, `${looks()} looks at ${bytes.length} bytes`);
  });
}

test("a head that comes byte by byte is copied a few times only (linear time)", () => {
  const { set } = Uint8Array.prototype;
  let copied = 0;
  Uint8Array.prototype.set = function (source: ArrayLike<number>, offset?: number) {
    copied += source.length;
    return set.call(this, source, offset);
  };
  const head = `GET / HTTP/1.1¶Host: a¶X: ${"x".repeat(60_000)}¶¶`;
  try {
    const chunks = Array.from(wire(head), (byte) => Uint8Array.of(byte));
    assertEquals(serverTranscript(chunks), ["GET / 1.1 none", "waiting"]);
  } finally {
    Uint8Array.prototype.set = set;
  }
  assert(copied < 5 * head.length, `${copied} bytes copied for ${head.length}`);
});

/** Texts of a megabyte; what takes quadratic time on one of them does not come back before the test is killed. */
const megabyte = 1_000_000;

/** The same for regular expressions with groups, each step of which takes many times as long. */
const shorter = 300_000;

const slowTexts: readonly (readonly [name: string, read: () => unknown])[] = [
  ["isHostAndPort() of colons", () => isHostAndPort(`[${":".repeat(megabyte)}g]`)],
  ["isHostAndPort() of groups", () => isHostAndPort(`[${"a:".repeat(megabyte / 2)}]`)],
  ["isHostAndPort() of digits", () => isHostAndPort(`a:${"0".repeat(megabyte)}x`)],
  ["isHostAndPort() of percent signs", () => isHostAndPort("%41".repeat(shorter / 3) + "%")],
  ["isHostAndPort() of a future address", () => isHostAndPort(`[v1.${":".repeat(megabyte)}`)],
  ["parseTarget() of a scheme", () => refused(() => parseTarget("GET", "a".repeat(megabyte)))],
  ["parseTarget() of an authority", () => refused(() => parseTarget("GET", `http://${":".repeat(megabyte)}`))],
  ["parseTarget() of CONNECT", () => refused(() => parseTarget("CONNECT", `${":".repeat(megabyte)}1`))],
  ["Fields.list() of commas", () => new Fields([["a", ",".repeat(megabyte)]]).list("a")],
  ["Fields.list() of quotes", () => new Fields([["a", '"'.repeat(megabyte)]]).list("a")],
  ["Fields.list() of backslashes in quotes", () => new Fields([["a", `"${"\\".repeat(megabyte)}`]]).list("a")],
  ["Fields.list() of spaces", () => new Fields([["a", `a${" ".repeat(megabyte)},b`]]).list("a")],
  ["transferCodings() of spaces", () => transferCodings([`a${" ".repeat(megabyte)}@`])],
  ["transferCodings() of spaces between", () => transferCodings([`,${" ".repeat(megabyte)}@`])],
  ["transferCodings() of parameters", () => transferCodings([`a${";b=c".repeat(shorter / 4)}@`])],
  ["transferCodings() of spaces around parameters", () => {
    return transferCodings([`a${` ${" ".repeat(999)};b= c`.repeat(megabyte / 1000)}@`]);
  }],
  ["transferCodings() of quotes", () => transferCodings([`a;b="${'\\"'.repeat(shorter / 2)}`])],
  ["transferCodings() of codings", () => transferCodings(["a,".repeat(megabyte / 2)])],
  ["Fields of spaces", () => new Fields([["a", `a${" ".repeat(megabyte)}b`]]).get("a")],
];

for (const [name, read] of slowTexts) {
  test(`${name} comes back (linear time)`, () => void read());
}

const GET: RequestHead = { method: "GET", target: "/", version: "1.1", fields: new Fields() };

function offering(count: number): Proposal {
  const fields = new Fields([["Connection", "upgrade"], ["Upgrade", "a,".repeat(count - 1) + "b"]]);
  return proposalOf({ ...GET, fields }, {});
}

function accepting(count: number): ResponseHead {
  const fields = new Fields([["Upgrade", "b,".repeat(count)]]);
  return { status: 101, reason: "", version: "1.1", fields };
}

const offers = [offering(4000), offering(2)] as const;
const answers = [accepting(4000), accepting(1)] as const;
const trailers = [4000, 1].map((count) => new Fields(Array.from({ length: count }, (): Field => ["b", ""])));
const announced = [4000, 1].map((count) => "a,".repeat(count) + "b");

/** What has two inputs that a peer can make long: work on both of them, and on each beside a short one. */
const products: readonly (readonly [name: string, work: (one: 0 | 1, other: 0 | 1) => unknown])[] = [
  ["acceptedBy()", (one, other) => acceptedBy(offers[one], answers[other], {})],
  ["protocolOf()", (one, other) => protocolOf(offers[one], answers[other].fields.get("upgrade"))],
  ["announcedTrailers()", (one, other) => announcedTrailers(trailers[one]!, announced[other]!)],
];

for (const [name, work] of products) {
  test(`${name} takes the time of its two inputs added up, not of each element with each (linear time)`, () => {
    const times = timesAsLong(() => work(0, 0), [() => work(0, 1), () => work(1, 0)]);
    assert(times < 30, `${times} times as long`);
  });
}

function refused(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    if (error instanceof ProtocolError) return;
    throw error;
  }
  throw new Error("It was not refused");
}

test("a folded head of spaces comes back (linear time)", () => {
  const head = `HTTP/1.1 204 x¶a: b${" ".repeat(megabyte / 2)}c¶ d${"\t".repeat(megabyte / 2)}e¶¶`;
  const run = { leniency: { obsoleteFold: true }, limits: { maxHeadBytes: Infinity }, fields: true };
  const [first] = clientTranscript([wire(head)], run);
  assertEquals(first!.length > megabyte, true);
});

test("ReceiveBuffer gives what was pushed, for any pushes and takes", () => {
  const step = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.integer({ min: 0, max: 60 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const buffer = new ReceiveBuffer();
      const pushed: number[] = [];
      const views: Uint8Array[] = [];
      for (const step of steps) {
        if (typeof step === "number") views.push(buffer.take(step));
        else {
          pushed.push(...step);
          buffer.push(step);
        }
      }
      views.push(buffer.takeAll());
      assertEquals(views.flatMap((view) => [...view]), pushed);
    }),
    runs,
  );
});
