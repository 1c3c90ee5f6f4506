/**
 * What is not played on every version of Node, as it would find there what another runtime has found already. Deno, Bun and
 * the newest Node play everything, and `node20`, the oldest, all but the peers.
 *
 * @module
 */

import type { RuntimeName } from "./runtimes.ts";

interface LeftOut {
  readonly on: readonly RuntimeName[];
  /** Files and folders. */
  readonly paths: readonly string[];
}

const leftOut: readonly LeftOut[] = [
  {
    // Their peers are programs and packages that are the same whatever we run on, and half of what a run costs. Versions of
    // Node differ in sockets, TLS, streams, zlib and in what they have of HTTP themselves: tests of these are played on each
    // (tests/net/, tests/platform/, all of tests/http1/ and tests/websocket/, and in tests/interop/ node:http, fetch,
    // WebSocket, undici and the frameworks). They say byte by byte what goes over the wire.
    on: ["node24", "node22", "node20"],
    paths: [
      "tests/examples/chat_pages_test.ts",
      "tests/examples/websocket_client_test.ts",
      "tests/interop/client_proxies_test.ts",
      "tests/interop/client_servers_test.ts",
      "tests/interop/curl_proxy_test.ts",
      "tests/interop/curl_server_test.ts",
      "tests/interop/docker_test.ts",
      "tests/interop/forward_apt_test.ts",
      "tests/interop/forward_chain_test.ts",
      "tests/interop/forward_languages_test.ts",
      "tests/interop/forward_playwright_test.ts",
      "tests/interop/forward_programs_test.ts",
      "tests/interop/kubernetes_test.ts",
      "tests/interop/websocket_chromium_test.ts",
      "tests/interop/websocket_foreign_clients_test.ts",
      "tests/interop/websocket_random_test.ts",
      "tests/interop/websocket_routes_test.ts",
      "tests/interop/websocket_servers_test.ts",
    ],
  },
  {
    // The machines and what lies below them use the language and nothing else: `scripts/check_layers.ts` and a check of
    // types without any platform see to it. What the oldest Node and the newest have of the language, those between have too.
    on: ["node24", "node22"],
    paths: ["tests/bytes/", "tests/http1/machine/", "tests/semantics/", "tests/websocket/machine/"],
  },
  {
    // On Node `./net` is `./node` behind a door, and the suite of tests/net/ is played on `./node` itself everywhere.
    on: ["node24", "node22"],
    paths: ["tests/net/net_test.ts"],
  },
];

/** The files that a runtime plays. */
export function playedOn(name: RuntimeName, files: readonly string[]): string[] {
  const without = leftOut.filter(({ on }) => on.includes(name)).flatMap(({ paths }) => paths);
  return files.filter((file) => !without.some((path) => file.startsWith(path)));
}
