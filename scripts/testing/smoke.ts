/**
 * What is played on the least versions: each story of README.md and each example of the manuals, and TLS, compression and proxies. The rest of the suite
 * asks for what those versions do not have, in tests and in their peers.
 *
 * @module
 */

/** From the project's root. */
export const smokeFiles: readonly string[] = [
  "tests/http/client/client_fetch_test.ts",
  "tests/http/client/client_proxy_test.ts",
  "tests/http/client/client_upgrade_test.ts",
  "tests/http/server/serve_switch_test.ts",
  "tests/proxy/tunnel_test.ts",
  "tests/readme/claims_test.ts",
  "tests/readme/recipes_test.ts",
  "tests/readme/stories_test.ts",
  "tests/smoke/abort_test.ts",
  "tests/smoke/deflate_test.ts",
  "tests/smoke/tls_test.ts",
  "tests/websocket/client_test.ts",
  "tests/websocket/messages_test.ts",
];
