import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals, assertInstanceOf, assertMatch } from "@std/assert";
import { connectResponse, upgradeResponse } from "../../../src/http1/switch.ts";
import { type Handler, serveConnection } from "../../../src/http1/server_connection.ts";
import { UpgradeRejected } from "../../../src/errors/upgrade_rejected.ts";
import { TransportError } from "../../../src/errors/transport_error.ts";
import { Client } from "../../../src/http/client/client.ts";
import { tunnel } from "../../../src/proxy/tunnel.ts";
import { connect, listen, type ListenOptions, type Socket, type TlsOptions } from "../../../src/net/mod.ts";
import { authority, otherAuthority, serverCert, serverKey } from "../../support/certificates.ts";
import { rejection } from "../../support/dialing.ts";
import { FakeClock, wire } from "../../support/wire.ts";

const serverTls = { cert: serverCert, key: serverKey };
const clientTls = { caCerts: [authority] };

/** A server on a real socket that counts what is open. */
interface Peer extends AsyncDisposable {
  readonly port: number;
  /** How many connections were accepted. */
  accepted: number;
  /** Resolves when every accepted connection is closed. */
  gone(): Promise<void>;
}

async function peer(serve: (socket: Socket) => void, where: ListenOptions = {}): Promise<Peer> {
  const listener = await listen({ hostname: "127.0.0.1", ...where });
  const closings: Promise<void>[] = [];
  const found: Peer = {
    port: "port" in listener.address ? listener.address.port : 0,
    accepted: 0,
    gone: async () => void await Promise.all(closings),
    [Symbol.asyncDispose]: () => listener.close(),
  };
  (async () => {
    for (let socket = await listener.accept(); socket !== null; socket = await listener.accept()) {
      found.accepted++;
      closings.push(socket.closed.catch(() => {}));
      serve(socket);
    }
  })();
  return found;
}

/** Deno closes a TLS connection in the background, and until then a server that writes to it waits. */
const options = { writeTimeoutMs: 2000, bodyTimeoutMs: 2000, headTimeoutMs: 2000 };
const serving = (handler: Handler) => (socket: Socket) => void serveConnection(socket, handler, options);
const hello: Handler = (request) => ({ status: 200, body: `hello ${request.fields.get("host")}` });
const echo: Handler = (request) => {
  const { response, upgraded } = upgradeResponse(request, "echo");
  upgraded.then(async (io) => {
    for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) await io.write(chunk);
    await io.close();
  }).catch(() => {});
  return response;
};

/** A CONNECT proxy of ours that counts its tunnels. */
function proxying(seen: string[] = [], password?: string): Handler {
  return async (request) => {
    if (password !== undefined && request.fields.get("proxy-authorization") !== `Basic ${btoa(password)}`) {
      return { status: 407, fields: [["proxy-authenticate", "Basic realm=x"]], body: "who?" };
    }
    seen.push(request.target);
    const target = connect(request.target);
    await target.opened;
    const { response, upgraded } = connectResponse(request);
    upgraded.then((io) => tunnel(io, target)).catch(() => target.abort());
    return response;
  };
}

test("Client fetches over TCP, again on the same socket, and leaves none", async () => {
  const server = await peer(serving(hello));
  const client = new Client();
  for (let i = 0; i < 3; i++) {
    const response = await client.fetch(`http://127.0.0.1:${server.port}/`);
    assertEquals(await response.text(), `hello 127.0.0.1:${server.port}`);
  }
  assertEquals(server.accepted, 1);
  await client.close();
  await server.gone();
  await server[Symbol.asyncDispose]();
});

test("Client reaches a name whose server listens on one of its addresses", async () => {
  const server = await peer(serving(hello));
  const client = new Client();
  const response = await client.fetch(`http://localhost:${server.port}/`);
  assertEquals(await response.text(), `hello localhost:${server.port}`);
  await client.close();
  await server.gone();
  await server[Symbol.asyncDispose]();
});

