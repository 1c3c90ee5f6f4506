/**
 * A WebSocket in the terminal, through a proxy if need be.
 *
 * ```sh
 * deno run -A scripts/examples/websocket_client.ts --proxy=http://127.0.0.1:3128 wss://echo.example/
 * ```
 *
 * `bun` and `node` run it as well. Lines are sent; what comes is printed; the rest is told on stderr.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import process from "node:process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Client, UpgradeRejected, type WebSocketConnection, WebSocketStream } from "../../mod.ts";

const USAGE = `Usage: websocket_client.ts [options] ws://… | wss://…

  --proxy http://…     through this proxy: http, https or socks5, with user:password@ where it asks for that
  --header 'Name: …'   a further field of the request; may be repeated
  --protocol name      a subprotocol to offer; may be repeated
  --ca file.pem        trust these authorities, of the server and of an https proxy
  --no-deflate         do not offer compression

Lines are sent. /ping asks whether the server is there, /close or the end of the input closes.`;

/** What the arguments say. */
interface Arguments {
  readonly url: string;
  readonly proxy: string | null;
  readonly headers: [string, string][];
  readonly protocols: readonly string[];
  readonly ca: string | undefined;
  readonly deflate: boolean;
}

function fail(message: string): never {
  console.error(`${message}\n\n${USAGE}`);
  process.exit(2);
}

function readArguments(): Arguments {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        proxy: { type: "string" },
        header: { type: "string", multiple: true, default: [] },
        protocol: { type: "string", multiple: true, default: [] },
        ca: { type: "string" },
        "no-deflate": { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) {
      console.log(USAGE);
      process.exit(0);
    }
    if (positionals.length !== 1) fail("Say where to connect to");
    const headers = values.header!.map((line): [string, string] => {
      const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(line) ?? fail(`--header ${line} is no field`);
      return [name!, value!];
    });
    const { proxy = null, protocol: protocols = [], ca } = values;
    return { url: positionals[0]!, proxy, headers, protocols, ca, deflate: !values["no-deflate"] };
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

async function print(connection: WebSocketConnection): Promise<void> {
  for (let message = await connection.read(); message !== null; message = await connection.read()) {
    if (typeof message === "string") console.log(message);
    else {console.log(`(${message.length} bytes) ${
        Array.from(message, (byte) => byte.toString(16).padStart(2, "0")).join(" ")
      }`);}
  }
}

/** Sends the lines of stdin; no faster than they can be sent. */
async function send(connection: WebSocketConnection): Promise<void> {
  for await (const line of createInterface({ input: process.stdin, terminal: false })) {
    if (line === "/close") return;
    if (line === "/ping") await ping(connection);
    else await connection.write(line);
  }
}

async function ping(connection: WebSocketConnection): Promise<void> {
  const start = performance.now();
  await connection.ping();
  console.error(`pong after ${(performance.now() - start).toFixed(1)} ms`);
}

const { url, proxy, headers, protocols, ca, deflate } = readArguments();
const tls = ca === undefined ? {} : { caCerts: [await readFile(ca, "utf8")] };
const client = new Client({ proxy, tls, proxyTls: tls });

try {
  const socket = new WebSocketStream(url, { client, headers, protocols, deflate });
  process.once("SIGINT", () => socket.close({ closeCode: 1000 }));
  const connection = await socket.opened;
  const agreed = [connection.protocol, connection.extensions].filter(Boolean).join(", ");
  console.error(`connected${agreed && `: ${agreed}`}`);
  const printed = print(connection).catch(() => {}); // `closed` says why
  send(connection).then(() => connection.close({ closeCode: 1000 }), () => {});
  const { closeCode, reason, wasClean, error } = await connection.closed;
  await printed;
  console.error(`closed: ${[closeCode, reason, error].filter(Boolean).join(" ")}`);
  process.exit(wasClean ? 0 : 1);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (error instanceof UpgradeRejected) {
    const { response }: UpgradeRejected<Response> = error;
    if (response !== undefined) console.error(await response.text());
  }
  process.exit(1);
}
