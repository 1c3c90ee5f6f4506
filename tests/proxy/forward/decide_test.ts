import { test } from "node:test";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Allowed, allowedBy, decideAddress, deniedBy, type Rules } from "../../../src/proxy/forward/decide.ts";
import { canonicalHost } from "../../../src/proxy/forward/host.ts";
import { type Question, readRule, type Rule } from "../../../src/proxy/forward/rule.ts";
import { parseIp } from "../../../src/bytes/ip_address.ts";

function rulesOf(allow: readonly Rule[], deny: readonly Rule[] = []): Rules {
  const read = (rules: readonly Rule[]) => rules.map((rule, i) => readRule(rule, `rules[${i}]`));
  return { allow: read(allow), deny: read(deny) };
}

/** `host:port` as a question for a tunnel, unless more is said. */
function question(authority: string, more: Partial<Question> = {}): Question {
  const [, host, port] = /^(.*):(\d+)$/.exec(authority)!;
  const base = { kind: "tunnel", intercepted: false, identity: null, method: "CONNECT", path: null } as const;
  return { ...base, host: canonicalHost(host!)!, port: Number(port), ...more };
}

/** What decides: the name of the rule, with a minus in front where it denies. */
function decided(rules: Rules, asked: Question): string {
  const decision = deniedBy(rules, asked) ?? allowedBy(rules, asked);
  return decision.type === "allowed" ? decision.by : `-${decision.by}`;
}

/** The same of an address that something leads to which is allowed. */
function at(rules: Rules, asked: Question, address: string): string {
  const allowed = allowedBy(rules, asked);
  assert(allowed.type === "allowed", asked.host.type);
  const decision = decideAddress(rules, asked, allowed as Allowed, parseIp(address)!);
  return decision.type === "allowed" ? decision.by : `-${decision.by}`;
}

const get = (path: string, more: Partial<Question> = {}) =>
  ({ kind: "request", method: "GET", path, ...more }) as const;

test("a rule covers hosts, suffixes, ports, addresses and networks in any spelling", () => {
  const cases: readonly (readonly [rule: Rule, authority: string, covered: boolean])[] = [
    ["example.com", "example.com:1", true],
    ["Example.COM.", "eXample.com.:1", true],
    ["example.com", "a.example.com:1", false],
    ["example.com", "example.com.evil.test:1", false],
    ["*.example.com", "a.example.com:1", true],
    ["*.example.com", "a.b.example.com:1", true],
    ["*.example.com", "example.com:1", false],
    ["*.example.com", "notexample.com:1", false],
    [".example.com", "example.com:1", true],
    [".example.com", "a.example.com:1", true],
    [".example.com", "notexample.com:1", false],
    ["*.bücher.test", "a.xn--bcher-kva.test:1", true],
    ["*", "a.test:1", true],
    ["*", "192.0.2.1:1", true],
    ["*:443", "a.test:443", true],
    ["*:443", "a.test:80", false],
    ["a.test:443", "a.test:443", true],
    ["a.test:443", "a.test:444", false],
    ["a.test:8000-8010", "a.test:8010", true],
    ["a.test:8000-8010", "a.test:8011", false],
    ["a.test:*", "a.test:22", true],
    ["127.0.0.1", "2130706433:1", true],
    ["0x7f.1", "127.0.0.1:1", true],
    ["127.0.0.1:80", "[::ffff:7f00:1]:80", true],
    ["10.0.0.0/8", "10.1.2.3:1", true],
    ["10.0.0.0/8:22", "10.1.2.3:22", true],
    ["10.0.0.0/8:22", "10.1.2.3:23", false],
    ["10.0.0.0/8", "11.0.0.1:1", false],
    ["10.0.0.0/8", "a.test:1", false],
    ["[2001:db8::]/32:443", "[2001:db8::1]:443", true],
    ["2001:db8::/32", "[2001:db9::1]:443", false],
    ["[::1]:80", "[0:0::1]:80", true],
    ["::1", "[::1]:80", true],
    [{ host: ["a.test", "b.test:22"], port: [443, "8000-8001"] }, "a.test:8001", true],
    [{ host: ["a.test", "b.test:22"], port: [443, "8000-8001"] }, "a.test:22", false],
    [{ host: ["a.test", "b.test:22"], port: [443, "8000-8001"] }, "b.test:22", true],
    [{ host: "a.test", methods: ["GET"] }, "a.test:1", false],
    [{ host: "a.test", paths: ["/*"] }, "a.test:1", false],
    [{ host: "a.test", identity: "ci" }, "a.test:1", false],
  ];
  for (const [rule, authority, covered] of cases) {
    const by = decided(rulesOf([rule]), question(authority));
    assertEquals(!by.startsWith("-"), covered, `${JSON.stringify(rule)} ${authority}`);
  }
});

