/**
 * Handshakes: connect, ask to switch, echo 16 bytes, end, and over again.
 *
 * @module
 */

import { CONNECTIONS, type Load } from "./load.ts";
import { connectHttp2, type Http2Connection, type StreamsPlan } from "./http2_streams.ts";
import { isAgreement, type Preface, prefaceRequest, type SocketPreface, streamsOf } from "./preface.ts";
import { type ClientHandlers, type Connection, open } from "./socket.ts";

const message = new TextEncoder().encode("sixteen bytes...");

/** Begins to shake hands. */
export function handshakes(port: number, preface: Preface): Load {
  const streams = streamsOf(preface);
  return streams === null ? onSockets(port, preface as SocketPreface) : onStreams(port, streams);
}

function onSockets(port: number, preface: SocketPreface): Load {
  let count = 0;
  let stopped = false;
  const request = prefaceRequest(preface)!;
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      let agreed = false;
      open(port, {
        opened: (client) => client.write(request),
        received(client, bytes) {
          if (agreed) {
            return endBehindEcho(client, bytes);
          }
          agreed = isAgreement(bytes);
          client.write(message);
        },
        closed() {
          count++;
          resolve();
        },
      });
    });
  const oneAfterTheOther = async (): Promise<void> => {
    while (!stopped) await one();
  };
  const closed = Promise.all(Array.from({ length: CONNECTIONS }, oneAfterTheOther));
  return {
    count: () => count,
    async stop() {
      stopped = true;
      await closed;
    },
  };
}

/** On one connection, as many streams at a time as are planned. */
function onStreams(port: number, { block, streams }: StreamsPlan): Load {
  let count = 0;
  let stopped = false;
  const one = (connection: Http2Connection): Promise<void> =>
    new Promise((resolve) => {
      const handlers: ClientHandlers = {
        opened: (stream) => stream.write(message),
        received: endBehindEcho,
        closed() {
          count++;
          resolve();
        },
      };
      connection.open(block, handlers);
    });
  const oneAfterTheOther = async (connection: Http2Connection): Promise<void> => {
    while (!stopped) await one(connection);
  };
  const closed = connectHttp2(port).then(async (connection) => {
    await Promise.all(Array.from({ length: streams }, () => oneAfterTheOther(connection)));
    await connection.end();
  });
  return {
    count: () => count,
    async stop() {
      stopped = true;
      await closed;
    },
  };
}

function endBehindEcho(client: Connection, bytes: Uint8Array): void {
  if (bytes.length !== message.length) throw new Error(`Cannot count on an echo of ${bytes.length} bytes`);
  client.end();
}

/** Opens connections that have switched and stay so for as long as this process lives. */
export async function hold(port: number, preface: SocketPreface, count: number): Promise<void> {
  const request = prefaceRequest(preface)!;
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      open(port, {
        opened: (client) => client.write(request),
        received(_client, bytes) {
          isAgreement(bytes);
          resolve();
        },
      });
    });
  for (let held = 0; held < count; held += CONNECTIONS) {
    await Promise.all(Array.from({ length: Math.min(CONNECTIONS, count - held) }, one));
  }
}
