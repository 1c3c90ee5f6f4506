/**
 * Runs the probes against an implementation, in a process of its own.
 *
 * @module
 */

import { Child } from "../bench/child.ts";
import type { Runtime } from "../testing/runtimes.ts";
import type { ClientProbe, ClientUnderTest, Outcome, Requirement, ServerProbe, ServerUnderTest } from "./probe.ts";
import type { ClientCommand } from "./subjects/main.ts";
import { dial } from "./raw_socket.ts";
import { undecided, type Verdict } from "./verdict.ts";

/** The verdict on each requirement, in their order. */
export type Verdicts = readonly Verdict[];

/** Where a subject runs. */
export interface Place {
  readonly runtime: Runtime;
  /** `subjects/main.ts` or its bundle, from the project's root. */
  readonly entry: string;
}

/** Plays all clients' parts to a server. */
export function measureServer(place: Place, subject: string, probes: readonly ServerProbe[]): Promise<Verdicts> {
  return measure(probes, place, subject, async (probe, child) => {
    const server = await child.server();
    const verdict = await probe.run(server);
    // What a process did not answer that has ended shows nothing.
    (await dial(server.port)).close();
    return verdict;
  });
}

/** Plays all servers' parts to a client. */
export function measureClient(place: Place, subject: string, probes: readonly ClientProbe[]): Promise<Verdicts> {
  return measure(probes, place, subject, async (probe, child) => await probe.run(child.client()));
}

async function measure<Probe extends Requirement>(
  probes: readonly Probe[],
  place: Place,
  subject: string,
  run: (probe: Probe, subject: Subject) => Promise<Verdict>,
): Promise<Verdicts> {
  const verdicts: Verdict[] = [];
  let child = new Subject(place, subject);
  for (const probe of probes) {
    try {
      verdicts.push(await run(probe, child));
    } catch (error) {
      console.error(`? ${subject} on ${place.runtime.title}: ${probe.title}: ${error}`);
      verdicts.push(undecided());
      // It may have taken the process along.
      await child.end();
      child = new Subject(place, subject);
    }
  }
  await child.end();
  return verdicts;
}

class Subject {
  readonly #place: Place;
  readonly #name: string;
  #child: Child | null = null;
  #server: Promise<ServerUnderTest> | null = null;

  constructor(place: Place, name: string) {
    this.#place = place;
    this.#name = name;
  }

  server(): Promise<ServerUnderTest> {
    return this.#server ??= this.#start("server").line() as Promise<ServerUnderTest>;
  }

  client(): ClientUnderTest {
    const child = this.#child ?? this.#start("client");
    const tell = (command: ClientCommand) => child.ask(command) as Promise<Outcome>;
    return {
      get: (...args) => tell({ method: "get", args }),
      upgrade: (...args) => tell({ method: "upgrade", args }),
      connect: (...args) => tell({ method: "connect", args }),
    };
  }

  #start(role: "server" | "client"): Child {
    return this.#child = new Child(this.#place.runtime, this.#place.entry, [this.#name, role]);
  }

  async end(): Promise<void> {
    await this.#child?.[Symbol.asyncDispose]();
  }
}
