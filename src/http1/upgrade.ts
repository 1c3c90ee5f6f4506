/**
 * The promise of an upgrade: one for Upgrade and CONNECT, on client and server. The drivers make it, one for each exchange,
 * and settle it when the final response head of that exchange is decided; `onUpgrade()` gives it out.
 *
 * @module
 */

import { checkObject } from "../bytes/arguments.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import type { Proposal } from "../semantics/switching.ts";
import { cancelOwned, type Owned } from "./owned.ts";
import { Deferred, quietly } from "../duplex/deferred.ts";
import { messageOf } from "./stand_in.ts";
import type { Upgraded } from "./upgraded.ts";

/**
 * What is done with the connection after the switch, in the async context (`AsyncLocalStorage`) in which it was handed
 * over; the server waits for it when it shuts down.
 */
export type OnSwitched = (upgraded: Upgraded) => void | Promise<void>;

/** How a handler has accepted the switch. */
export interface Acceptance {
  /** 101, or 200 for a tunnel. */
  readonly status: number;
  /** The registered phrase when left out. */
  readonly reason?: string | undefined;
  /** What is called with the connection. */
  readonly onSwitched: OnSwitched | undefined;
  /** What ends if that fails. */
  readonly owns: Owned | undefined;
}

/** Who is told what a callback behind a switch has thrown. */
export interface UpgradeReports {
  /** What that throws is ignored. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Is told how a callback behind a switch goes. */
export interface CallbackWatcher {
  /** What it has thrown. The connection is cut next. */
  onCallbackFailure(error: unknown): void;
  /** It has ended, in whichever way. */
  onCallbackOver?(): void;
}

/** An upgrade that an exchange may come to. */
export class PendingUpgrade implements CallbackWatcher {
  /** Whether it was asked for. Only this class writes it. */
  claimed = false;
  /** What the handler has accepted last, if anything; the switch happens if its response says so too. */
  acceptance: Acceptance | null = null;
  /** Called when the switch is asked for first. */
  onClaim: (() => void) | null = null;
  /** Called when the switch has happened, and calls back what was accepted. That does not claim it. */
  onSwitched: ((upgraded: Upgraded) => void) | null = null;
  readonly #reports: UpgradeReports | null;
  #outcome: Deferred<Upgraded> | null = null;
  #early: { readonly upgraded: Upgraded } | { readonly rejected: UpgradeRejected } | null = null;
  #owned: Owned[] | null = null;

  /** @param reports Who is told, on a server. */
  constructor(reports: UpgradeReports | null = null) {
    this.#reports = reports;
  }

  /** The connection, once the switch has happened. */
  get upgraded(): Upgraded | null {
    return this.#early !== null && "upgraded" in this.#early ? this.#early.upgraded : null;
  }

