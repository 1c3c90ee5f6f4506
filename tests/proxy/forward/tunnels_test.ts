import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { connect, listen } from "../../../src/net/mod.ts";
import type { Socket } from "../../../src/duplex/socket.ts";
import { forwardProxy } from "../../../src/proxy/forward/forward_proxy.ts";
import { serve } from "../../../src/http/server/serve.ts";
import type { Rule } from "../../../src/proxy/forward/rule.ts";
import { text, wire } from "../../support/bytes.ts";
import { authority, clientCert, clientKey, serverCert, serverKey } from "../../support/certificates.ts";
import { unlessTlsIsRefused } from "../../support/runtime.ts";
import { FakeClock, readAll, readUntil } from "../../support/wire.ts";
import { extension, helloFor, helloMessage, records, serverName } from "./hello.ts";
import { NAMES, type Scene, scene, statusOf } from "./scene.ts";

const basic = (credentials: string) => `Proxy-Authorization: Basic ${btoa(credentials)}¶`;

/** Reads so many bytes. */
async function readBytes(io: Socket, count: number): Promise<number[]> {
  const all: number[] = [];
  while (all.length < count) all.push(...(await io.read())!);
  return all;
}

test("a tunnel carries bytes both ways, early ones among them, and each end by itself", async (t) => {
  const s = await scene(t, { allow: ["public.test:443"] });
  const io = s.client();
  await io.write(wire("CONNECT PUBLIC.test.:443 HTTP/1.1¶Host: public.test:443¶¶early"));
  const target = await s.target();
  assertEquals(await readUntil(io, "¶¶"), "HTTP/1.1 200 OK¶¶");
  await io.write(wire(" and late"));
  await io.closeWrite();
  assertEquals(await readAll(target), "early and late");
  await target.write(wire("answer"));
  await target.closeWrite();
  assertEquals(await readAll(io), "answer");
  assertEquals(s.dialed, ["192.88.98.7:443"]);
  const [end] = await s.ends(1);
  const { event, id, kind, authority, rule, decision, address, status, sent, received, reason, identity, path } = end!;
  assertEquals(
    { event, id, kind, authority, rule, decision, address, status, sent, received, reason, identity, path },
    {
      event: "end",
      id: 1,
      kind: "tunnel",
      authority: "public.test:443",
      rule: "public.test:443",
      decision: "allowed",
      address: "192.88.98.7",
      status: 200,
      sent: 14,
      received: 6,
      reason: "done",
      identity: null,
      path: null,
    },
  );
  assertEquals(s.events.map(({ event }) => event), ["start", "end"]);
  assertEquals(s.proxy.open, []);
  assertEquals(s.proxy.traffic, { exchanges: 1, denied: 0, sent: 14, received: 6 });
});

test("what follows a refused CONNECT is taken for nothing, and the connection closes (RFC 9931 §4)", async (t) => {
  const s = await scene(t, { allow: ["public.test:443"] });
  for (const authority of ["evil.test:443", "public.test:25", "169.254.169.254:80"]) {
    const io = s.client();
    const inner = "GET http://public.test/ HTTP/1.1¶Host: public.test¶¶";
    await io.write(wire(`CONNECT ${authority} HTTP/1.1¶Host: a¶¶${inner}CONNECT public.test:443 HTTP/1.1¶Host: b¶¶`));
    const answer = await readAll(io);
    assertEquals(answer.match(/HTTP\/1\.1 /g)?.length, 1, answer);
    assertEquals(statusOf(answer), 403);
  }
  assertEquals(s.dialed, []);
});

test("a refusal says which rule it was, in a text and in Proxy-Status (RFC 9209)", async (t) => {
  const s = await scene(t, {
    allow: ["*.test"],
    deny: [{ name: "no mail", host: "*:25" }],
    decide: ({ hostname }) => hostname === "other.test" ? "not today" : undefined,
  });
  const cases: readonly (readonly [authority: string, status: number, proxyStatus: string, rule: string])[] = [
    ["a.org:443", 403, "http_request_denied", "a.org:443: no rule allows it"],
    ["a.test:25", 403, "http_request_denied", 'a.test:25: the rule "no mail" denies it'],
    ["other.test:443", 403, "http_request_denied", "other.test:443: not today"],
    [
      "inside.test:1",
      403,
      "destination_ip_prohibited",
      "inside.test:1 at 10.0.0.2: no rule names this address, which is private",
    ],
  ];
  for (const [authority, status, error, why] of cases) {
    const { head, io } = await s.ask(authority);
    const answer = head + await readAll(io);
    assertEquals(statusOf(head), status);
    const details = `This proxy does not lead to ${why}`;
    assert(answer.includes(`Proxy-Status: p; error=${error}; details="${details.replaceAll('"', '\\"')}"¶`), answer);
    assert(answer.endsWith(`¶¶${details}\n`), answer);
    assertMatch(answer, /connection: close/i);
  }
  const ends = await s.ends(4);
  assertEquals(ends.map(({ rule, reason, decision }) => `${decision} ${rule} ${reason}`), [
    "denied default refused",
    "denied no mail refused",
    "denied decide refused",
    "denied private refused",
  ]);
  assertEquals(s.proxy.traffic.denied, 4);
});

