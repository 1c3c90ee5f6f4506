/**
 * `node:http2`, with the usual code of its documentation around its streams.
 *
 * @module
 */

import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import net from "node:net";
import type { ClientUnderTest, Outcome, ServerUnderTest } from "../probe.ts";

/** `createServer`. */
export async function server(): Promise<ServerUnderTest> {
  const [port, untold] = [await listen(true), await listen(false)];
  return { port, speaks: "echo", tunnels: true, untold };
}

async function listen(enableConnectProtocol: boolean): Promise<number> {
  const server = createServer({ settings: { enableConnectProtocol } });
  server.on("stream", answer);
  server.on("sessionError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as net.AddressInfo).port;
}

async function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
  stream.on("error", () => {});
  if (headers[":method"] === "CONNECT" && headers[":protocol"] === undefined) return tunnel(stream, headers);
  if (headers[":protocol"] === "echo") {
    stream.respond({ ":status": 200 });
    return void stream.pipe(stream);
  }
  if (headers[":protocol"] !== undefined) return stream.respond({ ":status": 501 }, { endStream: true });
  let body = "";
  for await (const chunk of stream) body += chunk;
  stream.respond({ ":status": 200 });
  stream.end(`${headers[":method"]} ${headers[":path"]} ${body}`);
}

function tunnel(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const { hostname, port } = new URL(`tcp://${headers[":authority"]}`);
  if (hostname === "refused.test") {
    stream.respond({ ":status": 403 });
    return void stream.end("blocked by policy");
  }
  const target = net.connect(Number(port), hostname, () => {
    stream.respond();
    target.pipe(stream);
    stream.pipe(target);
  });
  target.on("error", () => stream.close(constants.NGHTTP2_CONNECT_ERROR));
}

/** `connect` and `request`. */
export const client: ClientUnderTest = {
  get: (port) => outcomeOf(port, { ":path": "/" }),
  upgrade: (port, body) =>
    body !== null
      ? Promise.resolve({ type: "unable" })
      : outcomeOf(port, { ":method": "CONNECT", ":protocol": "echo", ":scheme": "http", ":path": "/" }),
  connect: (port, authority) => outcomeOf(port, { ":method": "CONNECT", ":authority": authority }),
};

function outcomeOf(port: number, headers: OutgoingHttpHeaders): Promise<Outcome> {
  return new Promise((resolve) => {
    const session = connect(`http://127.0.0.1:${port}`);
    const settle = (outcome: Outcome): void => {
      resolve(outcome);
      session.close();
    };
    const fail = (error: unknown): void => {
      session.destroy();
      resolve({ type: "error", message: `${error}` });
    };
    session.on("error", fail);
    try {
      request(session, headers, settle, fail);
    } catch (error) {
      fail(error);
    }
  });
}

function request(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  settle: (outcome: Outcome) => void,
  fail: (error: unknown) => void,
): void {
  const stream = session.request(headers);
  let status = 0;
  let received = "";
  stream.setEncoding("utf8");
  stream.on("error", fail);
  stream.on("response", (response: IncomingHttpHeaders & { readonly ":status"?: number }) => {
    status = response[":status"] ?? 0;
    if (switched()) stream.write("ping");
    stream.on("data", (chunk: string) => received += chunk);
    stream.on("end", () => switched() ? stream.end("late") : stream.end());
  });
  const switched = (): boolean => headers[":method"] === "CONNECT" && status >= 200 && status <= 299;
  stream.on("close", () => {
    if (status === 0) fail("closed");
    else settle(switched() ? { type: "switched", status, received } : { type: "response", status, body: received });
  });
}
