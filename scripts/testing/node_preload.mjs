/**
 * Loaded on Node before the tests. The runner of Node (20 to 26) follows every promise with a hook of `node:async_hooks`, to
 * tell which test has left an error behind. That takes more time than the tests themselves, and makes promises slower than
 * they are anywhere else. The runner is loaded here without its hook: a stray error still fails the file, and is shown with
 * the test that runs when it comes.
 *
 * @module
 */

import asyncHooks from "node:async_hooks";
import process from "node:process";
import { inspect } from "node:util";

const { createHook } = asyncHooks;
const noHook = { enable: () => noHook, disable: () => noHook };
asyncHooks.createHook = () => noHook;
const { beforeEach } = await import("node:test");
asyncHooks.createHook = createHook;

let running = "";
beforeEach(({ name }) => void (running = name));

for (const event of ["uncaughtException", "unhandledRejection"]) {
  process.on(event, (error) => console.error(`stray error while "${running}" runs: ${inspect(error)}`));
}
