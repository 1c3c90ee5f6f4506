/**
 * A gateway for what programs ask of the outside: a forward proxy with rules from a file, which is checked when it is read,
 * and read again on SIGHUP. What happens is told as lines of JSON.
 *
 * ```sh
 * echo '{ "allow": ["*.npmjs.org:443"], "auth": { "basic": { "ci": "secret" } } }' > rules.json
 * deno run -A scripts/examples/egress_gateway.ts rules.json --port 3128 --status 3129
 * curl -x http://ci:secret@127.0.0.1:3128 https://registry.npmjs.org/
 * curl http://127.0.0.1:3129/    # what is open, and how much went through
 * ```
 *
 * `bun` and `node` run it as well. Ctrl-C ends it. The file has what `forwardProxy()` takes, as far as JSON can say it.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { serve, type Server } from "../../mod.ts";
import { type AuditEvent, forwardProxy, type ForwardProxyOptions } from "../../src/proxy/mod.ts";

const USAGE = `Usage: egress_gateway.ts rules.json [--port 3128] [--host 127.0.0.1] [--status 0]

  rules.json  what forwardProxy() takes: allow, deny, auth, upstream, limits; read again on SIGHUP
  --port      where to listen; 0 lets the system choose
  --host      the interface to listen on
  --status    the port on the loopback that tells what is open; none when left out`;

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

function readArguments(): { rules: string; hostname: string; port: string; status: string | undefined } {
  try {
    const { values, positionals: [rules, ...more] } = parseArgs({
      allowPositionals: true,
      options: {
        port: { type: "string", default: "3128" },
        host: { type: "string", default: "127.0.0.1" },
        status: { type: "string" },
      },
    });
    if (rules === undefined || more.length > 0) fail(USAGE);
    return { rules, hostname: values.host!, port: values.port!, status: values.status };
  } catch (error) {
    return fail(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
  }
}

/** The rules of a file, with the audit on standard output. */
function readRules(path: string): ForwardProxyOptions {
  const rules = JSON.parse(readFileSync(path, "utf8"));
  return { ...rules, audit: (event: AuditEvent) => console.log(JSON.stringify(event)) };
}

/** Does something with rules that may be wrong; a text says what is, instead. */
function attempt<Result>(path: string, act: (rules: ForwardProxyOptions) => Result): Result | string {
  try {
    return act(readRules(path));
  } catch (error) {
    return `Cannot use ${path}: ${error instanceof Error ? error.message : error}`;
  }
}

const { rules, hostname, port, status } = readArguments();
const made = attempt(rules, forwardProxy);
const proxy = typeof made === "string" ? fail(made) : made;

/** Listens, or ends the program. */
async function listening(server: Server, what: string): Promise<Server> {
  try {
    const [address] = await server.listening;
    console.error(`${what} at ${"hostname" in address ? `http://${address.hostname}:${address.port}` : address.path}`);
    return server;
  } catch (error) {
    return fail(`Cannot listen: ${error instanceof Error ? error.message : error}`);
  }
}

const servers = [
  await listening(serve({ hostname, port: Number(port), connect: proxy.connect }, proxy.handler), "A gateway"),
];
if (status !== undefined) {
  const tell = () => Response.json({ traffic: proxy.traffic, open: proxy.open });
  servers.push(await listening(serve({ hostname: "127.0.0.1", port: Number(status) }, tell), "Its status"));
}

process.on("SIGHUP", () => {
  const failure = attempt(rules, (rules) => proxy.reload(rules));
  console.error(typeof failure === "string" ? `${failure}; the rules before stay in force` : `Read ${rules} again`);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    await Promise.all([proxy.close(), ...servers.map((server) => server.shutdown({ upgraded: "close" }))]);
    process.exit(0);
  });
}
