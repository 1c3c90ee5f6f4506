/**
 * A program that never closes its clients, or does so late: `asks.ts '{…}'`. It says what it does in lines.
 *
 * @module
 */

import process from "node:process";
import { Client, type ClientOptions } from "../../../../mod.ts";

/** A server, and how to reach it. */
export interface Way {
  readonly origin: string;
  readonly options: ClientOptions;
}

/** What the program is told. */
export interface Told {
  readonly ways: readonly Way[];
  /**
   * `rest` asks once on each way, and opens a tunnel if there is a proxy. `work` goes on with what takes long, whenever its connection has
   * waited. `close` and `abort` end each client when all connections have waited.
   */
  readonly does: "rest" | "work" | "close" | "abort";
}

/** Longer than a connection counts as busy behind its request. */
const PAUSE_MS = 600;

const { ways, does }: Told = JSON.parse(process.argv[2]!);
const say = (what: string): void => void process.stdout.write(`${what}\n`);
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

/** One way. */
class Asking {
  readonly #client: Client;
  readonly #way: Way;

  constructor(way: Way) {
    this.#way = way;
    this.#client = new Client({ ...way.options, idleTimeoutMs: Infinity });
  }

  async ask(path: string): Promise<void> {
    say(await (await this.#client.fetch(`${this.#way.origin}${path}`)).text());
  }

  /** Opens a tunnel and closes it; the connection to a proxy of HTTP/2 waits for another one then. */
  async tunnel(): Promise<void> {
    if (this.#way.options.proxy === undefined) return;
    const io = await this.#client.connect(new URL(this.#way.origin).host);
    await io.close();
  }

  async work(): Promise<void> {
    for (const path of ["/late", "/slow"]) {
      await this.ask(path);
      await pause();
    }
    const io = await this.#client.upgrade(`${this.#way.origin}/upgrade`, { protocol: "late" });
    say(new TextDecoder().decode((await io.read())!));
    await io.close();
  }

  async end(how: "close" | "abort"): Promise<void> {
    await this.#client[how]();
    say(`${this.#client.connections} connections`);
  }
}

const all = ways.map((way) => new Asking(way));
await Promise.all(all.map((asking) => asking.ask("/now")));
if (does === "rest") await Promise.all(all.map((asking) => asking.tunnel()));
else await pause();
for (const asking of all) {
  if (does === "work") await asking.work();
  else if (does !== "rest") await asking.end(does);
}
