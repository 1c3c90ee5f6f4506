/**
 * Gives messages to a function, one after the other. `WebSocketConnection` calls it for a `WebSocket` that has events.
 *
 * No promise is resolved with a message here: one that has waited for long keeps what it was given, also when it is garbage itself,
 * until the engine searches all of its memory. An `async` function that awaits keeps what it had before.
 *
 * @module
 */

import { accepted } from "../duplex/held_channel.ts";
import { Lull } from "../duplex/soon.ts";
import type { Message, TakeMessage } from "./message_inbox.ts";
import type { MessageReceiver } from "./message_receiver.ts";

/**
 * Takes all messages from the receiver, which must have no other reader, and `null` behind the last one. What waits for this moment, or
 * for a message, goes on before the next message is given.
 */
export function deliver(receiver: MessageReceiver, take: TakeMessage): void {
  const give = (message: Message | null): void => {
    take(message);
    if (message !== null) void accepted.then(next);
  };
  const next = (): void => receiver.readTo(give);
  new Lull(() => true, next).begin();
}
