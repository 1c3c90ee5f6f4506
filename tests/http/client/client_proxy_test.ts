import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { serveConnection } from "../../../src/http1/server_connection.ts";
import { Upgraded } from "../../../src/http1/upgraded.ts";
import { ProtocolError } from "../../../src/errors/protocol_error.ts";
import { UpgradeRejected } from "../../../src/errors/upgrade_rejected.ts";
import { TransportError } from "../../../src/errors/transport_error.ts";
import { Client } from "../../../src/http/client/client.ts";
import type { ClientOptions } from "../../../src/http/client/options.ts";
import { WebSocketStream } from "../../../src/websocket/web_socket_stream.ts";
import { answer, type Dialed, dialing, rejection } from "../../support/dialing.ts";
import { everyCut, readUntil, turns, wire } from "../../support/wire.ts";

const OK = "HTTP/1.1 200 OK¶Content-Length: 2¶¶ok";
const CONNECTED = "HTTP/1.1 200 Connection Established¶¶";
const proxy = "http://us%3Aer:p%40ss@proxy:3128";
const authorization = `Basic ${btoa("us:er:p@ss")}`;
const CHALLENGED = "HTTP/1.1 407 Proxy Authentication Required¶Proxy-Authenticate: Digest realm=r¶";

test("fetch() asks a proxy for http: in absolute-form, with credentials, over shared connections (RFC 9112 §3.2.2)", async () => {
  const { client, connection, dialed } = dialing({ proxy });
  for (const host of ["a", "b:81"]) {
    const fetching = client.fetch(`http://${host}/x?y`);
    const { far, address } = await connection(0);
    assertEquals(address, { hostname: "proxy", port: 3128 });
    const request = await answer(far, OK);
    assertEquals(
      request,
      `GET http://${host}/x?y HTTP/1.1¶host: ${host}¶accept: */*¶user-agent: t¶proxy-authorization: ${authorization}¶¶`,
    );
    assertEquals(await (await fetching).text(), "ok");
  }
  assertEquals(dialed.length, 1);
  await client.close();
});

test("fetch() with proxyTunnel: always tunnels http: as well, and tells the server no credentials", async () => {
  const { client, connection, dialed } = dialing({ proxy, proxyTunnel: "always" });
  for (let i = 0; i < 2; i++) {
    const fetching = client.fetch("http://a/x");
    const { far } = await connection(0);
    if (i === 0) {
      const asked = await answer(far, CONNECTED);
      assertEquals(asked, `CONNECT a:80 HTTP/1.1¶host: a:80¶proxy-authorization: ${authorization}¶user-agent: t¶¶`);
    }
    assertEquals(await answer(far, OK), "GET /x HTTP/1.1¶host: a¶accept: */*¶user-agent: t¶¶");
    assertEquals(await (await fetching).text(), "ok");
  }
  assertEquals(dialed.length, 1);
  await client.close();
});

test("upgrade() through a proxy goes in a tunnel", async () => {
  const { client, connection } = dialing({ proxy: "http://proxy" });
  const upgrading = client.upgrade("http://a/", { protocol: "x" });
  const { far, address } = await connection(0);
  assertEquals(address, { hostname: "proxy", port: 80 });
  assert((await answer(far, CONNECTED)).startsWith("CONNECT a:80 HTTP/1.1¶host: a:80¶"));
  assert((await readUntil(far, "¶¶")).startsWith("GET / HTTP/1.1¶host: a¶connection: Upgrade¶upgrade: x¶"));
  await far.write(wire("HTTP/1.1 101 S¶Connection: upgrade¶Upgrade: x¶¶early"));
  const io = await upgrading;
  assertEquals(await io.read(), wire("early"));
  await io.close();
  await client.close();
});

test("noProxy exempts, a function chooses, and a request may say otherwise", async () => {
  const { client, connection, dialed } = dialing({
    proxy: (url) => url.hostname === "c" ? null : "proxy:3128",
    noProxy: "a",
  });
  const urls = ["http://a/", "http://b/", "http://c/"];
  for (const [i, url] of urls.entries()) {
    const fetching = client.fetch(url);
    await answer((await connection(i)).far, OK);
    await (await fetching).text();
  }
  const fetching = client.fetch("http://b/", { proxy: null });
  await answer((await connection(3)).far, OK);
  await (await fetching).text();
  assertEquals(dialed.map(({ address }) => address.hostname), ["a", "proxy", "c", "b"]);
  await client.close();
});

