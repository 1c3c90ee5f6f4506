/**
 * haproxy and nghttpx in front of a server, for tests.
 *
 * @module
 */

import { join } from "node:path";
import { serverCert, serverKey } from "./certificates.ts";
import { type Daemon, daemon } from "./daemon.ts";
import { which } from "./runtime.ts";

/** What is spoken on one side of a proxy. */
export type Spoken = "1.1" | "2";

const [haproxy, nghttpx] = [which("haproxy"), which("nghttpx")];

/** In front of a port; what is spoken with clients and with the server. */
function startHaproxy(client: Spoken, server: Spoken, port: number): Promise<Daemon> {
  const proto = (spoken: Spoken): string => spoken === "2" ? " proto h2" : "";
  return daemon({
    command: haproxy!,
    args: (folder) => ["-f", join(folder, "conf")],
    files: (_folder, own) => ({
      conf: [
        "defaults",
        "  mode http",
        ...["client", "server", "connect", "tunnel"].map((what) => `  timeout ${what} 20s`),
        "frontend front",
        `  bind 127.0.0.1:${own}${proto(client)}`,
        "  default_backend back",
        "backend back",
        `  server a 127.0.0.1:${port}${proto(server)}`,
      ].join("\n") + "\n",
    }),
  });
}

/** The same; with clients it speaks what they begin with. */
function startNghttpx(_client: Spoken, server: Spoken, port: number): Promise<Daemon> {
  return daemon({
    command: nghttpx!,
    args: (_folder, own) => [
      `--frontend=127.0.0.1,${own};no-tls`,
      `--backend=127.0.0.1,${port};;proto=${server === "2" ? "h2" : "http/1.1"}`,
      "--workers=1",
      "--conf=/dev/null",
    ],
  });
}

/** A proxy of the system that speaks HTTP/2 with clients and with servers. */
export interface FrontProxy {
  readonly name: string;
  /** Where it is installed; `undefined` if it is not. */
  readonly found: string | undefined;
  /** Starts it in front of a port; says what is spoken with clients and with the server. */
  start(client: Spoken, server: Spoken, port: number): Promise<Daemon>;
}

/** Those that are known. */
export const frontProxies: readonly FrontProxy[] = [
  { name: "haproxy", found: haproxy, start: startHaproxy },
  { name: "nghttpx", found: nghttpx, start: startNghttpx },
];

/** A proxy of the system that takes CONNECT over TLS, in both versions, and hands it on to a proxy of HTTP/1.1. */
export interface TunnelProxy {
  readonly name: string;
  readonly found: string | undefined;
  /** Whether the end of a stream is the end of what the target gets; nghttpx 1.52 keeps it to itself. */
  readonly passesEnds: boolean;
  start(port: number): Promise<Daemon>;
}

/** Those that are known. */
export const tunnelProxies: readonly TunnelProxy[] = [
  {
    name: "haproxy",
    found: haproxy,
    passesEnds: true,
    start: (port) =>
      daemon({
        command: haproxy!,
        args: (folder) => ["-f", join(folder, "conf")],
        files: (folder, own) => ({
          pem: serverCert + serverKey,
          conf: [
            "defaults",
            "  mode http",
            ...["client", "server", "connect", "tunnel"].map((what) => `  timeout ${what} 20s`),
            "frontend front",
            `  bind 127.0.0.1:${own} ssl crt ${folder}/pem alpn h2,http/1.1`,
            "  default_backend back",
            "backend back",
            `  server a 127.0.0.1:${port}`,
          ].join("\n") + "\n",
        }),
      }),
  },
  {
    name: "nghttpx",
    found: nghttpx,
    passesEnds: false,
    start: (port) =>
      daemon({
        command: nghttpx!,
        args: (folder, own) => [
          "--http2-proxy",
          `--frontend=127.0.0.1,${own}`,
          `--backend=127.0.0.1,${port};;proto=http/1.1`,
          "--backend-connections-per-host=100", // 8 by default, for each connection of a client; the other tunnels wait
          "--workers=1",
          "--conf=/dev/null",
          join(folder, "key"),
          join(folder, "cert"),
        ],
        files: () => ({ cert: serverCert, key: serverKey }),
      }),
  },
];
