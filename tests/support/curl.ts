/**
 * curl, where it is installed.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Finished, skipUnless, spawn, type SpawnOptions, which } from "./runtime.ts";

const path = which("curl");

/** Options of a test that needs curl. */
export const withCurl: { skip: string | false; timeout: number } = {
  ...skipUnless(path !== undefined, "curl is not installed"),
  timeout: 30_000,
};

/**
 * Runs curl, whatever proxies and settings the machine has.
 *
 * @param args `-x` among them goes through a proxy also to loopback.
 */
export function curl(args: readonly string[], options: SpawnOptions = {}): Promise<Finished> {
  const direct = args.includes("-x") ? "" : "*";
  return spawn(path!, ["-q", "--silent", "--show-error", "--noproxy", direct, ...args], {
    timeoutMs: 20_000,
    ...options,
  });
}

/** A folder for what curl reads and writes. */
export interface Scratch {
  /** The path of a file in it, with this content if any is given. */
  file(name: string, content?: string | Uint8Array): string;
  /** Removes it. */
  remove(): void;
}

/** Makes a folder. */
export function scratch(): Scratch {
  const folder = mkdtempSync(join(tmpdir(), "http-upgrade-"));
  return {
    file(name, content) {
      const file = join(folder, name);
      if (content !== undefined) writeFileSync(file, content);
      return file;
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
}

/** The SHA-256 of a file. */
export async function sha256(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest("hex");
}
