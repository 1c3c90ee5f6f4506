/**
 * One message for many: a set of WebSockets, to which what is published goes at once. Users make it; it makes a
 * `SharedMessage` of each message and gives it to the connections, and waits for none of them.
 *
 * @module
 */

import { checkOneOf, checkOptions, type Kinds, wrongType } from "../bytes/arguments.ts";
import { fixedBytes } from "../bytes/fixed_bytes.ts";
import { accepted } from "../duplex/held_channel.ts";
import { sendShared, WebSocketConnection } from "./connection.ts";
import { TRY_AGAIN_LATER } from "./machine/close_code.ts";
import { MessageQueue } from "./message_queue.ts";
import { kindOf, type MessageOptions, type OutgoingMessage, plainOf } from "./outgoing_message.ts";
import { SharedMessage } from "./shared_message.ts";

/** What becomes of a message for a receiver for whom too much waits already. */
export type WhenFull = "drop-newest" | "drop-oldest" | "close";

/** What a topic can be told. */
export interface TopicOptions {
  /** How many bytes of messages may wait for one receiver that reads slowly. 1,048,576. */
  readonly maxWaitingBytes?: number | undefined;
  /**
   * What becomes of a message when so many wait: `"drop-newest"`, the default, leaves out this one, `"drop-oldest"` those
   * that have waited longest and are not on their way yet, and `"close"` closes the WebSocket with 1013.
   */
  readonly whenFull?: WhenFull | undefined;
}

/** How a message is published. */
export interface PublishOptions extends MessageOptions {
  /** Who does not get it: its author, for example. */
  readonly except?: WebSocketConnection | undefined;
}

const TOPIC: Kinds<TopicOptions> = {
  maxWaitingBytes: "number",
  whenFull: (value, name) => checkOneOf(value, name, ["drop-newest", "drop-oldest", "close"]),
};

const PUBLISH: Kinds<PublishOptions> = { kind: "any", except: "object" };

const encoder = new TextEncoder();

/** What waits for a member that is behind. */
type Backlog = MessageQueue<SharedMessage>;

/**
 * A set of WebSockets that get the same messages. A message is encoded, framed and compressed once, whoever it goes to; each
 * receiver takes it as fast as it can, and none waits for another one.
 *
 * A connection leaves by itself when it has ended. What is written to it directly keeps its place among what is published,
 * but for `"drop-oldest"`, where published messages wait apart while it is behind.
 *
 * @example
 * ```ts
 * import { duplexPair, webSocketOver } from "@http-upgrade/http-upgrade";
 * import { Topic } from "@http-upgrade/http-upgrade/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * const [near, far] = duplexPair();
 * const client = webSocketOver(near, { role: "client" });
 * const news = new Topic({ whenFull: "drop-oldest" });
 * news.add(webSocketOver(far, { role: "server" }));
 * assertEquals(news.publish("hello"), 1);
 * assertEquals(await client.read(), "hello");
 * near.abort();
 * ```
 */
export class Topic {
  readonly #maxWaitingBytes: number;
  readonly #whenFull: WhenFull;
  readonly #members: Map<WebSocketConnection, Backlog | null> = new Map();
  /** What still waits for those that were taken out while they were behind: who comes back waits behind it. */
  readonly #left: WeakMap<WebSocketConnection, Backlog> = new WeakMap();
  #dropped = 0;

  /**
   * Makes one without members.
   *
   * @param options How much may wait for a member, and what becomes of more.
   * @throws {TypeError} An option is of another kind.
   * @throws {RangeError} `maxWaitingBytes` is below 0 or NaN.
   */
  constructor(options: TopicOptions = {}) {
    checkOptions(options, TOPIC);
    this.#maxWaitingBytes = options.maxWaitingBytes ?? 1_048_576;
    this.#whenFull = options.whenFull ?? "drop-newest";
  }

  /** How many members there are. */
  get size(): number {
    return this.#members.size;
  }

