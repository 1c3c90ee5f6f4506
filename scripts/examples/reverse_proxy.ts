/**
 * A reverse proxy for real servers: several of them, by path, with TLS if you have a certificate.
 *
 * ```sh
 * deno run -A scripts/examples/reverse_proxy.ts --port 8080 --to http://127.0.0.1:3000,http://127.0.0.1:3001
 * deno run -A scripts/examples/reverse_proxy.ts --to /api=http://127.0.0.1:3000 --to /=http://localhost:5173
 * ```
 *
 * `bun` and `node` run it as well. Ctrl-C lets what is at work end, twice cuts it.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { serve, type ServeInfo } from "../../mod.ts";
import { type ReverseProxy, reverseProxy } from "../../src/proxy/mod.ts";

const USAGE = `Usage: reverse_proxy.ts --to [/path=]url[,url…] [--port 8080] [--host 127.0.0.1]

  --to            where requests lead: one server or several, to which they go in turn;
                  with a path in front only those below it; may be repeated, the longest path counts
  --port          where to listen; 0 lets the system choose
  --host          the interface to listen on
  --cert, --key   files with a certificate and its key: https
  --trust         addresses and networks whose X-Forwarded fields are believed, separated by commas
  --change-origin sends the servers' own names as Host`;

/** Requests whose path begins so, and what answers them. */
interface Route {
  readonly path: string;
  readonly servers: readonly string[];
  readonly proxy: ReverseProxy;
}

function fail(message: string): never {
  console.error(`${message}\n\n${USAGE}`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        to: { type: "string", multiple: true, default: [] },
        port: { type: "string", default: "8080" },
        host: { type: "string", default: "127.0.0.1" },
        cert: { type: "string" },
        key: { type: "string" },
        trust: { type: "string", default: "" },
        "change-origin": { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    return fail((error as Error).message);
  }
}

const { to, port, host, cert, key, trust, help, ...options } = readArguments();
if (help) {
  console.log(USAGE);
  process.exit(0);
}
if (to.length === 0) fail("--to says where requests lead");

function routeOf(text: string): Route {
  const [, path = "/", urls = ""] = /^(?:(\/[^=]*)=)?(.+)$/.exec(text) ?? [];
  const servers = urls.split(",");
  try {
    const proxy = reverseProxy(servers, {
      changeOrigin: options["change-origin"],
      forwarded: { trust: trust.split(",").filter(Boolean) },
      onError: (error, { method, url }) => console.error(`${method} ${url}: ${error}`),
    });
    return { path, servers, proxy };
  } catch (error) {
    return fail(`--to ${text}: ${(error as Error).message}`);
  }
}

const routes = to.map(routeOf).toSorted((a, b) => b.path.length - a.path.length);

async function answer(request: Request, info: ServeInfo): Promise<Response> {
  const { pathname } = new URL(request.url);
  const route = routes.find(({ path }) =>
    pathname === path || pathname.startsWith(path.endsWith("/") ? path : `${path}/`)
  );
  return await route?.proxy(request, info) ?? new Response("Nothing is behind this path", { status: 404 });
}

const tls = cert === undefined || key === undefined
  ? undefined
  : { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
const server = serve({ port: Number(port), hostname: host, ...(tls && { tls }) }, answer);
const [address] = await server.listening.catch((error) => fail(`Cannot listen at ${host}:${port}: ${error.message}`));
console.log(`${tls ? "https" : "http"}://${host}:${address.port} leads`);
for (const { path, servers } of routes) console.log(`  ${path} to ${servers.join(" and ")}`);

const cut = new AbortController();
let asked = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, async () => {
    if (asked) cut.abort();
    asked = true;
    await server.shutdown({ upgraded: "close", signal: cut.signal });
    await Promise.all(routes.map(({ proxy }) => proxy.close({ signal: cut.signal })));
    process.exit(0);
  });
}