test("connect() opens a tunnel whose early bytes come first, whatever the cuts [F1, F4]", async () => {
  const head = "HTTP/1.1 204 Fine¶Content-Length: 5¶Transfer-Encoding: chunked¶¶";
  for (const { how, chunks } of everyCut(wire(head + "SSH-2.0"))) {
    const { client, connection } = dialing({ proxy });
    const connecting = client.connect("[::1]:22", { headers: { "x-a": "1" } });
    const { far } = await connection(0);
    const asked = await readUntil(far, "¶¶");
    assertEquals(
      asked,
      `CONNECT [::1]:22 HTTP/1.1¶host: [::1]:22¶proxy-authorization: ${authorization}¶user-agent: t¶x-a: 1¶¶`,
    );
    const reading = connecting.then(async (io) => {
      let all = "";
      while (all.length < 7) all += new TextDecoder().decode((await io.read())!);
      return all;
    });
    for (const chunk of chunks) await far.write(chunk);
    assertEquals(await reading, "SSH-2.0", how);
    assertEquals(client.connections, 0);
    await (await connecting).close();
    await client.close();
  }
});

test("connect() sends nothing into the tunnel before the 2xx [O1, O2]", async () => {
  const { client, connection } = dialing({ proxy: "http://proxy" });
  const fetching = client.upgrade("http://a/", { protocol: "x" });
  fetching.catch(() => {});
  const { far } = await connection(0);
  const sent = await readUntil(far, "¶¶");
  await turns();
  assert(sent.startsWith("CONNECT ") && sent.indexOf("¶¶") === sent.length - 2, sent);
  await client.abort();
});

test("connect() rejects with the proxy's answer and its body, and closes behind it [F5, O3]", async () => {
  const { client, connection } = dialing({ proxy: "http://proxy" });
  const connecting = client.connect("a:443");
  const { far, near } = await connection(0);
  await answer(far, "HTTP/1.1 403 Forbidden¶Content-Length: 6¶¶policy");
  const error = await rejection(connecting);
  assertInstanceOf(error, UpgradeRejected);
  assertEquals([error.code, error.status, error.proxy], ["proxy-refused", 403, "proxy:80"]);
  assertEquals(await (error.response as Response).text(), "policy");
  await near.closed.catch(() => {});
  assertEquals(await far.read(), null);
  await turns();
  assertEquals(client.connections, 0);
  await client.close();
});

test("fetch() rejects with the proxy's answer when there is no tunnel", async () => {
  const { client, connection } = dialing({ proxy: "http://proxy" });
  const fetching = client.fetch("https://a/");
  const { far } = await connection(0);
  assert((await answer(far, "HTTP/1.1 502 Bad Gateway¶Content-Length: 0¶¶")).startsWith("CONNECT a:443 "));
  const error = await rejection(fetching);
  assert(error instanceof UpgradeRejected && error.status === 502, `${error}`);
  await client.close();
});

const asked: readonly (readonly [what: string, ask: (client: Client) => Promise<unknown>])[] = [
  ["fetch()", (client) => client.fetch("https://api.example.com/")],
  ["upgrade()", (client) => client.upgrade("http://api.example.com/", { protocol: "x" })],
  ["connect()", (client) => client.connect("api.example.com:443")],
  ["WebSocketStream", (client) => new WebSocketStream("wss://api.example.com/", { client }).opened],
];
for (const [what, ask] of asked) {
  test(`${what} says that the proxy refused, which one, and with what; never its credentials`, async () => {
    for (const status of [403, 407, 502]) {
      const { client, connection } = dialing({ proxy: "http://us:secret@proxy:3128" });
      const outcome = rejection(ask(client));
      const { far } = await connection(0);
      const said = await answer(far, `HTTP/1.1 ${status} No¶Content-Length: 9¶¶need auth`);
      assert(said.startsWith("CONNECT api.example.com:"), said);
      const error = await outcome;
      assertInstanceOf(error, UpgradeRejected);
      assertEquals([error.code, error.status, error.proxy], ["proxy-refused", status, "proxy:3128"]);
      assertEquals(error.message, `No tunnel: the proxy proxy:3128 answered ${status}`);
      const response = error.response as Response;
      assertEquals([response.url, await response.text()], ["http://proxy:3128/", "need auth"]);
      await client.abort();
    }
  });
}