test("what denies comes first, then the first rule that allows; nothing is allowed by itself", () => {
  const rules = rulesOf(["a.test", { name: "all of them", host: "*.test" }], ["b.test", {
    name: "no mail",
    host: "*:25",
  }]);
  assertEquals(decided(rules, question("a.test:1")), "a.test");
  assertEquals(decided(rules, question("c.test:1")), "all of them");
  assertEquals(decided(rules, question("b.test:1")), "-b.test");
  assertEquals(decided(rules, question("a.test:25")), "-no mail");
  assertEquals(decided(rules, question("a.org:1")), "-default");
  assertEquals(decided(rulesOf([]), question("a.test:1")), "-default");
});

test("rules look at identities, and at methods and paths of requests", () => {
  const rules = rulesOf(
    [{ name: "ci", host: "a.test", identity: ["ci", "cd"] }, {
      name: "read",
      host: "b.test",
      methods: ["GET", "HEAD"],
      paths: ["/v1/*", "/status"],
    }],
    [{ name: "secret", host: "*", paths: ["/v1/admin/*"] }],
  );
  assertEquals(decided(rules, question("a.test:1", { identity: "cd" })), "ci");
  assertEquals(decided(rules, question("a.test:1", { identity: "me" })), "-default");
  const cases: readonly (readonly [method: string, path: string, by: string])[] = [
    ["GET", "/v1/a?b", "read"],
    ["HEAD", "/status", "read"],
    ["GET", "/status?x=/../y", "read"],
    ["POST", "/v1/a", "-default"],
    ["get", "/v1/a", "-default"],
    ["GET", "/status/", "-default"],
    ["GET", "/v2/a", "-default"],
    ["GET", "/v1/../v2", "-default"],
    ["GET", "/v1/%2e%2e/v2", "-default"],
    ["GET", "/v1/%252e%252e/v2", "-default"],
    ["GET", "/v1/..;x/v2", "-default"],
    ["GET", "/v1/..\\v2", "-default"],
    ["GET", "/v1/..%2fv2", "-default"],
    ["GET", "/v1//../../v2", "-default"],
    ["GET", "/v1/%41dmin", "read"],
    ["GET", "/v1/admin/x", "-secret"],
    ["GET", "/v1/%61dmin/x", "-secret"],
    ["GET", "//v1/admin/x", "-secret"],
    ["GET", "/v1/x/../admin/x", "-secret"],
  ];
  for (const [method, path, by] of cases) {
    assertEquals(decided(rules, question("b.test:80", get(path, { method }))), by, `${method} ${path}`);
  }
});

test("a tunnel that is intercepted is allowed by rules with paths, which decide about the requests inside", () => {
  const rules = rulesOf([{ host: "a.test", paths: ["/v1/*"] }], [{ host: "a.test", methods: ["DELETE"] }]);
  assertEquals(decided(rules, question("a.test:443")), "-default");
  assertEquals(decided(rules, question("a.test:443", { intercepted: true })), "a.test");
});

test("an address must be public, or be named: by a rule for addresses, or by the rule for its name", () => {
  const allow: Rule[] = [
    "*.public.test",
    { host: "db.test", addresses: ["private"] },
    { host: "lo.test", addresses: ["127.0.0.1", "::1"] },
    "192.168.7.0/24:80",
    { host: "172.16.0.1", identity: "ci" },
    "*:22",
  ];
  const rules = rulesOf(allow, ["8.8.8.0/24", "[2600::]/16:25"]);
  const cases: readonly (readonly [authority: string, address: string, by: string])[] = [
    ["a.public.test:443", "1.1.1.1", "*.public.test"],
    ["a.public.test:443", "8.8.8.8", "-8.8.8.0/24"],
    ["a.public.test:443", "2600::1", "*.public.test"],
    ["a.public.test:25", "2600::1", "-[2600::]/16:25"],
    ["a.public.test:443", "127.0.0.1", "-loopback"],
    ["a.public.test:443", "169.254.169.254", "-metadata"],
    ["a.public.test:443", "::ffff:169.254.169.254", "-metadata"],
    ["a.public.test:443", "192.168.7.1", "-private"],
    ["a.public.test:80", "192.168.7.1", "*.public.test"],
    ["a.public.test:443", "fd00::1", "-unique-local"],
    ["db.test:1", "10.0.0.1", "db.test"],
    ["db.test:1", "127.0.0.1", "-loopback"],
    ["lo.test:1", "::1", "lo.test"],
    ["lo.test:1", "127.0.0.2", "-loopback"],
    ["a.test:22", "10.0.0.1", "-private"],
    ["127.0.0.1:22", "127.0.0.1", "-loopback"],
  ];
  for (const [authority, address, by] of cases) {
    assertEquals(at(rules, question(authority), address), by, `${authority} at ${address}`);
  }
});

