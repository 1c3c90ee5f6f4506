/**
 * A contender at work: a server with the load generator in front of it, or a client with one behind it.
 *
 * @module
 */

import type { Runtime } from "../testing/runtimes.ts";
import type { Benchmark, Contender } from "./catalogue.ts";
import { Child, type ChildOptions } from "./child.ts";
import type { Count, GeneratorCommand, LoadPlan } from "./load/main.ts";
import type { Preface, SocketPreface } from "./load/preface.ts";
import type { SubjectCommand, Usage } from "./subjects/main.ts";

/** See the module. */
export interface Subject extends AsyncDisposable {
  /** Which one. */
  readonly contender: Contender;
  /** Begins the load. */
  start(): Promise<void>;
  /** What has been done so far. */
  count(): Promise<Count>;
  /** What the contender's process has used so far. */
  usage(): Promise<Usage>;
  /** Ends the load. */
  stop(): Promise<void>;
}

/** Starts a contender. */
export async function openSubject(
  benchmark: Benchmark,
  contender: Contender,
  generator: Child,
  runtime: Runtime,
  options: ChildOptions,
): Promise<Subject> {
  const say = (command: GeneratorCommand): Promise<unknown> => generator.ask(command);
  const behind = benchmark.behind === undefined ? [] : [String(await say({ type: benchmark.behind }))];
  const args = [...contender.start.split("."), ...behind];
  const child = new Child(runtime, "scripts/bench/subjects/main.ts", args, options);
  if (benchmark.plan === null) {
    await child.line();
    return new ClientSubject(contender, child, await say({ type: "answer" }) as number);
  }
  const { port } = await child.line() as { port: number };
  const preface = await prefaceOf(contender, say);
  if (benchmark.held > 0) {
    await say({ type: "hold", port, preface: preface as SocketPreface, connections: benchmark.held });
  }
  return new ServerSubject(contender, child, generator, { port, preface, plan: benchmark.plan });
}

async function prefaceOf(
  { preface: type = "none", streams = 1 }: Contender,
  say: (command: GeneratorCommand) => Promise<unknown>,
): Promise<Preface> {
  const port = type.endsWith("connect") ? await say({ type: "echo" }) as number : 0;
  switch (type) {
    case "connect":
      return { type, port };
    case "http2-connect":
      return { type, port, streams };
    case "http2-websocket":
      return { type, streams };
    default:
      return { type };
  }
}

interface Work {
  readonly port: number;
  readonly preface: Preface;
  readonly plan: LoadPlan;
}

class ServerSubject implements Subject {
  readonly contender: Contender;
  readonly #server: Child;
  readonly #generator: Child;
  readonly #work: Work;

  constructor(contender: Contender, server: Child, generator: Child, work: Work) {
    this.contender = contender;
    this.#server = server;
    this.#generator = generator;
    this.#work = work;
  }

  async start(): Promise<void> {
    await this.#say({ type: "start", ...this.#work });
  }

  async count(): Promise<Count> {
    return await this.#say({ type: "count" }) as Count;
  }

  async usage(): Promise<Usage> {
    return await this.#server.ask({ type: "usage" } satisfies SubjectCommand) as Usage;
  }

  async stop(): Promise<void> {
    await this.#say({ type: "stop" });
  }

  #say(command: GeneratorCommand): Promise<unknown> {
    return this.#generator.ask(command);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

class ClientSubject implements Subject {
  readonly contender: Contender;
  readonly #client: Child;
  readonly #port: number;

  constructor(contender: Contender, client: Child, port: number) {
    this.contender = contender;
    this.#client = client;
    this.#port = port;
  }

  async start(): Promise<void> {
    await this.#say({ type: "start", port: this.#port });
  }

  async count(): Promise<Count> {
    return await this.#say({ type: "count" }) as Count;
  }

  async usage(): Promise<Usage> {
    return await this.#say({ type: "usage" }) as Usage;
  }

  async stop(): Promise<void> {
    await this.#say({ type: "stop" });
  }

  #say(command: SubjectCommand): Promise<unknown> {
    return this.#client.ask(command);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }
}
