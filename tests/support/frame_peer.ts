/**
 * A WebSocket of ours whose peer is the test itself, frame by frame.
 *
 * @module
 */

import { duplexPair, type DuplexPairOptions, type PairEnd } from "../../src/duplex/pair.ts";
import type { Role } from "../../src/websocket/machine/frame.ts";
import type { WebSocketConnection } from "../../src/websocket/connection.ts";
import { type OverOptions, webSocketOver } from "../../src/websocket/over.ts";
import { closePayload, type FrameInit, frameText, OPCODES, type ParsedFrame, parseFrame, toward } from "./frames.ts";
import { joined } from "./switching.ts";
import { FakeClock, turns } from "./wire.ts";

/** What a peer needs of its end. */
export interface RawEnd {
  read(): Promise<Uint8Array | null>;
  write(bytes: Uint8Array): Promise<void>;
  closeWrite(): Promise<void>;
}

/** The peer: reads only what it is asked to read. */
export class FramePeer<End extends RawEnd = RawEnd> {
  /** The peer's end of the transport. */
  readonly end: End;
  readonly #role: Role;
  #rest: Uint8Array = new Uint8Array(0);

  /**
   * @param end The peer's end.
   * @param role That of the WebSocket under test.
   */
  constructor(end: End, role: Role) {
    this.end = end;
    this.#role = role;
  }

  /** Sends frames in one write, masked if the peer is the client. */
  send(...frames: readonly FrameInit[]): Promise<void> {
    return this.end.write(joined(...frames.map((init) => toward(this.#role, init))));
  }

  /** Sends a text. */
  text(payload: string): Promise<void> {
    return this.send({ opcode: OPCODES.text, payload });
  }

  /** Sends a Close frame. */
  close(code: number, reason = ""): Promise<void> {
    return this.send({ opcode: OPCODES.close, payload: closePayload(code, reason) });
  }

  /** The next frame; `null` at the end. */
  async frame(): Promise<ParsedFrame | null> {
    while (true) {
      const parsed = parseFrame(this.#rest);
      if (parsed !== null) {
        this.#rest = parsed.rest;
        if ((parsed.frame.key !== null) !== (this.#role === "client")) throw new Error("The frame is masked wrongly");
        return parsed.frame;
      }
      const chunk = await this.end.read();
      if (chunk === null) {
        if (this.#rest.length > 0) throw new Error("The peer ended in the middle of a frame");
        return null;
      }
      this.#rest = joined(this.#rest, chunk);
    }
  }

  /** The next frame as a short text; `end` at the end, `cut` if the connection was aborted. */
  async next(): Promise<string> {
    try {
      const frame = await this.frame();
      return frame === null ? "end" : frameText(frame).trimEnd();
    } catch (error) {
      if ((error as { code?: unknown }).code === undefined) throw error;
      return "cut";
    }
  }

  /** All frames from here to the end, or the cut. */
  async all(): Promise<string[]> {
    const frames: string[] = [];
    do frames.push(await this.next()); while (frames.at(-1) !== "end" && frames.at(-1) !== "cut");
    return frames;
  }
}

/** A WebSocket and its peer. */
export interface WithPeer {
  readonly io: WebSocketConnection;
  readonly peer: FramePeer<PairEnd>;
  readonly clock: FakeClock;
}

/** Opens one, with a clock that stands still. */
export function withPeer(role: Role, options: Partial<OverOptions> = {}, pair: DuplexPairOptions = {}): WithPeer {
  const [near, far] = duplexPair(pair);
  const clock = new FakeClock();
  const io = webSocketOver(near, { role, clock, ...options });
  return { io, peer: new FramePeer(far, role), clock };
}

/** Two ends of ours. */
export function bothEnds(
  options: Partial<OverOptions> = {},
  pair: DuplexPairOptions = {},
): { client: WebSocketConnection; server: WebSocketConnection; clock: FakeClock } {
  const [near, far] = duplexPair(pair);
  const clock = new FakeClock();
  const client = webSocketOver(near, { clock, ...options, role: "client" });
  return { client, server: webSocketOver(far, { clock, ...options, role: "server" }), clock };
}

/** Plays the rest of an orderly end: the peer answers a Close, and both sides of the transport end. */
export async function partWith({ io, peer, clock }: WithPeer): Promise<void> {
  void io.close();
  while (!/^(?:close|end|cut)/.test(await peer.next()));
  await peer.close(1000).catch(() => {});
  await peer.end.closeWrite();
  void peer.all();
  for (let i = 0; i < 4; i++) await clock.advance(2000);
  await io.closed;
  await turns();
}

/** All messages to the end; texts as they are. */
export async function allMessages(io: Pick<WebSocketConnection, "read">): Promise<(string | Uint8Array)[]> {
  const messages: (string | Uint8Array)[] = [];
  for (let message = await io.read(); message !== null; message = await io.read()) messages.push(message);
  return messages;
}
