/**
 * The process of one implementation, which says what it is and then, if it is a client, does what it is told:
 * `main.ts node_http_server`.
 *
 * @module
 */

import process from "node:process";
import { answerLines } from "../../bench/lines.ts";
import type { ClientUnderTest, Outcome, ServerUnderTest } from "../probe.ts";

/** What a client is told: a method of {@linkcode ClientUnderTest}, and its arguments. */
export type ClientCommand = {
  readonly [Method in keyof ClientUnderTest]: {
    readonly method: Method;
    readonly args: Parameters<ClientUnderTest[Method]>;
  };
}[keyof ClientUnderTest];

/** A module of this folder has one of the two. */
interface Subject {
  readonly server?: () => Promise<ServerUnderTest>;
  readonly client?: ClientUnderTest;
}

/** Longer than a probe keeps silent. */
const silenceMs = 9000;

/** Spelled out, so that a bundle contains them. */
const subjects: Readonly<Record<string, () => Promise<Subject>>> = {
  ours: () => import("./ours.ts"),
  node_http_server: () => import("./node_http_server.ts"),
  node_http_client: () => import("./node_http_client.ts"),
  deno_serve: () => import("./deno_serve.ts"),
  bun_serve: () => import("./bun_serve.ts"),
  undici_client: () => import("./undici_client.ts"),
  fetch_client: () => import("./fetch_client.ts"),
  ours_http2: () => import("./ours_http2.ts"),
  node_http2: () => import("./node_http2.ts"),
  bun_serve_http2: () => import("./bun_serve_http2.ts"),
  undici_http2: () => import("./undici_http2.ts"),
};

const [, , name = "", role = ""] = process.argv;
const subject = await subjects[name]!();
if (role === "server") {
  const { port, speaks, tunnels, untold } = await subject.server!();
  const told = { port, speaks, tunnels, ...(untold === undefined ? {} : { untold }) } satisfies ServerUnderTest;
  process.stdout.write(`${JSON.stringify(told)}\n`);
}
await answerLines((command) => obey(subject.client!, command as ClientCommand));

async function obey(client: ClientUnderTest, { method, args }: ClientCommand): Promise<Outcome> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<Outcome>((resolve) => timer = setTimeout(() => resolve({ type: "silence" }), silenceMs));
  const ask = client[method] as (...args: unknown[]) => Promise<Outcome>;
  const outcome = await Promise.race([ask(...args), silence]);
  clearTimeout(timer);
  return outcome;
}
