/**
 * Where the packages from npm lie that ours is compared with.
 *
 * @module
 */

/** A package to compare with. */
export interface Peer {
  /** What npm is asked for. */
  readonly specifiers: readonly string[];
  /** What is imported, from the folder of the peer. */
  readonly program: string;
}

/** What it is called here. */
export type PeerName = "ws" | "hono" | "srvx" | "http-proxy-3" | "httpxy" | "proxy-chain" | "hpack.js";

/** One folder for each, so that a new one does not install the others again. */
export const peers: Readonly<Record<PeerName, Peer>> = {
  ws: { specifiers: ["ws@8"], program: "node_modules/ws/wrapper.mjs" },
  hono: {
    specifiers: ["hono@4", "@hono/node-server@2"],
    program: "node_modules/@hono/node-server/dist/index.mjs",
  },
  "http-proxy-3": { specifiers: ["http-proxy-3@2"], program: "node_modules/http-proxy-3/dist/lib/index.js" },
  httpxy: { specifiers: ["httpxy@0.5"], program: "node_modules/httpxy/dist/index.mjs" },
  "proxy-chain": { specifiers: ["proxy-chain@3"], program: "node_modules/proxy-chain/dist/index.js" },
  "hpack.js": { specifiers: ["hpack.js@2"], program: "node_modules/hpack.js/lib/hpack.js" },
  srvx: { specifiers: ["srvx@1"], program: "node_modules/srvx/dist/adapters/node.mjs" },
};

/** From the project's root. */
export function peerFolder(name: string): string {
  return `.cache/bench/${name}`;
}

/** What to `import()`. */
export function peerUrl(name: PeerName, file: string = peers[name].program): string {
  return new URL(`../../${peerFolder(name)}/${file}`, import.meta.url).href;
}
