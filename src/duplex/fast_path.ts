/**
 * What the channels of this package offer one another beyond the contract, so that a hot path costs less. Internal:
 * nothing here is exported from the package.
 *
 * @module
 */

/**
 * The one promise that `write()` returns when the bytes were taken on the spot. Whoever gets this very object may go on
 * without waiting: `const written = channel.write(bytes); if (written !== accepted) await written;`
 */
export const accepted: Promise<void> = Promise.resolve();

/** A channel whose pending read can be taken back without losing a byte: all of this package's. */
export interface Withdrawable {
  /**
   * Takes back the pending `read()`, which rejects with a `StateError` `canceled`. What arrives later is kept for the
   * next `read()`, also where the platform's own read cannot be stopped (Deno): there it goes on inside the channel.
   *
   * @returns Whether a read was pending.
   */
  withdrawRead(): boolean;
}
