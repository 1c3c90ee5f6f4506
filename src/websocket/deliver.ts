/**
 * Gives messages to a function, one after the other. `WebSocketConnection` calls it for a `WebSocket` that has events.
 *
 * No promise is resolved with a message here: one that has waited for long keeps what it was given, also when it is garbage itself,
 * until the engine searches all of its memory. An `async` function that awaits keeps what it had before.
 *
 * @module
 */

import { keepSettlers, lastResolve, type Settle } from "../duplex/deferred.ts";
import { accepted } from "../duplex/held_channel.ts";
import { Lull } from "../duplex/soon.ts";
import type { Message, TakeMessage } from "./message_inbox.ts";
import type { MessageReceiver } from "./message_receiver.ts";

/**
 * Takes all messages from the receiver, which must have no other reader, and `null` behind the last one. What waits for this moment, or
 * for a message, goes on before the next message is given.
 *
 * Where a message has to be waited for, a promise tells that it has come: so `take` runs in the async context of this call, and
 * never within a call of the transport.
 */
export function deliver(receiver: MessageReceiver, take: TakeMessage): void {
  let came: Message | null = null;
  let wake: Settle<void> | null = null;
  const give = (): void => {
    const message = came;
    came = null; // these functions live as long as the connection
    take(message);
    if (message !== null) void accepted.then(next);
  };
  const onMessage = (message: Message | null): void => {
    came = message;
    wake?.();
    wake = null;
  };
  const next = (): void => {
    if (receiver.readTo(onMessage)) return give();
    const told = new Promise<void>(keepSettlers);
    wake = lastResolve as Settle<void>;
    void told.then(give);
  };
  new Lull(() => true, next).begin();
}
