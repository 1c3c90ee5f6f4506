/**
 * What one WebSocket is made of, and what its parts tell each other. `WebSocketConnection` has one and gives its user what the parts
 * can do; the parts call each other through it. An idle connection costs no function of its own that way.
 *
 * ```text
 *  transport ─▶ MessageReceiver ─▶ read()                       ┐
 *                  │ ping, pong, close ─▶ Pings, CloseHandshake ├ one WebSocketMachine between them
 *  transport ◀─ FrameOutlet ◀─ MessageSender ◀─ write()         ┘
 * ```
 *
 * @module
 */

import type { Wire } from "../duplex/wire.ts";
import { TransportError } from "../errors/transport_error.ts";
import { WebSocketProtocolError } from "../errors/web_socket_protocol_error.ts";
import type { PoliteProtocol } from "../http1/close_politely.ts";
import { closed, CloseHandshake, type ClosingParts, type WebSocketState } from "./close_handshake.ts";
import { codec } from "./coding.ts";
import { Compression, directionsOf, Inflation } from "./compression.ts";
import { FrameOutlet, type OutletEvents } from "./frame_outlet.ts";
import { Heartbeat, type HeartbeatActions } from "./heartbeat.ts";
import { GOING_AWAY } from "./machine/close_code.ts";
import type { Role } from "./machine/frame.ts";
import type { DeflateAgreement, DeflateOptions } from "./machine/permessage_deflate.ts";
import { WebSocketMachine } from "./machine/web_socket_machine.ts";
import { maskingKey } from "./masking_keys.ts";
import { type ControlEvent, MessageReceiver, type ReceiverEvents } from "./message_receiver.ts";
import { MessageSender } from "./message_sender.ts";
import type { WebSocketSettings } from "./options.ts";
import { Pings } from "./pings.ts";
import { prepareDeflate } from "./platform.ts";

/** What holds for a connection. */
export interface WebSocketAgreement {
  /** Which end this is. */
  readonly role: Role;
  /** What was agreed on. */
  readonly protocol: string;
  /** What was agreed on, as the field says it. */
  readonly extensions: string;
  /** What was agreed on, as it is meant. */
  readonly deflate: DeflateAgreement | null;
  /** Threshold and level. */
  readonly deflateOptions: DeflateOptions;
  /** Limits. */
  readonly settings: WebSocketSettings;
}

/** What a Ping carries whose Pong is not waited for. */
const UNASKED = new Uint8Array(0);

/** The parts of one WebSocket. */
export class WebSocketParts implements ReceiverEvents, OutletEvents, ClosingParts, HeartbeatActions, PoliteProtocol {
  readonly role: Role;
  readonly settings: WebSocketSettings;
  readonly wire: Wire;
  readonly machine: WebSocketMachine;
  readonly outlet: FrameOutlet;
  readonly sender: MessageSender;
  readonly receiver: MessageReceiver;
  readonly #compression: Compression | null = null;
  readonly #inflation: Inflation | null = null;
  readonly #heartbeat: Heartbeat | null;
  #pings: Pings | null = null;
  #closing: CloseHandshake | null = null;

  /**
   * Makes the parts; nothing is read before `start()`.
   *
   * @param wire The transport.
   * @param agreed What holds.
   */
  constructor(wire: Wire, agreed: WebSocketAgreement) {
    const { role, settings, deflate } = agreed;
    this.role = role;
    this.settings = settings;
    this.wire = wire;
    const machine = this.machine = machineFor(agreed);
    if (deflate !== null) {
      prepareDeflate();
      const directions = directionsOf(deflate, role);
      this.#compression = new Compression(directions.out, agreed.deflateOptions);
      this.#inflation = new Inflation(directions.in, settings.maxMessageBytes);
    }
    this.outlet = new FrameOutlet(machine, wire, this);
    this.sender = new MessageSender(machine, this.outlet, this.#compression);
    this.receiver = new MessageReceiver(machine, wire, this.#inflation, this, settings.text);
    this.#heartbeat = Heartbeat.of(settings, this);
  }

  /**
   * Begins to read.
   *
   * @param readBuf What was read from the transport already.
   */
  start(readBuf: Uint8Array | undefined): void {
    if (readBuf !== undefined) this.machine.receive(readBuf);
    this.receiver.pump();
  }

  /** Where it stands. */
  get state(): WebSocketState {
    return this.#closing === null ? "open" : this.#closing.state;
  }

  /** How it ends. Made when it does, or is asked for. */
  get closing(): CloseHandshake {
    return this.#closing ??= new CloseHandshake(this);
  }

  /** The Pings that wait for their Pongs. Made for the first one. */
  get pings(): Pings {
    return this.#pings ??= new Pings();
  }

  /**
   * Sends a Ping.
   *
   * @throws {StateError} `closed`.
   */
  ping(payload: Uint8Array = UNASKED): void {
    if (this.state === "closed") throw closed(); // a WebSocket that was lost has sent no Close frame
    this.machine.ping(payload);
    void this.outlet.flush();
  }

  /** See {@linkcode PoliteProtocol}. */
  goAway(): void {
    this.closing.close(GOING_AWAY, "");
  }

  // What the receiver tells.

  /** See {@linkcode ReceiverEvents}. */
  onChunk(): void {
    this.#heartbeat?.heard();
  }

  /** See {@linkcode ReceiverEvents}. */
  onControl(event: ControlEvent): void {
    if (event.type === "ping") void this.outlet.flush();
    else if (event.type === "pong") this.#pings?.answered(event.payload);
    else this.closing.answer(event);
  }

  /** See {@linkcode ReceiverEvents}. */
  onEof(): void {
    this.closing.lose(new TransportError("reset", "The peer left without closing the WebSocket"));
  }

  /** See {@linkcode ReceiverEvents}. */
  onFailure(error: unknown): void {
    if (error instanceof WebSocketProtocolError) this.closing.fail(error.closeCode, error);
    else this.closing.lose(error);
  }

  // What the outlet asks and tells.

  /** See {@linkcode OutletEvents}. */
  moreToTake(): boolean {
    return this.receiver.hasMore;
  }

  /** See {@linkcode OutletEvents}. */
  onWriteFailed(error: unknown): void {
    this.closing.lose(error);
  }

  // What the close handshake tells.

  /** See {@linkcode ClosingParts}. */
  onClosing(): void {
    this.#heartbeat?.stop();
  }

  /** See {@linkcode ClosingParts}. */
  onClosed(why: unknown): void {
    this.#heartbeat?.stop();
    this.#compression?.close();
    this.#inflation?.close();
    this.#pings?.fail(why);
  }

  // What the heartbeat does.

  /** See {@linkcode HeartbeatActions}. */
  lost(error: TransportError): void {
    this.closing.lose(error);
  }

  /** See {@linkcode HeartbeatActions}. */
  idle(): void {
    this.closing.close(GOING_AWAY, "idle");
  }

  /** See {@linkcode HeartbeatActions}. */
  paused(): boolean {
    return this.receiver.paused;
  }
}

function machineFor({ role, settings: { maxMessageBytes, text }, deflate }: WebSocketAgreement): WebSocketMachine {
  const common = { maxMessageBytes, text, mayCompress: deflate !== null, answersClose: false, codec };
  return new WebSocketMachine(role === "client" ? { ...common, role, maskingKey } : { ...common, role });
}
