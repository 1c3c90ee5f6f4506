/**
 * The promise of an upgrade: one for Upgrade and CONNECT, on client and server.
 *
 * It belongs to one exchange and is settled when that exchange's final response head is decided, never later.
 *
 * @module
 */

import { checkObject } from "../bytes/arguments.ts";
import { UpgradeRejected } from "../errors/upgrade_rejected.ts";
import { giveUp, type Owned } from "./owned.ts";
import { Deferred } from "../duplex/deferred.ts";
import type { Upgraded } from "./upgraded.ts";

/** An upgrade that an exchange may come to. */
export class PendingUpgrade {
  #claimed = false;
  #onClaim: (() => void) | null = null;
  #onSwitched: ((upgraded: Upgraded) => void) | null = null;
  #outcome: Deferred<Upgraded> | null = null;
  #early: { readonly upgraded: Upgraded } | { readonly rejected: UpgradeRejected } | null = null;
  #owned: Owned[] | null = null;

  /** Whether somebody has asked for it. */
  get claimed(): boolean {
    return this.#claimed;
  }

  /** The promise; the same one at every call. Its rejection needs no handler. */
  claim(): Promise<Upgraded> {
    this.#claimed = true;
    if (this.#early !== null) this.#owned = null;
    this.#onClaim?.();
    this.#onClaim = null;
    if (this.#outcome === null) {
      this.#outcome = new Deferred<Upgraded>();
      if (this.#early !== null) this.#settle(this.#early);
    }
    return this.#outcome.promise;
  }

  /** Takes something over that ends if there is no switch, or nobody claims it. After that it is the claimer's. */
  own(owned: Owned): void {
    if (this.#early === null) (this.#owned ??= []).push(owned);
    else if ("rejected" in this.#early) giveUp(owned, this.#early.rejected);
  }

  /** Nobody has claimed it in time. */
  abandon(reason: unknown): void {
    const owned = this.#owned ?? [];
    this.#owned = null;
    for (const each of owned) giveUp(each, reason);
  }

  /** Calls back when somebody asks for it first. */
  onClaim(callback: () => void): void {
    this.#onClaim = callback;
  }

  /** Calls back when the switch has happened, which asks for nothing: it may still be unclaimed. */
  onSwitched(callback: (upgraded: Upgraded) => void): void {
    this.#onSwitched = callback;
  }

  /** The switch has happened. */
  resolve(upgraded: Upgraded): void {
    if (this.#early !== null) return;
    this.#settle(this.#early = { upgraded });
    if (this.#claimed) this.#owned = null;
    this.#onSwitched?.(upgraded);
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

/** Where a platform's message keeps the light one that was received. */
const messageKey: unique symbol = Symbol("message");

/** Lets a message of the platform's classes stand for the one that was received. */
export function standFor(platform: object, message: object): void {
  (platform as { [messageKey]?: object })[messageKey] = message;
}

/** The message that was received, for one that stands for it and for itself. */
export function messageOf(message: object): object {
  return (message as { [messageKey]?: object })[messageKey] ?? message;
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
 * that nobody asks for are closed after `unclaimedUpgradeTimeoutMs`.
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
