/**
 * Whether a connection of a client keeps the program alive: not while its pool says that it waits for requests, nor while all that is
 * open on it are tunnels whose own connections wait for requests. `client_connection.ts` has one.
 *
 * @module
 */

/** A connection. */
interface HoldingConnection {
  /** How many requests are under way, or are to be. */
  readonly openRequests: number;
  /** How many upgrades are, and streams that have switched. */
  readonly openUpgrades: number;
}

/** What is told. */
interface HoldingDriver {
  /** Says whether the transport keeps the program alive. */
  holdProgram(holds: boolean): void;
}

/** Decides for one connection. */
export class ProgramHold {
  readonly #connection: HoldingConnection;
  readonly #driver: HoldingDriver;
  /** How many streams that have switched wait. */
  #quiet = 0;

  /** The connection keeps the program alive. */
  constructor(connection: HoldingConnection, driver: HoldingDriver) {
    this.#connection = connection;
    this.#driver = driver;
  }

  /** Something begins. */
  begin(): void {
    this.#driver.holdProgram(true);
  }

  /** A stream that has switched waits. */
  rest(): void {
    this.#quiet++;
    this.settle();
  }

  /** It does not any more. */
  wake(): void {
    this.#quiet--;
    this.begin();
  }

  /** A stream that waits is over. */
  leave(): void {
    this.#quiet--;
  }

  /** Something is over: all that is left may be waiting. */
  settle(): void {
    if (this.#quiet === 0) return;
    const { openRequests, openUpgrades } = this.#connection;
    if (openRequests === 0 && openUpgrades === this.#quiet) this.#driver.holdProgram(false);
  }
}
