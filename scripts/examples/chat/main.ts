/**
 * A chat with rooms and a page for the browser.
 *
 * ```sh
 * deno run -A scripts/examples/chat/main.ts --port=8080
 * ```
 *
 * `bun` and `node` run it as well. Then open http://127.0.0.1:8080/ twice, or join from a terminal with
 * `websocket_client.ts 'ws://127.0.0.1:8080/lobby?name=Ada'`. Every path is a room. Ctrl-C ends it.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import { startChat } from "./server.ts";

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "8080" },
    origin: { type: "string", multiple: true },
  },
});
const chat = await startChat({
  page: await readFile(new URL("page.html", import.meta.url), "utf8"),
  hostname: values.host,
  port: Number(values.port),
  origins: values.origin,
});
console.log(`A chat at http://${values.host}:${chat.port}/. Ctrl-C ends it.`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => chat.close());
