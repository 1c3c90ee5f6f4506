/**
 * In what a runtime's network differs from the others, and why: titles of tests that are skipped there.
 *
 * @module
 */

import process from "node:process";
import { runtimeName } from "../support/runtime.ts";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const nodeSharesPorts = major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
const sharing = "reusePort lets two listeners share a port";

/** `node:tls` of Bun over a duplex that is no socket. */
const bunTlsOverDuplex: Readonly<Record<string, string>> = {
  "startTls() over a duplexPair() half-closes": "Bun's node:tls ends both sides of a duplex",
  "startTls() over streams half-closes": "Bun's node:tls ends both sides of a duplex",
  "startTls() in startTls(): the peer's last bytes arrive with its end, behind ours":
    "Bun's node:tls ends both sides of a duplex",
  "startTls() over a duplexPair(): the peer's last bytes arrive with its end, behind ours":
    "Bun's node:tls ends both sides of a duplex",
  "startTls() over streams: the peer's last bytes arrive with its end, behind ours":
    "Bun's node:tls ends both sides of a duplex",
};

/** `./bun`. */
export const bunDiffers: Readonly<Record<string, string>> = bunTlsOverDuplex;

/** `./deno`. */
export const denoDiffers: Readonly<Record<string, string>> = {
  [sharing]: "Deno has it with --unstable-net only",
};

/** `./node`, which also runs on the other two. */
export const nodeDiffers: Readonly<Record<string, string>> = {
  node: nodeSharesPorts ? {} : { [sharing]: "node:net has reusePort since Node 22.12 and 23.1" },
  bun: { ...bunTlsOverDuplex, [sharing]: "Bun's node:net has no reusePort" },
  deno: {
    [sharing]: "Deno's node:net has no reusePort",
    "a FIN behind a megabyte that nobody has read yet loses none of it":
      "Deno's node:net fails a write with EPIPE when the peer's FIN has arrived and was not read",
  },
}[runtimeName];
