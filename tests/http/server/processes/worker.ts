/**
 * Several processes that serve the same port: `worker.ts alone|cluster port`. With `cluster` this one has three workers. Each
 * tells in lines of JSON what it does, and on SIGTERM ends what it has begun.
 *
 * @module
 */

import cluster from "node:cluster";
import process from "node:process";
import { serve, upgradeWebSocket, wantsUpgrade } from "../../../../mod.ts";

const [kind, port] = process.argv.slice(2);
const { pid } = process;

function say(what: object): void {
  process.stdout.write(`${JSON.stringify({ pid, ...what })}\n`);
}

async function work(): Promise<void> {
  let leave = (): void => {};
  const leaving = new Promise<void>((resolve) => leave = resolve);
  // On Node, and there only, the primary process listens for its workers.
  const reusePort = kind === "alone" || "Bun" in globalThis;
  const server = serve({ hostname: "127.0.0.1", port: Number(port), reusePort }, async (request) => {
    if (wantsUpgrade(request, "websocket")) {
      return upgradeWebSocket(request, {}, async (io) => {
        await io.write(`${pid}`);
        for await (const message of io) await io.write(message);
      }).response;
    }
    if (request.url.endsWith("/late")) {
      say({ did: "asked" });
      await leaving;
    }
    return new Response(`${pid}`);
  });
  process.once("SIGTERM", async () => {
    const over = server.shutdown();
    say({ did: "leaving" });
    leave();
    await over;
    say({ did: "drained" });
    if (cluster.isWorker) process.disconnect!();
  });
  await server.listening;
  say({ did: "listening" });
}

if (kind === "cluster" && cluster.isPrimary) { for (let count = 0; count < 3; count++) cluster.fork(); }
else await work();