test("Client fails with refused where nobody listens, and with unreachable for a name that is none", async () => {
  const listener = await listen({ hostname: "127.0.0.1" });
  const { port } = listener.address;
  await listener.close();
  const client = new Client();
  const refused = await rejection(client.fetch(`http://127.0.0.1:${port}/`));
  assert(refused instanceof TransportError && refused.code === "refused", `${refused}`);
  const unknown = await rejection(client.fetch("http://name.invalid/"));
  assert(unknown instanceof TransportError && unknown.code === "unreachable", `${unknown}`);
  await client.close();
});

test("Client fetches and upgrades over TLS", async () => {
  const handler: Handler = (request) => request.fields.has("upgrade") ? echo(request) : hello(request);
  const server = await peer(serving(handler), { tls: { ...serverTls, alpnProtocols: ["http/1.1"] } });
  const client = new Client({ tls: clientTls });
  for (let i = 0; i < 2; i++) {
    const response = await client.fetch(`https://localhost:${server.port}/`);
    assertEquals(await response.text(), `hello localhost:${server.port}`);
  }
  const io = await client.upgrade(`https://localhost:${server.port}/`, { protocol: "echo" });
  await io.write(wire("hi"));
  assertEquals(await io.read(), wire("hi"));
  await io.close();
  assertEquals(server.accepted, 1);
  await client.close();
  await server.gone();
  await server[Symbol.asyncDispose]();
});

test("Client refuses a certificate of an authority that it does not trust, or for another name", async () => {
  const server = await peer(serving(hello), { tls: serverTls });
  for (const tls of [{ caCerts: [otherAuthority] }, { ...clientTls, serverName: "other.test" }]) {
    const client = new Client({ tls });
    const error = await rejection(client.fetch(`https://127.0.0.1:${server.port}/`));
    assert(error instanceof TransportError && error.code === "tls", `${error}`);
    assertEquals(client.connections, 0);
    await client.close();
  }
  await server.gone();
  await server[Symbol.asyncDispose]();
});

test("Client looks for the URL's host in the certificate where a server name is given as undefined", async () => {
  const server = await peer(serving(hello), { tls: serverTls });
  // Type-checked callers cannot write this; a settings object read from elsewhere can.
  const tls = { ...clientTls, serverName: undefined } as unknown as TlsOptions;
  const client = new Client({ tls });
  const response = await client.fetch(`https://localhost:${server.port}/`);
  assertEquals(await response.text(), `hello localhost:${server.port}`);
  const wrong = new Client({ tls, dial: () => connect({ hostname: "127.0.0.1", port: server.port }) });
  const error = await rejection(wrong.fetch("https://other.test/"));
  assert(error instanceof TransportError && error.code === "tls", `${error}`);
  await client.close();
  await wrong.close();
  await server[Symbol.asyncDispose]();
});

test("Client names the host of the URL, and the address that was tried, where nobody listens", async () => {
  const listener = await listen({ hostname: "127.0.0.1" });
  await listener.close();
  const { port } = listener.address;
  const client = new Client();
  const error = await rejection(client.fetch(`http://localhost:${port}/`)) as TransportError;
  assertEquals(error.code, "refused");
  assertMatch(
    error.message,
    new RegExp(`^Cannot connect to localhost:${port} at (127\\.0\\.0\\.1|\\[::1\\]):${port}: .`),
  );
  await client.close();
});

for (const how of ["its signal", "connectTimeoutMs", "abort()"] as const) {
  test(`Client closes a connection whose TLS handshake does not get on, by ${how}`, async () => {
    const listener = await listen({ hostname: "127.0.0.1" });
    const clock = new FakeClock();
    const client = new Client({ clock, connectTimeoutMs: 1000 });
    const controller = new AbortController();
    const { port } = listener.address;
    const fetching = rejection(client.fetch(`https://127.0.0.1:${port}/`, { signal: controller.signal }));
    const silent = (await listener.accept())!;
    assert(await silent.read() !== null); // the ClientHello
    if (how === "its signal") controller.abort();
    else if (how === "abort()") client.abort();
    else await clock.advance(1000);
    assertEquals(await silent.read().catch(() => null), null);
    await fetching;
    await silent.close();
    await client.close();
    await listener.close();
  });
}

