/**
 * Who is measured: the columns of the table.
 *
 * @module
 */

import type { Runtime, RuntimeName } from "../testing/runtimes.ts";

/** A column. */
export interface Implementation {
  /** For the head of the column. */
  readonly title: string;
  /** The module in `subjects/`. */
  readonly subject: string;
  /** Where it is measured; several runtimes share a column, and the worst of them counts. */
  readonly runtimes: readonly RuntimeName[];
}

/** The title of a column: the runtime is named where that is not said by itself. */
export function columnTitle({ title, runtimes }: Implementation, runtime: Runtime): string {
  if (runtimes.length > 1 || title.includes(".serve")) return title;
  const [name = "", version = ""] = runtime.title.split(" ");
  const digits = runtimes[0]!.startsWith("node") ? 1 : 2;
  return `${title}, ${name[0]!.toUpperCase()}${name.slice(1)} ${version.split(".").slice(0, digits).join(".")}`;
}

const everywhere: readonly RuntimeName[] = ["deno", "bun", "node", "node20"];

/** Servers. */
export const servers: readonly Implementation[] = [
  { title: "http-upgrade", subject: "ours", runtimes: everywhere },
  { title: "`node:http`", subject: "node_http_server", runtimes: ["node20"] },
  { title: "`node:http`", subject: "node_http_server", runtimes: ["node"] },
  { title: "`node:http`", subject: "node_http_server", runtimes: ["deno"] },
  { title: "`node:http`", subject: "node_http_server", runtimes: ["bun"] },
  { title: "`Deno.serve`", subject: "deno_serve", runtimes: ["deno"] },
  { title: "`Bun.serve`", subject: "bun_serve", runtimes: ["bun"] },
];

/** Clients. */
export const clients: readonly Implementation[] = [
  { title: "http-upgrade", subject: "ours", runtimes: everywhere },
  { title: "`node:http`", subject: "node_http_client", runtimes: ["node20"] },
  { title: "`node:http`", subject: "node_http_client", runtimes: ["node"] },
  { title: "`node:http`", subject: "node_http_client", runtimes: ["deno"] },
  { title: "`node:http`", subject: "node_http_client", runtimes: ["bun"] },
  { title: "undici", subject: "undici_client", runtimes: ["node"] },
  { title: "`fetch`", subject: "fetch_client", runtimes: ["node"] },
  { title: "`fetch`", subject: "fetch_client", runtimes: ["deno"] },
  { title: "`fetch`", subject: "fetch_client", runtimes: ["bun"] },
];

/** Servers of HTTP/2. */
export const http2Servers: readonly Implementation[] = [
  { title: "http-upgrade", subject: "ours_http2", runtimes: everywhere },
  { title: "`node:http2`", subject: "node_http2", runtimes: ["node20"] },
  { title: "`node:http2`", subject: "node_http2", runtimes: ["node"] },
  { title: "`node:http2`", subject: "node_http2", runtimes: ["deno"] },
  { title: "`node:http2`", subject: "node_http2", runtimes: ["bun"] },
  { title: "`Deno.serve`", subject: "deno_serve", runtimes: ["deno"] },
  { title: "`Bun.serve`", subject: "bun_serve_http2", runtimes: ["bun"] },
];

/** Clients of HTTP/2. */
export const http2Clients: readonly Implementation[] = [
  { title: "http-upgrade", subject: "ours_http2", runtimes: everywhere },
  { title: "`node:http2`", subject: "node_http2", runtimes: ["node20"] },
  { title: "`node:http2`", subject: "node_http2", runtimes: ["node"] },
  { title: "`node:http2`", subject: "node_http2", runtimes: ["deno"] },
  { title: "`node:http2`", subject: "node_http2", runtimes: ["bun"] },
  { title: "undici", subject: "undici_http2", runtimes: ["node"] },
];
