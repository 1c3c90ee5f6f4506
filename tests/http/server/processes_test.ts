import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { test, type TestContext } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { Client, type WebSocketConnection, WebSocketStream } from "../../../mod.ts";
import { freePort } from "../../support/daemon.ts";
import { projectFile, runtimeMajor, runtimeName, skipUnless } from "../../support/runtime.ts";

const COUNT = 3;
const runsTypeScript = skipUnless(runtimeName !== "node" || runtimeMajor >= 24, "this Node cannot run TypeScript");
const sharesPorts = runsTypeScript.skip
  ? runsTypeScript
  : skipUnless(process.platform === "linux", "ports are shared on Linux");
const hasCluster = sharesPorts.skip
  ? sharesPorts
  : skipUnless(runtimeName !== "deno", "node:cluster of Deno starts no workers");

interface Said {
  readonly pid: number;
  readonly did: string;
}

/** Processes, and what they have told. */
class Processes {
  readonly port: number;
  readonly ended: Promise<(number | null)[]>;
  readonly #children: ChildProcess[];
  readonly #said: Said[] = [];
  #wake = (): void => {};

  constructor(t: TestContext, kind: string, count: number, port: number) {
    this.port = port;
    const run = runtimeName === "deno" ? ["run", "-A", "--no-check", "--unstable-net"] : [];
    const args = [...run, projectFile("tests/http/server/processes/worker.ts"), kind, `${port}`];
    this.#children = Array.from({ length: count }, () => {
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
      let rest = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        const lines = (rest + text).split("\n");
        rest = lines.pop()!;
        for (const line of lines) this.#said.push(JSON.parse(line));
        this.#wake();
      });
      return child;
    });
    const ended = (child: ChildProcess) => new Promise<number | null>((resolve) => child.once("exit", resolve));
    this.ended = Promise.all(this.#children.map(ended));
    t.after(() => this.#children.forEach((child) => child.kill("SIGKILL")));
  }

  /** Waits until one of them, or so many, have done something; gives who. */
  async did(what: string, count: number, pid?: number): Promise<number[]> {
    while (true) {
      const found = this.#said.filter((said) => said.did === what && (pid === undefined || said.pid === pid));
      if (found.length >= count) return found.map(({ pid }) => pid);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}

/** Connections until each process has one. The system deals them out: by far the most of it is chance. */
async function oneForEach<T>(open: () => Promise<readonly [pid: number, T]>, drop: (other: T) => Promise<unknown>) {
  const found = new Map<number, T>();
  for (let tries = 0; found.size < COUNT; tries++) {
    assert(tries < 500, `only ${found.size} processes get connections`);
    const [pid, connection] = await open();
    if (found.has(pid)) await drop(connection);
    else found.set(pid, connection);
  }
  return found;
}

/** Every process gets connections, and ends what it has begun when it is told to leave, while the others go on. */
async function checkProcesses(processes: Processes): Promise<void> {
  const here = `127.0.0.1:${processes.port}`;
  const pids = (await processes.did("listening", COUNT)).toSorted();
  const sockets = await oneForEach<WebSocketConnection>(async () => {
    const io = await new WebSocketStream(`ws://${here}/`).opened;
    return [Number(await io.read()), io];
  }, (io) => io.close());
  const clients = await oneForEach<Client>(async () => {
    const client = new Client();
    return [Number(await (await client.fetch(`http://${here}/`)).text()), client];
  }, (client) => client.close());
  assertEquals([[...sockets.keys()].toSorted(), [...clients.keys()].toSorted()], [pids, pids]);
  for (const [index, pid] of pids.entries()) {
    const late = clients.get(pid)!.fetch(`http://${here}/late`); // on the connection that is open
    await processes.did("asked", 1, pid);
    process.kill(pid, "SIGTERM");
    await processes.did("leaving", 1, pid);
    assertEquals(await (await late).text(), `${pid}`);
    const io = sockets.get(pid)!;
    await io.write("still there");
    assertEquals(await io.read(), "still there");
    await io.close();
    await processes.did("drained", 1, pid);
    await clients.get(pid)!.close();
    if (index === COUNT - 1) break;
    const client = new Client({ keepAlive: false });
    const other = Number(await (await client.fetch(`http://${here}/`)).text());
    assert(pids.indexOf(other) > index, "a process that has left got a connection");
    await client.close();
  }
}

test(
  "serve({ reusePort }) in several processes: each gets connections, and shutdown() drains each",
  sharesPorts,
  async (t) => {
    const processes = new Processes(t, "alone", COUNT, await freePort());
    await checkProcesses(processes);
    assertEquals(await processes.ended, [0, 0, 0]);
  },
);

test("serve() in workers of node:cluster: each gets connections, and shutdown() drains each", hasCluster, async (t) => {
  const processes = new Processes(t, "cluster", 1, await freePort());
  await checkProcesses(processes);
  assertEquals(await processes.ended, [0]);
});
