/**
 * The events of a `WebSocket`, and what `onopen` and its like are set to. `CloseEvent` is missing on Node 20 and 22, `ErrorEvent` on
 * others.
 *
 * @module
 */

import { sayClass } from "./class_string.ts";
import type { CloseInfo } from "./machine/close_code.ts";

/** The WebSocket is over. */
export interface WebSocketCloseEvent extends Event {
  /** The peer's code; 1005 if it gave none, 1006 if there was no close handshake. */
  readonly code: number;
  /** The peer's reason, possibly empty. */
  readonly reason: string;
  /** Whether both ends have closed it. */
  readonly wasClean: boolean;
}

/** The WebSocket failed; a `close` event follows. */
export interface WebSocketErrorEvent extends Event {
  /** What went wrong: `UpgradeRejected`, `WebSocketProtocolError`, `TransportError`. Browsers do not tell. */
  readonly error: unknown;
  /** The same for people. */
  readonly message: string;
}

/** The events by their names. */
export interface WebSocketEventMap {
  /** It is open. */
  open: Event;
  /** A message: a string, a `Blob` or an `ArrayBuffer`. */
  message: MessageEvent;
  /** It failed. */
  error: WebSocketErrorEvent;
  /** It is over. */
  close: WebSocketCloseEvent;
}

class LightCloseEvent extends Event implements WebSocketCloseEvent {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;

  static {
    sayClass(this, "CloseEvent");
  }

  constructor(type: string, init: { code: number; reason: string; wasClean: boolean }) {
    super(type);
    this.code = init.code;
    this.reason = init.reason;
    this.wasClean = init.wasClean;
  }
}

/** An `error` event. */
export class LightErrorEvent extends Event implements WebSocketErrorEvent {
  readonly error: unknown;
  readonly message: string;

  static {
    sayClass(this, "ErrorEvent");
  }

  constructor(error: unknown) {
    super("error");
    this.error = error;
    this.message = error instanceof Error ? error.message : String(error);
  }
}

const NO_PORTS: readonly MessagePort[] = Object.freeze([]);

/**
 * A `MessageEvent` that costs no more than an `Event`: to make one of Node's own from its init takes 2 to 4 µs (26), and longer than
 * to answer the message.
 */
class LightMessageEvent extends Event {
  readonly #data: unknown;
  readonly #origin: string;

  static {
    sayClass(this, "MessageEvent"); // on Deno and Node 20 those of the platform say that they are any event
    // A listener may ask for `instanceof MessageEvent`.
    Object.setPrototypeOf(this.prototype, MessageEvent.prototype);
    for (const name of ["data", "origin", "lastEventId", "source", "ports"]) {
      Object.defineProperty(this.prototype, name, { enumerable: true });
    }
  }

  constructor(data: unknown, origin: string) {
    super("message");
    this.#data = data;
    this.#origin = origin;
  }

  get data(): unknown {
    return this.#data;
  }

  get origin(): string {
    return this.#origin;
  }

  get lastEventId(): string {
    return "";
  }

  get source(): null {
    return null;
  }

  get ports(): readonly MessagePort[] {
    return NO_PORTS;
  }
}

/** Makes a `message` event. */
export function messageEvent(data: string | Blob | ArrayBuffer, origin: string): MessageEvent {
  return new LightMessageEvent(data, origin) as unknown as MessageEvent;
}

/** Makes a `close` event. */
export function closeEvent({ closeCode, reason }: CloseInfo, wasClean: boolean): WebSocketCloseEvent {
  const { CloseEvent = LightCloseEvent } = globalThis as unknown as { CloseEvent?: typeof LightCloseEvent };
  return new CloseEvent("close", { code: closeCode, reason, wasClean });
}

/** What is called with an event. */
export type Handler<Name extends keyof WebSocketEventMap> = ((event: WebSocketEventMap[Name]) => unknown) | null;

/** A handler that is set, and the listener that calls it. */
interface Active {
  handler: object;
  readonly listener: EventListener;
}

/** The handlers of a `WebSocket`, by the names of their events. */
export class EventHandlers {
  readonly #target: EventTarget;
  readonly #active: { [name: string]: Active | undefined } = {};

  /** None is set. */
  constructor(target: EventTarget) {
    this.#target = target;
  }

  /** What was set, or `null`. */
  get<Name extends keyof WebSocketEventMap>(name: Name): Handler<Name> {
    return (this.#active[name]?.handler ?? null) as Handler<Name>;
  }

  /**
   * Sets one. It takes the place of the one before among the listeners; once that was taken back, it is behind all others (HTML
   * standard §8.1.8.1). An object may be one that is not called.
   */
  set<Name extends keyof WebSocketEventMap>(name: Name, handler: Handler<Name>): void {
    const active = this.#active[name];
    if (typeof handler !== "function" && (typeof handler !== "object" || handler === null)) {
      if (active !== undefined) this.#target.removeEventListener(name, active.listener);
      this.#active[name] = undefined;
    } else if (active !== undefined) active.handler = handler;
    else this.#activate(name, handler);
  }

  #activate(name: string, handler: object): void {
    const active: Active = {
      handler,
      listener: (event) => {
        if (typeof active.handler === "function") active.handler.call(this.#target, event);
      },
    };
    this.#active[name] = active;
    this.#target.addEventListener(name, active.listener);
  }
}