test("upgrade() through a tunnel says that the server refused, and no proxy", async () => {
  const { client, connection } = dialing({ proxy: "http://proxy" });
  const outcome = rejection(client.upgrade("http://a/", { protocol: "x" }));
  const { far } = await connection(0);
  await answer(far, "HTTP/1.1 200 OK¶¶");
  await answer(far, "HTTP/1.1 407 No¶Content-Length: 2¶¶no");
  const error = await outcome;
  assertInstanceOf(error, UpgradeRejected);
  assertEquals([error.code, error.status, error.proxy], ["refused", 407, undefined]);
  assertEquals((error.response as Response).url, "http://a/");
  await client.abort();
});

test("connect() answers a 407 on the same connection where that stays open [F10]", async () => {
  const challenges: string[] = [];
  const { client, connection, dialed } = dialing({
    proxy: "http://proxy",
    onProxyChallenge: (values) => {
      challenges.push(...values);
      return "Digest x";
    },
  });
  const connecting = client.connect("a:443");
  const { far } = await connection(0);
  await answer(far, `${CHALLENGED}Proxy-Authenticate: Basic¶Content-Length: 4¶¶body`);
  const second = await answer(far, CONNECTED);
  assert(second.includes("proxy-authorization: Digest x¶"), second);
  const io = await connecting;
  assertEquals([dialed.length, challenges], [1, ["Digest realm=r", "Basic"]]);
  await io.close();
  await client.close();
});

test("connect() answers a 407 on a new connection where the proxy closed the first [F10]", async () => {
  const { client, connection, dialed } = dialing({ proxy: "http://proxy", onProxyChallenge: () => "Digest x" });
  const connecting = client.connect("a:443");
  await answer((await connection(0)).far, `${CHALLENGED}Content-Length: 0¶Connection: close¶¶`);
  assert((await answer((await connection(1)).far, CONNECTED)).includes("proxy-authorization: Digest x¶"));
  await (await connecting).close();
  assertEquals(dialed.length, 2);
  await client.close();
});

test("connect() answers a 407 on a new connection where the proxy closes the first without a word of it (RFC 9112 §9.3.1) [F10]", async () => {
  const leave = {
    "before the second CONNECT": async (far: Dialed["far"]) => await far.closeWrite(),
    "upon the second CONNECT": async (far: Dialed["far"]) => {
      await readUntil(far, "¶¶");
      await far.closeWrite();
    },
    "with a reset": async (far: Dialed["far"]) => {
      await readUntil(far, "¶¶");
      far.abort(new TransportError("reset", "gone"));
    },
  };
  for (const [when, ends] of Object.entries(leave)) {
    for (const ask of ["connect", "fetch"] as const) {
      const proxyTunnel = "always";
      const init = { proxy: "http://proxy", proxyTunnel, onProxyChallenge: () => "Digest x" } as const;
      const { client, connection, dialed } = dialing(init);
      const opening = ask === "connect" ? client.connect("a:443") : client.fetch("http://a/");
      const first = await connection(0);
      await answer(first.far, `${CHALLENGED}Proxy-Connection: close¶Content-Length: 2¶¶no`);
      await ends(first.far);
      const { far } = await connection(1);
      const asked = await answer(far, CONNECTED);
      assert(asked.includes("proxy-authorization: Digest x¶"), `${when}: ${asked}`);
      if (ask === "fetch") await answer(far, OK);
      const opened = await opening;
      if (opened instanceof Upgraded) await opened.close();
      else assertEquals(await opened.text(), "ok");
      assertEquals(dialed.length, 2, when);
      await client.close();
    }
  }
});

