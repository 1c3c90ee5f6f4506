/**
 * Handshakes: connect, ask to switch, echo 16 bytes, end, and over again.
 *
 * @module
 */

import { CONNECTIONS, type Load } from "./load.ts";
import { isAgreement, type Preface, prefaceRequest } from "./preface.ts";
import { open } from "./socket.ts";

const message = new TextEncoder().encode("sixteen bytes...");

/** Begins to shake hands. */
export function handshakes(port: number, preface: Preface): Load {
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
            if (bytes.length !== message.length) throw new Error(`Cannot count on an echo of ${bytes.length} bytes`);
            return client.end();
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

/** Opens connections that have switched and stay so for as long as this process lives. */
export async function hold(port: number, preface: Preface, count: number): Promise<void> {
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