  /** How many times a member was left out because it was behind. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Adds a WebSocket, of either end. Without effect if it is a member, or has ended.
   *
   * @throws {TypeError} It is none.
   */
  add(connection: WebSocketConnection): this {
    checkConnection(connection);
    if (this.#members.has(connection) || connection.state === "closed") return this;
    this.#members.set(connection, this.#left.get(connection) ?? null);
    topicsOf(connection).add(this);
    return this;
  }

  /** Whether it is a member. */
  has(connection: WebSocketConnection): boolean {
    return this.#members.has(connection);
  }

  /** Takes a WebSocket out; it stays open. What is on its way still arrives. Whether it was a member. */
  delete(connection: WebSocketConnection): boolean {
    const backlog = this.#members.get(connection) ?? null;
    if (backlog !== null) this.#left.set(connection, backlog);
    joined.get(connection)?.delete(this);
    return this.#members.delete(connection);
  }

  /**
   * Sends a message to all members. Returns at once, and never fails because of one of them.
   *
   * @param message Text, or bytes, which must not change any more.
   * @param options Whether bytes are text, and who does not get it.
   * @throws {TypeError} It is neither, or an option is of another kind.
   * @returns For how many it is on its way.
   */
  publish(message: OutgoingMessage, options: PublishOptions = {}): number {
    checkOptions(options, PUBLISH);
    const kind = kindOf(message, options);
    const plain = plainOf(message);
    const shared = new SharedMessage(kind, typeof plain === "string" ? encoder.encode(plain) : fixedBytes(plain));
    let taken = 0;
    for (const [connection, backlog] of this.#members) {
      if (connection === options.except || connection.state !== "open") continue;
      if (this.#give(connection, backlog, shared)) taken++;
    }
    return taken;
  }

  #give(connection: WebSocketConnection, backlog: Backlog | null, message: SharedMessage): boolean {
    if (backlog !== null) return this.#keep(backlog, message);
    if (this.#whenFull !== "drop-oldest" && connection.bufferedAmount > this.#maxWaitingBytes) {
      this.#leaveOut(connection);
      return false;
    }
    const written = sendShared(connection, message);
    if (this.#whenFull === "drop-oldest" && written !== accepted) this.#begin(connection, written);
    return true;
  }

  #leaveOut(connection: WebSocketConnection): void {
    this.#dropped++;
    if (this.#whenFull !== "close") return;
    this.delete(connection);
    void connection.close({ closeCode: TRY_AGAIN_LATER, reason: "Too much waits; come back" });
  }

  /** A message waits for those before it; the oldest make room for it. Whether it does: one that is too long by itself is dropped. */
  #keep(backlog: Backlog, message: SharedMessage): boolean {
    backlog.push(message);
    while (backlog.bytes > this.#maxWaitingBytes && backlog.shift() !== undefined) this.#dropped++;
    return !backlog.empty;
  }

  /** What is published to it from now on waits here, until the transport has taken what it got. */
  async #begin(connection: WebSocketConnection, written: Promise<void>): Promise<void> {
    const backlog: Backlog = new MessageQueue();
    this.#members.set(connection, backlog);
    try {
      await written;
      for (let next = backlog.shift(); next !== undefined; next = backlog.shift()) await sendShared(connection, next);
      this.#left.delete(connection);
      if (this.#members.has(connection)) this.#members.set(connection, null);
    } catch {
      this.delete(connection); // it is over
    }
  }
}

/** Where each connection is a member. One handler of its end is for all: it would keep those that it left as well. */
const joined: WeakMap<WebSocketConnection, Set<Topic>> = new WeakMap();

function topicsOf(connection: WebSocketConnection): Set<Topic> {
  let topics = joined.get(connection);
  if (topics === undefined) {
    joined.set(connection, topics = new Set());
    void connection.closed.then(() => topics!.forEach((topic) => topic.delete(connection)));
  }
  return topics;
}

function checkConnection(connection: WebSocketConnection): void {
  if (!(connection instanceof WebSocketConnection)) throw wrongType("connection", "a WebSocketConnection", connection);
}
