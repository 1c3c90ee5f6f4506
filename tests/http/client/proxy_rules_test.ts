import process from "node:process";
import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { proxyFromEnv } from "../../../src/http/client/way/proxy_env.ts";
import { basicAuthorization, bypasses, percentDecode, proxyServer } from "../../../src/http/client/way/proxy_rules.ts";

const latin1 = (bytes: Uint8Array) => String.fromCharCode(...bytes);

test("proxyServer() reads schemes, ports and credentials", () => {
  const read = (text: string) => {
    const { scheme, hostname, port, username, password } = proxyServer(text);
    return [scheme, hostname, port, latin1(username), latin1(password)];
  };
  assertEquals(read("http://proxy"), ["http", "proxy", 80, "", ""]);
  assertEquals(read("proxy:3128"), ["http", "proxy", 3128, "", ""]);
  assertEquals(read("https://proxy/"), ["https", "proxy", 443, "", ""]);
  assertEquals(read("https://proxy:80/"), ["https", "proxy", 80, "", ""]);
  assertEquals(read("https://proxy:080/x?y"), ["https", "proxy", 80, "", ""]);
  assertEquals(read("https://proxy/x:80"), ["https", "proxy", 443, "", ""]);
  assertEquals(read("socks5://proxy:443"), ["socks5", "proxy", 443, "", ""]);
  assertEquals(read("socks5://u%40:p%3A@[::1]"), ["socks5", "::1", 1080, "u@", "p:"]);
  assertEquals(read("socks5h://proxy:9"), ["socks5", "proxy", 9, "", ""]);
  assertEquals(proxyServer("http://u@proxy").authorization, `Basic ${btoa("u:")}`);
  assertEquals(proxyServer("http://proxy").authorization, null);
});

/** What URLs escape by themselves, broken escapes, and bytes that are no UTF-8. */
const credentials: readonly (readonly [escaped: string, bytes: string])[] = [
  ["u:100%%40home", "u:100%@home"],
  ["u:5%^x", "u:5%^x"],
  ["u:%E9", "u:\xe9"],
  ["u:%c3%A9\xe9", "u:\xc3\xa9\xc3\xa9"],
  ["u%zz:a%20b c", "u%zz:a b c"],
  ["u:a|b%", "u:a|b%"],
  ["u:50%2", "u:50%2"],
  ["us%40er:p%3Aw", "us@er:p:w"],
  ["%25:%2541", "%:%41"],
  ["%00:%ff", "\0:\xff"],
];

test("percentDecode() decodes each valid escape by itself, to bytes, and leaves the rest (URL standard §1.3)", () => {
  for (const [escaped, bytes] of credentials) {
    const url = new URL(`http://${escaped}@proxy`);
    const [username, password] = [percentDecode(url.username), percentDecode(url.password)];
    assertEquals(`${latin1(username)}:${latin1(password)}`, bytes);
    assertEquals(basicAuthorization(url), `Basic ${btoa(bytes)}`);
    for (const scheme of ["http", "socks5"]) {
      const proxy = proxyServer(`${scheme}://${escaped}@proxy`);
      assertEquals([proxy.authorization, `${latin1(proxy.username)}:${latin1(proxy.password)}`], [
        `Basic ${btoa(bytes)}`,
        bytes,
      ]);
    }
  }
});

test("noProxy: a rule that cannot be read exempts nothing", () => {
  const rules = [
    ...["10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/ ,x", "10.0.0.0/0x8", "10.0.0.0/1e0", "10.0.0.0/.5", "10.0.0.0/8.0"],
    ...["10.0.0.0/+8", "10.0.0.0/33", "10.0.0.0/8/8", "10.0.0.0//", "/8", "/", "10.0.0/8", "010.0.0.0/8", "10.0.0.256"],
    ...[
      "fd00::/",
      "[fd00::]/-8",
      "[fd00::]/",
      "fd00::/129",
      "[fd00::/8]",
      "[fd00::",
      "fd00::]",
      "[]",
      "[]/0",
      "fd00::1::/8",
    ],
    ...[
      "::ffff:10.0.0.0/8",
      "10.0.0.0/8:",
      "10.0.0.0/8:x",
      "10.0.0.1:",
      "10.0.0.1:x",
      ":80",
      ":",
      ".",
      "..",
      "*.",
      "**",
      "*:80",
    ],
  ];
  const urls = [
    "http://10.0.0.1/",
    "http://192.0.2.7/",
    "http://[fd00::1]/",
    "http://[2001:db8::1]/",
    "http://[::]/",
    "http://a/",
  ];
  for (const rule of rules) {
    assertEquals(urls.filter((url) => bypasses(new URL(url), rule)), [], rule);
  }
});

