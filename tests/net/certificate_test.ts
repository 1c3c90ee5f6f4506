import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { concat } from "../../src/bytes/concat.ts";
import { certificateNames } from "../../src/net/certificate.ts";
import { tlsInfo } from "../../src/net/tls_info.ts";
import { authority } from "../support/certificates.ts";

const CN = [2, 5, 4, 3];
const SUBJECT_ALT_NAME = [2, 5, 29, 17];

/** One value of DER (X.690 §8.1). */
function der(tag: number, ...parts: readonly (Uint8Array | string)[]): Uint8Array {
  const content = concat(parts.map((part) => typeof part === "string" ? new TextEncoder().encode(part) : part));
  const { byteLength } = content;
  const length = byteLength < 0x80 ? [byteLength] : [0x82, byteLength >> 8, byteLength & 0xff];
  return concat([Uint8Array.of(tag, ...length), content]);
}

const sequence = (...parts: readonly Uint8Array[]): Uint8Array => der(0x30, ...parts);

function oid([first = 0, second = 0, ...others]: readonly number[]): Uint8Array {
  return der(0x06, Uint8Array.of(first * 40 + second, ...others.flatMap(arcOctets)));
}

/** Seven bits in each octet, and the eighth in all but the last (X.690 §8.19.2). */
function arcOctets(arc: number): number[] {
  const octets = [arc & 0x7f];
  for (let left = arc >> 7; left > 0; left >>= 7) octets.unshift(0x80 | (left & 0x7f));
  return octets;
}

/** A relative distinguished name with one attribute. */
function attribute(arcs: readonly number[], value: Uint8Array): Uint8Array {
  return der(0x31, sequence(oid(arcs), value));
}

/** The extension with other names of the subject. */
function altNamesOf(names: readonly Uint8Array[]): Uint8Array {
  return sequence(oid(SUBJECT_ALT_NAME), der(0x01, Uint8Array.of(0xff)), der(0x04, sequence(...names)));
}

/** A certificate with this name and these extensions, and with nothing in its other places. */
function certificate(subject: readonly Uint8Array[], ...extensions: readonly Uint8Array[]): Uint8Array {
  const other = sequence(oid([2, 5, 29, 19]), der(0x04, sequence()));
  const toBeSigned = sequence(
    der(0xa0, der(0x02, Uint8Array.of(2))),
    der(0x02, Uint8Array.of(5)),
    sequence(),
    sequence(attribute(CN, der(0x0c, "issuer"))),
    sequence(),
    sequence(...subject),
    sequence(),
    der(0xa3, sequence(other, ...extensions)),
  );
  return sequence(toBeSigned, sequence(), der(0x03));
}

test("certificateNames() keeps a name that is written like two in one piece (CVE-2021-44532)", () => {
  const dns = (name: string): Uint8Array => der(0x82, name);
  const { subject, subjectAltNames } = certificateNames(
    certificate(
      [attribute(CN, der(0x0c, "a\nCN=root"))],
      altNamesOf([dns("a.test, DNS:b.test"), dns("a.test\0.b.test")]),
    ),
  );
  assertEquals(subject, [{ type: "CN", value: "a\nCN=root" }]);
  assertEquals(subjectAltNames, [
    { type: "dns", value: "a.test, DNS:b.test" },
    { type: "dns", value: "a.test\0.b.test" },
  ]);
});

test("certificateNames() reads attributes in their order, with repetitions (RFC 5280 §4.1.2.4)", () => {
  const two = der(0x31, sequence(oid([2, 5, 4, 11]), der(0x13, "one")), sequence(oid([2, 5, 4, 11]), der(0x0c, "two")));
  const { subject, issuer } = certificateNames(certificate([
    attribute([2, 5, 4, 6], der(0x13, "DE")),
    two,
    attribute([0, 9, 2342, 19200300, 100, 1, 1], der(0x0c, "me")),
    attribute([1, 2, 840, 113549, 1, 9, 1], der(0x16, "a@b.test")),
    attribute([2, 5, 4, 97], der(0x0c, "PSD")),
    attribute(CN, der(0x0c, "é")),
  ]));
  assertEquals(subject.map(({ type, value }) => `${type}=${value}`), [
    "C=DE",
    "OU=one",
    "OU=two",
    "UID=me",
    "emailAddress=a@b.test",
    "2.5.4.97=PSD",
    "CN=é",
  ]);
  assertEquals(issuer, [{ type: "CN", value: "issuer" }]);
});

test("certificateNames() reads the texts of RFC 5280 §4.1.2.4, and no others", () => {
  const texts: readonly (readonly [tag: number, content: Uint8Array, value: string | null])[] = [
    [0x0c, Uint8Array.of(0xc3, 0xa9), "é"],
    [0x0c, Uint8Array.of(0xe9), null],
    [0x0c, Uint8Array.of(0xef, 0xbb, 0xbf, 0x61), "\ufeffa"],
    [0x13, Uint8Array.of(0x61), "a"],
    [0x16, Uint8Array.of(0x61, 0xe9), null],
    [0x1e, Uint8Array.of(0x20, 0xac), "€"],
    [0x1e, Uint8Array.of(0x20), null],
    [0x14, Uint8Array.of(0x61), null],
    [0x0c, new Uint8Array(300).fill(0x61), "a".repeat(300)],
  ];
  for (const [tag, content, value] of texts) {
    assertEquals(certificateNames(certificate([attribute(CN, der(tag, content))])).subject, [{ type: "CN", value }]);
  }
});