test("no spelling of loopback, private and metadata addresses leads there, though all hosts are allowed", async (t) => {
  const s = await scene(t, { allow: ["*"], resolve: (name) => Promise.resolve([name]) });
  const spellings = [
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "127.0.0.1.",
    "%31%32%37.0.0.1",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]",
    "0.0.0.0",
    "0",
    "[::]",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "[::ffff:a9fe:a9fe]",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "[fe80::1]",
    "[fc00::1]",
    "224.0.0.1",
    "255.255.255.255",
  ];
  for (const host of spellings) {
    const { head } = await s.ask(`${host}:80`);
    assertEquals(statusOf(head), 403, host);
  }
  assertEquals(s.dialed, []);
});

test("tricks with users, ports and hosts lead nowhere", async (t) => {
  const s = await scene(t, { allow: ["public.test:443"] });
  const tricks = [
    "public.test@evil.test:443",
    "evil.test@public.test:443",
    "public.test:443@evil.test:443",
    "evil.test#public.test:443",
    "evil.test?public.test:443",
    "evil.test/public.test:443",
    "evil.test\\public.test:443",
    "public.test:443:443",
    "public.test:0443",
    "public.test:+443",
    "public.test:443x",
    "public.test:65979",
    "public.test",
    "public.test:",
    ":443",
    "[public.test]:443",
    "public.test%00.evil.test:443",
    "public.test%2eevil.test:443",
    "public.test..:443",
    "http://public.test:443",
  ];
  for (const authority of tricks) {
    const { head } = await s.ask(authority);
    const status = statusOf(head);
    // The port with a zero in front is the same number.
    if (authority === "public.test:0443") assertEquals([status, s.dialed.length], [200, 1]);
    else assert(status === 400 || status === 403, `${authority}: ${status}`);
  }
  assertEquals(s.dialed, ["192.88.98.7:443"]);
});

test("the very addresses that were checked are dialed: a resolver that changes its mind changes nothing", async (t) => {
  const answers = [["192.88.98.1"], ["127.0.0.1"], ["192.88.98.1", "127.0.0.1"]];
  const asked: string[] = [];
  const s = await scene(t, {
    allow: ["rebind.test"],
    resolve: (name) => {
      asked.push(name);
      return Promise.resolve(answers.shift()!);
    },
  });
  assertEquals(statusOf((await s.ask("rebind.test:80")).head), 200);
  assertEquals(statusOf((await s.ask("rebind.test:80")).head), 403);
  assertEquals(statusOf((await s.ask("REBIND.test.:80")).head), 200);
  assertEquals(s.dialed, ["192.88.98.1:80", "192.88.98.1:80"]);
  assertEquals(asked, ["rebind.test", "rebind.test", "rebind.test"]);
});

test("of several addresses only those take part that may (RFC 8305)", async (t) => {
  const failing = new Set(["192.88.98.10", "2600::9"]);
  const dialed: string[] = [];
  const goal = await listen({ hostname: "127.0.0.1" });
  t.after(() => goal.close());
  const s = await scene(t, {
    allow: ["*.test"],
    dial: ({ hostname }, { signal }) => {
      dialed.push(hostname);
      if (failing.has(hostname)) return Promise.reject(new Error("not this one"));
      return connect(goal.address, { signal });
    },
    resolve: (name) => Promise.resolve(name === "two.test" ? ["2600::9", "192.88.98.9"] : NAMES[name]!),
  });
  assertEquals(statusOf((await s.ask("two.test:1")).head), 200);
  assertEquals(statusOf((await s.ask("mixed.test:1")).head), 500);
  assertEquals(dialed, ["2600::9", "192.88.98.9", "192.88.98.10"]);
});

