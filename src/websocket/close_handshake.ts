/**
 * How a WebSocket ends: by the close handshake (RFC 6455 §7), or by any way around it. One phase says where it stands, and one table
 * what may follow. `WebSocketConnection` tells what has happened; it sends our Close frame, ends the transport and says how it ended.
 *
 * @module
 */

import { checkObject } from "../bytes/arguments.ts";
import { Deadline } from "../duplex/clock.ts";
import { Deferred } from "../duplex/deferred.ts";
import { linger, lingerBehindPeer } from "../duplex/linger.ts";
import type { Wire } from "../duplex/wire.ts";
import { StateError } from "../errors/state_error.ts";
import { TransportError } from "../errors/transport_error.ts";
import type { FrameOutlet } from "./frame_outlet.ts";
import { ABNORMAL_CLOSURE, type CloseInfo, NORMAL_CLOSURE } from "./machine/close_code.ts";
import { checkClose, echoOf } from "./machine/close_frame.ts";
import type { Role } from "./machine/frame.ts";
import type { WebSocketMachine } from "./machine/web_socket_machine.ts";
import type { MessageReceiver } from "./message_receiver.ts";
import type { MessageSender } from "./message_sender.ts";
import type { WebSocketSettings } from "./options.ts";

/** How a WebSocket ended. */
export interface WebSocketClosed extends CloseInfo {
  /** Whether both ends have closed it, as they should. */
  readonly wasClean: boolean;
  /** What went wrong: a `WebSocketProtocolError`, a `TransportError`, or the reason of `abort()`. */
  readonly error?: unknown;
}

/** How a WebSocket is to be closed. */
export interface CloseOptions {
  /** 1000–1003, 1007–1014, or 3000–4999 for purposes of one's own. 1000 if there is a reason; else none is sent. */
  readonly closeCode?: number | undefined;
  /** At most 123 bytes of UTF-8. */
  readonly reason?: string | undefined;
}

/**
 * What the Close frame is to say.
 *
 * @throws {TypeError} The code is no number, or the reason no text.
 * @throws {RangeError} The code may not be sent, or the reason is too long.
 */
export function closeRequest(options: CloseOptions): { readonly closeCode: number | null; readonly reason: string } {
  checkObject(options, "options");
  const { reason = "" } = options;
  const closeCode = options.closeCode ?? (reason === "" ? null : NORMAL_CLOSURE);
  checkClose(closeCode, reason);
  return { closeCode, reason };
}

/** Where a WebSocket stands that was open. */
export type WebSocketState = "open" | "closing" | "closed";

/** The same, and what is known then. */
type Phase =
  | { readonly type: "open" }
  /** Our Close frame was sent or waits for its turn; the peer's has not come. */
  | { readonly type: "closing" }
  /** The peer's Close frame has come; ours follows, then the transport ends. */
  | { readonly type: "answering"; readonly peer: CloseInfo }
  /** Something is wrong at one end: the peer is told why, then the transport ends. */
  | { readonly type: "failing"; readonly outcome: WebSocketClosed }
  | { readonly type: "closed" };

/** What most are in: they share it. */
const OPEN: Phase = { type: "open" };

/** What may follow what. */
const NEXT: { readonly [From in Phase["type"]]: readonly Phase["type"][] } = {
  open: ["closing", "answering", "failing", "closed"],
  closing: ["answering", "failing", "closed"],
  answering: ["closed"],
  failing: ["closed"],
  closed: [],
};

/** How long the peer may take to end the connection below once the WebSocket is closed. As Chromium. */
const TCP_CLOSE_TIMEOUT_MS = 2000;

/** What ends together. */
export interface ClosingParts {
  /** Which end this is. */
  readonly role: Role;
  /** Time limits. */
  readonly settings: WebSocketSettings;
  /** The transport. */
  readonly wire: Wire;
  /** Makes the Close frame. */
  readonly machine: WebSocketMachine;
  /** Is told that nothing comes any more. */
  readonly receiver: MessageReceiver;
  /** Finds the place of the Close frame between messages. */
  readonly sender: MessageSender;
  /** Sends it. */
  readonly outlet: FrameOutlet;
  /** The WebSocket is closing: its peer is not asked any more whether it is there. */
  onClosing(): void;
  /** The WebSocket is closed, and why. */
  onClosed(why: unknown): void;
}