test("proxyServer() refuses what is no proxy", () => {
  for (const text of ["ftp://proxy", "socks4://proxy", "http://", "http://a b"]) {
    assertThrows(() => proxyServer(text), TypeError);
  }
});

test("noProxy: names mean subdomains, ports count, addresses and networks", () => {
  const rules: readonly (readonly [rule: string, url: string, expected: boolean])[] = [
    ["*", "http://a/", true],
    ["", "http://a/", false],
    ["example.com", "http://example.com/", true],
    ["example.com", "http://www.example.com/", true],
    ["example.com", "http://badexample.com/", false],
    ["example.com", "http://EXAMPLE.com./", true],
    [".example.com", "http://www.example.com/", true],
    [".example.com", "http://example.com/", true],
    ["*.example.com", "http://www.example.com/", true],
    ["EXAMPLE.COM", "http://example.com/", true],
    ["a, b c", "http://c/", true],
    ["a:8080", "http://a:8080/", true],
    ["a:8080", "http://a/", false],
    ["a:443", "https://a/", true],
    ["127.0.0.1", "http://127.0.0.1/", true],
    ["127.0.0.1:81", "http://127.0.0.1/", false],
    ["0.0.1", "http://127.0.0.1/", false],
    ["10.0.0.0/8", "http://10.1.2.3/", true],
    ["10.0.0.0/8", "http://11.1.2.3/", false],
    ["192.168.4.0/22", "http://192.168.7.255/", true],
    ["192.168.4.0/22", "http://192.168.8.0/", false],
    ["0.0.0.0/0", "http://1.2.3.4/", true],
    ["10.0.0.0/8", "http://host/", false],
    ["10.0.0.0/x", "http://10.1.2.3/", false],
    ["::1", "http://[::1]/", true],
    ["[::1]", "http://[::1]:80/", true],
    ["[::1]:81", "http://[::1]/", false],
    ["fe80::/10", "http://[febf::1]/", true],
    ["fe80::/10", "http://[fec0::1]/", false],
    ["10.0.0.0/8", "http://[::ffff:10.0.0.1]/", true],
    ["::ffff:10.0.0.0/104", "http://10.1.2.3/", true],
    ["::ffff:10.0.0.0/104", "http://11.1.2.3/", false],
    ["[fe80::]/10", "http://[febf::1]/", true],
    ["[fe80::]/10:81", "http://[febf::1]/", false],
    ["10.0.0.0/8:80", "http://10.1.2.3/", true],
    ["10.1.2.3/32", "http://10.1.2.3/", true],
    ["::/0", "http://[2001:db8::1]/", true],
  ];
  for (const [rule, url, expected] of rules) assertEquals(bypasses(new URL(url), rule), expected, `${rule} ${url}`);
});

test("proxyFromEnv() follows curl's rules", () => {
  const asked = (env: Record<string, string>, url: string) => proxyFromEnv(env)(new URL(url));
  assertEquals(asked({}, "http://a/"), null);
  assertEquals(asked({ http_proxy: "p" }, "http://a/"), "p");
  assertEquals(asked({ http_proxy: "p" }, "https://a/"), null);
  assertEquals(asked({ HTTP_PROXY: "p" }, "http://a/"), null);
  assertEquals(asked({ HTTPS_PROXY: "p" }, "https://a/"), "p");
  assertEquals(asked({ HTTPS_PROXY: "P", https_proxy: "p" }, "https://a/"), "p");
  assertEquals(asked({ HTTPS_PROXY: "P", https_proxy: "" }, "https://a/"), null);
  assertEquals(asked({ ALL_PROXY: "p" }, "https://a/"), "p");
  assertEquals(asked({ all_proxy: "p", https_proxy: "q" }, "https://a/"), "q");
  assertEquals(asked({ all_proxy: "p", no_proxy: "a" }, "https://a/"), null);
  assertEquals(asked({ all_proxy: "p", NO_PROXY: "b" }, "https://a/"), "p");
  assertEquals(asked({ all_proxy: "p", NO_PROXY: "*" }, "https://a/"), null);
});

test("proxyFromEnv() reads the process when it is given nothing", () => {
  const url = new URL("http://example.com/");
  assertEquals(proxyFromEnv()(url), proxyFromEnv(process.env)(url));
});