test("names without addresses, and targets that refuse, are 502 with what happened", async (t) => {
  const closed = await listen({ hostname: "127.0.0.1" });
  const { port } = closed.address;
  await closed.close();
  const s = await scene(t, { allow: ["*.test", "127.0.0.1"], dial: undefined });
  const cases: readonly (readonly [authority: string, error: string])[] = [
    ["unknown.test:1", "dns_error"],
    ["nowhere.test:1", "dns_error"],
    [`127.0.0.1:${port}`, "connection_refused"],
  ];
  for (const [authority, error] of cases) {
    const { head } = await s.ask(authority);
    assertEquals(statusOf(head), 502, authority);
    assert(head.includes(`error=${error};`), head);
  }
  assertEquals((await s.ends(3)).map(({ decision, reason }) => `${decision} ${reason}`), [
    "allowed failed",
    "allowed failed",
    "allowed failed",
  ]);
});

test("a name that takes its time, and a target that does, are 504 after connectTimeoutMs; nothing is left", async (t) => {
  let gone = 0;
  const never = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => {
        gone++;
        reject(signal.reason);
      });
    });
  const slow = await scene(t, {
    allow: ["*.test"],
    connectTimeoutMs: 30,
    resolve: (name, { signal }) => name === "slow.test" ? never(signal) : Promise.resolve(["192.88.98.1"]),
    dial: (_, { signal }) => never(signal),
  });
  for (const authority of ["slow.test:1", "public.test:1"]) {
    const { head } = await slow.ask(authority);
    assertEquals(statusOf(head), 504);
    assert(head.includes("error=connection_timeout;"), head);
  }
  assertEquals(gone, 2);
  assertEquals(slow.proxy.open, []);
});

test("who does not say who they are gets 407 with the realm, and no one else in", async (t) => {
  const s = await scene(t, {
    echo: true,
    allow: [{ host: "public.test", identity: "us" }, { host: "other.test" }],
    auth: {
      realm: 'the "door"',
      basic: { us: "pässword:1", them: "x" },
      bearer: (token) => Promise.resolve(token === "t0k.en" ? "robot" : null),
    },
  });
  const cases: readonly (readonly [authorization: string, authority: string, status: number])[] = [
    ["", "public.test:1", 407],
    ["Proxy-Authorization: Basic !¶", "public.test:1", 407],
    ["Proxy-Authorization: Basic¶", "public.test:1", 407],
    ["Proxy-Authorization: Digest abc¶", "public.test:1", 407],
    ["Proxy-Authorization: Bearer t0k.enx¶", "other.test:1", 407],
    [basic("us:password:1"), "public.test:1", 407],
    [basic("us:"), "public.test:1", 407],
    [basic("us"), "public.test:1", 407],
    [basic(":"), "public.test:1", 407],
    [basic("__proto__:x"), "public.test:1", 407],
    [basic("us:\xff"), "public.test:1", 407],
    [basic("them:x"), "public.test:1", 403],
    [basic("them:x"), "other.test:1", 200],
    [`${basic("them:x")}${basic("them:x")}`, "other.test:1", 407],
    [basic(text(new TextEncoder().encode("us:pässword:1"))), "public.test:1", 200],
    ["Proxy-Authorization: bearer t0k.en¶", "other.test:1", 200],
  ];
  for (const [authorization, authority, status] of cases) {
    const { head, io } = await s.ask(authority, authorization);
    assertEquals(statusOf(head), status, authorization);
    assertEquals(
      /Proxy-Authenticate: Basic realm="the \\"door\\"", charset="UTF-8"¶/i.test(head),
      status === 407,
      head,
    );
    assertEquals(/Proxy-Authenticate: Bearer realm="the \\"door\\""¶/i.test(head), status === 407, head);
    io.abort();
  }
  const ends = await s.ends(cases.length);
  assertEquals(ends.filter(({ status }) => status === 200).map(({ identity }) => identity).toSorted(), [
    "robot",
    "them",
    "us",
  ]);
  for (const event of s.events) assert(!/ssword|t0k|dGhl/.test(JSON.stringify(event)), JSON.stringify(event));
});