test("certificateNames() reads DNS names, mail addresses, URIs and IP addresses (RFC 5280 §4.2.1.6)", () => {
  const v6 = Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
  const { subject, subjectAltNames } = certificateNames(certificate(
    [],
    altNamesOf([
      der(0x86, "spiffe://trust.test/ns/a"),
      der(0x81, "me@mail.test"),
      der(0x82, "*.a.test"),
      der(0x87, Uint8Array.of(10, 0, 0, 1)),
      der(0x87, v6),
      der(0x87, Uint8Array.of(10, 0, 0)), // no address
      der(0x82, Uint8Array.of(0xe9)), // no IA5String
      der(0x88, Uint8Array.of(0x2a)), // a registered number
      der(0xa4, sequence()), // the name of a directory
    ]),
  ));
  assertEquals(subject, []);
  assertEquals(subjectAltNames, [
    { type: "uri", value: "spiffe://trust.test/ns/a" },
    { type: "email", value: "me@mail.test" },
    { type: "dns", value: "*.a.test" },
    { type: "ip", value: "10.0.0.1" },
    { type: "ip", value: "2001:db8::1" },
  ]);
});

test("certificateNames() refuses an object identifier that is written in a longer way, or ends early (X.690 §8.19.2)", () => {
  for (const octets of [[0x55, 4, 0x80, 3], [0x55, 4, 0x83], []]) {
    const name = der(0x31, sequence(der(0x06, Uint8Array.from(octets)), der(0x0c, "root")));
    assertThrows(() => certificateNames(certificate([name])), TypeError);
  }
});

test("certificateNames() refuses two extensions with names (RFC 5280 §4.2)", () => {
  const names = (name: string): Uint8Array => altNamesOf([der(0x82, name)]);
  assertEquals(certificateNames(certificate([], names("a.test"))).subjectAltNames, [{ type: "dns", value: "a.test" }]);
  assertThrows(() => certificateNames(certificate([], names("a.test"), names("b.test"))), TypeError);
});

test("certificateNames() refuses what is no certificate, wherever it is cut", () => {
  const whole = certificate([attribute(CN, der(0x0c, "a"))], altNamesOf([der(0x82, "a.test")]));
  for (let length = 0; length < whole.byteLength; length++) {
    assertThrows(() => certificateNames(whole.subarray(0, length)), TypeError);
  }
  for (const bytes of [[0x30, 0x80, 0, 0], [0x30, 0x85, 0, 0, 0, 0, 0], [0x1f, 1, 0], [0x30, 0xff], [0x02, 1, 0]]) {
    assertThrows(() => certificateNames(Uint8Array.from(bytes)), TypeError);
  }
});

test("certificateNames() with one octet changed reads it, or refuses it with a TypeError", () => {
  const whole = Uint8Array.from(atob(authority.replace(/-.*-|\n/g, "")), (character) => character.charCodeAt(0));
  for (let at = 0; at < whole.byteLength; at++) {
    for (const octet of [0, 1, 0x1f, 0x30, 0x7f, 0x80, 0x84, 0xff]) {
      const changed = whole.slice();
      changed[at] = octet;
      try {
        certificateNames(changed);
      } catch (error) {
        assertEquals((error as Error).constructor, TypeError);
      }
    }
  }
});

test("tlsInfo() asks for the certificate when it is looked at, and once", () => {
  const asked: string[] = [];
  const raw = certificate([attribute(CN, der(0x0c, "a"))]);
  const native = {
    getCipher: () => ({ standardName: "TLS_AES_128_GCM_SHA256" }),
    getPeerX509Certificate() {
      asked.push("certificate");
      return { raw, fingerprint256: "00", validFrom: "Jan  1 00:00:00 2020 GMT", validTo: "Dec 31 23:59:59 9999 GMT" };
    },
  };
  const info = tlsInfo(native, null, true);
  assertEquals([info.cipher, asked.length], ["TLS_AES_128_GCM_SHA256", 0]);
  const certificates = [info.peerCertificate, info.peerCertificate];
  assertEquals(certificates[0]?.validTo.toJSON(), "9999-12-31T23:59:59.000Z");
  assertEquals([certificates[0] === certificates[1], asked.length], [true, 1]);
});

test("tlsInfo() has null for what a runtime has no function for, what that throws, and what is no certificate", () => {
  const nothing = {
    alpn: null,
    version: null,
    cipher: null,
    serverName: null,
    authorized: null,
    peerCertificate: null,
  };
  const fails = (): never => {
    throw new Error("Not implemented");
  };
  const broken = { raw: Uint8Array.of(0x30), fingerprint256: "00", validFrom: "", validTo: "" };
  const natives = [
    {},
    { getProtocol: fails, getCipher: fails, getServername: fails, getPeerX509Certificate: fails },
    { servername: false as const, getCipher: () => null, getPeerX509Certificate: () => undefined },
    { servername: "", getPeerX509Certificate: () => broken },
  ];
  for (const native of natives) assertEquals({ ...tlsInfo(native, null, null) }, nothing);
});
