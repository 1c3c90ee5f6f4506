/**
 * The least version of each runtime, written once: the test command plays its smoke suite on exactly these, README.md and
 * the npm package name them (a test compares).
 *
 * @module
 */

/** By the runtime's name. */
export const leastVersions: Readonly<Record<"deno" | "bun" | "node", string>> = {
  deno: "2.1.0",
  bun: "1.2.0",
  node: "20.0.0",
};
