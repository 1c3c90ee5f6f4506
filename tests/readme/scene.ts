/**
 * What the examples of the documents meet when they are played: servers, clients, a proxy.
 *
 * @module
 */

import type { TestContext } from "node:test";
import { assert } from "@std/assert";
import {
  Client,
  connectResponse,
  serve,
  type ServeHandler,
  type ServeOptions,
  type Server,
  upgradeResponse,
} from "../../mod.ts";
import { connect } from "../../src/net/mod.ts";
import { tunnel } from "../../src/proxy/mod.ts";
import { authority } from "../support/certificates.ts";
import type { Manual, Running, Scene, Snippet } from "./manuals.ts";

/** The examples of a document, or of several, and which of them have been played. */
export class Examples {
  /** Those that no test has asked for. */
  readonly left: Set<Snippet>;
  readonly #manuals: readonly Manual[];
  readonly #language: "ts" | "js";

  /**
   * Of these documents.
   *
   * @param language `js` for those that need packages of others: their types are not there when those of the npm package are
   * checked.
   */
  constructor(manuals: readonly Manual[], language: "ts" | "js" = "ts") {
    this.#manuals = manuals;
    this.#language = language;
    this.left = new Set(manuals.flatMap(({ snippets }) => snippets).filter((snippet) => snippet.language === language));
  }

  /** The example below a heading; `nth` where there are several. */
  take(heading: string, nth = 0): Snippet {
    const below = this.#manuals.flatMap(({ snippets }) => snippets).filter((snippet) =>
      snippet.language === this.#language && snippet.heading === heading
    );
    const snippet = below[nth];
    assert(snippet !== undefined, `there is no example below ${heading}`);
    this.left.delete(snippet);
    return snippet;
  }
}

/** Where a server of an example is to listen instead. */
export const anyPort = { "port: 8080": 'hostname: "127.0.0.1", port: 0' };

/** Starts a server on loopback. */
export async function serving(
  handler: ServeHandler,
  options: ServeOptions = {},
): Promise<{ server: Server; port: number }> {
  const server = serve({ hostname: "127.0.0.1", port: 0, ...options }, handler);
  const [{ port }] = await server.listening;
  return { server, port: port! };
}

/** Speaks `echo/1` with clients that have the token of the examples. */
export const echoing: ServeHandler = (request) => {
  if (request.headers.get("authorization") !== "Bearer t") return new Response("who are you?", { status: 401 });
  return upgradeResponse(request, "echo/1", {}, (io) => io.readable.pipeTo(io.writable)).response;
};

/** Says something in `echo/1`, ends its side, and gives what came back. */
export async function echoed(port: number, text: string): Promise<string> {
  const client = new Client();
  const io = await client.upgrade(`http://127.0.0.1:${port}/`, { protocol: "echo/1" });
  await io.write(new TextEncoder().encode(text));
  await io.closeWrite();
  const back = await new Response(io.readable).text();
  await client.close();
  return back;
}

/** Status and body of an answer. */
export async function fetched(url: string): Promise<[number, string]> {
  const client = new Client({ keepAlive: false });
  const response = await client.fetch(url);
  const answer: [number, string] = [response.status, await response.text()];
  await client.close();
  return answer;
}

/** A proxy that wants what the examples say, and passes on to loopback. */
export async function proxied(t: TestContext, reaches: number): Promise<Scene> {
  const { server, port } = await serving(() => new Response(null, { status: 405 }), {
    async connect(request) {
      const allowed = request.headers.get("proxy-authorization") === `Basic ${btoa("user:pw")}`;
      if (!allowed) return new Response(null, { status: 407, headers: { "proxy-authenticate": "Basic" } });
      const target = connect(request);
      await target.opened;
      return connectResponse(request, { owns: target }, async (io) => void await tunnel(io, target)).response;
    },
  });
  t.after(() => server.shutdown({ upgraded: "close" }));
  return {
    replace: {
      "api.example.com:443": `localhost:${reaches}`,
      "https://api.example.com/": `https://localhost:${reaches}/`,
      'serverName: "api.example.com"': 'serverName: "localhost", caCerts: [authority]',
      '"http://user:pw@proxy.example:3128"': `"http://user:pw@127.0.0.1:${port}", tls: { caCerts: [authority] }`,
    },
    names: { authority },
  };
}

/** Stops an example, and waits for its end. */
export async function stopped(running: Running): Promise<void> {
  await running.stop();
  await running.ended;
}
