/**
 * A WebSocket client that sends back what it gets, with permessage-deflate: it is what Autobahn's fuzzing server tests.
 *
 * `deno run -A scripts/examples/websocket_echo_client.ts --url=ws://127.0.0.1:9001 --agent=http-upgrade`, or with `bun` or
 * `node`. Such a server tells how many cases it has at `/getCaseCount`, plays one with whoever connects to
 * `/runCase?case=1&agent=…`, and writes down what it saw after `/updateReports?agent=…`.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { WebSocketStream } from "../../mod.ts";

/** Every message is compressed if the server can; the longest one has 64 MiB. */
const options = { deflate: { thresholdBytes: 0 }, maxMessageBytes: 67_108_864 };

/**
 * Plays all cases of a fuzzing server.
 *
 * @param url Where it is, for example `ws://127.0.0.1:9001`.
 * @param agent The name in its report.
 * @param progress Told the number of each case before it is played, and how many there are.
 * @returns How many cases there were.
 */
export async function playCases(
  url: string,
  agent: string,
  progress: (number: number, count: number) => void = () => {},
): Promise<number> {
  const count = await caseCount(new URL("getCaseCount", base(url)));
  for (let number = 1; number <= count; number++) {
    progress(number, count);
    await echo(new URL(`runCase?case=${number}&agent=${encodeURIComponent(agent)}`, base(url)));
  }
  const report = new WebSocketStream(new URL(`updateReports?agent=${encodeURIComponent(agent)}`, base(url)), options);
  await report.opened;
  report.close();
  await report.closed;
  return count;
}

function base(url: string): string {
  return url.endsWith("/") ? url : `${url}/`;
}

async function caseCount(url: URL): Promise<number> {
  const socket = new WebSocketStream(url, options);
  const count = Number(await (await socket.opened).read());
  socket.close();
  await socket.closed;
  if (!Number.isInteger(count)) throw new Error("The server does not say how many cases it has");
  return count;
}

async function echo(url: URL): Promise<void> {
  const socket = new WebSocketStream(url, options);
  const io = await socket.opened;
  try {
    for (let message = await io.read(); message !== null; message = await io.read()) await io.write(message);
  } catch {
    // Many cases break the protocol; the server judges what we make of it.
  }
  await socket.closed;
}

if (import.meta.main ?? false) {
  const { values } = parseArgs({
    options: {
      url: { type: "string", default: "ws://127.0.0.1:9001" },
      agent: { type: "string", default: "http-upgrade" },
    },
  });
  const count = await playCases(values.url, values.agent, (number, of) => {
    if (number % 50 === 0) console.log(`${number} of ${of}`);
  });
  console.log(`Played ${count} cases; ${values.url} has written its report.`);
}
