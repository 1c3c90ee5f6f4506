import { PassThrough, type Readable, type Writable } from "node:stream";
import { test, type TestContext } from "node:test";
import { assertEquals } from "@std/assert";
import { serve } from "../../src/http/server/serve.ts";
import type { ServeHandler } from "../../src/http/server/serve_options.ts";
import { reverseProxy } from "../../src/proxy/reverse/reverse_proxy.ts";
import { authority, serverCert, serverKey } from "../support/certificates.ts";
import { kubernetes } from "../support/kubernetes.ts";

// Loaded by name, without types: those of its 1,500 files would be checked with everything else.
const CLIENT = "@kubernetes/client-node";

/** As much of it as is used. */
interface KubeConfig {
  loadFromOptions(options: object): void;
}

interface Opened {
  readonly protocol: string;
  close(): void;
  once(event: "close", listener: () => void): unknown;
}

interface Kubernetes {
  readonly KubeConfig: new () => KubeConfig;
  readonly Exec: new (config: KubeConfig) => {
    exec(
      namespace: string,
      pod: string,
      container: string,
      command: readonly string[],
      stdout: Writable,
      stderr: Writable,
      stdin: Readable,
      tty: boolean,
      onStatus: (status: object) => void,
    ): Promise<Opened>;
  };
  readonly PortForward: new (config: KubeConfig) => {
    portForward(
      namespace: string,
      pod: string,
      ports: readonly number[],
      output: Writable,
      errors: Writable | null,
      input: Readable,
    ): Promise<Opened>;
  };
}

const { KubeConfig, Exec, PortForward } = await import(CLIENT) as Kubernetes;

/** What a client knows of the cluster that a handler plays. */
async function cluster(t: TestContext, handler: ServeHandler): Promise<KubeConfig> {
  const tls = { cert: serverCert, key: serverKey };
  const server = serve({ port: 0, hostname: "127.0.0.1", tls }, handler);
  const [{ port }] = await server.listening;
  t.after(() => server.shutdown({ upgraded: "close" }));
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [{ name: "c", server: `https://localhost:${port}`, caData: btoa(authority) }],
    users: [{ name: "u", token: "t" }],
    contexts: [{ name: "x", cluster: "c", user: "u" }],
    currentContext: "x",
  });
  return config;
}

/** The same, behind a proxy. */
async function proxied(t: TestContext, handler: ServeHandler): Promise<KubeConfig> {
  const server = serve({ port: 0, hostname: "127.0.0.1" }, handler);
  const [{ port }] = await server.listening;
  const proxy = reverseProxy(`http://127.0.0.1:${port}`);
  t.after(async () => {
    await server.shutdown({ upgraded: "close" });
    await proxy[Symbol.asyncDispose]();
  });
  return await cluster(t, proxy);
}

/** Waits until a stream has given so much. */
async function read(stream: PassThrough, length: number): Promise<string> {
  let text = "";
  while (text.length < length) {
    text += stream.read() ?? "";
    if (text.length < length) await new Promise((resolve) => stream.once("readable", resolve));
  }
  return text;
}

function closed(io: Opened): Promise<void> {
  return new Promise((resolve) => io.once("close", resolve));
}

for (const [where, led] of [["serve()", cluster], ["reverseProxy()", proxied]] as const) {
  test(`${where} and kubectl exec of @kubernetes/client-node, v5.channel.k8s.io`, async (t) => {
    const config = await led(t, kubernetes());
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const statuses: object[] = [];
    const onStatus = (status: object): void => void statuses.push(status);
    const io = await new Exec(config).exec("default", "web", "c", ["cat"], stdout, stderr, stdin, false, onStatus);
    const over = closed(io);
    assertEquals(io.protocol, "v5.channel.k8s.io");
    assertEquals(await read(stderr, 10), "cat begins");
    const long = "0123456789".repeat(20_000);
    stdin.write(long);
    assertEquals(await read(stdout, long.length), long);
    stdin.end("the last");
    assertEquals(await read(stdout, 8), "the last");
    await over;
    assertEquals(statuses, [{ status: "Success" }]);
  });

  test(`${where} and kubectl exec of @kubernetes/client-node, v4.channel.k8s.io, of a command that fails`, async (t) => {
    const config = await led(t, kubernetes(["v4.channel.k8s.io"]));
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const io = await new Exec(config).exec("default", "web", "c", ["a", "b"], stdout, stderr, stdin, false, () => {});
    const over = closed(io);
    assertEquals(io.protocol, "v4.channel.k8s.io");
    assertEquals(await read(stderr, 10), "a b begins");
    stdin.write("hello");
    assertEquals(await read(stdout, 5), "hello");
    stdin.end(); // closes, as there is no other end in v4
    await over;
  });

  test(`${where} and kubectl port-forward of @kubernetes/client-node`, async (t) => {
    const config = await led(t, kubernetes());
    const [input, output, errors] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const io = await new PortForward(config).portForward("default", "web", [8080], output, errors, input);
    const over = closed(io);
    assertEquals(await read(output, 11), "port 8080: ");
    const long = "0123456789".repeat(20_000);
    input.write(long);
    assertEquals(await read(output, long.length), long);
    io.close();
    await over;
    assertEquals(errors.read(), null);
  });
}