test("connect() asks a proxy once more, and not again, that closes behind each 407 [F10]", async () => {
  const { client, connection, dialed } = dialing({ proxy: "http://proxy", onProxyChallenge: () => "Digest x" });
  const failure = rejection(client.connect("a:443"));
  const first = await connection(0);
  await answer(first.far, `${CHALLENGED}Content-Length: 0¶¶`);
  await first.far.closeWrite();
  const second = await connection(1);
  await readUntil(second.far, "¶¶");
  await second.far.closeWrite();
  assertInstanceOf(await failure, ProtocolError);
  assertEquals(dialed.length, 2);
  await client.close();
});

test("connect() gives up after the second 407", async () => {
  const { client, connection } = dialing({ proxy: "http://proxy", onProxyChallenge: () => "Digest x" });
  const connecting = client.connect("a:443");
  const { far } = await connection(0);
  await answer(far, `${CHALLENGED}Content-Length: 0¶¶`);
  await answer(far, `${CHALLENGED}Content-Length: 2¶¶no`);
  const error = await rejection(connecting);
  assert(error instanceof UpgradeRejected && error.status === 407, `${error}`);
  assertEquals(await (error.response as Response).text(), "no");
  await client.close();
});

test("fetch() answers a 407 to absolute-form on the same connection", async () => {
  const { client, connection, dialed } = dialing({ proxy: "http://proxy", onProxyChallenge: () => "Digest x" });
  const fetching = client.fetch("http://a/");
  const { far } = await connection(0);
  await answer(far, `${CHALLENGED}Content-Length: 4¶¶body`);
  assert((await answer(far, OK)).includes("proxy-authorization: Digest x¶"));
  assertEquals(await (await fetching).text(), "ok");
  assertEquals(dialed.length, 1);
  await client.close();
});

test("an onProxyChallenge that fails, or answers what cannot be sent, leaves no connection busy [F10]", async () => {
  const failing = (): never => {
    throw new RangeError("no credentials");
  };
  for (const onProxyChallenge of [failing, () => "two¶lines".replace("¶", "\r\n")]) {
    for (const proxyTunnel of ["https", "always"] as const) {
      const { client, connection } = dialing({ proxy: "http://proxy", proxyTunnel, onProxyChallenge });
      const fetching = client.fetch("http://a/");
      const { far } = await connection(0);
      await answer(far, `${CHALLENGED}Content-Length: 4¶¶body`);
      const error = await rejection(fetching);
      assertInstanceOf(error, onProxyChallenge === failing ? RangeError : TypeError);
      void client.close();
      await turns();
      assertEquals(client.connections, 0, `${proxyTunnel} ${error}`);
    }
  }
});

test("a request that is given up does not wait for onProxyChallenge, nor does abort() of the client [F10]", async () => {
  for (const proxyTunnel of ["https", "always"] as const) {
    for (const how of ["signal", "client"] as const) {
      let asked = (): void => {};
      const challenged = new Promise<void>((resolve) => asked = resolve);
      const onProxyChallenge = () => {
        asked();
        return new Promise<null>(() => {});
      };
      const { client, connection } = dialing({ proxy: "http://proxy", proxyTunnel, onProxyChallenge });
      const controller = new AbortController();
      const failure = rejection(client.fetch("http://a/", { signal: controller.signal }));
      await answer((await connection(0)).far, `${CHALLENGED}Content-Length: 4¶¶body`);
      await challenged;
      if (how === "signal") controller.abort(new Error("enough"));
      else void client.abort(new Error("enough"));
      await turns();
      assertEquals(client.connections, 0);
      assertEquals((await failure as Error).message, "enough");
      await client.abort();
    }
  }
});

test("fetch() gives a 407 to absolute-form to whoever has no answer to it", async () => {
  const { client, connection } = dialing({ proxy: "http://proxy" });
  const fetching = client.fetch("http://a/");
  await answer((await connection(0)).far, `${CHALLENGED}Content-Length: 0¶¶`);
  assertEquals((await fetching).status, 407);
  await client.close();
});

