import process from "node:process";
import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { proxyFromEnv } from "../../src/http/proxy_env.ts";
import { bypasses, parseIp, proxyServer } from "../../src/http/proxy_rules.ts";

test("proxyServer() reads schemes, ports and credentials", () => {
  const read = (text: string) => {
    const { scheme, hostname, port, username, password } = proxyServer(text);
    return [scheme, hostname, port, username, password];
  };
  assertEquals(read("http://proxy"), ["http", "proxy", 80, "", ""]);
  assertEquals(read("proxy:3128"), ["http", "proxy", 3128, "", ""]);
  assertEquals(read("https://proxy/"), ["https", "proxy", 443, "", ""]);
  assertEquals(read("https://proxy:80/"), ["https", "proxy", 80, "", ""]);
  assertEquals(read("socks5://u%40:p%3A@[::1]"), ["socks5", "::1", 1080, "u@", "p:"]);
  assertEquals(read("socks5h://proxy:9"), ["socks5", "proxy", 9, "", ""]);
  assertEquals(proxyServer("http://u@proxy").authorization, `Basic ${btoa("u:")}`);
  assertEquals(proxyServer("http://proxy").authorization, null);
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
  ];
  for (const [rule, url, expected] of rules) assertEquals(bypasses(new URL(url), rule), expected, `${rule} ${url}`);
});

test("parseIp() gives the bytes of addresses and nothing for names", () => {
  assertEquals(parseIp("1.2.3.4"), [1, 2, 3, 4]);
  assertEquals(parseIp("1.2.3.256"), null);
  assertEquals(parseIp("::1"), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  assertEquals(parseIp("1:2:3:4:5:6:7:8")?.length, 16);
  assertEquals(parseIp("a.b.c.d"), null);
  assertEquals(parseIp("cafe"), null);
  assertEquals(parseIp("1::2::3"), null);
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