  /** The promise; the same one at every call. Its rejection needs no handler. */
  claim(): Promise<Upgraded> {
    this.markClaimed();
    if (this.#outcome === null) {
      this.#outcome = new Deferred<Upgraded>();
      if (this.#early !== null) this.#settle(this.#early);
    }
    return this.#outcome.promise;
  }

  /** The same for a caller that has the connection already. */
  markClaimed(): void {
    this.claimed = true;
    if (this.#early !== null) this.#owned = null;
    this.onClaim?.();
    this.onClaim = null;
  }

  /** Takes something over that ends if there is no switch, or if that is not claimed. Once claimed it is the caller's. */
  own(owned: Owned): void {
    if (this.#early === null) (this.#owned ??= []).push(owned);
    else if ("rejected" in this.#early) cancelOwned(owned, this.#early.rejected);
  }

  /** Calls back what was accepted with the connection. What that throws is told, cuts the connection, and ends what it owns. */
  async callBack({ onSwitched, owns }: Acceptance, upgraded: Upgraded, watcher: CallbackWatcher): Promise<void> {
    try {
      this.markClaimed();
      await onSwitched!(upgraded);
    } catch (error) {
      watcher.onCallbackFailure(error);
      upgraded.abort(error);
      cancelOwned(owns, error);
    }
    watcher.onCallbackOver?.();
  }

  /** See {@linkcode CallbackWatcher}: of a connection without a `serve()`. */
  onCallbackFailure(error: unknown): void {
    quietly(() => this.#reports?.onError?.(error));
  }

  /** The switch was not claimed in time, or there is none. */
  abandon(reason: unknown): void {
    const owned = this.#owned ?? [];
    this.#owned = null;
    for (const each of owned) cancelOwned(each, reason);
  }

  /** The switch has happened. */
  resolve(upgraded: Upgraded): void {
    if (this.#early !== null) return;
    this.#settle(this.#early = { upgraded });
    if (this.claimed) this.#owned = null;
    if (this.onSwitched !== null) this.onSwitched(upgraded);
    else if (this.acceptance?.onSwitched !== undefined) void this.callBack(this.acceptance, upgraded, this);
  }

  /** There will be no switch. Without effect once settled. */
  reject(rejected: UpgradeRejected): void {
    if (this.#early !== null) return;
    this.#settle(this.#early = { rejected });
    if (this.#owned !== null) this.abandon(rejected);
  }

  #settle(outcome: { readonly upgraded: Upgraded } | { readonly rejected: UpgradeRejected }): void {
    if ("upgraded" in outcome) this.#outcome?.resolve(outcome.upgraded);
    else this.#outcome?.reject(outcome.rejected);
  }
}

/** Where a message keeps its pending upgrade; a WeakMap would make every garbage collection dearer. */
const pendingKey: unique symbol = Symbol("pendingUpgrade");

interface Upgradable {
  [pendingKey]?: PendingUpgrade;
}

/** Ties a pending upgrade to the message that people will ask with. */
export function attachUpgrade(message: object, pending: PendingUpgrade): void {
  (message as Upgradable)[pendingKey] = pending;
}

/** The upgrade that a request may come to, or `null` if it proposes none. */
export function pendingOf(request: object, proposal: Proposal, reports: UpgradeReports): PendingUpgrade | null {
  if (proposal.type === "none" && proposal.why === "not-requested") return null;
  const pending = new PendingUpgrade(reports);
  attachUpgrade(request, pending);
  if (proposal.type !== "none") return pending;
  pending.reject(new UpgradeRejected(proposal.why));
  return null;
}

/** The pending upgrade of a message. */
export function upgradeOf(message: object): PendingUpgrade | undefined {
  return (message as Upgradable)[pendingKey];
}

const notRequested = new Deferred<Upgraded>();
notRequested.reject(new UpgradeRejected("not-requested"));

/**
 * The connection behind a message, once it has switched protocols: after a 101, or a 2xx to CONNECT, on either side.
 *
 * @param message A request that a server received, or a response that a client received, of either level; a `clone()` of a
 * request will do, another copy will not.
 * @returns Always the same promise for the same message. It rejects with {@linkcode UpgradeRejected} as soon as another
 * answer is decided; that needs no handler, but what `then()` makes of it does: a peer may leave at any time. Upgrades
 * that are not asked for are closed after `unclaimedUpgradeTimeoutMs`.
 * @throws {TypeError} It is no object.
 *
 * @example
 * ```ts
 * import { duplexPair, handshake, onUpgrade, serveConnection, upgradeResponse } from "@http-upgrade/http-upgrade";
 * import { assertEquals } from "@std/assert";
 *
 * const [near, far] = duplexPair();
 * serveConnection(far, (request) => {
 *   const { response, upgraded } = upgradeResponse(request, "echo");
 *   upgraded.then((io) => io.readable.pipeTo(io.writable)).catch(console.error);
 *   return response;
 * });
 * const { sender } = handshake(near);
 * const response = await sender.send({
 *   method: "GET",
 *   target: "/",
 *   fields: [["Host", "a"], ["Connection", "upgrade"], ["Upgrade", "echo"]],
 * });
 * const io = await onUpgrade(response);
 * await io.write(new TextEncoder().encode("hello"));
 * assertEquals(new TextDecoder().decode((await io.read())!), "hello");
 * await io.close();
 * ```
 */
export function onUpgrade(message: object): Promise<Upgraded> {
  checkObject(message, "message");
  return upgradeOf(messageOf(message))?.claim() ?? notRequested.promise;
}
