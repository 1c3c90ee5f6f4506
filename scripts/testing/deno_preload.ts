/**
 * Loaded before a test file on Deno, whose `node:test` lets uncaught exceptions pass in silence. The words are those that
 * `job.ts` looks for.
 *
 * @module
 */

addEventListener("error", (event) => console.error("Uncaught exception during a test:", event.error ?? event.message));
