/**
 * The runtime's own `fetch`. On Bun a stream as the body of the request is the way to write after a 101, which its
 * documentation does not mention.
 *
 * @module
 */

import type { ClientUnderTest, Outcome } from "../probe.ts";

const encoder = new TextEncoder();

/** `fetch`, which has no way to ask for a tunnel. */
export const client: ClientUnderTest = {
  get: (port) => outcomeOf(`http://127.0.0.1:${port}/`, {}),
  upgrade: (port, body) => {
    const headers = { connection: "Upgrade", upgrade: "echo" };
    if (!("Bun" in globalThis)) {
      const method = body === null ? "GET" : "POST";
      return outcomeOf(`http://127.0.0.1:${port}/`, { method, headers, body });
    }
    // The request's body is what the new protocol is spoken with.
    if (body !== null) return Promise.resolve({ type: "unable" });
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const init = { method: "POST", headers, body: readable, duplex: "half" };
    return outcomeOf(`http://127.0.0.1:${port}/`, init, writable.getWriter());
  },
  connect: () => Promise.resolve({ type: "unable" }),
};

async function outcomeOf(
  url: string,
  init: RequestInit,
  writer: WritableStreamDefaultWriter<Uint8Array> | null = null,
): Promise<Outcome> {
  try {
    const response = await fetch(url, init);
    if (response.status !== 101) return { type: "response", status: response.status, body: await response.text() };
    writer?.write(encoder.encode("ping")).catch(() => {});
    const received = await response.text();
    await writer?.write(encoder.encode("late")).catch(() => {});
    await writer?.close().catch(() => {});
    return { type: "switched", status: response.status, received };
  } catch (error) {
    return { type: "error", message: `${error}` };
  }
}