/** Closes a WebSocket. */
export class CloseHandshake {
  readonly #parts: ClosingParts;
  /** Made when it is asked for. */
  #closed: Deferred<WebSocketClosed> | null = null;
  #outcome: WebSocketClosed | null = null;
  #deadline: Deadline | null = null;
  #phase: Phase = OPEN;

  /** Nothing has happened yet. */
  constructor(parts: ClosingParts) {
    this.#parts = parts;
  }

  /** Where it stands. */
  get state(): WebSocketState {
    const { type } = this.#phase;
    return type === "open" || type === "closed" ? type : "closing";
  }

  /** How it ended. Never rejects. */
  get closed(): Promise<WebSocketClosed> {
    if (this.#closed !== null) return this.#closed.promise;
    const closed = this.#closed = new Deferred<WebSocketClosed>();
    if (this.#outcome !== null) closed.resolve(this.#outcome);
    return closed.promise;
  }

  /** This end closes. The peer's messages are read on, until its Close frame. */
  close(closeCode: number | null, reason: string): void {
    if (!this.#enter({ type: "closing" })) return;
    const { receiver, sender, machine, settings } = this.#parts;
    receiver.mayWait(settings.maxMessageBytes);
    void sender.between(() => machine.close(closeCode, reason));
  }

  /** The peer's Close frame has come. */
  answer({ closeCode, reason }: CloseInfo): void {
    if (!this.#enter({ type: "answering", peer: { closeCode, reason } })) return;
    const { receiver, sender, machine } = this.#parts;
    receiver.end("ended");
    const finish = (): Promise<void> => this.#finish({ closeCode, reason, wasClean: true });
    sender.between(() => machine.close(echoOf(closeCode))).then(finish, finish);
  }

  /** The peer is told why, then both directions are ended. */
  fail(closeCode: number, error: unknown): void {
    const outcome = { closeCode: ABNORMAL_CLOSURE, reason: "", wasClean: false, error };
    if (!this.#enter({ type: "failing", outcome })) return;
    this.#parts.receiver.end({ error });
    this.#parts.machine.close(closeCode);
    void this.#finish(outcome);
  }

  /** Both directions end at once. */
  lose(error: unknown): void {
    const phase = this.#phase;
    if (phase.type === "closed") return;
    const { wire, receiver, machine } = this.#parts;
    wire.abort(error);
    receiver.end({ error });
    if (phase.type === "failing") this.#settle(phase.outcome);
    else if (phase.type === "answering") this.#settle({ ...phase.peer, wasClean: machine.closeSent });
    else this.#settle({ closeCode: ABNORMAL_CLOSURE, reason: "", wasClean: false, error });
  }

  /** From now on the peer has `closeTimeoutMs` for its part. Nothing is waited for once it is closed. */
  limit(): void {
    if (this.#phase.type === "closed") return;
    const { settings } = this.#parts;
    this.#parts.onClosing();
    this.#deadline ??= new Deadline(settings.clock);
    this.#deadline.set(settings.closeTimeoutMs, () => {
      this.lose(new TransportError("timeout", "The peer did not close the WebSocket in time"));
    });
  }

  #enter(phase: Phase): boolean {
    if (!NEXT[this.#phase.type].includes(phase.type)) return false;
    this.#phase = phase;
    if (phase.type !== "closed") this.limit();
    return true;
  }

  /** Servers end the connection first (RFC 6455 §7.1.1), clients wait for that, for a limited time. */
  async #finish(outcome: WebSocketClosed): Promise<void> {
    const { role, wire, outlet, settings: { clock, closeTimeoutMs } } = this.#parts;
    await outlet.flush().catch(() => {});
    const end = { clock, closeTimeoutMs: TCP_CLOSE_TIMEOUT_MS, writeTimeoutMs: closeTimeoutMs };
    if (role === "client" && outcome.wasClean) await lingerBehindPeer(wire, end);
    else await linger(wire, end);
    this.#settle(outcome);
  }

  #settle(outcome: WebSocketClosed): void {
    if (!this.#enter({ type: "closed" })) return;
    this.#deadline?.stop();
    const why = outcome.error ?? closed();
    this.#parts.sender.end(why);
    this.#parts.onClosed(why);
    this.#outcome = outcome;
    this.#closed?.resolve(outcome);
  }
}

/** Why nothing can be done with a WebSocket that was closed as it should. */
export function closed(): StateError {
  return new StateError("closed", "The WebSocket was closed");
}
