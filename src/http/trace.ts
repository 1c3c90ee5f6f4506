/**
 * Who is told of what a server or a client does: the functions of its option `trace`, and the subscribers of channels of
 * `node:diagnostics_channel`. Connections and exchanges ask once, when they begin, whether anybody listens.
 *
 * @module
 */

import { checkOptions, type Kinds } from "../bytes/arguments.ts";
import type { Upgraded } from "../http1/upgraded.ts";
import { type DiagnosticsChannel, diagnosticsChannel } from "./trace_platform.ts";

/** The option `trace`: a function for each event that is wanted. */
export type TraceHooks<Events> = { readonly [Name in keyof Events]?: ((event: Events[Name]) => void) | undefined };

/** How long the bodies of an exchange were, as far as they came: without heads, trailers and the framing of chunks. */
export interface BodyBytes {
  /** Of the request. */
  readonly requestBodyBytes: number;
  /** Of the response; 0 for a switch. */
  readonly responseBodyBytes: number;
}

/** What a connection has carried behind its switch, above TLS. */
export interface UpgradedBytes {
  /** What has come, whether it was read or not. */
  readonly receivedBytes: number;
  /** What was sent. */
  readonly sentBytes: number;
}

/** Counts what a connection carries behind its switch. */
export class UpgradedMeter {
  readonly #upgraded: Upgraded;
  readonly #receivedBefore: number;
  readonly #sentBefore: number;

  /**
   * The connection has just switched: what came along is not read yet.
   *
   * @param stream Whether it is a stream of HTTP/2, on which nothing came before.
   */
  constructor(upgraded: Upgraded, stream = false) {
    this.#upgraded = upgraded;
    this.#receivedBefore = stream ? 0 : upgraded.receivedBytes - upgraded.leftoverBytes;
    this.#sentBefore = stream ? 0 : upgraded.sentBytes;
  }

  /** What it has carried so far. */
  bytes(): UpgradedBytes {
    const { receivedBytes, sentBytes } = this.#upgraded;
    return { receivedBytes: receivedBytes - this.#receivedBefore, sentBytes: sentBytes - this.#sentBefore };
  }
}

/** The channels of one role, by the names of the events. Looked up once for all servers, or all clients. */
export class TraceChannels<Events extends object> {
  /** What the option `trace` may have. */
  readonly kinds: Kinds<TraceHooks<Events>>;
  readonly #prefix: string;
  #byName: ReadonlyMap<string, DiagnosticsChannel> | null = null;
  #all: readonly DiagnosticsChannel[] = [];

  /** The name of each channel is `prefix` and that of the event. */
  constructor(prefix: string, kinds: Kinds<TraceHooks<Events>>) {
    this.kinds = kinds;
    this.#prefix = prefix;
  }

  /** Refuses what is no `trace`. */
  check(value: unknown, name: string): void {
    checkOptions(value as TraceHooks<Events>, this.kinds, name);
  }

  /** Whether anybody listens. */
  get heard(): boolean {
    if (this.#byName === null) this.#find();
    for (const channel of this.#all) if (channel.hasSubscribers) return true;
    return false;
  }

  /** Publishes an event, if anybody listens to it. */
  publish(name: string, event: unknown): void {
    const channel = (this.#byName ?? this.#find()).get(name);
    if (channel?.hasSubscribers === true) channel.publish(event);
  }

  #find(): ReadonlyMap<string, DiagnosticsChannel> {
    const found = new Map<string, DiagnosticsChannel>();
    for (const name of Object.keys(this.kinds)) {
      const channel = diagnosticsChannel(this.#prefix + name);
      if (channel !== null) found.set(name, channel);
    }
    this.#all = [...found.values()];
    return this.#byName = found;
  }
}

/** Tells events of one server or client. */
export class Tracing<Events extends object> {
  readonly #channels: TraceChannels<Events>;
  readonly #hooks: TraceHooks<Events> | undefined;
  readonly #report: (error: unknown) => void;

  /** `report` gets what a function of `hooks` throws. */
  constructor(
    channels: TraceChannels<Events>,
    hooks: TraceHooks<Events> | undefined,
    report: (error: unknown) => void,
  ) {
    this.#channels = channels;
    this.#hooks = hooks;
    this.#report = report;
  }

  /** This, if anybody listens now; else `null`, and there is nothing to tell. */
  get active(): Tracing<Events> | null {
    return this.#hooks !== undefined || this.#channels.heard ? this : null;
  }

  /** Tells an event, here and now. */
  tell<Name extends keyof Events & string>(name: Name, event: Events[Name]): void {
    try {
      this.#hooks?.[name]?.(event);
    } catch (error) {
      this.#report(error);
    }
    this.#channels.publish(name, event);
  }
}
