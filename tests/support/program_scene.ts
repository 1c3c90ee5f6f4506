/**
 * A server that programs of other people reach through `forwardProxy()`. Its names can be looked up only by the proxy, so
 * that nothing can go around that.
 *
 * @module
 */

import type { TestContext } from "node:test";
import { serve } from "../../src/http/server/serve.ts";
import type { ServeHandler } from "../../src/http/server/serve_options.ts";
import type { AuditEvent } from "../../src/proxy/forward/audit.ts";
import { forwardProxy } from "../../src/proxy/forward/forward_proxy.ts";
import type { ForwardProxyOptions } from "../../src/proxy/forward/options.ts";
import { serverCert, serverKey } from "./certificates.ts";

/** A server, and the proxy in front of it. */
export interface ProgramScene {
  /** `allowed.test` and the server's port. */
  readonly host: string;
  /** The same server by a name that no rule allows. */
  readonly deniedHost: string;
  /** The same handler behind TLS, by the name that its certificate has: `name.test`. */
  readonly secureHost: string;
  /** The URL of the proxy. */
  readonly proxy: string;
  /** The same in the environment, and nothing that leads around it. */
  readonly env: Readonly<Record<string, string>>;
  /** What the audit was told. */
  readonly events: readonly AuditEvent[];
}

/**
 * Sets the scene, which is over with the test.
 *
 * @param more Options of the proxy.
 */
export async function programScene(
  t: TestContext,
  handler: ServeHandler,
  more: ForwardProxyOptions = {},
): Promise<ProgramScene> {
  const origin = serve({ port: 0, hostname: "127.0.0.1" }, handler);
  const secure = serve({ port: 0, hostname: "127.0.0.1", tls: { cert: serverCert, key: serverKey } }, handler);
  const events: AuditEvent[] = [];
  const gate = forwardProxy({
    allow: [{ host: ["allowed.test", "name.test"], addresses: ["loopback"] }],
    resolve: () => Promise.resolve(["127.0.0.1"]),
    audit: (event) => void events.push(event),
    ...more,
  });
  const front = serve({ port: 0, hostname: "127.0.0.1", connect: gate.connect }, gate.handler);
  const all = [origin, secure, front];
  const [port, securePort, proxyPort] = await Promise.all(all.map(async (server) => (await server.listening)[0].port));
  t.after(async () => {
    await gate.close();
    for (const server of all.toReversed()) await server[Symbol.asyncDispose]();
  });
  const proxy = `http://127.0.0.1:${proxyPort}`;
  const env = {
    http_proxy: proxy,
    https_proxy: proxy,
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    no_proxy: "",
    NO_PROXY: "",
  };
  return {
    host: `allowed.test:${port}`,
    deniedHost: `denied.test:${port}`,
    secureHost: `name.test:${securePort}`,
    proxy,
    env,
    events,
  };
}

/** What was allowed and what was not, in a few words. */
export function decisions(events: readonly AuditEvent[]): string[] {
  return [...new Set(events.map(({ decision, authority }) => `${decision} ${authority.split(":")[0]}`))].sort();
}
