/**
 * A room: who is in it, what was said, and how its members are told.
 *
 * @module
 */

import type { WebSocketConnection } from "../../../mod.ts";
import { Topic } from "../../../src/websocket/mod.ts";

/** Something that was said. */
export interface Said {
  readonly type: "said";
  readonly name: string;
  readonly text: string;
  /** In milliseconds since 1970. */
  readonly at: number;
}

/** What members are told, as JSON. What they say themselves is plain text. */
export type RoomEvent =
  | Said
  | {
    /** The first thing a member hears. */
    readonly type: "welcome";
    /** The member's own name: the one it wanted, or one like it. */
    readonly you: string;
    /** Who is there, the member included. */
    readonly members: readonly string[];
    /** What was said lately. */
    readonly history: readonly Said[];
  }
  | {
    readonly type: "joined" | "left";
    readonly name: string;
  };

/** What a room keeps. */
export interface RoomLimits {
  /** How many messages a newcomer is told. */
  readonly historyLength: number;
  /** How much may wait for a member that reads slowly; with more it has to leave. Above that of the whole history. */
  readonly maxBacklogBytes: number;
}

/** See the module. */
export class Room {
  readonly #limits: RoomLimits;
  readonly #members: Map<string, WebSocketConnection> = new Map();
  /** Tells all members, and waits for none: those that cannot keep up have to leave. */
  readonly #all: Topic;
  readonly #history: Said[] = [];

  constructor(limits: RoomLimits) {
    this.#limits = limits;
    this.#all = new Topic({ maxWaitingBytes: limits.maxBacklogBytes, whenFull: "close" });
  }

  /** Whether nobody is in it. */
  get empty(): boolean {
    return this.#members.size === 0;
  }

  /** Lets somebody in; resolves when that WebSocket has ended, however it did. */
  async attend(wantedName: string, socket: WebSocketConnection): Promise<void> {
    const name = this.#freeName(wantedName);
    this.#tell({ type: "joined", name });
    this.#members.set(name, socket);
    this.#all.add(socket);
    const members = [...this.#members.keys()];
    socket.write(JSON.stringify({ type: "welcome", you: name, members, history: this.#history } satisfies RoomEvent));
    try {
      for await (const message of socket) {
        if (typeof message === "string") this.#say(name, socket, message);
        else this.#dismiss(name, socket);
      }
    } catch {
      // The connection was lost, or the peer broke the protocol and was told so.
    } finally {
      this.#leave(name, socket);
    }
  }

  #say(name: string, socket: WebSocketConnection, text: string): void {
    if (this.#members.get(name) !== socket || text.trim() === "") return;
    const said: Said = { type: "said", name, text, at: Date.now() };
    this.#history.push(said);
    if (this.#history.length > this.#limits.historyLength) this.#history.shift();
    this.#tell(said);
  }

  #tell(event: RoomEvent): void {
    this.#all.publish(JSON.stringify(event));
    for (const [name, socket] of this.#members) if (!this.#all.has(socket)) this.#leave(name, socket);
  }

  /** What waits for the member is still sent, if it reads that within the `closeTimeoutMs`. */
  #dismiss(name: string, socket: WebSocketConnection): void {
    socket.close({ closeCode: 1003, reason: "This room understands text" });
    this.#leave(name, socket);
  }

  #leave(name: string, socket: WebSocketConnection): void {
    if (this.#members.get(name) !== socket) return;
    this.#members.delete(name);
    this.#all.delete(socket);
    this.#tell({ type: "left", name });
  }

  #freeName(wanted: string): string {
    let name = wanted;
    for (let n = 2; this.#members.has(name); n++) name = `${wanted} ${n}`;
    return name;
  }
}
