import { createHash } from "node:crypto";
import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type ProxyOptions, startProxy } from "../support/forward.ts";
import { curl, scratch, sha256, withCurl } from "../support/curl.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { skipUnless, spawn, which } from "../support/runtime.ts";

/** The proxy of the example between curl and a server of the platform. */
interface Scene {
  /** `host:port` of the server. */
  readonly origin: string;
  /** How many connections reached it. */
  connections(): number;
  readonly lines: readonly string[];
  /** Runs curl through the proxy. */
  through(...args: string[]): ReturnType<typeof curl>;
  readonly port: number;
  close(): Promise<void>;
}

async function scene(server: net.Server, options: ProxyOptions = {}): Promise<Scene> {
  let connections = 0;
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket: net.Socket) => {
    connections++;
    sockets.add(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const lines: string[] = [];
  const proxy = await startProxy({ log: (line) => lines.push(line), ...options });
  return {
    origin: `127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    connections: () => connections,
    lines,
    through: (...args) => curl(["-x", `http://127.0.0.1:${proxy.port}`, ...args]),
    port: proxy.port,
    async close() {
      await proxy.close();
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Answers with what it was asked for, and echoes what was uploaded. */
function answer(request: http.IncomingMessage, response: http.ServerResponse): void {
  response.setHeader("X-Via", String(request.headers.via));
  response.setHeader("X-Got", JSON.stringify(request.rawHeaders));
  if (request.method === "GET") response.end(`${request.url}\n`);
  else request.pipe(response);
}

const LARGE = 16 * 1_048_576;
const block = new Uint8Array(65_536).map((_, i) => (i * 2_654_435_761) >>> 24);

/** 16 MiB, each block telling its place. */
function sendLarge(_: http.IncomingMessage, response: http.ServerResponse): void {
  response.setHeader("Content-Length", LARGE);
  let at = 0;
  const more = (): void => {
    while (at < LARGE) {
      at += block.length;
      if (!response.write(numbered(at))) return void response.once("drain", more);
    }
    response.end();
  };
  more();
}

function numbered(at: number): Uint8Array {
  const copy = block.slice();
  new DataView(copy.buffer).setUint32(0, at);
  return copy;
}

function largeChecksum(): string {
  const hash = createHash("sha256");
  for (let at = block.length; at <= LARGE; at += block.length) hash.update(numbered(at));
  return hash.digest("hex");
}

test(
  "curl -x: a plain request, passed on with Via and without the client's hop-by-hop fields [E16]",
  withCurl,
  async () => {
    const s = await scene(http.createServer(answer));
    const { code, stdout, stderr } = await s.through(
      "-v",
      "-H",
      "Connection: X-A",
      "-H",
      "X-A: 1",
      `http://${s.origin}/a?b`,
    );
    assertEquals({ code, stdout }, { code: 0, stdout: "/a?b\n" });
    assertMatch(stderr, /< X-Via: 1\.1 http-upgrade-/);
    assertMatch(stderr, /< Via: 1\.1 http-upgrade-/);
    assert(!/X-Got: .*(?:Proxy-Connection|"X-A")/i.test(stderr), stderr);
    assertEquals(s.lines, [`GET http://${s.origin}/a 200`]);
    await s.close();
  },
);

test("curl -x: two URLs share the connection to the proxy", withCurl, async () => {
  const s = await scene(http.createServer(answer));
  const { code, stdout, stderr } = await s.through("-v", `http://${s.origin}/one`, `http://${s.origin}/two`);
  assertEquals({ code, stdout }, { code: 0, stdout: "/one\n/two\n" });
  assertMatch(stderr, /Re-using existing (?:connection|http: connection|proxy connection)/i);
  await s.close();
});

test("curl -x: uploads with a length, in chunks, and with Expect: 100-continue [D1]", withCurl, async () => {
  const s = await scene(http.createServer(answer));
  const files = scratch();
  const file = files.file("upload", "a line\n".repeat(50_000));
  for (
    const extra of [["-H", "Expect:"], ["-H", "Transfer-Encoding: chunked", "-H", "Expect:"], [
      "-H",
      "Expect: 100-continue",
    ]]
  ) {
    const back = files.file("back");
    const { code, stderr } = await s.through(
      ...extra,
      "--expect100-timeout",
      "15",
      "-T",
      file,
      "-o",
      back,
      `http://${s.origin}/`,
    );
    assertEquals(code, 0, stderr);
    assertEquals(await sha256(back), await sha256(file), String(extra));
  }
  files.remove();
  await s.close();
});

test("curl -x -I: HEAD, and the connection goes on [B6]", withCurl, async () => {
  const s = await scene(http.createServer((_, response) => {
    response.setHeader("Content-Length", 12);
    response.end();
  }));
  const { code, stdout } = await s.through("-I", `http://${s.origin}/`, `http://${s.origin}/`);
  assertEquals(code, 0);
  assertEquals(stdout.match(/^content-length: 12\r$/gim)?.length, 2);
  await s.close();
});

test("curl -x --http1.0: answered until the connection ends [B14]", withCurl, async () => {
  const s = await scene(http.createServer((_, response) => {
    response.write("un");
    response.end("til the end");
  }));
  const { code, stdout, stderr } = await s.through("-v", "--http1.0", `http://${s.origin}/`);
  assertEquals({ code, stdout }, { code: 0, stdout: "until the end" });
  assertEquals(/< transfer-encoding/i.test(stderr), false);
  await s.close();
});

test("curl -x: 502, 403 and 504 as F9 wants them [F8, F9]", withCurl, async () => {
  const gone = await scene(http.createServer());
  const { origin } = gone;
  const code = ["-o", "/dev/null", "-w", "%{http_code} %{http_connect}"];
  await gone.close();
  const silent = await scene(net.createServer((socket) => void socket.on("error", () => {})), { answerTimeoutMs: 30 });
  assertEquals((await silent.through(...code, `http://${origin}/`)).stdout, "502 000");
  assertEquals((await silent.through(...code, "-p", `http://${origin}/`)).stdout, "000 502");
  assertEquals((await silent.through(...code, `http://${silent.origin}/`)).stdout, "504 000");
  await silent.close();
  const strict = await scene(http.createServer(answer), { allow: ["a.test:443"] });
  assertEquals((await strict.through(...code, `http://${strict.origin}/`)).stdout, "403 000");
  assertEquals((await strict.through(...code, "-p", `http://${strict.origin}/`)).stdout, "000 403");
  assertEquals(strict.connections(), 0);
  await strict.close();
});

test(
  "curl -x: a 413 to an upload that nobody reads arrives, as it is and through a tunnel [C7]",
  withCurl,
  async () => {
    // The server answers at once, ends its side, and takes in what still comes, as RFC 9112 §9.6 wants it.
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      socket.once("data", () => {
        socket.end("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 9\r\n\r\ntoo large");
        socket.resume();
      });
    });
    const s = await scene(server);
    const files = scratch();
    const file = files.file("upload", new Uint8Array(2_000_000));
    for (const extra of [[], ["-p"]]) {
      const { code, stdout, stderr } = await s.through(
        ...extra,
        "-H",
        "Expect:",
        "-T",
        file,
        "-w",
        "|%{http_code}",
        `http://${s.origin}/`,
      );
      assertEquals({ code, stdout, stderr }, { code: 0, stdout: "too large|413", stderr: "" });
    }
    files.remove();
    await s.close();
  },
);

test("curl -p: http through a tunnel, two URLs on one tunnel", withCurl, async () => {
  const s = await scene(http.createServer(answer));
  const { code, stdout, stderr } = await s.through("-v", "-p", `http://${s.origin}/one`, `http://${s.origin}/two`);
  assertEquals({ code, stdout }, { code: 0, stdout: "/one\n/two\n" });
  assertMatch(stderr, /CONNECT .* HTTP\/1\.1/);
  assertMatch(stderr, /< X-Via: undefined/);
  assertEquals(s.connections(), 1);
  await s.close();
  assertEquals(s.lines.length, 2);
});

test("curl -x: https through a tunnel, the certificate checked end to end", withCurl, async () => {
  const s = await scene(https.createServer({ cert: serverCert, key: serverKey }, answer));
  const files = scratch();
  const ca = files.file("authority.pem", authority);
  const { code, stdout, stderr } = await s.through(
    "-v",
    "--cacert",
    ca,
    `https://${s.origin}/secret`,
    `https://${s.origin}/too`,
  );
  assertEquals({ code, stdout }, { code: 0, stdout: "/secret\n/too\n" }, stderr);
  assertStringIncludes(s.lines[0]!, `CONNECT ${s.origin} 200`);
  assertEquals(s.connections(), 1);
  files.remove();
  await s.close();
});

for (const [how, extra] of [["as it is", []], ["through a tunnel", ["-p"]]] as const) {
  test(`curl -x: a download of 16 MiB ${how}, unchanged`, withCurl, async () => {
    const s = await scene(http.createServer(sendLarge));
    const files = scratch();
    const file = files.file("download");
    const { code, stderr } = await s.through(...extra, "-o", file, `http://${s.origin}/`);
    assertEquals(code, 0, stderr);
    assertEquals(await sha256(file), largeChecksum());
    files.remove();
    await s.close();
  });
}

test("curl -x: an upgrade, passed on as it is and through a tunnel [E16]", withCurl, async () => {
  const server = http.createServer(answer);
  server.on("upgrade", (request, socket) => {
    socket.on("error", () => {});
    socket.end(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n\r\nraw bytes\n`,
    );
  });
  const s = await scene(server);
  for (const extra of [[], ["-p"]]) {
    const { code, stdout, stderr } = await s.through(
      ...["-v", ...extra, "-H", "Connection: Upgrade", "-H", "Upgrade: foo", `http://${s.origin}/`],
    );
    assertEquals({ code, stdout }, { code: 0, stdout: "raw bytes\n" }, stderr);
    assertMatch(stderr, /< HTTP\/1\.1 101 Switching Protocols/);
  }
  await s.close();
});

const python = which("python3");

test(
  "a Python socket half-closes through a tunnel, and is answered [F6]",
  skipUnless(python !== undefined, "python3 is not installed"),
  async () => {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => {
      let heard = 0;
      socket.on("data", (chunk) => heard += chunk.length);
      socket.on("end", () => socket.end(`heard ${heard} bytes and the end`));
    });
    const s = await scene(server);
    const script = `
import socket, sys
proxy, origin = int(sys.argv[1]), sys.argv[2]
s = socket.create_connection(("127.0.0.1", proxy))
s.sendall(f"CONNECT {origin} HTTP/1.1\\r\\nHost: {origin}\\r\\n\\r\\n".encode() + b"x" * 10)
head = b""
while b"\\r\\n\\r\\n" not in head: head += s.recv(1)
s.sendall(b"y" * 1000000)
s.shutdown(socket.SHUT_WR)
rest = b""
while chunk := s.recv(65536): rest += chunk
print(head.split(b"\\r\\n")[0].decode(), "|", rest.decode())
`;
    const { code, stdout, stderr } = await spawn(python!, ["-c", script, String(s.port), s.origin]);
    assertEquals({ code, stderr }, { code: 0, stderr: "" });
    assertEquals(stdout, "HTTP/1.1 200 OK | heard 1000010 bytes and the end\n");
    await s.close();
    assertStringIncludes(s.lines[1]!, "ended, 1000010 bytes sent, 31 received");
  },
);
