/**
 * A forward proxy for real programs, like hyper's `examples/http_proxy.rs`: CONNECT and plain http.
 *
 * ```sh
 * deno run -A scripts/examples/http_proxy.ts --port 3128 --allow '*.example.com:443,example.org'
 * curl -x http://127.0.0.1:3128 https://example.org/
 * ```
 *
 * `bun` and `node` run it as well. Ctrl-C ends it.
 *
 * @module
 */

import process from "node:process";
import { parseArgs } from "node:util";
import { type RunningProxy, startProxy } from "./forward_proxy.ts";

const USAGE = `Usage: http_proxy.ts [--port 3128] [--host 127.0.0.1] [--allow host:port,…]

  --port   where to listen; 0 lets the system choose
  --host   the interface to listen on; other than the loopback only with --allow
  --allow  where requests may lead: host, host:port, *.example.com, *:443, *
           separated by commas; may be repeated; anywhere when left out`;

function fail(message: string): never {
  console.error(`${message}\n\n${USAGE}`);
  process.exit(2);
}

function readArguments(): { hostname: string; port: number; allow: string[] | undefined } {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: "string", default: "3128" },
        host: { type: "string", default: "127.0.0.1" },
        allow: { type: "string", multiple: true },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    const port = Number(values.port);
    if (!Number.isInteger(port) || port < 0 || port > 65535) fail(`--port ${values.port} is no port`);
    const allow = values.allow?.flatMap((list) => list.split(",")).map((rule) => rule.trim()).filter(Boolean);
    return { hostname: values.host!, port, allow };
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

const { hostname, port, allow } = readArguments();
const loopback = hostname === "localhost" || hostname === "::1" || hostname.startsWith("127.");
if (!loopback && allow === undefined) {
  fail(`--host ${hostname} lets others in: say with --allow where it may lead them`);
}

let proxy: RunningProxy;
try {
  proxy = await startProxy({ hostname, port, allow, log: (line) => console.log(line) });
} catch (error) {
  console.error(`Cannot listen at ${hostname}:${port}: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}

console.log(`A proxy at http://${hostname}:${proxy.port}, leading ${allow?.join(", ") ?? "anywhere"}. Ctrl-C ends it.`);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    await proxy.close();
    process.exit(0);
  });
}
