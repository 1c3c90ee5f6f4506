/**
 * A headless Chromium, told what to do through its DevTools protocol.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocketStream } from "../../src/websocket/web_socket_stream.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { which } from "./runtime.ts";

/** The program, where there is one. */
export const chromium: string | undefined = which("chromium") ?? which("chromium-browser") ?? which("google-chrome");

/** A page in a tab of its own. */
export interface Page {
  /**
   * Evaluates an expression in the page; a promise is awaited, the value comes as JSON.
   *
   * @throws What the page threw, as text.
   */
  evaluate<Value>(expression: string): Promise<Value>;
  /** Closes the tab. */
  close(): Promise<void>;
}

/** A browser that runs. */
export interface Browser extends AsyncDisposable {
  /** Opens a tab; resolves when the page has loaded. */
  open(url: string): Promise<Page>;
  /** Where its DevTools listen: `127.0.0.1:9222`. */
  readonly devTools: string;
}

/** Starts a browser with a profile of its own, that believes every certificate. `more` are arguments of the program. */
export async function startChromium(more: readonly string[] = []): Promise<Browser> {
  const folder = mkdtempSync(join(tmpdir(), "http-upgrade-chromium-"));
  const child = spawn(chromium!, [
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--ignore-certificate-errors",
    "--remote-debugging-port=0",
    `--user-data-dir=${folder}`,
    ...more,
    "about:blank",
  ], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const end = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
    await removeFolder(folder);
  };
  try {
    const endpoint = await endpointOf(child);
    const socket = new WebSocketStream(endpoint);
    const tools = new DevTools(await socket.opened);
    return {
      open: (url) => open(tools, url),
      devTools: new URL(endpoint).host,
      async [Symbol.asyncDispose]() {
        socket.close();
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** The browser's last child may still be writing when the browser itself has ended. */
async function removeFolder(folder: string, triesLeft = 50): Promise<void> {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    if (triesLeft === 0) throw error;
    await new Promise((resolve) => setTimeout(resolve, 20));
    await removeFolder(folder, triesLeft - 1);
  }
}

/** Where the browser says that its DevTools listen. */
function endpointOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      const found = /^DevTools listening on (ws:.*)$/m.exec(said);
      if (found !== null) resolve(found[1]!);
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`Chromium ended before it listened\n${said}`)));
  });
}

async function open(tools: DevTools, url: string): Promise<Page> {
  const { targetId } = await tools.call("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await tools.call("Target.attachToTarget", { targetId, flatten: true });
  const session = sessionId as string;
  await tools.call("Page.enable", {}, session);
  const loaded = tools.event("Page.loadEventFired", session);
  await tools.call("Page.navigate", { url }, session);
  await loaded;
  return {
    async evaluate<Value>(expression: string): Promise<Value> {
      const options = { expression, awaitPromise: true, returnByValue: true, userGesture: true };
      const { result, exceptionDetails } = await tools.call("Runtime.evaluate", options, session);
      if (exceptionDetails !== undefined) throw new Error(`In the page: ${JSON.stringify(exceptionDetails)}`);
      return (result as { readonly value: Value }).value;
    },
    async close(): Promise<void> {
      await tools.call("Target.closeTarget", { targetId });
    },
  };
}

type Answer = Readonly<Record<string, unknown>>;

interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/** Calls and events of the DevTools protocol. */
class DevTools {
  readonly #socket: WebSocketConnection;
  /** By the number of the call, or the session and the name of the event. */
  readonly #waiting: Map<number | string, Waiting> = new Map();
  #calls = 0;

  constructor(socket: WebSocketConnection) {
    this.#socket = socket;
    this.#receive().catch((error) => this.#failAll(error));
  }

  call(method: string, params: object, sessionId?: string): Promise<Answer> {
    const id = ++this.#calls;
    const answered = this.#answer(id);
    this.#socket.write(JSON.stringify({ id, method, params, sessionId })).catch((error) => this.#failAll(error));
    return answered;
  }

  event(method: string, sessionId: string): Promise<Answer> {
    return this.#answer(`${sessionId} ${method}`);
  }

  #answer(key: number | string): Promise<Answer> {
    return new Promise((resolve, reject) => this.#waiting.set(key, { resolve, reject }));
  }

  async #receive(): Promise<void> {
    for (let message = await this.#socket.read(); message !== null; message = await this.#socket.read()) {
      const { id, method, params, sessionId, result, error } = JSON.parse(message as string);
      const key = id ?? `${sessionId} ${method}`;
      const waiting = this.#waiting.get(key);
      this.#waiting.delete(key);
      if (error !== undefined) waiting?.reject(new Error(`DevTools: ${error.message}`));
      else waiting?.resolve(result ?? params);
    }
    const { closeCode, reason } = await this.#socket.closed;
    this.#failAll(new Error(`The browser has ended: ${closeCode} ${reason}`));
  }

  #failAll(error: unknown): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
