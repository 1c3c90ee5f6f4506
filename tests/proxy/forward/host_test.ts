import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { addressClass } from "../../../src/proxy/forward/address_class.ts";
import { authorityText, canonicalHost, hostText } from "../../../src/proxy/forward/host.ts";
import { parseIp } from "../../../src/bytes/ip_address.ts";

/** What a host is in its canonical form; `null` if it is none. */
function canonical(text: string): string | null {
  const host = canonicalHost(text);
  return host === null ? null : hostText(host);
}

test("canonicalHost() knows every spelling of an address as that address", () => {
  const loopback = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0X7F.1",
    "0x7f.0x0.0x0.0x1",
    "017700000001",
    "0177.0.0.01",
    "0177.0x0.1",
    "127.0.0.1.",
    "%31%32%37.0.0.1",
    "１２７.0.0.1",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "[::ffff:127.0.0.1]",
    "::ffff:7f00:1",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::FFFF:127.0.0.1]",
  ];
  for (const text of loopback) assertEquals(canonical(text), "127.0.0.1", text);
  for (const text of ["[::1]", "::1", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::0.0.0.1]"]) {
    assertEquals(canonical(text), "::1", text);
  }
  for (const text of ["169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518"]) {
    assertEquals(canonical(text), "169.254.169.254", text);
  }
});

test("canonicalHost() compares names in lower case, without the last dot, and IDN in ASCII", () => {
  const cases: readonly (readonly [text: string, name: string | null])[] = [
    ["Example.COM", "example.com"],
    ["example.com.", "example.com"],
    ["example%2ecom", "example.com"],
    ["ｅｘａｍｐｌｅ.com", "example.com"],
    ["exam\u00adple.com", "example.com"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["BÜCHER.example", "xn--bcher-kva.example"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
    ["_dmarc.a_b.test", "_dmarc.a_b.test"],
    ["localhost", "localhost"],
    ["a".repeat(63), "a".repeat(63)],
    ["a".repeat(64), null],
    [`${"a.".repeat(127)}a`, null],
    ["", null],
    [".", null],
    ["..", null],
    ["a..b", null],
    [".a", null],
    ["a..", null],
    ["-a", null],
    ["a b", null],
    ["a\tb", null],
    ["a\nb", null],
    ["a/b", null],
    ["a?b", null],
    ["a#b", null],
    ["a\\b", null],
    ["u@a", null],
    ["a:b", null],
    ["*.a", null],
    ["a%00b", null],
    ["a%2fb", null],
    ["1.2.3.4.5", null],
    ["256.1.1.1", null],
    ["0x1ffffffff", null],
    ["1.2.3.09", null],
    ["a.1", null],
    ["[::1", null],
    ["[::1]x", null],
    ["[fe80::1%25eth0]", null],
    ["[v1.a]", null],
  ];
  for (const [text, name] of cases) assertEquals(canonical(text), name, text);
});

test("authorityText() puts brackets around IPv6 only", () => {
  assertEquals(authorityText(canonicalHost("[0::1]")!, 1), "[::1]:1");
  assertEquals(authorityText(canonicalHost("0x7f.1")!, 443), "127.0.0.1:443");
  assertEquals(authorityText(canonicalHost("A.test.")!, 80), "a.test:80");
});

test("addressClass() knows which addresses are public, also in IPv6 that leads to IPv4", () => {
  const cases: Readonly<Record<string, readonly string[]>> = {
    public: ["8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "100.63.0.1", "2600::1", "2606:4700::1111"],
    loopback: ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"],
    private: ["10.0.0.0", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "fec0::1"],
    "link-local": ["169.254.0.1", "fe80::1", "febf::1", "64:ff9b::a9fe:1"],
    "unique-local": ["fc00::1", "fdff::1"],
    metadata: [
      "169.254.169.254",
      "169.254.170.2",
      "100.100.100.200",
      "168.63.129.16",
      "192.0.0.192",
      "fd00:ec2::254",
      "::ffff:a9fe:a9fe",
      "64:ff9b::169.254.169.254",
      "2002:a9fe:a9fe::1",
    ],
    multicast: ["224.0.0.1", "239.255.255.255", "ff02::1"],
    unspecified: ["0.0.0.0", "0.1.2.3", "::"],
    reserved: [
      "255.255.255.255",
      "240.0.0.1",
      "192.0.2.1",
      "198.18.0.1",
      "198.51.100.1",
      "203.0.113.1",
      "2001:db8::1",
      "2001::1",
      "::127.0.0.1",
      "::2",
      "4000::1",
    ],
  };
  for (const [kind, texts] of Object.entries(cases)) {
    for (const text of texts) assertEquals(addressClass(parseIp(text)!), kind, text);
  }
});
