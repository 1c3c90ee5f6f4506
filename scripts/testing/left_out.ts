/**
 * What is not played on every runtime, as it would find there what another runtime has found already. A run of one runtime
 * alone, of Deno, Bun or the newest Node, plays everything.
 *
 * @module
 */

import type { RuntimeName } from "./runtimes.ts";

interface LeftOut {
  readonly on: readonly RuntimeName[];
  /** Files and folders, or how their paths begin. */
  readonly paths: readonly string[];
  /** Of these what is played all the same. */
  readonly but?: readonly string[];
  /** Left out in runs that have one of these as well, and play it there; in any run where nothing is named. */
  readonly playedBy?: readonly RuntimeName[];
}

const machines = [
  "tests/bytes/",
  "tests/http1/machine/",
  "tests/http2/machine/",
  "tests/semantics/",
  "tests/websocket/machine/",
];

const chromium = {
  pages: "tests/examples/chat_pages_test.ts",
  proxied: "tests/interop/reverse_chromium_test.ts",
  playwright: "tests/interop/forward_playwright_test.ts",
  websocket: "tests/interop/websocket_chromium_test.ts",
};

const forward = {
  apt: "tests/interop/forward_apt_test.ts",
  languages: "tests/interop/forward_languages_test.ts",
  programs: "tests/interop/forward_programs_test.ts",
};

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
      "tests/interop/client_http2_proxies_test.ts",
      "tests/interop/client_http2_upgrades_test.ts",
      "tests/interop/client_proxies_test.ts",
      "tests/interop/client_servers_test.ts",
      "tests/interop/curl_proxy_test.ts",
      "tests/interop/curl_server_test.ts",
      "tests/interop/http2_programs_test.ts",
      "tests/interop/http2_proxies_test.ts",
      "tests/interop/docker_test.ts",
      "tests/interop/forward_apt_test.ts",
      "tests/interop/forward_chain_test.ts",
      "tests/interop/forward_languages_test.ts",
      "tests/interop/forward_playwright_test.ts",
      "tests/interop/forward_programs_test.ts",
      "tests/interop/kubernetes_test.ts",
      "tests/interop/reverse_chromium_test.ts",
      "tests/interop/reverse_http2_test.ts",
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
    paths: machines,
  },
  {
    // The same on one engine in the version of the day: Deno's V8 is the newest Node's. Bun has another engine, and
    // `node20` an old one.
    on: ["node"],
    playedBy: ["deno"],
    paths: machines,
  },
  {
    // They read the project's files, and run none of it.
    on: ["bun", "node", "node24", "node22", "node20"],
    playedBy: ["deno"],
    paths: [
      "tests/architecture_test.ts",
      "tests/layers_test.ts",
      "tests/readme/links_test.ts",
      "tests/release_test.ts",
      "tests/requirements_test.ts",
    ],
  },
  {
    // On Node `./net` is `./node` behind a door, and the suite of tests/net/ is played on `./node` itself everywhere.
    on: ["node24", "node22", "node20"],
    paths: ["tests/net/net_test.ts"],
  },
  {
    // Programs, and packages that stand on what the oldest Node and the newest have alike. What the packages ask of
    // node:http differs by version, and is asked on each by tests/node_http/ and tests/interop/node_http_client_test.ts,
    // frameworks_test.ts and node_servers_test.ts.
    on: ["node24", "node22"],
    paths: [
      "tests/examples/",
      "tests/interop/crossws_test.ts",
      "tests/interop/grpc_test.ts",
      "tests/interop/nest_test.ts",
      "tests/interop/socket_io_test.ts",
      "tests/interop/telemetry_test.ts",
      "tests/interop/vite_test.ts",
      "tests/interop/websocket_reconnecting_test.ts",
      "tests/readme/packages_test.ts",
      "tests/readme/recipes_test.ts",
      "tests/readme/tables_test.ts",
    ],
  },
  // What runs in memory asks the platform for streams, timers and signals. The oldest Node and the newest play all of it,
  // and of the two between each plays a half. The dialogues at a switch are the oldest's and the newest's.
  { on: ["node24", "node22"], paths: ["tests/switching/"] },
  { on: ["node24"], paths: ["tests/http1/client_", "tests/http1/switch_"], but: ["tests/http1/switch_tcp_test.ts"] },
  { on: ["node24"], paths: ["tests/websocket/echo_cases_test.ts", "tests/websocket/turns_test.ts"] },
  { on: ["node22"], paths: ["tests/http1/server_", "tests/http1/turns"], but: ["tests/http1/server_tcp_test.ts"] },
  { on: ["node22"], paths: ["tests/websocket/messages_test.ts", "tests/websocket/stress_test.ts"] },
  // Large programs that take long to start, and are the same whatever we run on: each is played on one runtime or two, and
  // each runtime has one of the three that use Chromium. curl, nginx, squid, tinyproxy, `ws` and Python's websockets are
  // played on all three, with TLS and without.
  { on: ["deno"], playedBy: ["bun"], paths: [chromium.websocket, forward.apt, forward.languages] },
  { on: ["deno"], playedBy: ["node"], paths: [chromium.pages, "tests/interop/docker_test.ts"] },
  { on: ["bun"], playedBy: ["deno"], paths: [chromium.playwright, chromium.proxied, forward.programs] },
  { on: ["bun"], playedBy: ["node"], paths: [chromium.pages, "tests/interop/docker_test.ts"] },
  { on: ["node"], playedBy: ["deno"], paths: [chromium.playwright, chromium.proxied, forward.programs] },
  { on: ["node"], playedBy: ["bun"], paths: [chromium.websocket, forward.apt] },
];

/**
 * The files that a runtime plays.
 *
 * @param run All the runtimes of the run.
 */
export function playedOn(name: RuntimeName, files: readonly string[], run: readonly RuntimeName[]): string[] {
  const left = leftOut.filter(({ on, playedBy }) =>
    on.includes(name) && (playedBy?.some((by) => run.includes(by)) ?? true)
  );
  const begins = (file: string) => (path: string): boolean => file.startsWith(path);
  return files.filter((file) =>
    !left.some(({ paths, but = [] }) => paths.some(begins(file)) && !but.some(begins(file)))
  );
}