test(
  "a certificate says who asks, where the server asks for one; and another one gets nobody in",
  unlessTlsIsRefused,
  async (t) => {
    const known: string[] = [];
    const s = await scene(t, {
      allow: [{ host: "public.test", identity: "robot" }],
      auth: {
        certificate: ({ subject, subjectAltNames, raw }, client) => {
          known.push(`${subject[0]?.value} ${subjectAltNames[0]?.value} ${raw.length} ${client}`);
          return known.length === 1 ? "robot" : null;
        },
      },
      serving: { tls: { cert: serverCert, key: serverKey, caCerts: [authority], requireClientCert: true } },
    });
    const tls = { serverName: "localhost", caCerts: [authority], cert: clientCert, key: clientKey };
    for (const status of [200, 403]) {
      const io = connect({ hostname: "127.0.0.1", port: s.port }, { tls });
      t.after(async () => io.abort());
      await io.write(wire("CONNECT public.test:1 HTTP/1.1¶Host: a¶¶"));
      assertEquals(statusOf(await readUntil(io, (soFar) => soFar.includes("¶¶"))), status);
    }
    assertEquals(known, Array(2).fill("test client client.test 669 127.0.0.1"));
    assertEquals(s.events.filter(({ event }) => event === "start").map(({ identity }) => identity), ["robot", null]);
  },
);

test("a function recognizes users, by a name of its choice; addresses that may not ask are not asked who they are", async (t) => {
  const seen: string[] = [];
  const s = await scene(t, {
    allow: ["*.test"],
    auth: {
      basic: (user, password, client) => {
        seen.push(`${user} ${password} ${client}`);
        return password === "x" && (user === "a" ? "Ann" : true);
      },
      sources: ["127.0.0.0/8"],
    },
  });
  assertEquals(statusOf((await s.ask("public.test:1", basic("a:x"))).head), 200);
  assertEquals(statusOf((await s.ask("public.test:1", basic("b:x"))).head), 200);
  assertEquals(statusOf((await s.ask("public.test:1", basic("b:y"))).head), 407);
  assertEquals(seen, ["a x 127.0.0.1", "b x 127.0.0.1", "b y 127.0.0.1"]);
  assertEquals(s.proxy.open.map(({ identity }) => identity), ["Ann", "b"]);
  s.proxy.reload({ allow: ["*.test"], auth: { basic: { a: "x" }, sources: ["10.0.0.0/8", "::1"] } });
  const { head } = await s.ask("public.test:1", basic("a:x"));
  assertEquals([statusOf(head), /proxy-authenticate/i.test(head)], [403, false]);
});

test("tunnels are limited for each client and in all, those that are being opened included", async (t) => {
  const waiting: (() => void)[] = [];
  const s = await scene(t, {
    echo: true,
    allow: ["*.test"],
    auth: { basic: { a: "x", b: "x", c: "x" } },
    maxTunnels: 3,
    maxTunnelsPerClient: 2,
    resolve: (name) =>
      name === "slow.test"
        ? new Promise((resolve) => waiting.push(() => resolve(["192.88.98.1"])))
        : Promise.resolve(["192.88.98.1"]),
  });
  const slow = s.ask("slow.test:1", basic("a:x"));
  while (waiting.length === 0) await s.ask("a.org:1", basic("a:x"));
  const first = await s.ask("public.test:1", basic("a:x"));
  assertEquals(statusOf(first.head), 200);
  const own = await s.ask("public.test:1", basic("a:x"));
  assertEquals([statusOf(own.head), own.head.includes("error=connection_limit_reached;")], [429, true]);
  assertEquals(statusOf((await s.ask("public.test:1", basic("b:x"))).head), 200);
  const all = await s.ask("public.test:1", basic("c:x"));
  assertEquals([statusOf(all.head), all.head.includes("error=connection_limit_reached;")], [503, true]);
  first.io.abort();
  const over = s.events.length;
  await s.ends(s.events.slice(0, over).filter(({ event }) => event === "end").length + 1);
  assertEquals(statusOf((await s.ask("public.test:1", basic("c:x"))).head), 200);
  for (const go of waiting) go();
  assertEquals(statusOf((await slow).head), 200);
});

test("a tunnel ends with its bytes, its time, or its silence", async (t) => {
  for (
    const [limit, reason] of [[{ maxTunnelBytes: 10 }, "byte-limit"], [{ maxTunnelMs: 40 }, "time-limit"], [{
      tunnelIdleTimeoutMs: 40,
    }, "idle-timeout"]] as const
  ) {
    const s = await scene(t, { allow: ["*.test"], ...limit });
    const { io } = await s.ask("public.test:1");
    const target = await s.target();
    await io.write(wire("12345678"));
    assertEquals((await readBytes(target, 8)).length, 8);
    if (reason === "byte-limit") await target.write(wire("123"));
    const [end] = await s.ends(1);
    assertEquals(end!.reason, reason);
    assertEquals(end!.sent, 8);
    await io.read().catch(() => {});
    await target.read().catch(() => {});
  }
});

