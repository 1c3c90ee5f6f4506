/**
 * This package: `serve` and `Client`, as the README uses them.
 *
 * @module
 */

import { Client } from "../../../src/http/client/client.ts";
import { serve } from "../../../src/http/server/serve.ts";
import type { ServeOptions, Server } from "../../../src/http/server/serve_options.ts";
import { wantsUpgrade } from "../../../src/http1/proposing.ts";
import { connectResponse, upgradeResponse } from "../../../src/http1/switch.ts";
import { onUpgrade } from "../../../src/http1/upgrade.ts";
import { UpgradeRejected } from "../../../src/errors/upgrade_rejected.ts";
import type { Upgraded } from "../../../src/http1/upgraded.ts";
import { tunnel } from "../../../src/proxy/tunnel.ts";
import { connect } from "../../../src/net/mod.ts";
import type { ClientUnderTest, Outcome, ServerUnderTest } from "../probe.ts";

/** `serve`. */
export async function server(
  options: Pick<ServeOptions, "http2"> = {},
): Promise<ServerUnderTest & { readonly server: Server }> {
  const server = serve({
    ...options,
    hostname: "127.0.0.1",
    port: 0,
    async connect(request) {
      if (request.hostname === "refused.test") return new Response("blocked by policy", { status: 403 });
      const target = connect(request, { signal: request.signal });
      await target.opened;
      return connectResponse(request, { owns: target }, async (io) => void await tunnel(io, target)).response;
    },
    onError() {},
  }, async (request) => {
    if (wantsUpgrade(request, "echo")) return upgradeResponse(request, "echo", {}, echo).response;
    return new Response(`${request.method} ${new URL(request.url).pathname} ${await request.text()}`);
  });
  const [address] = await server.listening;
  return { server, port: address.port, speaks: "echo", tunnels: true };
}

async function echo(io: Upgraded): Promise<void> {
  for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) await io.write(bytes);
  await io.close();
}

/** `Client`. */
export const client: ClientUnderTest = {
  get(port) {
    return withClient({}, async (client) => {
      const response = await client.fetch(`http://127.0.0.1:${port}/`);
      if (response.status === 101) return await converse(response.status, await onUpgrade(response));
      return { type: "response", status: response.status, body: await response.text() };
    });
  },
  upgrade(port, body) {
    return withClient({}, async (client) => {
      const method = body === null ? "GET" : "POST";
      return await converse(101, await client.upgrade(`http://127.0.0.1:${port}/`, { protocol: "echo", method, body }));
    });
  },
  connect(port, authority) {
    return withClient({ proxy: `http://127.0.0.1:${port}` }, async (client) => {
      return await converse(200, await client.connect(authority));
    });
  },
};

async function withClient(options: { proxy?: string }, ask: (client: Client) => Promise<Outcome>): Promise<Outcome> {
  const client = new Client(options);
  try {
    return await ask(client);
  } catch (error) {
    if (!(error instanceof UpgradeRejected)) return { type: "error", message: `${error}` };
    const { response }: UpgradeRejected<Response> = error;
    if (response === undefined) return { type: "error", message: `${error}` };
    return { type: "response", status: response.status, body: await response.text() };
  } finally {
    await client.abort();
  }
}

/** What a client says behind a switch. */
export async function converse(status: number, io: Upgraded): Promise<Outcome> {
  let received = "";
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  await io.write(encoder.encode("ping"));
  for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) received += decoder.decode(bytes);
  await io.write(encoder.encode("late")).catch(() => {});
  await io.close();
  return { type: "switched", status, received };
}
