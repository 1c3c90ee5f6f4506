/**
 * A forward proxy for the tests of clients: it leads everywhere on loopback, and writes down what it did.
 *
 * @module
 */

import { serve } from "../../src/http/server/serve.ts";
import type { AuditEvent } from "../../src/proxy/forward/audit.ts";
import { forwardProxy } from "../../src/proxy/forward/forward_proxy.ts";

/** What the proxy can be told. Times are in milliseconds. */
export interface ProxyOptions {
  /** Where requests may lead: hosts, perhaps with ports. Anywhere when left out. */
  readonly allow?: readonly string[] | undefined;
  /** How long connecting may take. */
  readonly connectTimeoutMs?: number | undefined;
  /** How long an answer may take once the request was sent. */
  readonly answerTimeoutMs?: number | undefined;
  /** How long a tunnel may be silent. */
  readonly idleTimeoutMs?: number | undefined;
  /** Told one line for each request when it is answered, and one for each tunnel when it has ended. */
  readonly log?: ((line: string) => void) | undefined;
}

/** A proxy that runs. */
export interface RunningProxy {
  /** Where it listens. */
  readonly port: number;
  /** Ends it, and cuts what is under way. */
  close(): Promise<void>;
}

/** Starts a proxy. */
export async function startProxy(options: ProxyOptions = {}): Promise<RunningProxy> {
  const { allow = ["*"], log } = options;
  const proxy = forwardProxy({
    allow: allow.map((host) => ({ host, addresses: ["loopback"] })),
    connectTimeoutMs: options.connectTimeoutMs,
    responseTimeoutMs: options.answerTimeoutMs,
    tunnelIdleTimeoutMs: options.idleTimeoutMs,
    audit: (event) => {
      const line = lineOf(event);
      if (line !== null) log?.(line);
    },
  });
  const server = serve(
    // A client may end its side behind its request. It still wants the answer.
    { port: 0, hostname: "127.0.0.1", connect: proxy.connect, allowHalfClose: true },
    proxy.handler,
  );
  const [{ port }] = await server.listening;
  return {
    port,
    async close() {
      await server.shutdown({ upgraded: "close", signal: AbortSignal.abort() });
      await proxy.close();
    },
  };
}

/** What is worth a line: each answer, and the end of each tunnel. */
function lineOf({ event, kind, method, authority, path, status, sent, received }: AuditEvent): string | null {
  const what = kind === "tunnel" ? `CONNECT ${authority}` : `${method} http://${authority}${path}`;
  if (event === "start") return `${what} ${status}`;
  return status === 200 && kind === "tunnel" ? `${what} ended, ${sent} bytes sent, ${received} received` : null;
}
