/**
 * The messages that wait to be taken, and the memory they hold. `MessageInbox` has one.
 *
 * @module
 */

/** What a message takes that is empty. */
const MESSAGE_BYTES = 64;
/** So many places of messages that were taken are kept at least. */
const SPENT = 1024;

/** Keeps messages in order. A peer may fill it with short ones: each call takes the same time however many wait. */
export class MessageQueue<Message extends { readonly length: number }> {
  /** How much memory those that wait take, roughly. Only this class writes it. */
  bytes = 0;
  #messages: (Message | undefined)[] = [];
  #first = 0;

  /** Whether none waits. */
  get empty(): boolean {
    return this.#first === this.#messages.length;
  }

  /** Adds one at the end. */
  push(message: Message): void {
    this.#messages.push(message);
    this.bytes += message.length + MESSAGE_BYTES;
  }

  /** Takes the one that waits longest, `undefined` if none does. */
  shift(): Message | undefined {
    const message = this.#messages[this.#first];
    if (message === undefined) return undefined;
    this.#messages[this.#first++] = undefined;
    this.bytes -= message.length + MESSAGE_BYTES;
    if (this.empty) this.clear();
    else if (this.#first > SPENT && this.#first * 2 > this.#messages.length) this.#compact();
    return message;
  }

  #compact(): void {
    this.#messages = this.#messages.slice(this.#first);
    this.#first = 0;
  }

  /** Forgets all. */
  clear(): void {
    this.#messages.length = this.#first = this.bytes = 0;
  }
}