test("a client that leaves while its target is dialed takes that along, and frees its place", async (t) => {
  let gone = 0;
  const dialing: (() => void)[] = [];
  const s = await scene(t, {
    allow: ["*.test"],
    maxTunnels: 1,
    dial: (_, { signal }) =>
      new Promise<never>((_, reject) => {
        for (const wake of dialing.splice(0)) wake();
        signal.addEventListener("abort", () => {
          gone++;
          reject(signal.reason);
        });
      }),
  });
  const begun = new Promise<void>((resolve) => dialing.push(resolve));
  const io = s.client();
  await io.write(wire("CONNECT public.test:1 HTTP/1.1¶Host: a¶¶"));
  await begun;
  io.abort();
  const [end] = await s.ends(1);
  assertEquals([end!.reason, gone], ["client-left", 1]);
  assertEquals(s.proxy.open, []);
});

test("reload() takes other rules for what comes, or none if they cannot be read; what is open stays", async (t) => {
  const s = await scene(t, { allow: ["public.test"] });
  const first = await s.ask("public.test:1");
  const target = await s.target();
  assertThrows(() => s.proxy.reload({ allow: ["a.*.test"] }), TypeError);
  assertEquals(statusOf((await s.ask("public.test:1")).head), 200);
  s.proxy.reload({ allow: ["other.test"] });
  assertEquals(statusOf((await s.ask("public.test:1")).head), 403);
  await first.io.write(wire("still"));
  assertEquals(text((await target.read())!), "still");
});

test("the function decides about what no rule denies, and where a name may lead", async (t) => {
  const s = await scene(t, {
    allow: ["other.test"],
    deny: ["*:25"],
    decide: async ({ hostname, port, kind, client, method }) => {
      await Promise.resolve();
      assertEquals([kind, client, method], ["tunnel", "127.0.0.1", "CONNECT"]);
      if (hostname === "inside.test") return { addresses: ["10.0.0.0/8"] };
      return hostname === "public.test" ? port === 443 : undefined;
    },
  });
  const statuses: number[] = [];
  for (
    const authority of [
      "public.test:443",
      "public.test:80",
      "public.test:25",
      "other.test:1",
      "two.test:1",
      "inside.test:1",
    ]
  ) {
    statuses.push(statusOf((await s.ask(authority)).head));
  }
  assertEquals(statuses, [200, 403, 403, 200, 403, 200]);
  assertEquals(s.dialed, ["192.88.98.7:443", "192.88.98.8:1", "10.0.0.2:1"]);
});

/** Opens a tunnel, sends these bytes, and tells what became of it. */
async function began(s: Scene, authority: string, bytes: Uint8Array): Promise<string> {
  const { head, io } = await s.ask(authority);
  assertEquals(statusOf(head), 200);
  const target = await s.target();
  await io.write(bytes);
  await io.closeWrite();
  const got = await readAll(target).catch(() => "");
  await target.closeWrite().catch(() => {});
  const answer = await readAll(io).catch(() => "reset");
  if (got === "") {
    return answer === "\x15\x03\x03\0\x02\x021" ? "denied by an alert" : `denied: ${JSON.stringify(answer)}`;
  }
  return got === text(bytes) ? "passed" : `changed: ${got}`;
}

test("what a tunnel begins with is TLS for the name that was asked for, and the target gets every byte of it", async (t) => {
  const s = await scene(t, {
    allow: ["*.test:443", "192.88.98.7", "*.named.org"],
    deny: ["other.test"],
    clientHello: {},
  });
  const plain = wire("GET / HTTP/1.1¶¶");
  const cases: readonly (readonly [authority: string, bytes: Uint8Array, outcome: string])[] = [
    ["public.test:443", helloFor("public.test"), "passed"],
    ["public.test:443", helloFor("PUBLIC.test"), "passed"],
    ["public.test:443", helloFor("two.test"), "denied by an alert"],
    ["public.test:443", helloFor("1.2.3.4"), "denied by an alert"],
    ["public.test:443", records(helloMessage([])), "denied by an alert"],
    ["public.test:443", plain, 'denied: ""'],
    ["192.88.98.7:443", helloFor("public.test"), "passed"],
    ["192.88.98.7:443", helloFor("a.named.org"), "passed"],
    ["192.88.98.7:443", helloFor("evil.org"), "denied by an alert"],
    ["192.88.98.7:443", helloFor("other.test"), "denied by an alert"],
  ];
  for (const [authority, bytes, outcome] of cases) {
    assertEquals(await began(s, authority, bytes), outcome, `${authority} ${text(bytes)}`);
  }
  assertEquals(
    (await s.ends(cases.length)).map(({ reason }) => reason).filter((reason) => reason !== "client-hello").length,
    4,
  );
  s.proxy.reload({ ...allOptions(s), clientHello: { noName: "allow", notTls: "allow" } });
  assertEquals(await began(s, "public.test:443", plain), "passed");
  assertEquals(await began(s, "public.test:443", records(helloMessage([]))), "passed");
});

