/**
 * Forward proxies of other people.
 *
 * @module
 */

import { join } from "node:path";
import { type Daemon, daemon } from "./daemon.ts";
import { which } from "./runtime.ts";

const [squid, tinyproxy] = [which("squid"), which("tinyproxy")];

/** Tinyproxy, which knows one user, or asks nobody who they are. */
function startTinyproxy(asks: boolean): Promise<Daemon> {
  return daemon({
    command: tinyproxy!,
    args: (folder) => ["-d", "-c", join(folder, "conf")],
    files: (_folder, port) => ({
      conf: `Port ${port}\nListen 127.0.0.1\nTimeout 30\nMaxClients 20\n${asks ? "BasicAuth us pw\n" : ""}`,
    }),
  });
}

/** The same of squid. */
function startSquid(asks: boolean): Promise<Daemon> {
  return daemon({
    command: squid!,
    args: (folder) => ["-N", "-f", join(folder, "conf")],
    files: (folder, port) => ({
      conf: [
        `http_port 127.0.0.1:${port}`,
        `pid_filename ${folder}/pid`,
        "cache deny all",
        "cache_log /dev/null",
        "access_log none",
        "cache_store_log none",
        "shutdown_lifetime 0 seconds",
        `auth_param basic program /bin/sh ${folder}/helper`,
        asks ? "acl known proxy_auth REQUIRED" : "acl known src 127.0.0.1",
        "acl nobody dstdomain forbidden.test",
        "http_access deny nobody",
        "http_access allow known",
        "http_access deny all",
      ].join("\n") + "\n",
      // Squid's own helpers read encrypted files; this one knows a single user.
      helper: 'while read line; do [ "$line" = "us pw" ] && echo OK || echo ERR; done\n',
    }),
  });
}

/** A proxy of other people. */
export interface ForeignProxy {
  /** For the names of tests. */
  readonly name: string;
  /** Where the program is, if it is installed. */
  readonly found: string | undefined;
  /** Starts it. It takes the user `us` with the password `pw`, or asks nobody. */
  start(asks: boolean): Promise<Daemon>;
}

/** The ones that the tests use. */
export const proxies: readonly ForeignProxy[] = [
  { name: "squid", found: squid, start: startSquid },
  { name: "tinyproxy", found: tinyproxy, start: startTinyproxy },
];
