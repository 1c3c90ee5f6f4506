/**
 * Handshakes: connect, ask to switch, echo 16 bytes, end, and over again.
 *
 * @module
 */

import { CONNECTIONS, type Load } from "./load.ts";
import { isAgreement, type Preface, prefaceRequest } from "./preface.ts";
import { type Client, type ClientHandlers, open } from "./socket.ts";

const message = new TextEncoder().encode("sixteen bytes...");

/** Begins to shake hands. */
export function handshakes(port: number, preface: Preface): Load {
  let count = 0;
  let stopped = false;
  let open_ = 0;
  let allClosed: () => void = () => {};
  const request = prefaceRequest(preface)!;
  const next = (): void => {
    open_++;
    let agreed = false;
    const handlers: ClientHandlers = {
      opened: (client) => client.write(request),
      received(client, bytes) {
        if (!agreed) {
          agreed = isAgreement(bytes);
          client.write(message);
        } else if (bytes.length === message.length) {
          client.end();
        } else {
          throw new Error(`Cannot count on an echo of ${bytes.length} bytes`);
        }
      },
      closed() {
        open_--;
        count++;
        if (!stopped) next();
        else if (open_ === 0) allClosed();
      },
    };
    open(port, handlers);
  };
  for (let i = 0; i < CONNECTIONS; i++) next();
  return {
    count: () => count,
    stop() {
      stopped = true;
      return new Promise((resolve) => allClosed = resolve);
    },
  };
}

/** Opens connections that have switched and stay so, and resolves when all are there. */
export function held(port: number, preface: Preface, count: number): Promise<Load> {
  const request = prefaceRequest(preface)!;
  const clients: Client[] = [];
  let agreed = 0;
  return new Promise((resolve) => {
    const next = (): void => {
      clients.push(open(port, {
        opened: (client) => client.write(request),
        received(_client, bytes) {
          isAgreement(bytes);
          agreed++;
          if (clients.length < count) next();
          else if (agreed === count) resolve({ count: () => agreed, stop });
        },
      }));
    };
    const stop = async (): Promise<void> => {
      for (const client of clients) client.cut();
    };
    for (let i = 0; i < Math.min(CONNECTIONS, count); i++) next();
  });
}
