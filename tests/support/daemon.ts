/**
 * Servers of other people, started for one test and ended with it.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A process that listens. */
export interface Daemon extends AsyncDisposable {
  /** Where, on 127.0.0.1. */
  readonly port: number;
  /** Its folder, removed at the end. */
  readonly folder: string;
}

/** What to start. */
export interface DaemonOptions {
  /** The program. */
  readonly command: string;
  /** Its arguments. */
  args(folder: string, port: number): readonly string[];
  /** Its files, by name. */
  files?(folder: string, port: number): Readonly<Record<string, string>>;
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as net.AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Starts a program and waits until it takes connections. */
export async function daemon({ command, args, files }: DaemonOptions): Promise<Daemon> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "http-upgrade-"));
  chmodSync(folder, 0o777);
  for (const [name, text] of Object.entries(files?.(folder, port) ?? {})) writeFileSync(join(folder, name), text);
  const child = spawn(command, args(folder, port), { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const note = (bytes: Uint8Array) => said += new TextDecoder().decode(bytes);
  child.stdout.on("data", note);
  child.stderr.on("data", note);
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  try {
    await listening(port, child, () => said);
  } catch (error) {
    await end(child, ended, folder);
    throw error;
  }
  return { port, folder, [Symbol.asyncDispose]: () => end(child, ended, folder) };
}

async function end(child: ChildProcess, ended: Promise<void>, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 2000);
    await ended;
    clearTimeout(timer);
  }
  rmSync(folder, { recursive: true, force: true });
}

/** There is no other sign of a foreign program being ready than that it takes a connection. */
async function listening(port: number, child: ChildProcess, said: () => string): Promise<void> {
  const until = Date.now() + 15_000;
  while (Date.now() < until) {
    if (child.exitCode !== null) break;
    if (await takes(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${child.spawnfile} does not listen: ${said()}`);
}

function takes(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