test("a request has one Proxy-Authorization: its own, else the client's, else the URL's; and the answer to a 407", async () => {
  const proxy = "http://us:pw@proxy";
  const url = `Basic ${btoa("us:pw")}`;
  const ways = [
    [{ proxy }, {}, url],
    [{ proxy, headers: { "proxy-authorization": "client's" } }, {}, "client's"],
    [{ proxy, headers: { "proxy-authorization": "client's" } }, { "Proxy-Authorization": "own" }, "own"],
  ] as const;
  for (const [options, headers, first] of ways) {
    const { client, connection } = dialing({ ...options, onProxyChallenge: () => "answer" });
    const fetching = client.fetch("http://a/", { headers });
    const { far } = await connection(0);
    const values = (sent: string) => [...sent.matchAll(/proxy-authorization: ([^¶]*)/gi)].map(([, value]) => value);
    assertEquals(values(await answer(far, `${CHALLENGED}Content-Length: 4¶¶body`)), [first]);
    assertEquals(values(await answer(far, OK)), ["answer"]);
    await (await fetching).text();
    const connecting = client.connect("b:1", { headers });
    const { far: second } = await connection(1);
    const own = "Proxy-Authorization" in headers ? "own" : url;
    assertEquals(values(await answer(second, `${CHALLENGED}Content-Length: 0¶¶`)), [own]);
    assertEquals(values(await answer(second, "HTTP/1.1 200 OK¶¶")), ["answer"]);
    (await connecting).abort();
    await client.abort();
  }
});

test("connect() refuses what is no authority, and a client without a proxy", async () => {
  const { client, dialed } = dialing({ proxy: "http://proxy" });
  for (const authority of ["a", "a:", "a:0", "a:65536", "a:x", "http://a:1", "a:1/x", "u@a:1", "::1:80", ""]) {
    await assertRejects(() => client.connect(authority), TypeError);
  }
  await assertRejects(() => client.connect("a:1", { proxy: null }), TypeError);
  await assertRejects(() => client.connect("a:1", { proxy: "ftp://proxy" }), TypeError);
  assertEquals(dialed.length, 0);
  await client.close();
});

/** A client that fails with an error of its own when it dials. */
function neverDialing(proxy: ClientOptions["proxy"]): Client {
  const dial = () => {
    throw new Error("dialed");
  };
  return new Client({ proxy, dial });
}

test("connect() refuses an authority with a backslash, where a URL ends its host (URL standard §4.4)", async () => {
  const client = neverDialing("http://proxy");
  for (const authority of ["a\\b:1", "a\\:1", "\\a:1"]) {
    await assertRejects(() => client.connect(authority), TypeError);
  }
  await client.close();
});

test("a client refuses what its function of proxies returns that is none, before anything is dialed", async () => {
  for (const wrong of [undefined, 5, true, {}, Promise.resolve("http://proxy")]) {
    const client = neverDialing(() => wrong as string);
    await assertRejects(() => client.fetch("http://a/"), TypeError);
    await assertRejects(() => client.connect("a:1"), TypeError);
    await client.close();
  }
});

test("connect() aborted before the answer rejects with the reason and leaves nothing", async () => {
  const { client, connection } = dialing({ proxy: "http://proxy" });
  const controller = new AbortController();
  const reason = new Error("enough");
  const connecting = rejection(client.connect("a:1", { signal: controller.signal }));
  const { far, near } = await connection(0);
  await readUntil(far, "¶¶");
  controller.abort(reason);
  assertEquals(await connecting, reason);
  await near.closed.catch(() => {});
  await turns();
  assertEquals(client.connections, 0);
  await client.close();
});

test("connect() whose proxy hangs up fails with a TransportError or says that the answer is missing", async () => {
  const { client, connection } = dialing({ proxy: "http://proxy" });
  const connecting = client.connect("a:1");
  const { far } = await connection(0);
  await readUntil(far, "¶¶");
  await far.close();
  assertInstanceOf(await rejection(connecting), Error);
  await turns();
  assertEquals(client.connections, 0);
  await client.close();
});

test("a passed password is never in the error about its proxy", async () => {
  const { client } = dialing({ proxy: "http://user:secret@pro xy:99999" });
  const error = await rejection(client.fetch("http://a/"));
  assert(error instanceof TypeError && !`${error.message}${error.stack}`.includes("secret"), `${error}`);
  await client.close();
});