test("TLS with ECH goes by the name outside, which browsers send always, unless encrypted: deny (draft-ietf-tls-esni §6)", async (t) => {
  const hello = (name: string) => records(helloMessage([...serverName(name), ...extension(0xfe0d, [0, 1, 2])]));
  const s = await scene(t, { allow: ["*.test:443"], clientHello: {} });
  assertEquals(await began(s, "public.test:443", hello("public.test")), "passed");
  assertEquals(await began(s, "public.test:443", hello("other.test")), "denied by an alert");
  s.proxy.reload({ ...allOptions(s), clientHello: { encrypted: "deny" } });
  assertEquals(await began(s, "public.test:443", hello("public.test")), "denied by an alert");
  assertEquals(await began(s, "public.test:443", helloFor("public.test")), "passed");
  const reasons = (await s.ends(4)).map(({ reason }) => reason);
  assertEquals(reasons.filter((reason) => reason === "client-hello").length, 2);
});

/** What a scene needs again for other rules. */
function allOptions(s: Scene) {
  return {
    allow: ["*.test:443"] as Rule[],
    resolve: (name: string) => Promise.resolve(NAMES[name]!),
    dial: s.dial,
    audit: s.audit,
  };
}

test("a client that says nothing has not begun with TLS, and its tunnel goes on if that is allowed", async (t) => {
  const s = await scene(t, { allow: ["*.test"], clientHello: { notTls: "allow", timeoutMs: 20 } });
  const { io } = await s.ask("public.test:22");
  const target = await s.target();
  await target.write(wire("SSH-2.0-server"));
  assertEquals(text((await io.read())!), "SSH-2.0-server");
  await io.write(wire("SSH-2.0-client"));
  assertEquals(text((await target.read())!), "SSH-2.0-client");
  const strict = await scene(t, { allow: ["*.test"], clientHello: { timeoutMs: 20 } });
  const silent = await strict.ask("public.test:22");
  assertEquals(await readAll(silent.io), "");
  assertEquals((await strict.ends(1))[0]!.reason, "client-hello");
});

test("an audit that fails at the start of a tunnel refuses it: nothing passes that was not told", async (t) => {
  const s = await scene(t, {
    allow: ["*.test"],
    audit: ({ event }) => {
      if (event === "start") throw new Error("the disk is full");
    },
    serving: { onError: () => {} },
  });
  assertEquals(statusOf((await s.ask("public.test:1")).head), 500);
  const target = await s.target();
  assertEquals(await target.read().catch(() => null), null);
  assertEquals(s.proxy.open, []);
});

test("forwardProxy() refuses options that do not exist: in a file of rules they are misspelled", () => {
  const error = assertThrows(() => forwardProxy({ allowed: ["*"] } as object), TypeError) as Error;
  assertEquals(error.message, 'Cannot use rules: there is no option "allowed"');
});

test("forwardProxy() that is closed leaves no timer behind what it has dialed", async () => {
  const clock = new FakeClock();
  const goal = await listen({ hostname: "127.0.0.1" });
  const proxy = forwardProxy({ allow: [{ host: "127.0.0.1", addresses: ["loopback"] }], clock });
  const server = serve({ port: 0, hostname: "127.0.0.1", connect: proxy.connect }, proxy.handler);
  const [{ port }] = await server.listening;
  const io = connect({ hostname: "127.0.0.1", port: port! });
  await io.write(wire(`CONNECT 127.0.0.1:${(goal.address as { readonly port: number }).port} HTTP/1.1¶Host: a¶¶`));
  const target = (await goal.accept())!;
  await readUntil(io, "¶¶");
  await io.closeWrite();
  await target.close();
  await readAll(io);
  await server.shutdown();
  await proxy.close();
  await goal.close();
  assertEquals(clock.pending, 0);
});