test("Client fetches over a unix socket through dial", async () => {
  const path = join(tmpdir(), `http-upgrade-${process.pid}-${Date.now()}.sock`);
  const server = await peer(serving(hello), { path });
  const client = new Client({ dial: () => connect({ path }) });
  assertEquals(await (await client.fetch("http://docker/")).text(), "hello docker");
  await client.close();
  await server.gone();
  await server[Symbol.asyncDispose]();
  rmSync(path, { force: true });
});

for (const scheme of ["http", "https"] as const) {
  test(`Client reaches an https: server through an ${scheme}: proxy, with credentials`, async () => {
    const seen: string[] = [];
    const server = await peer(serving(hello), { tls: serverTls });
    const tls = scheme === "https" ? { tls: serverTls } : {};
    const proxy = await peer(serving(proxying(seen, "us:pw")), tls);
    const client = new Client({
      proxy: `${scheme}://us:pw@localhost:${proxy.port}`,
      tls: clientTls,
      proxyTls: clientTls,
    });
    for (let i = 0; i < 2; i++) {
      const response = await client.fetch(`https://localhost:${server.port}/`);
      assertEquals(await response.text(), `hello localhost:${server.port}`);
    }
    assertEquals(seen, [`localhost:${server.port}`]);
    await client.close();
    await Promise.all([server.gone(), proxy.gone()]);
    await Promise.all([server[Symbol.asyncDispose](), proxy[Symbol.asyncDispose]()]);
  });
}

test("connect() through a proxy reads what the target says first", async () => {
  const target = await peer(async (socket) => {
    await socket.write(wire("SSH-2.0"));
    for (let chunk = await socket.read(); chunk !== null; chunk = await socket.read()) await socket.write(chunk);
    await socket.close();
  });
  const proxy = await peer(serving(proxying()));
  const client = new Client({ proxy: `http://127.0.0.1:${proxy.port}` });
  const io = await client.connect(`127.0.0.1:${target.port}`);
  assertEquals(await io.read(), wire("SSH-2.0"));
  await io.write(wire("hi"));
  assertEquals(await io.read(), wire("hi"));
  await io.closeWrite();
  assertEquals(await io.read(), null);
  await io.close();
  await client.close();
  await Promise.all([target.gone(), proxy.gone()]);
  await Promise.all([target[Symbol.asyncDispose](), proxy[Symbol.asyncDispose]()]);
});

test("connect() gives the proxy's 407 with its body", async () => {
  const proxy = await peer(serving(proxying([], "us:pw")));
  const client = new Client({ proxy: `http://us:wrong@127.0.0.1:${proxy.port}` });
  const error = await rejection(client.connect("a:1"));
  assertInstanceOf(error, UpgradeRejected);
  assertEquals([error.status, await (error.response as Response).text()], [407, "who?"]);
  await client.close();
  await proxy.gone();
  await proxy[Symbol.asyncDispose]();
});

test("aborting at random moments leaves no socket on either side", async () => {
  const handler: Handler = async (request) => {
    if (request.target === "/never") await new Promise<void>((resolve) => request.signal.onabort = () => resolve());
    return { status: 200, body: new Blob([new Uint8Array(300_000)]).stream() };
  };
  const server = await peer(serving(handler), { tls: serverTls });
  const proxy = await peer(serving(proxying()));
  const client = new Client({ tls: clientTls });
  const proxied = { proxy: `http://127.0.0.1:${proxy.port}` };
  let completed = 0;
  await Promise.all(Array.from({ length: 60 }, async (_, i) => {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new Error("enough")), (i * 7) % 60);
    try {
      const url = `https://localhost:${server.port}/${i % 3 === 0 ? "never" : "body"}`;
      const response = await client.fetch(url, { signal: controller.signal, ...(i % 2 === 0 ? proxied : {}) });
      if ((await response.bytes()).length === 300_000) completed++;
    } catch (error) {
      assert(controller.signal.aborted, `${error}`);
    } finally {
      clearTimeout(timer);
    }
  }));
  await client.close();
  assertEquals(client.connections, 0);
  await Promise.all([server.gone(), proxy.gone()]);
  await Promise.all([server[Symbol.asyncDispose](), proxy[Symbol.asyncDispose]()]);
  assert(completed < 60);
});
