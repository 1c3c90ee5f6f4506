/**
 * A server that switches to a protocol of its own, beside ordinary requests: story 1 of the README.
 *
 * `deno run -A scripts/examples/echo_server.ts --port=8080`, or with `bun` or `node`. Then
 * `curl -i http://127.0.0.1:8080/`, and `scripts/examples/client_upgrade.ts` for the switch. Ctrl-C ends it.
 *
 * @module
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { serve, type Server, type Upgraded, upgradeResponse, wantsUpgrade } from "../../mod.ts";

const protocol = "echo/1";

/** Serves on loopback; 0 lets the system choose the port. */
export function echoServer(port: number): Server {
  return serve({ hostname: "127.0.0.1", port }, (request) => {
    if (wantsUpgrade(request, protocol)) return upgradeResponse(request, protocol, {}, echo).response;
    return new Response(`speak ${protocol}\n`, { status: 426, headers: { connection: "upgrade", upgrade: protocol } });
  });
}

async function echo(io: Upgraded): Promise<void> {
  for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) await io.write(bytes);
  await io.close();
}

if (import.meta.main ?? false) {
  const { values } = parseArgs({ options: { port: { type: "string", default: "8080" } } });
  const server = echoServer(Number(values.port));
  const [{ port }] = await server.listening;
  console.log(`Speaking ${protocol} at http://127.0.0.1:${port}/`);
  process.once("SIGINT", () => server.shutdown({ upgraded: "close" }));
  await server.finished;
}
