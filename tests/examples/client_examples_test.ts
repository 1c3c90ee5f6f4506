import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { echo } from "../../scripts/examples/client_upgrade.ts";
import { fetchByHand, fetchThrough } from "../../scripts/examples/client_tunnel.ts";
import { dockerExec } from "../../scripts/examples/docker_exec.ts";
import { startProxy } from "../support/forward.ts";
import type { IncomingRequest } from "../../src/http1/incoming.ts";
import { upgradeResponse } from "../../src/http1/switch.ts";
import { type Handler, serveConnection } from "../../src/http1/server_connection.ts";
import type { Upgraded } from "../../src/http1/upgraded.ts";
import { listen, type ListenOptions } from "../../src/net/mod.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { wire } from "../support/wire.ts";

async function serving(handler: Handler, options: ListenOptions = { hostname: "127.0.0.1" }) {
  const listener = await listen(options);
  (async () => {
    for await (const socket of listener) serveConnection(socket, handler);
  })();
  const port = "port" in listener.address ? listener.address.port : 0;
  return { port, close: () => listener.close() };
}

function switching(request: IncomingRequest, protocol: string, talk: (io: Upgraded) => Promise<void>) {
  const { response, upgraded } = upgradeResponse(request, protocol);
  upgraded.then(talk).catch(() => {});
  return response;
}

test("client_upgrade.ts: the echo, and a refusal with its body", async () => {
  const server = await serving((request) => {
    if (request.fields.get("authorization") !== "Bearer t") return { status: 401, body: "who are you?" };
    return switching(request, "echo/1", async (io) => {
      for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) await io.write(chunk);
      await io.close();
    });
  });
  assertEquals(await echo(`http://127.0.0.1:${server.port}/`, "hello", "t"), "hello");
  assertEquals(await echo(`http://127.0.0.1:${server.port}/`, "hello", "u"), "401: who are you?");
  await server.close();
});

test("client_tunnel.ts: TLS through a CONNECT proxy, by hand and in one line", async () => {
  const server = await serving(({ target }) => ({ status: 200, body: `secure ${target}` }), {
    hostname: "127.0.0.1",
    tls: { cert: serverCert, key: serverKey },
  });
  const proxy = await startProxy({ allow: ["*"] });
  const tls = { caCerts: [authority] };
  for (const fetchIt of [fetchByHand, fetchThrough]) {
    assertEquals(await fetchIt(`http://127.0.0.1:${proxy.port}`, `localhost:${server.port}`, tls), "200 secure /");
  }
  await proxy.close();
  await server.close();
});

test("docker_exec.ts: a body, stdin, its end, and both outputs, with 101 and with the old 200", async () => {
  const path = join(tmpdir(), `http-upgrade-docker-${process.pid}.sock`);
  const frame = (stream: number, data: string) => Uint8Array.of(stream, 0, 0, 0, 0, 0, 0, data.length, ...wire(data));
  const talk = async (io: Upgraded) => {
    let stdin = "";
    for (let chunk = await io.read(); chunk !== null; chunk = await io.read()) stdin += new TextDecoder().decode(chunk);
    await io.write(frame(1, stdin.toUpperCase()));
    await io.write(frame(2, "warning"));
    await io.close();
  };
  const server = await serving(async (request) => {
    assertEquals([request.method, request.target], ["POST", "/v1.43/exec/1/start"]);
    assertEquals(await request.body.json(), { Detach: false, Tty: false });
    return switching(request, "tcp", talk);
  }, { path });
  assertEquals(await dockerExec(path, "1", "hello"), { stdout: "HELLO", stderr: "warning" });
  await server.close();
  rmSync(path, { force: true });

  const old = await listen({ path });
  (async () => {
    const socket = (await old.accept())!;
    let request = "";
    while (!request.endsWith("}")) request += new TextDecoder().decode((await socket.read())!);
    await socket.write(wire("HTTP/1.1 200 OK¶Content-Type: application/vnd.docker.raw-stream¶¶"));
    await talk(socket as unknown as Upgraded);
  })();
  assertEquals(await dockerExec(path, "1", "hello"), { stdout: "HELLO", stderr: "warning" });
  await old.close();
  rmSync(path, { force: true });
});
