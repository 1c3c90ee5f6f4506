/**
 * Child processes that answer line by line.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { projectRoot } from "../testing/project.ts";
import type { Runtime } from "../testing/runtimes.ts";

/** How to start a child. */
export interface ChildOptions {
  /** The folder for a CPU profile, which is written when the child ends; none when left out. */
  readonly profile?: string | undefined;
}

/** A script that runs on some runtime; it ends when its stdin does. */
export class Child implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #title: string;
  readonly #input: WritableStreamDefaultWriter<string>;
  readonly #lines: ReadableStreamDefaultReader<string>;

  /**
   * Starts it.
   *
   * @param script From the project's root.
   */
  constructor(runtime: Runtime, script: string, args: readonly string[], options: ChildOptions = {}) {
    this.#title = `${script} ${args.join(" ")} on ${runtime.title}`;
    const command = new Deno.Command(runtime.command, {
      args: [...runtimeArguments(runtime, options), script, ...args],
      cwd: fileURLToPath(projectRoot),
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    });
    this.#process = command.spawn();
    const encoder = new TextEncoderStream();
    encoder.readable.pipeTo(this.#process.stdin).catch(() => {});
    this.#input = encoder.writable.getWriter();
    this.#lines = this.#process.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(lineSplitter()).getReader();
  }

  /**
   * Waits for the next line.
   *
   * @throws When the child has ended.
   */
  async line(): Promise<unknown> {
    const { value, done } = await this.#lines.read();
    if (done) throw new Error(`${this.#title} has ended`);
    return JSON.parse(value);
  }

  /** Says something and waits for the answer. */
  async ask(question: unknown): Promise<unknown> {
    await this.#input.write(`${JSON.stringify(question)}\n`);
    return await this.line();
  }

  /** Lets it end, and waits until it has. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    await this.#process.status;
  }
}

function runtimeArguments({ name }: Runtime, { profile }: ChildOptions): string[] {
  const profiling = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
  switch (name) {
    case "deno":
      return ["run", "-A", "--no-check", ...profiling];
    case "bun":
      return profiling;
    default:
      return ["--no-warnings", ...profiling];
  }
}

function lineSplitter(): TransformStream<string, string> {
  let rest = "";
  return new TransformStream({
    transform(text, controller) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) controller.enqueue(line);
    },
  });
}
