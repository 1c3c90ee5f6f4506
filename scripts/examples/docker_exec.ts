/**
 * Runs a command in a container over Docker's unix socket: an upgrade whose request has a body, and the frames in which
 * Docker sends stdout and stderr.
 *
 * @module
 */

import { LimitedBytesTransformStream } from "@std/streams";
import { Client } from "../../mod.ts";
import { connect } from "../../src/net/mod.ts";

/** What a command said. */
export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** The most that a command may say. */
const MAX_OUTPUT_BYTES = 67_108_864;

/**
 * Runs a command that was prepared with `POST /containers/{id}/exec`.
 *
 * @param path Of the daemon's socket, usually `/var/run/docker.sock`.
 * @param execId The prepared command.
 * @param stdin What the command reads.
 * @throws {RangeError} The command says more than 64 MiB.
 */
export async function dockerExec(path: string, execId: string, stdin: string): Promise<Output> {
  const docker = new Client({ dial: () => connect({ path }) });
  const io = await docker.upgrade(`http://docker/v1.43/exec/${execId}/start`, {
    method: "POST",
    protocol: "tcp",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ Detach: false, Tty: false }),
    hijack: true, // daemons that do not know 101 answer 200 and go on in the same way
  });
  await io.write(new TextEncoder().encode(stdin));
  await io.closeWrite(); // the end of stdin; output goes on
  const said = io.readable.pipeThrough(new LimitedBytesTransformStream(MAX_OUTPUT_BYTES, { error: true }));
  const decoder = new TextDecoder();
  const output = { stdout: "", stderr: "" };
  for await (const { stream, data } of frames(said)) output[stream] += decoder.decode(data);
  await io.close();
  await docker.close();
  return output;
}

/** Docker's frames: a byte for the stream, three of zero, four of length, the data. */
async function* frames(
  said: ReadableStream<Uint8Array>,
): AsyncGenerator<{ readonly stream: keyof Output; readonly data: Uint8Array }> {
  const reader = said.getReader();
  let held: Uint8Array = new Uint8Array(0);
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    const chunk = next.value;
    const joined = new Uint8Array(held.length + chunk.length);
    joined.set(held);
    joined.set(chunk, held.length);
    held = joined;
    while (held.length >= 8) {
      const end = 8 + new DataView(held.buffer, held.byteOffset).getUint32(4);
      if (held.length < end) break;
      yield { stream: held[0] === 2 ? "stderr" : "stdout", data: held.subarray(8, end) };
      held = held.subarray(end);
    }
  }
}