test("a rule that names an address for some methods and paths opens it to no others, and to no tunnel", () => {
  const read = { name: "read", host: "10.0.0.5", methods: ["GET"], paths: ["/public/*"] };
  const rules = rulesOf(["*", read]);
  const cases: readonly (readonly [asked: Question, by: string])[] = [
    [question("10.0.0.5:80", get("/public/a")), "*"],
    [question("10.0.0.5:80", get("/public/a", { method: "POST" })), "-private"],
    [question("10.0.0.5:80", get("/admin")), "-private"],
    [question("10.0.0.5:80", get("/public/../admin")), "-private"],
    [question("10.0.0.5:22"), "-private"],
    [question("a.test:80", get("/public/a")), "*"],
    [question("a.test:80", get("/admin")), "-private"],
    [question("a.test:22"), "-private"],
    [question("10.0.0.5:443", { intercepted: true }), "*"],
  ];
  for (const [asked, by] of cases) assertEquals(at(rules, asked, "10.0.0.5"), by, JSON.stringify(asked));
});

test("a rule that denies methods and paths of an address denies them to names that lead there", () => {
  const rules = rulesOf([{ host: "*", addresses: ["private"] }], [
    { name: "no writes", host: "10.0.0.0/8", methods: ["DELETE"] },
    { name: "secret", host: "10.0.0.0/8", paths: ["/admin/*"] },
  ]);
  const cases: readonly (readonly [asked: Question, by: string])[] = [
    [question("a.test:80", get("/")), "*"],
    [question("a.test:80", get("/", { method: "DELETE" })), "-no writes"],
    [question("a.test:80", get("/x/../admin/y")), "-secret"],
    [question("a.test:443"), "*"],
  ];
  for (const [asked, by] of cases) assertEquals(at(rules, asked, "10.0.0.5"), by, JSON.stringify(asked));
});

test("readRule() refuses what it cannot read, and by its place", () => {
  const wrong: readonly (readonly [rule: unknown, names: string])[] = [
    ["", "rules.allow[0]"],
    [1, "rules.allow[0]"],
    [null, "rules.allow[0]"],
    [{}, "rules.allow[0].host"],
    [{ host: [] }, "rules.allow[0].host"],
    [{ host: 1 }, "rules.allow[0].host"],
    [{ host: "a.test", method: ["GET"] }, '"method"'],
    ["a.*.test", "rules.allow[0]"],
    ["a*.test", "rules.allow[0]"],
    ["*.1.2.3.4", "rules.allow[0]"],
    ["a.test/8", "rules.allow[0]"],
    ["10.0.0.0/33", "rules.allow[0]"],
    ["http://a.test", "rules.allow[0]"],
    ["a.test:http", "rules.allow[0]"],
    ["a.test:", "rules.allow[0]"],
    ["a.test:0", "rules.allow[0]"],
    ["a.test:65536", "rules.allow[0]"],
    ["a.test:9-8", "rules.allow[0]"],
    [{ host: "a.test", port: "x" }, "rules.allow[0].port"],
    [{ host: "a.test", methods: "" }, "rules.allow[0].methods"],
    [{ host: "a.test", paths: ["v1"] }, "rules.allow[0].paths"],
    [{ host: "a.test", paths: ["/a*b"] }, "rules.allow[0].paths"],
    [{ host: "a.test", paths: ["/a?b"] }, "rules.allow[0].paths"],
    [{ host: "a.test", addresses: ["local"] }, "rules.allow[0].addresses"],
    [{ host: "a.test", name: "" }, "rules.allow[0].name"],
  ];
  for (const [rule, names] of wrong) {
    const error = assertThrows(() => readRule(rule as Rule, "rules.allow[0]")) as Error;
    assert(error instanceof TypeError || error instanceof RangeError, String(error));
    assert(error.message.includes(names), `${JSON.stringify(rule)}: ${error.message}`);
  }
});
