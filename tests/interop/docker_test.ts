/**
 * The command line of Docker, behind `reverseProxy()`. Its engine is played: it answers `exec` and `attach` as dockerd does,
 * with a 101 to `Upgrade: tcp`, and then speaks in frames; what it is told to run is `wc -c`.
 */

import net from "node:net";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { assertEquals } from "@std/assert";
import { serve } from "../../src/http/server/serve.ts";
import { reverseProxy } from "../../src/proxy/reverse/reverse_proxy.ts";
import { scratch } from "../support/curl.ts";
import { type Finished, skipUnless, spawn, which } from "../support/runtime.ts";

const docker = which("docker");
const withDocker = { ...skipUnless(docker !== undefined, "docker is not installed"), timeout: 60_000 };

const CONTAINER = {
  Id: "c1",
  Name: "/c1",
  State: { Running: true, Status: "running" },
  Config: { Tty: false, OpenStdin: true, AttachStdin: true },
  HostConfig: {},
  NetworkSettings: {},
};

/** What the engine says to a request that asks for JSON. */
function answerTo(line: string): { readonly status: string; readonly body: unknown } {
  if (/^\S+ \/_ping/.test(line)) return { status: "200 OK", body: "OK" };
  if (/^GET \S*\/containers\/c1\/json/.test(line)) return { status: "200 OK", body: CONTAINER };
  if (/^POST \S*\/containers\/c1\/exec/.test(line)) return { status: "201 Created", body: { Id: "e1" } };
  if (/^GET \S*\/exec\/e1\/json/.test(line)) return { status: "200 OK", body: { Running: false, ExitCode: 3 } };
  if (/^POST \S*\/containers\/c1\/wait/.test(line)) return { status: "200 OK", body: { StatusCode: 4 } };
  return { status: "404 Not Found", body: { message: `there is no ${line}` } };
}

/** Bytes for one of a container's streams, as the engine frames them. */
function frame(stream: "stdout" | "stderr", text: string): Uint8Array {
  const head = new Uint8Array(8);
  head[0] = stream === "stdout" ? 1 : 2;
  new DataView(head.buffer).setUint32(4, text.length);
  return Uint8Array.from([...head, ...new TextEncoder().encode(text)]);
}

/** One connection to the engine. */
function play(socket: net.Socket): void {
  let received = "";
  let counted: number | null = null;
  socket.on("error", () => {});
  socket.on("data", (bytes: Uint8Array) => {
    if (counted !== null) counted += bytes.length;
    else received += new TextDecoder("latin1").decode(bytes);
    while (counted === null) {
      const end = received.indexOf("\r\n\r\n");
      const head = received.slice(0, end);
      const length = end + 4 + Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      if (end === -1 || received.length < length) return;
      received = received.slice(length);
      if (answer(socket, head) === "switched") counted = received.length;
    }
  });
  socket.on("end", () => {
    // Only now the client has told all that it has to tell.
    if (counted === null) socket.end();
    else socket.end(frame("stdout", `${counted}\n`));
  });
}

/** Answers a request; says whether the connection is a container's then. */
function answer(socket: net.Socket, head: string): "http" | "switched" {
  const [line = ""] = head.split("\r\n");
  if (/\/exec\/e1\/start|\/containers\/c1\/attach/.test(line) && /^upgrade: tcp\r?$/im.test(head)) {
    socket.write("HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n");
    socket.write("Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    socket.write(frame("stderr", "counting\n"));
    return "switched";
  }
  const { status, body } = answerTo(line);
  const text = line.startsWith("HEAD ") ? "" : JSON.stringify(body);
  socket.write(`HTTP/1.1 ${status}\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\n`);
  socket.write(`Content-Length: ${text.length}\r\n\r\n${text}`);
  return "http";
}

/** Gives a function that runs docker against the engine, through a proxy. */
async function scene(t: TestContext): Promise<(args: readonly string[], stdin: string) => Promise<Finished>> {
  const engine = net.createServer({ allowHalfOpen: true }, play);
  await new Promise<void>((resolve) => engine.listen(0, "127.0.0.1", () => resolve()));
  const proxy = reverseProxy(`http://127.0.0.1:${(engine.address() as AddressInfo).port}`);
  const front = serve({ port: 0, hostname: "127.0.0.1" }, proxy);
  const [{ port }] = await front.listening;
  const files = scratch();
  t.after(async () => {
    await front[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
    await new Promise((resolve) => engine.close(resolve));
    files.remove();
  });
  const env = { DOCKER_HOST: `tcp://127.0.0.1:${port}`, DOCKER_CONFIG: files.file("docker"), DOCKER_CONTEXT: "" };
  return (args, stdin) => spawn(docker!, args, { env, stdin });
}

const stdin = "x".repeat(300_000);

test(
  "docker exec -i through reverseProxy(): both streams, the end of stdin, and the exit code",
  withDocker,
  async (t) => {
    const run = await scene(t);
    const { code, stdout, stderr } = await run(["exec", "-i", "c1", "wc", "-c"], stdin);
    assertEquals([code, stdout, stderr], [3, "300000\n", "counting\n"]);
  },
);

test("docker attach through reverseProxy(): the same, for the container's own streams", withDocker, async (t) => {
  const run = await scene(t);
  const { code, stdout, stderr } = await run(["attach", "--sig-proxy=false", "c1"], stdin);
  assertEquals([code, stdout, stderr], [4, "300000\n", "counting\n"]);
});
