/**
 * The messages that have come, for one reader: they wait to be read, or the reader waits for them, until the end or an error is
 * behind the last one. `MessageReceiver` fills it.
 *
 * @module
 */

import { keepSettlers, lastResolve, type Settle, unattended } from "../duplex/deferred.ts";
import { StateError } from "../errors/state_error.ts";
import { MessageQueue } from "./message_queue.ts";

/** A message: text, or bytes that are the receiver's; of the class `TextBytes` if they are text that was asked for as bytes. */
export type Message = string | Uint8Array;

/** What is behind the last message. */
export type Outcome = { readonly error: unknown } | "ended";

/** Is given a message, or `null` behind the last one. */
export type TakeMessage = (message: Message | null) => void;

/** A read that fails resolves with a promise that is rejected: an idle connection keeps one function less. */
type Answer = Message | null | Promise<never>;

/** Holds the messages that were not read yet. */
export class MessageInbox {
  /** Whether the reader has a message; set to false when it has come back for the next one. */
  taken = false;
  /** So many bytes of messages may wait. */
  mayWaitBytes = 0;
  /** Made for the first message that nobody waits for. */
  #waiting: MessageQueue<Message> | null = null;
  #discarding = false;
  #awaited: Promise<Message | null> | null = null;
  #resolve: Settle<Answer> | null = null;
  #outcome: Outcome | null = null;

  /** Whether no message waits. */
  get empty(): boolean {
    return this.#waiting === null || this.#waiting.empty;
  }

  /** Whether another message may be added: one, and as much as {@linkcode mayWaitBytes}. */
  get hasRoom(): boolean {
    const waiting = this.#waiting;
    return waiting === null || waiting.empty || waiting.bytes < this.mayWaitBytes;
  }

  /** Whether the reader waits for a message. */
  get awaited(): boolean {
    return this.#resolve !== null;
  }

  /** The next message, `null` after the last one. One call at a time. A rejection needs no handler. */
  read(): Promise<Message | null> {
    if (this.awaited) return unattended(Promise.reject(new StateError("busy", "Cannot read: a read is pending")));
    const message = this.#waiting?.shift();
    this.taken = message !== undefined;
    if (message !== undefined) return Promise.resolve(message);
    if (this.#outcome === null) return this.#await();
    return this.#outcome === "ended" ? Promise.resolve(null) : unattended(Promise.reject(this.#outcome.error));
  }

  /** The same for one who needs no promise: it may be called at once. Why nothing more comes is not told. */
  readTo(take: TakeMessage): void {
    const message = this.#waiting?.shift();
    this.taken = message !== undefined;
    if (message !== undefined) take(message);
    else if (this.#outcome !== null) take(null);
    else this.#resolve = take as Settle<Answer>;
  }

  #await(): Promise<Message | null> {
    this.#awaited = new Promise(keepSettlers);
    this.#resolve = lastResolve as Settle<Answer>;
    return this.#awaited;
  }

  /** Gives a message to the reader, or keeps it. */
  add(message: Message): void {
    if (this.#discarding) return;
    const resolve = this.#resolve;
    if (resolve === null) return (this.#waiting ??= new MessageQueue()).push(message);
    this.#resolve = this.#awaited = null;
    this.taken = true;
    resolve(message);
  }

  /** Drops all messages, also those to come. */
  discard(): void {
    this.#discarding = true;
    this.#waiting = null;
  }

  /**
   * No message will be added.
   *
   * @returns Whether that was not said before.
   */
  end(outcome: Outcome): boolean {
    if (this.#outcome !== null) return false;
    this.#outcome = outcome;
    if (this.#awaited !== null) unattended(this.#awaited);
    if (outcome === "ended" || this.#awaited === null) this.#resolve?.(null);
    else this.#resolve?.(Promise.reject(outcome.error));
    this.#resolve = this.#awaited = null;
    return true;
  }
}