// SOCKS5, byte by byte (RFC 1928, RFC 1929).

/** Reads exactly `length` bytes. */
async function take(far: Dialed["far"], length: number): Promise<number[]> {
  const bytes: number[] = [];
  while (bytes.length < length) bytes.push(...(await far.read())!);
  assertEquals(bytes.length, length);
  return bytes;
}

test("SOCKS5: the proxy gets the name, and what the target says first is not lost", async () => {
  for (const { how, chunks } of everyCut(Uint8Array.of(5, 0, 0, 1, 127, 0, 0, 1, 0, 80, ...wire("hi")))) {
    const { client, connection } = dialing({ proxy: "socks5://proxy" });
    const connecting = client.connect("example.com:80");
    const { far, address } = await connection(0);
    assertEquals(address, { hostname: "proxy", port: 1080 });
    assertEquals(await take(far, 3), [5, 1, 0]);
    await far.write(Uint8Array.of(5, 0));
    assertEquals(await take(far, 18), [5, 1, 0, 3, 11, ...wire("example.com"), 0, 80]);
    const reading = connecting.then(async (io) => {
      let all = "";
      while (all.length < 2) all += new TextDecoder().decode((await io.read())!);
      return all;
    });
    for (const chunk of chunks) await far.write(chunk);
    assertEquals(await reading, "hi", how);
    await (await connecting).close();
    await client.close();
  }
});

test("SOCKS5: fetch() with name and password, IPv4 and IPv6 targets", async () => {
  for (
    const [url, target] of [
      ["http://127.0.0.1:8080/", [1, 127, 0, 0, 1, 31, 144]],
      ["http://[::2]/", [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 80]],
    ] as const
  ) {
    const { client, connection } = dialing({ proxy: "socks5://u:pw@proxy:1081" });
    const fetching = client.fetch(url);
    const { far } = await connection(0);
    assertEquals(await take(far, 4), [5, 2, 0, 2]);
    await far.write(Uint8Array.of(5, 2));
    assertEquals(await take(far, 6), [1, 1, 117, 2, 112, 119]);
    await far.write(Uint8Array.of(1, 0));
    assertEquals(await take(far, 3 + target.length), [5, 1, 0, ...target]);
    await far.write(Uint8Array.of(5, 0, 0, 3, 1, 97, 0, 80));
    serveConnection(far, ({ target }) => ({ status: 200, body: target }));
    assertEquals(await (await fetching).text(), "/");
    await client.close();
  }
});

test("SOCKS5: a refusal, and what breaks the protocol, is a TransportError that names the proxy, and cuts the connection", async () => {
  const answers = [
    { code: "refused", bytes: [[5, 0xff]] },
    { code: "refused", bytes: [[5, 2]] },
    { code: "reset", bytes: [[4, 0]] },
    { code: "refused", bytes: [[5, 0], [5, 5, 0, 1, 0, 0, 0, 0, 0, 0]] },
    { code: "unreachable", bytes: [[5, 0], [5, 4, 0, 1, 0, 0, 0, 0, 0, 0]] },
    { code: "refused", bytes: [[5, 0], [5, 99, 0, 1, 0, 0, 0, 0, 0, 0]] },
    { code: "reset", bytes: [[5, 0], [5, 0, 0, 9, 0, 0, 0, 0, 0, 0]] },
    { code: "reset", bytes: [[5]] },
  ];
  for (const { code, bytes } of answers) {
    const { client, connection } = dialing({ proxy: "socks5://proxy" });
    const outcome = rejection(client.fetch("http://a/"));
    const { far, near } = await connection(0);
    for (const part of bytes) {
      await far.read();
      await far.write(Uint8Array.from(part));
    }
    if (bytes[0]!.length === 1) await far.closeWrite();
    const error = await outcome;
    assert(error instanceof TransportError && error.code === code, `${bytes}: ${error}`);
    assertEquals(error.proxy, "proxy:1080");
    assert(error.message.includes("proxy:1080"), error.message);
    await near.closed.catch(() => {});
    assertEquals(client.connections, 0);
    await client.close();
  }
});
