/**
 * A forward proxy on loopback whose targets are played by the test: what it dials is written down and led to a listener, so
 * that any address of the world can be dialed.
 *
 * @module
 */

import type { AuditEvent } from "../../../src/proxy/forward/audit.ts";
import { forwardProxy } from "../../../src/proxy/forward/forward_proxy.ts";
import type { ForwardProxy, ForwardProxyOptions } from "../../../src/proxy/forward/options.ts";
import { serve } from "../../../src/http/server/serve.ts";
import type { ServeOptions, Server } from "../../../src/http/server/serve_options.ts";
import type { Socket } from "../../../src/duplex/socket.ts";
import { connect, listen } from "../../../src/net/mod.ts";
import { readUntil, wire } from "../../support/wire.ts";

/** The names that scenes know. */
export const NAMES: Readonly<Record<string, readonly string[]>> = {
  "public.test": ["192.88.98.7"],
  "other.test": ["192.88.98.8"],
  "two.test": ["192.88.98.9", "2600::9"],
  "mixed.test": ["10.0.0.1", "192.88.98.10", "::1"],
  "inside.test": ["10.0.0.2"],
  "nowhere.test": [],
};

/** A proxy, a client's raw connections to it, and the target of all that it dials. */
export interface Scene {
  readonly proxy: ForwardProxy;
  readonly server: Server;
  readonly port: number;
  /** What was dialed, `address:port`, in order. */
  readonly dialed: readonly string[];
  /** What the audit was told. */
  readonly events: readonly AuditEvent[];
  /** How the scene dials and writes the audit down, for `reload()`. */
  readonly dial: NonNullable<ForwardProxyOptions["dial"]>;
  readonly audit: (event: AuditEvent) => void;
  /** Connects to the proxy. */
  client(): Socket;
  /** The next connection that the proxy has made. */
  target(): Promise<Socket>;
  /** Sends a CONNECT and gives what comes before the first empty line, and the connection. */
  ask(authority: string, more?: string): Promise<{ readonly head: string; readonly io: Socket }>;
  /** Waits until the audit was told of this many ends. */
  ends(count: number): Promise<readonly AuditEvent[]>;
}

/** What a scene can be told. */
export type SceneOptions = ForwardProxyOptions & {
  readonly serving?: Partial<ServeOptions>;
  /** Whether targets send back what they get, and end with their client. Else the test plays them. */
  readonly echo?: boolean;
};

/** As much of a test as is used. */
interface Test {
  after(fn: () => Promise<void>): void;
}

/** Sets a scene, which is over with the test. */
export async function scene(t: Test, { serving = {}, echo = false, ...options }: SceneOptions): Promise<Scene> {
  const goal = await listen({ hostname: "127.0.0.1" });
  const dialed: string[] = [];
  const events: AuditEvent[] = [];
  const waiting: (() => void)[] = [];
  const dial: Scene["dial"] = ({ hostname, port }, { signal }) => {
    dialed.push(`${hostname}:${port}`);
    return connect(goal.address, { signal });
  };
  const audit = (event: AuditEvent): void => {
    events.push(event);
    for (const wake of waiting.splice(0)) wake();
  };
  const proxy = forwardProxy({
    name: "p",
    resolve: (name) => Promise.resolve(NAMES[name] ?? Promise.reject(new Error("no such name"))),
    dial,
    audit,
    ...options,
  });
  const server = serve(
    { port: 0, hostname: "127.0.0.1", connect: proxy.connect, dateHeader: false, ...serving },
    proxy.handler,
  );
  const [{ port = 0 }] = await server.listening;
  const sockets: Socket[] = [];
  if (echo) {
    goal.accept().then(async function sendBack(io): Promise<void> {
      if (io === null) return;
      goal.accept().then(sendBack);
      io.readable.pipeTo(io.writable).catch(() => {});
    });
  }
  const self: Scene = {
    proxy,
    server,
    port,
    dialed,
    events,
    dial,
    audit,
    client() {
      const socket = connect({ hostname: "127.0.0.1", port });
      sockets.push(socket);
      return socket;
    },
    async target() {
      const socket = (await goal.accept())!;
      sockets.push(socket);
      return socket;
    },
    async ask(authority, more = "") {
      const io = self.client();
      await io.write(wire(`CONNECT ${authority} HTTP/1.1¶Host: ${authority}¶${more}¶`));
      return { head: await readUntil(io, (soFar) => soFar.includes("¶¶")), io };
    },
    async ends(count) {
      const ended = () => events.filter(({ event }) => event === "end");
      while (ended().length < count) await new Promise<void>((resolve) => waiting.push(resolve));
      return ended();
    },
  };
  t.after(async () => {
    for (const socket of sockets) socket.abort();
    await proxy.close();
    await server.shutdown({ upgraded: "close" });
    await goal.close();
  });
  return self;
}

/** The status of a head. */
export function statusOf(head: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1]);
}
