/**
 * Many tunnels through `forwardProxy()` with rules, opened and dropped in each way to drop one, or refused:
 * `deno run -A scripts/soak/tunnels.ts [tunnels]`; on other runtimes from a bundle:
 * `deno bundle -o tunnels.mjs scripts/soak/tunnels.ts && node tunnels.mjs`.
 *
 * 10,000 by default, fifty at a time. Nothing may be left: no socket of the process (as `/proc` counts them), no exchange that
 * counts as open. The exit code is 1 if anything is, or was answered wrongly.
 *
 * @module
 */

import process from "node:process";
import { serve } from "../../mod.ts";
import { connect, listen, type Socket } from "../../src/net/mod.ts";
import { forwardProxy } from "../../src/proxy/mod.ts";
import { contents, expectEcho } from "./contents.ts";
import { mulberry32, openSockets } from "./measure.ts";

const AT_ONCE = 50;
/** A socket is closed a moment after it has ended. */
const PATIENCE_MS = 10_000;

const tunnels = Number(process.argv[2] ?? 10_000);
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const target = await listen({ hostname: "127.0.0.1" });
(async () => {
  for await (const io of target) io.readable.pipeTo(io.writable).catch(() => {});
})();
const { port } = target.address;
const proxy = forwardProxy({
  allow: [{ host: "allowed.test", addresses: ["loopback"] }],
  resolve: () => Promise.resolve(["127.0.0.1"]),
});
const server = serve({ port: 0, hostname: "127.0.0.1", connect: proxy.connect }, proxy.handler);
const [{ port: proxyPort = 0 }] = await server.listening;

/** Asks for a tunnel; gives the status of the answer. */
async function ask(host: string): Promise<{ readonly io: Socket; readonly status: number }> {
  const io = connect({ hostname: "127.0.0.1", port: proxyPort });
  await io.write(bytes(`CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`));
  const head = new TextDecoder().decode((await io.read())!);
  return { io, status: Number(head.slice(9, 12)) };
}

const random = mulberry32(1);
/** What is done with a connection; only what was not refused sends back what comes, and has an exchange. */
const drops: readonly ((io: Socket, exchange: number | null) => Promise<void> | void)[] = [
  (io) => io.abort(),
  (io) => io.close(),
  async (io, exchange) => {
    if (exchange === null) {
      await io.closeWrite();
      while (await io.read() !== null);
      return await io.close();
    }
    await expectEcho(io, exchange, Math.floor(random() * 200_000), random);
    await io.close();
  },
  async (io, exchange) => {
    await io.write(contents(exchange ?? 0, 1000));
    io.abort();
  },
];

let wrong = 0;
async function one(i: number): Promise<void> {
  const refused = i % 5 === 0;
  const { io, status } = await ask(refused ? "denied.test" : "allowed.test");
  if (status !== (refused ? 403 : 200)) wrong++;
  await drops[i % drops.length]!(io, refused ? null : i);
}

/** Waits until the process has no more sockets than before. */
async function settled(most: number): Promise<number> {
  const until = Date.now() + PATIENCE_MS;
  while ((openSockets() > most || proxy.open.length > 0) && Date.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return openSockets() - most;
}

/** Rounds of tunnels, and how many sockets there are more than before. */
async function run(count: number): Promise<number> {
  const before = openSockets();
  for (let done = 0; done < count; done += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - done) }, (_, i) => one(done + i)));
  }
  return await settled(before);
}

await run(AT_ONCE); // What is loaded and opened once stays.
const begun = performance.now();
const left = await run(tunnels);
const seconds = (performance.now() - begun) / 1000;
const { exchanges, denied } = proxy.traffic;
console.log(`${exchanges} tunnels in ${seconds.toFixed(0)} s, ${denied} refused, ${wrong} answered wrongly`);
console.log(`left: ${left} sockets, ${proxy.open.length} open`);
process.exitCode = left > 0 || proxy.open.length > 0 || wrong > 0 ? 1 : 0;
await proxy.close();
await server.shutdown();
await target.close();
