/**
 * What every load is.
 *
 * @module
 */

/** A load that runs until it is stopped. */
export interface Load {
  /** How much has been done so far: operations, or bytes. */
  count(): number;
  /** Lets what is under way end, and ends its connections then; resolves when they are gone. */
  stop(): Promise<void>;
}

/** How many connections work at a time. */
export const CONNECTIONS = 32;
